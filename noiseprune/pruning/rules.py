"""Importance and keep probability of every synapse.

    v_ij          = Var(x_i - sgn(w_ij) x_j)          synapse variance, local to the synapse
    importance_ij = |w_ij| v_ij                       rule "noise"
    p_ij          = min(1, K importance_ij)           keep probability

Rules beside "noise": "weight" (importance |w|), "uniform" (importance 1), "magnitude" (the k
largest |w|, without rescaling) and "paper" (importance as "noise", but scaled to the budget
first and clipped at 1 afterwards, as the paper's authors did, which keeps too few); and "surgeon",
whose importance is the loss of a synapse beside a neuron's other inputs (see `surgeon`).
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real

import numpy as np

from noiseprune import kernels
from noiseprune.choices import NEED_VARIANCE
from noiseprune.errors import OptionError
from noiseprune.pruning.recipe import Recipe
from noiseprune.weights import FloatArray

_OF_WEIGHT: dict[str, Callable[[FloatArray], FloatArray]] = {
    "weight": np.abs,
    "magnitude": np.abs,
    "uniform": np.ones_like,
}
"""Importance by the weights (m,) of the rules that need no variance."""
FAILURE_PROBABILITY = 0.05
"""Probability with which the theorem's epsilon may be missed when `epsilon` is asked for."""


def importance(weights: FloatArray, rule: str, variance: FloatArray | None) -> FloatArray:
    """(m,) importance of every synapse, from its weight (m,) and, where needed, its variance."""
    if rule not in NEED_VARIANCE:
        return _OF_WEIGHT[rule](weights)
    if variance is None:
        raise OptionError(f"rule {rule!r} needs the synapse variances: give variance=...")
    variance = np.asarray(variance, dtype=np.float64)
    if variance.shape != weights.shape:
        raise OptionError(
            f"variance has shape {variance.shape}, but the network has {weights.size} "
            "synapses: give one variance a synapse, in the order of net.synapses"
        )
    bad = np.flatnonzero(~(np.isfinite(variance) & (variance >= 0)))
    if bad.size:
        raise OptionError(
            f"variance[{bad[0]}] is {variance[bad[0]]:g}, but a variance is finite and at least 0"
        )
    if variance.size and not np.any(variance > 0):
        raise OptionError("every synapse variance is 0: give variances of an activity that varies")
    importance = np.abs(weights)
    importance *= variance
    return importance


def budget(keep: float, n_synapses: int) -> float:
    """Expected number of synapses to keep: `keep` of them if a float, `keep` itself if an int."""
    if isinstance(keep, bool) or not isinstance(keep, Real):
        raise OptionError(f"keep is {keep!r}: give a fraction in (0, 1] or a number of synapses")
    if isinstance(keep, Integral):
        if not 1 <= keep <= n_synapses:
            raise OptionError(
                f"keep is {int(keep)}, but the network has {n_synapses} synapses: give a number "
                f"between 1 and {n_synapses}, or a fraction in (0, 1]"
            )
        return float(keep)
    if not 0 < keep <= 1:
        raise OptionError(
            f"keep is {float(keep):g}, but must lie in (0, 1], or be a whole number of synapses"
        )
    return float(keep) * n_synapses


def keep_probability(
    importance: FloatArray, number: float, recipe: Recipe, rng: np.random.Generator
) -> tuple[FloatArray, float]:
    """(m,) keep probabilities for a `number` of synapses, and K; nan where the largest are kept."""
    if recipe.keeps_largest:
        return largest(importance, max(1, round(number)), rng), float("nan")
    if recipe.rule == "paper":
        return scaled_then_clipped(importance, number)
    return water_filling(importance, number)


def water_filling(importance: FloatArray, budget: float) -> tuple[FloatArray, float]:
    """Keep probabilities that sum to the budget exactly.

        p_e = min(1, K importance_e),    sum_e p_e = budget

    K is found by Newton's iteration from below: the sum is concave and piecewise linear in K, so
    each step K <- (budget - s) / (sum of the other importances), with s the number that are
    certain at the last K, stays below the root, and the last one meets it. Synapses of importance
    0 are kept only from what the budget leaves after all others.

    Returns p (m,) and K. O(m) a step, of which there are some ten.
    """
    positive = importance > 0
    n_positive = int(np.count_nonzero(positive))
    if budget >= n_positive:
        rest = importance.size - n_positive
        share = (budget - n_positive) / rest if rest else 0.0
        gain = 1.0 / float(np.min(importance[positive])) if n_positive else np.inf
        return np.where(positive, 1.0, min(share, 1.0)), gain
    gain, certain = 0.0, -1
    while True:
        found, others = kernels.certain_and_rest(importance, gain)
        if found <= certain:
            return _clipped(importance, gain), gain
        gain, certain = (budget - found) / others, found


def scaled_then_clipped(importance: FloatArray, budget: float) -> tuple[FloatArray, float]:
    """The authors' probabilities: scaled to sum to the budget, then clipped at 1; (p, K)."""
    total = float(np.sum(importance))
    gain = budget / total if total > 0 else np.inf
    return _clipped(importance, gain), gain


def _clipped(importance: FloatArray, gain: float) -> FloatArray:
    """min(1, K importance)"""
    probability = gain * importance
    return np.minimum(probability, 1.0, out=probability)


def largest(importance: FloatArray, number: int, rng: np.random.Generator) -> FloatArray:
    """Probability 1 for the `number` largest importances, else 0; ties are broken at random."""
    order = np.lexsort((rng.random(importance.size), -importance))
    probability = np.zeros(importance.size)
    probability[order[:number]] = 1.0
    return probability


def theorem_gain(epsilon: float, n_neurons: int, noise: float) -> float:
    """K = (2 / sigma^2) c ln N / epsilon^2 of the matrix Chernoff bound (Tropp 2012).

    For a symmetric network with diagonally dominant -A, independent draws and the leak balance,
    (1 - epsilon)(-A) <= -A_pruned <= (1 + epsilon)(-A) then fails with a probability of at most
    2 N^(1 - c/3), here 5 %.
    """
    if isinstance(epsilon, bool) or not (isinstance(epsilon, Real) and 0 < epsilon <= 1):
        raise OptionError(f"epsilon is {epsilon!r}, but must lie in (0, 1]")
    return _chernoff(n_neurons) * 2.0 / noise**2 / float(epsilon) ** 2


def theorem_epsilon(gain: float, n_neurons: int, noise: float) -> float:
    """The epsilon that the theorem promises for a gain K, with 95 % probability; may exceed 1."""
    return float(np.sqrt(_chernoff(n_neurons) * 2.0 / noise**2 / gain))


def _chernoff(n_neurons: int) -> float:
    """c ln N with 2 N^(1 - c/3) equal to the failure probability."""
    return float(3.0 * (np.log(max(n_neurons, 2)) + np.log(2.0 / FAILURE_PROBABILITY)))
