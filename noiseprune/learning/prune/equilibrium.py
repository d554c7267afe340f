"""Trained networks of equilibrium propagation, pruned: by noise, by its rivals, by Boltzmann draws.

The noise rule takes its synapse variances from the network where it rests on its task (see
`working_point`), and prunes all its synapses, those from inputs included, as those of any other
network (see `noiseprune.pruning`). The surgeon sees the states in which the network rests on the
rows of its task. What strengthens may break the bound and the cap that a network learns under, and
the cap is what makes it contract: both are restored at once, as after an epoch of learning.

The theorem on noise-pruning is about symmetric, diagonally dominant networks drawn independently:
none of it covers these, which are directed, clipped, and computed with far from the origin.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from noiseprune import spectrum
from noiseprune.checks import Seed, count, one_of, seed_sequence, substream
from noiseprune.errors import NoisePruneError, OptionError
from noiseprune.learning.models.equilibrium.network import DirectedEP
from noiseprune.learning.models.equilibrium.sparsification import Sparsification
from noiseprune.learning.models.equilibrium.working_point import WorkingPoint, working_points
from noiseprune.learning.options.names import Balance, EquilibriumRule
from noiseprune.learning.prune.draw import RANDOM, prune_dense
from noiseprune.pruning import Activity, Recipe, rules
from noiseprune.weights import FloatArray

STREAM = 6
"""Key of the draws below the seed of a network; those below are its training's and tests'."""
TOLERANCES = 1000
"""Draws of Boltzmann until every synapse is weak, at most."""


@dataclass(frozen=True)
class EquilibriumPruning:
    """K pruned networks with their evidence; those that had no synapses stay as they are.

    network : a `DirectedEP`, which can learn further; what was pruned stays so
    rule, seed : as chosen
    n_synapses, n_kept : (K,) before and after
    own_leak : (K,) bool, whether the noise ran under the network's own leak, not the dominant one;
        of the rules that need no noise, whether it could; False where there is no synapse
    epsilon : (K,) relative change of the drift, the mean over rows at the working point that the
        whole network had, at the leak it had: of the synapses among neurons that are no inputs;
        nan where it has none
    epsilon_norm : in which norm each is (see `noiseprune.spectrum`); None where there is none
    """

    network: DirectedEP = field(repr=False)
    rule: str
    seed: Seed
    n_synapses: npt.NDArray[np.int64]
    n_kept: npt.NDArray[np.int64]
    own_leak: npt.NDArray[np.bool_]
    epsilon: FloatArray
    epsilon_norm: tuple[str | None, ...]

    @property
    def kept_fraction(self) -> FloatArray:
        """(K,), nan where there was no synapse."""
        found: FloatArray = self.n_kept / np.where(self.n_synapses > 0, self.n_synapses, np.nan)
        return found


def prune_equilibrium(
    network: DirectedEP,
    inputs: FloatArray,
    keep: float | Sequence[int] | npt.NDArray[np.integer[Any]] = 0.5,
    rule: EquilibriumRule = "noise",
    *,
    balance: Balance = "none",
    temperature: float = 5.0,
    tolerance: float = 0.01,
    seed: Seed = None,
) -> EquilibriumPruning:
    """Prune each of K networks; they themselves stay as they are.

    Parameters
    ----------
    inputs : (m, inputs) rows of the task, the bias of 1 last
    keep : fraction in (0, 1] of the synapses that are not 0, or how many; or how many for each
        network, at will 0 where it has none
    balance : of the rules noise, weight and uniform: "none" or "homeostatic". "none" here, unlike
        elsewhere: what homeostatic scaling cannot balance goes to the leak of a neuron, and here
        the leak is given by the weights, or one for all; of XOR networks pruned to 60 and 40 %
        fewer were right with it, by noise as by weight
    temperature, tolerance : of rule "boltzmann", as of `Sparsification`
    seed : of the draws; those of a network depend on it and on the network's own seed alone

    Raises
    ------
    OptionError
        If an argument has no meaning, or no network has a synapse.
    """
    one_of("rule", rule, get_args(EquilibriumRule))
    one_of("balance", balance, get_args(Balance))
    way = Sparsification(tolerance, temperature, permanent=True)
    key = [int(word) for word in seed_sequence(seed).generate_state(4)]
    counts = (network.weights != 0).sum(axis=(1, 2))
    if not counts.any():
        raise OptionError(
            "no network has a synapse left, so that there is nothing to prune: sparsify less"
        )
    numbers = _numbers(keep, counts.tolist())
    pruned = copy.deepcopy(network)
    points = list(working_points(network, inputs))
    for k, (number, point) in enumerate(zip(numbers, points, strict=True)):
        if point is None:
            continue
        own_root = np.random.SeedSequence(network.seeds[k])
        rng = np.random.default_rng(substream(own_root, STREAM, *key))
        weights = network.weights[k]
        if rule == "boltzmann":
            pruned.weights[k] = _boltzmann(weights, number, way, rng)
            continue
        if rule == "random":
            recipe = RANDOM
        elif rule == "noise-largest":
            recipe = Recipe(sampling="largest")
        else:
            recipe = Recipe.of(rule, None, None if rule == "magnitude" else balance)
        symmetric = np.array_equal(weights, weights.T)
        _, pruned.weights[k] = prune_dense(
            weights,
            point.variance,
            number,
            recipe,
            rng,
            symmetric=symmetric,
            activity=Activity.of_states(point.states) if recipe.needs_activity else None,
        )
    pruned.present &= pruned.weights != 0
    pruned.limit()
    whole, left = network.weights, pruned.weights
    changes = [_change(*given) for given in zip(points, whole, left, strict=True)]
    return EquilibriumPruning(
        network=pruned,
        rule=rule,
        seed=seed,
        n_synapses=counts,
        n_kept=(left != 0).sum(axis=(1, 2)),
        own_leak=np.array([point is not None and point.own_leak for point in points]),
        epsilon=np.array([change for change, _ in changes]),
        epsilon_norm=tuple(norm for _, norm in changes),
    )


def _numbers(keep: Any, counts: list[int]) -> list[int]:
    """Synapses to keep of each network with so many; 0 of those that have none."""
    several = not isinstance(keep, str) and (isinstance(keep, Sequence) or np.ndim(keep) > 0)
    if not several:
        return [max(1, round(rules.budget(keep, m))) if m else 0 for m in counts]
    if len(keep) != len(counts):
        raise OptionError(
            f"keep has {len(keep)} numbers, but there are {len(counts)} networks: give one for "
            "each, or a fraction for all"
        )
    checked = [count(f"keep[{k}]", number, at_least=0) for k, number in enumerate(keep)]
    return [round(rules.budget(n, m)) if m else 0 for n, m in zip(checked, counts, strict=True)]


def _boltzmann(
    weights: FloatArray, number: int, way: Sparsification, rng: np.random.Generator
) -> FloatArray:
    """The published sparsification, draw after draw with no learning between, until `number` are
    left. The tolerance starts from its value, and rises by it with every draw (or faster, where
    more than 1,000 draws would pass until every synapse is weak); of the last draw as many
    go as fit, any of those drawn."""
    left = weights.copy()
    most = np.abs(weights).max()
    draw, spare = 0, int((weights != 0).sum()) - number
    while spare:
        draw += 1
        weak = max(draw * way.tolerance, most * draw / TOLERANCES)
        now = replace(way, tolerance=weak)
        gone = np.flatnonzero(rng.random(left.shape) < now.probability(left, left != 0, 1))
        left.flat[rng.permutation(gone)[:spare]] = 0.0
        spare -= min(gone.size, spare)
    return left


def _change(
    point: WorkingPoint | None, before: FloatArray, after: FloatArray
) -> tuple[float, str | None]:
    """Epsilon of the mean drift, and in which norm."""
    if point is None:
        return float("nan"), None
    try:
        found = spectrum.epsilon(point.drift(before), point.drift(after))
    except NoisePruneError:  # a singular drift has no certificate
        return float("nan"), None
    return found.epsilon, found.norm
