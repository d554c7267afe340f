"""From importance to a pruned network: keep probability -> draw -> balance.

    kept: w_ij -> w_ij / p_ij        pruned: w_ij -> 0        so that E[W_pruned] = W

Pruning receives a synapse variance and cannot know whether it was solved, probed, simulated or
recorded. Source: Moore and Chaudhuri (2020); see the modules `rules`, `sampling` and `balance`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from noiseprune import kernels
from noiseprune.checks import Seed, generator, noise_strength, one_of
from noiseprune.errors import OptionError
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress, silent
from noiseprune.pruning import rules
from noiseprune.pruning.balance import BALANCES, balanced
from noiseprune.pruning.refit import Refit, check_size, refitted
from noiseprune.pruning.sampling import SAMPLINGS, BoolArray, drawn
from noiseprune.weights import FloatArray, IntArray, stored

DEFAULT_SAMPLING = "balanced"
DEFAULT_BALANCE = "homeostatic"


@dataclass(frozen=True)
class Pruning:
    """A pruned network with its evidence; arrays (n_synapses,) follow `net.synapses`.

    network, original : the pruned `RateNetwork`, and what it was
    variance : (n_synapses,) synapse variances as given; None where none were
    keep_probability : (n_synapses,)
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
    original: RateNetwork
    variance: FloatArray | None
    keep_probability: FloatArray
    kept: BoolArray
    gain: float
    rule: str
    sampling: str
    balance: str
    seed: Seed
    promised_epsilon: float | None
    refit: Refit | None = None

    @property
    def importance(self) -> FloatArray:
        """(n_synapses,) importance, computed when it is read: on 10,000 neurons it is 0.4 GB."""
        return rules.importance(self.original, self.rule, self.variance)

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
    # A symmetric pair is one unit of the draw: its two entries share one probability.
    row_starts, unit_importance = net.csr.indptr, rules.importance(net, rule, variance)
    if net.is_symmetric:
        row_starts, unit_importance = kernels.above_diagonal(
            net.csr.indptr, net.csr.indices, unit_importance
        )
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
    del unit_importance
    if rule == "magnitude":
        kept = probability > 0
    else:
        kept = drawn(net, sampling, probability, row_starts, rng)
    if net.is_symmetric:
        probability = kernels.onto_pairs(net.csr.indptr, net.csr.indices, probability)
        kept = kernels.onto_pairs(net.csr.indptr, net.csr.indices, kept)

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
        original=net,
        variance=variance,
        keep_probability=probability,
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


def mirrored(csr: sparse.csr_array) -> IntArray:
    """(nnz,) position of entry (j, i) for every entry (i, j) of a symmetric matrix."""
    positions = sparse.csr_array((np.arange(csr.nnz), csr.indices, csr.indptr), shape=csr.shape)
    return positions.T.tocsr().data  # type: ignore[no-any-return]


def _pruned_weights(
    csr: sparse.csr_array, probability: FloatArray, kept: BoolArray
) -> sparse.csr_array:
    places = np.flatnonzero(kept)
    return sparse.csr_array(
        (
            csr.data[places] / probability[places],
            csr.indices[places],
            np.searchsorted(places, csr.indptr).astype(csr.indptr.dtype),
        ),
        shape=csr.shape,
    )
