"""Trained networks of equilibrium propagation, pruned: by noise, by its rivals, by Boltzmann draws.

Among all N neurons, inputs included, a network that is not clipped is a linear rate network,

    ds/dt = (W - diag(leak)) s + ...,    leak_j as the network's own, for the inputs by its formula,

and the noise rule prunes it as any other (see `noiseprune.pruning`). Where this has no stationary
state, as with the published leak never, the dominant leak takes the place of its own: the larger of
the sums of |w| over what a neuron hears and sends, times 1.1. Then the network keeps its own kind
of leak, of the pruned weights.

The theorem on noise-pruning is about symmetric, diagonally dominant networks drawn independently:
none of it covers these, which are directed, clipped, and computed with far from the origin.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from noiseprune import spectrum
from noiseprune.choices import Seed, one_of, positive, seed_sequence, substream
from noiseprune.errors import NoisePruneError, OptionError
from noiseprune.learning.equilibrium.network import DirectedEP
from noiseprune.network import RateNetwork
from noiseprune.pruning import prune_with_variance, rules
from noiseprune.variance import synapse_variance
from noiseprune.weights import FloatArray

RULES = ("noise", "noise-largest", "weight", "uniform", "magnitude", "random", "boltzmann")
"""noise-largest: the largest importances as they are; random: any, as they are; boltzmann: one
after the other is set to 0, with the probabilities of the sparsification."""

STREAM = 6
"""Key of the draws below the seed of a network; those below are its training's and tests'."""


@dataclass(frozen=True)
class EquilibriumPruning:
    """K pruned networks with their evidence.

    network : a `DirectedEP`, which can learn further; what was pruned stays so
    rule, seed : as chosen
    n_synapses, n_kept : (K,) before and after
    own_leak : (K,) bool, whether the noise ran under the network's own leak, not the dominant one;
        of the rules that need no noise, whether it could
    epsilon : (K,) relative change of that linear network; nan where it has none
    epsilon_norm : in which norm each is (see `noiseprune.spectrum`); None where there is none
    """

    network: DirectedEP = field(repr=False)
    rule: str
    seed: Seed
    n_synapses: FloatArray
    n_kept: FloatArray
    own_leak: FloatArray
    epsilon: FloatArray
    epsilon_norm: tuple[str | None, ...]


def prune_equilibrium(
    network: DirectedEP,
    keep: float | Sequence[int] = 0.5,
    rule: str = "noise",
    *,
    balance: str = "none",
    temperature: float = 5.0,
    tolerance: float = 0.01,
    seed: Seed = None,
) -> EquilibriumPruning:
    """Prune each of K networks; they themselves stay as they are.

    Parameters
    ----------
    keep : fraction in (0, 1] of the synapses that are not 0, or a number for each network
    balance : of the rules noise, weight and uniform: "none" or "homeostatic"
    temperature, tolerance : of rule "boltzmann", as of `Sparsification`
    seed : of the draws; those of a network depend on it and on the network's own seed alone

    Raises
    ------
    OptionError
        If an argument has no meaning.
    """
    one_of("rule", rule, RULES)
    one_of("balance", balance, ("none", "homeostatic"))
    positive("temperature", temperature)
    key = [int(word) for word in seed_sequence(seed).generate_state(4)]
    counts = (network.weights != 0).sum(axis=(1, 2))
    if counts.min() == 0:
        raise OptionError("a network has no synapses left: there is nothing to prune")
    if isinstance(keep, Sequence) and not isinstance(keep, str):
        numbers = [round(rules.budget(int(k), int(m))) for k, m in zip(keep, counts, strict=True)]
    else:
        numbers = [max(1, round(rules.budget(keep, int(m)))) for m in counts]
    pruned = copy.deepcopy(network)
    own, changes = [], []
    for k, number in enumerate(numbers):
        own_root = np.random.SeedSequence(network.seeds[k])
        rng = np.random.default_rng(substream(own_root, STREAM, *key))
        linear, is_own = linearised(network, k)
        if rule == "boltzmann":
            weights = _boltzmann(network.weights[k], number, temperature, rng)
        else:
            weights = _pruned(linear, rule, number, balance, rng)
        pruned.weights[k] = weights
        pruned.present[k] &= weights != 0
        own.append(is_own)
        changes.append(_change(linear, weights))
    return EquilibriumPruning(
        network=pruned,
        rule=rule,
        seed=seed,
        n_synapses=counts,
        n_kept=(pruned.weights != 0).sum(axis=(1, 2)),
        own_leak=np.array(own),
        epsilon=np.array([change for change, _ in changes]),
        epsilon_norm=tuple(norm for _, norm in changes),
    )


def linearised(network: DirectedEP, k: int) -> tuple[RateNetwork, bool]:
    """Network k as a linear rate network of all N neurons, and whether the leak is its own."""
    weights = network.weights[k]
    sent = {"signed": weights.sum(axis=0), "absolute": np.abs(weights).sum(axis=0)}
    leak = network.dynamics.constant + sent.get(network.dynamics.leak, np.zeros(len(weights)))
    if (leak > 0).all():
        own = RateNetwork(weights, leak=leak, labels=network.topology.labels)
        if own.spectral_abscissa() < -1e-9 * leak.max():
            return own, True
    return RateNetwork(weights, leak="dominant", labels=network.topology.labels), False


def _pruned(
    linear: RateNetwork, rule: str, number: int, balance: str, rng: np.random.Generator
) -> FloatArray:
    """(N, N) weights by a rule of the package, or by one that strengthens nothing."""
    variance = None
    if rule in ("noise", "noise-largest"):
        variance = synapse_variance(linear).variance
    if rule in ("noise-largest", "random"):
        importance = np.ones(linear.n_synapses)
        if rule == "noise-largest":
            importance = rules.importance(linear, "noise", variance)
        kept = rules.largest(importance, number, rng) > 0
        places = linear.synapses
        weights = np.zeros((linear.n_neurons, linear.n_neurons))
        weights[places[0][kept], places[1][kept]] = linear.synapse_weights[kept]
        return weights
    found = prune_with_variance(
        linear,
        variance,
        keep=number,
        rule=rule,
        balance=None if rule == "magnitude" else balance,
        seed=rng,
    )
    return found.network.dense_weights()


def _boltzmann(
    weights: FloatArray, number: int, temperature: float, rng: np.random.Generator
) -> FloatArray:
    """Until `number` are left, one synapse w_ij after the other is set to 0, the next with a
    probability in proportion to exp(-|w_ij| / T) / sum_j exp(-|w_ij| / T) over those left."""
    left = weights.copy()
    for _ in range(int((weights != 0).sum()) - number):
        energy = np.where(left != 0, np.abs(left), np.inf)
        lowest = np.where(np.isfinite(energy), energy, 0.0).min(axis=1, keepdims=True)
        odds = np.exp(-(energy - lowest) / temperature)
        chance = odds / np.maximum(odds.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        left.flat[rng.choice(left.size, p=(chance / chance.sum()).ravel())] = 0.0
    return left


def _change(linear: RateNetwork, weights: FloatArray) -> tuple[float, str | None]:
    """Epsilon of the drift at the leak it had, and in which norm."""
    csr = sparse.csr_array(weights)
    csr.sort_indices()
    try:
        found = spectrum.epsilon(linear, RateNetwork.from_parts(csr, linear.leak.copy()))
    except NoisePruneError:  # a singular drift has no certificate
        return float("nan"), None
    return found.epsilon, found.norm
