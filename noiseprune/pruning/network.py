"""A network pruned by synapse variances from any source, and what the theorem promises of it.

Pruning receives a synapse variance and cannot know whether it was solved, probed, simulated or
recorded.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, cast

import numpy as np
from scipy import sparse

from noiseprune.checks import Seed, generator, noise_strength
from noiseprune.choices import Balance
from noiseprune.eigenvalues import DENSE_EIGENVALUES
from noiseprune.errors import NetworkError, OptionError
from noiseprune.network import RateNetwork, not_a_network, size_in_words
from noiseprune.progress import Progress, silent
from noiseprune.pruning import rules
from noiseprune.pruning.balance import balance_leak
from noiseprune.pruning.matrix import prune_weights, selected
from noiseprune.pruning.recipe import Made, Recipe
from noiseprune.pruning.sampling import BoolArray
from noiseprune.pruning.search import Fit, check_size, fit_multipliers
from noiseprune.pruning.surgeon import Activity
from noiseprune.records import Record, Rows
from noiseprune.weights import FloatArray, stored
from noiseprune.work import Memory


class Evidence(Protocol):
    """The synapse variances with what is known of them; pruning only carries that.

    variance : (n_synapses,)
    of_network : True if they are those of the network under its own noise, which the theorem is
        about; False if they were recorded
    noise : sigma that they were measured under
    activity : the second moment of the activity, where it was kept for rule "surgeon"
    """

    @property
    def variance(self) -> FloatArray: ...

    @property
    def of_network(self) -> bool: ...

    @property
    def noise(self) -> float: ...

    @property
    def activity(self) -> Activity | None: ...

    def to_dict(self) -> dict[str, Any]: ...

    def in_words(self) -> Rows: ...


@dataclass(frozen=True, repr=False)
class Pruning(Made, Record):
    """A pruned network with its evidence; arrays (n_synapses,) follow `net.synapses`.

    network, original : the pruned `RateNetwork`, and what it was
    variance : (n_synapses,) synapse variances as given; None where none were
    keep_probability : (n_synapses,)
    kept : (n_synapses,) bool
    gain : K of p = min(1, K importance); nan where the largest are kept
    recipe : the `Recipe`, with every choice made
    seed : as given
    promised_epsilon : epsilon that the theorem promises with 95 % probability, where it applies
        (symmetric diagonally dominant network, noise, independent draws, leak balance); it takes
        the variances to be exact, not estimates
    fit : what fitting and regrowing did; None where the effort was a draw alone
    evidence : how the synapse variances were measured; None where that is not known
    loss : (n_synapses,) of each synapse as the surgeon comes to it; None of all other rules
    """

    network: RateNetwork
    original: RateNetwork
    variance: FloatArray | None
    keep_probability: FloatArray
    kept: BoolArray
    gain: float
    recipe: Recipe
    seed: Seed
    promised_epsilon: float | None
    fit: Fit | None = None
    evidence: Evidence | None = None
    loss: FloatArray | None = None

    @property
    def importance(self) -> FloatArray:
        """(n_synapses,) importance, computed when it is read: on 10,000 neurons it is 0.4 GB."""
        if self.loss is not None:
            return self.loss
        return rules.importance(self.original.synapse_weights, self.rule, self.variance)

    @property
    def n_kept(self) -> int:
        return self.network.n_synapses

    @property
    def guarantee(self) -> str:
        """The class of networks that the theorem covers, if the rule and the variances are its."""
        own = self.evidence is None or self.evidence.of_network
        return guarantee_of(self.original) if own and self.rule == "noise" else "none"

    def to_dict(self) -> dict[str, Any]:
        """The pruning as JSON-ready values, under the keys of the command line; no arrays."""
        return {
            "n_neurons": self.original.n_neurons,
            "n_synapses": self.original.n_synapses,
            "n_kept": self.n_kept,
            "kept_fraction": self.n_kept / self.original.n_synapses,
            "rule": self.rule,
            "sampling": self.sampling,
            "balance": self.balance,
            "gain": self.gain,
            "effort": self.recipe.effort,
            "refit": self.fit and asdict(self.fit),
            "promised_epsilon": self.promised_epsilon,
            "guarantee": self.guarantee,
            **(_NO_EVIDENCE if self.evidence is None else self.evidence.to_dict()),
        }

    def in_words(self) -> Rows:
        """The pruning in words."""
        share = 100 * self.n_kept / self.original.n_synapses
        rows = [
            ("network", size_in_words(self.original)),
            ("kept", f"{self.n_kept:,} synapses ({share:.1f} %)"),
            ("rule", f"{self.rule}, {self.sampling} sampling, {self.balance} balance"),
        ]
        if self.fit:
            rows.append((self.recipe.effort, self.fit.in_words()))
        if self.evidence:
            rows += self.evidence.in_words()
        return [*rows, ("guarantee", promise_in_words(self.guarantee, self.promised_epsilon))]


def _stays_stable(net: RateNetwork, weights: sparse.csr_array, leak: FloatArray) -> bool:
    """False if a fit made a stable network unstable; large ones are not looked at."""
    if net.n_neurons > DENSE_EIGENVALUES:
        return True
    fitted = RateNetwork.from_parts(stored(weights), leak)
    return fitted.spectral_abscissa() < 0 or not net.spectral_abscissa() < 0


_NO_EVIDENCE = dict.fromkeys(
    ("method", "residual", "n_probes", "variance_error", "solver", "solver_steps", "recording")
)


def guarantee_of(net: RateNetwork) -> str:
    """Which theorem covers a network: "symmetric-diagonally-dominant" or "none"."""
    return "symmetric-diagonally-dominant" if theorem_applies(net) else "none"


def promise_in_words(guarantee: str, promised: float | None) -> str:
    """What the theorem says of a pruning: a promise, its class of networks, or nothing."""
    if guarantee == "none":
        return "none: epsilon is measured"
    if promised is None:
        return "none of this pruning, but the theorem covers such networks: prune by epsilon"
    return f"epsilon is at most {promised:.3g} with 95 % probability"


def check_network(net: object) -> None:
    """Refuse what is no network."""
    if not isinstance(net, RateNetwork):
        raise NetworkError(not_a_network(net))


def check_request(
    net: RateNetwork, keep: float | None, recipe: Recipe, epsilon: float | None, noise: float | None
) -> None:
    """Refuse what cannot be done, before long work goes into the synapse variances."""
    check_network(net)
    if net.n_synapses == 0:
        raise OptionError("the network has no synapses: there is nothing to prune")
    if keep is not None and epsilon is not None:
        raise OptionError("keep and epsilon were both given: leave one of them out")
    if noise is not None:
        noise_strength(noise)
    if recipe.effort != "draw":
        check_size(net)
    if keep is not None:
        rules.budget(keep, net.n_synapses)
    if epsilon is not None:
        rules.theorem_gain(epsilon, net.n_neurons, 1.0)
        if recipe.rule != "noise":
            raise OptionError(f"epsilon needs rule 'noise', not {recipe.rule!r}: give keep instead")


def prune_network(
    net: RateNetwork,
    variance: FloatArray | Evidence | None,
    keep: float | None,
    recipe: Recipe,
    *,
    epsilon: float | None = None,
    noise: float = 1.0,
    seed: Seed = None,
    progress: Progress = silent,
    memory: Memory | None = None,
) -> Pruning:
    """Prune `net` by synapse variances (n_synapses,) measured under noise of strength `noise`.

    They may come with their evidence, or be None for the rules that do not use them; a `memory`
    keeps the state of a search. Everything else is as for `noiseprune.prune`.
    """
    check_request(net, keep, recipe, epsilon, noise)
    evidence = cast(Evidence, variance) if hasattr(variance, "of_network") else None
    values = evidence.variance if evidence else cast(FloatArray | None, variance)
    rng = generator(seed)
    gain = None if epsilon is None else rules.theorem_gain(epsilon, net.n_neurons, noise)
    strengths = net.input_strength, net.output_strength
    found = prune_weights(
        net.csr,
        values,
        keep,
        recipe,
        rng,
        gain=gain,
        strengths=strengths,
        symmetric=net.is_symmetric,
        activity=evidence.activity if evidence and recipe.needs_activity else None,
    )
    weights, kept, fitted = found.weights, found.kept, None
    if recipe.effort != "draw":
        start = np.zeros(net.n_synapses)
        start[kept] = weights.data / net.csr.data[kept]
        importance = found.loss
        if importance is None:
            importance = rules.importance(net.csr.data, recipe.rule, values)
        # Where a fit ends unstable it is made again with the leak, which keeps -A dominant.
        others: tuple[Balance, ...] = () if recipe.needs_activity else ("leak",)
        for balance in dict.fromkeys((recipe.balance, *others)):
            way = replace(recipe, balance=balance)
            x, fit = fit_multipliers(net, start, importance, way, rng, progress, memory)
            mended = selected(net.csr, x > 0, net.csr.data[x > 0] * x[x > 0])
            stable = _stays_stable(net, mended, balance_leak(net.leak, strengths, mended, balance))
            if stable or fitted is None:
                kept, weights, fitted, recipe = x > 0, mended, fit, way
            if stable:
                break
    if evidence and recipe.needs_activity:  # as large as the covariance, and no longer needed
        evidence = replace(cast(Any, evidence), activity=None)
    leak = balance_leak(net.leak, strengths, weights, recipe.balance)
    promised = None
    if (evidence is None or evidence.of_network) and recipe.is_the_theorem_s:
        promised = rules.theorem_epsilon(found.gain, net.n_neurons, noise)
    applies = promised is not None and promised <= 1 and theorem_applies(net)
    return Pruning(
        network=RateNetwork.from_parts(stored(weights), leak, net.labels),
        original=net,
        variance=values,
        keep_probability=found.keep_probability,
        kept=kept,
        gain=found.gain,
        recipe=recipe,
        seed=seed,
        promised_epsilon=promised if applies else None,
        fit=fitted,
        evidence=evidence,
        loss=found.loss,
    )


def theorem_applies(net: RateNetwork) -> bool:
    """True for the class of networks that the theorem covers: symmetric, dominant -A."""
    return net.is_symmetric and net.is_diagonally_dominant
