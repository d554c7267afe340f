"""From importance to a pruned network: keep probability -> draw -> balance.

    kept: w_ij -> w_ij / p_ij        pruned: w_ij -> 0        so that E[W_pruned] = W

Pruning receives a synapse variance and cannot know whether it was solved, probed, simulated or
recorded. Source: Moore and Chaudhuri (2020); see the modules `rules`, `sampling` and `balance`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune.choices import Seed, generator, noise_strength, one_of
from noiseprune.errors import OptionError
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress, silent
from noiseprune.pruning import rules
from noiseprune.pruning.balance import BALANCES, balanced
from noiseprune.pruning.refit import Refit, check_size, refitted
from noiseprune.pruning.sampling import SAMPLINGS, BoolArray
from noiseprune.weights import FloatArray, IntArray, row_index, stored

_Value = TypeVar("_Value", bound=np.generic)

DEFAULT_SAMPLING = "systematic"
DEFAULT_BALANCE = "homeostatic"


@dataclass(frozen=True)
class Pruning:
    """A pruned network with its evidence; arrays (n_synapses,) follow `net.synapses`.

    network : the pruned `RateNetwork`
    keep_probability, importance : (n_synapses,)
    kept : (n_synapses,) bool
    gain : K of p = min(1, K importance); nan for "magnitude"
    rule, sampling, balance : the choices made
    seed : as given
    promised_epsilon : epsilon that the theorem promises with 95 % probability, where it applies
        (symmetric diagonally dominant network, noise, independent draws, leak balance); it takes
        the variances to be exact, not estimates
    refit : what fitting the kept weights to the certificate did; None where it was not asked for
    """

    network: RateNetwork
    keep_probability: FloatArray
    importance: FloatArray
    kept: BoolArray
    gain: float
    rule: str
    sampling: str
    balance: str
    seed: Seed
    promised_epsilon: float | None
    refit: Refit | None = None

    @property
    def n_kept(self) -> int:
        return self.network.n_synapses


def resolve_choices(
    rule: str, sampling: str | None, balance: str | None, *, promise: bool = False
) -> tuple[str, str]:
    """Sampling and balance that a rule implies where they are not given.

    "paper" always draws independently and balances by the leak; "magnitude" draws nothing,
    whatever the sampling, and leaves the leak as it is unless told otherwise. For a `promise` of
    epsilon the choices are those of the theorem.
    """
    one_of("rule", rule, rules.RULES)
    fixed = {"paper": ("independent", "leak"), "magnitude": ("none", "none")}
    usual = ("independent", "leak") if promise else (DEFAULT_SAMPLING, DEFAULT_BALANCE)
    default_sampling, default_balance = fixed.get(rule, usual)
    sampling = default_sampling if sampling is None else sampling
    balance = default_balance if balance is None else balance
    if rule == "paper" and (sampling, balance) != fixed["paper"]:
        raise OptionError(
            "rule 'paper' draws independently and balances by the leak: leave sampling and "
            "balance out, or use rule 'noise'"
        )
    one_of("sampling", sampling, SAMPLINGS if rule != "magnitude" else ("none", *SAMPLINGS))
    if rule == "magnitude":
        sampling = "none"
    return sampling, one_of("balance", balance, BALANCES)


def prune_with_variance(
    net: RateNetwork,
    variance: FloatArray | None,
    *,
    keep: float | None = None,
    epsilon: float | None = None,
    rule: str = "noise",
    sampling: str | None = None,
    balance: str | None = None,
    refit: bool = False,
    noise: float = 1.0,
    seed: Seed = None,
    progress: Progress = silent,
) -> Pruning:
    """Prune `net` by synapse variances (n_synapses,) measured under noise of strength `noise`.

    The variances may be None for the rules that do not use them. Everything else is as for
    `noiseprune.prune`.
    """
    sampling, balance = resolve_choices(rule, sampling, balance, promise=epsilon is not None)
    noise = noise_strength(noise)
    if net.n_synapses == 0:
        raise OptionError("the network has no synapses: there is nothing to prune")
    if (keep is None) == (epsilon is None):
        raise OptionError("give either keep (a fraction or a count) or epsilon, and not both")
    if epsilon is not None and rule != "noise":
        raise OptionError(f"epsilon needs rule 'noise', not {rule!r}: give keep instead")
    if refit:
        check_size(net.n_neurons)
    rng = generator(seed)
    importance = rules.importance(net, rule, variance)

    # A symmetric pair is one unit of the draw: its two entries share one probability.
    unit: slice | IntArray = upper_entries(net) if net.is_symmetric else slice(None)
    unit_importance = importance[unit]
    if epsilon is not None:
        gain = rules.theorem_gain(epsilon, net.n_neurons, noise)
        probability = np.minimum(1.0, gain * unit_importance)
    else:
        number = rules.budget(keep if keep is not None else 1.0, net.n_synapses)
        number *= unit_importance.size / net.n_synapses
        if rule == "magnitude":
            probability = rules.largest(unit_importance, max(1, round(number)), rng)
            gain = float("nan")
        elif rule == "paper":
            probability, gain = rules.scaled_then_clipped(unit_importance, number)
        else:
            probability, gain = rules.water_filling(unit_importance, number)
    if rule == "magnitude":
        kept = probability > 0
    else:
        kept = SAMPLINGS[sampling](probability, _row_starts(net, unit), rng)
    if net.is_symmetric:
        mirror = mirrored(net.csr)
        probability, kept = _onto_pairs(probability, unit, mirror), _onto_pairs(kept, unit, mirror)

    weights, leak = balanced(net, _pruned_weights(net.csr, probability, kept), balance)
    evidence = None
    if refit:
        twins = mirrored(weights) if net.is_symmetric else None
        values, leak, evidence = refitted(net, weights, twins, balance=balance, progress=progress)
        kept[np.flatnonzero(kept)[values == 0]] = False
        weights = sparse.csr_array(
            (values, weights.indices.copy(), weights.indptr.copy()), weights.shape
        )
        weights.eliminate_zeros()
    promised = None
    if (
        not refit
        and theorem_applies(net)
        and (rule, sampling, balance) == ("noise", "independent", "leak")
    ):
        promised = rules.theorem_epsilon(gain, net.n_neurons, noise)
    return Pruning(
        network=RateNetwork.from_parts(stored(weights), leak, net.labels),
        keep_probability=probability,
        importance=importance,
        kept=kept,
        gain=gain,
        rule=rule,
        sampling=sampling,
        balance=balance,
        seed=seed,
        promised_epsilon=promised if promised is None or promised <= 1 else None,
        refit=evidence,
    )


def theorem_applies(net: RateNetwork) -> bool:
    """True for the class of networks that the theorem covers: symmetric, dominant -A."""
    return net.is_symmetric and net.is_diagonally_dominant


def upper_entries(net: RateNetwork) -> IntArray:
    """Positions of the entries above the diagonal, in row order."""
    return np.flatnonzero(row_index(net.csr) < net.csr.indices)


def mirrored(csr: sparse.csr_array) -> IntArray:
    """(nnz,) position of entry (j, i) for every entry (i, j) of a symmetric matrix."""
    positions = sparse.csr_array((np.arange(csr.nnz), csr.indices, csr.indptr), shape=csr.shape)
    return positions.T.tocsr().data  # type: ignore[no-any-return]


def _row_starts(net: RateNetwork, unit: slice | IntArray) -> IntArray:
    """(N + 1,) where the units of each row begin among all units."""
    if isinstance(unit, slice):
        return net.csr.indptr  # type: ignore[no-any-return]
    per_row = np.bincount(row_index(net.csr)[unit], minlength=net.n_neurons)
    return np.concatenate([[0], np.cumsum(per_row)])


def _onto_pairs(
    values: npt.NDArray[_Value], unit: slice | IntArray, mirror: IntArray
) -> npt.NDArray[_Value]:
    """Values on the entries above the diagonal, copied onto both entries of each pair."""
    whole = np.empty(mirror.size, dtype=values.dtype)
    whole[unit] = values
    whole[mirror[unit]] = values
    return whole


def _pruned_weights(
    csr: sparse.csr_array, probability: FloatArray, kept: BoolArray
) -> sparse.csr_array:
    before = np.concatenate([[0], np.cumsum(kept)])
    return sparse.csr_array(
        (
            csr.data[kept] / probability[kept],
            csr.indices[kept],
            before[csr.indptr].astype(csr.indptr.dtype),
        ),
        shape=csr.shape,
    )
