"""The arrays behind the figures and tables of the page, without any drawing.

The keep probabilities of a synapse e at the same number k of synapses, by noise and by weight:

    p_e = min(1, K |w_e| v_e),    q_e = min(1, K' |w_e|),    sum_e p_e = sum_e q_e = k

A synapse is important if |w_e| v_e is large, and surprising if p_e - q_e is: the network needs
it more than its weight shows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from noiseprune.network import RateNetwork
from noiseprune.pruning import rules
from noiseprune.weights import FloatArray, IntArray

LISTED = 20
"""Synapses in each list of the page."""
_MOST_TYPES = 8
_SMALLEST_TYPE = 3


@dataclass(frozen=True)
class Ranking:
    """Synapses of the original, a symmetric pair once, by what noise and weight say of them.

    post, pre, weight, variance : (m,); noise_probability, weight_probability : (m,) p and q of
    the module; important, surprising : positions of at most 20 each, the first foremost
    """

    post: IntArray
    pre: IntArray
    weight: FloatArray
    variance: FloatArray
    noise_probability: FloatArray
    weight_probability: FloatArray
    important: IntArray
    surprising: IntArray


def ranking(net: RateNetwork, n_kept: int, variance: FloatArray) -> Ranking:
    """Rank the synapses of `net` at a count of `n_kept`, by variances (n_synapses,)."""
    post, pre = net.synapses
    once = post < pre if net.is_symmetric else np.ones(post.size, dtype=bool)
    post, pre, weight = post[once], pre[once], net.synapse_weights[once]
    local = np.asarray(variance, dtype=np.float64)[once]
    importance = np.abs(weight) * local
    number = n_kept * weight.size / net.n_synapses
    by_noise, _ = rules.water_filling(importance, number)
    by_weight, _ = rules.water_filling(np.abs(weight), number)
    surplus = by_noise - by_weight
    surprising = np.lexsort((-importance, -surplus))[:LISTED]
    return Ranking(
        post=post,
        pre=pre,
        weight=weight,
        variance=local,
        noise_probability=by_noise,
        weight_probability=by_weight,
        important=np.argsort(-importance, kind="stable")[:LISTED],
        surprising=surprising[surplus[surprising] > 0],
    )


@dataclass(frozen=True)
class CellTypes:
    """Synapses between cell types: names (T,), sizes (T,), before and after (T, T) [post, pre]."""

    names: tuple[str, ...]
    sizes: IntArray
    before: IntArray
    after: IntArray


def cell_types(original: RateNetwork, pruned: RateNetwork) -> CellTypes | None:
    """Synapse counts between the cell types that the labels name; None where they name none.

    The type is what stands before a colon, or else before the closing digits: K of "K12", R1 of
    "R1:0:2". Types of at least three neurons count if they hold half of all neurons; those with
    the most synapses are named and the rest taken together.
    """
    if original.labels is None:
        return None
    types = [_cell_type(label) for label in original.labels]
    common = {
        name: size for name, size in Counter(types).items() if name and size >= _SMALLEST_TYPE
    }
    if len(common) < 2 or 2 * sum(common.values()) < original.n_neurons:
        return None
    inputs, outputs = degrees(original)
    n_synapses: Counter[str] = Counter()
    for name, degree in zip(types, inputs + outputs):
        n_synapses[name] += int(degree)
    names = sorted(common, key=lambda name: -n_synapses[name])[:_MOST_TYPES]
    place = {name: k for k, name in enumerate(names)}
    member = np.array([place.get(name, len(names)) for name in types])
    if np.any(member == len(names)):
        names.append("all others")
    return CellTypes(
        tuple(names),
        np.bincount(member),
        _between(original, member, len(names)),
        _between(pruned, member, len(names)),
    )


def _cell_type(label: str) -> str:
    head, colon, _ = label.partition(":")
    return head if colon else label.rstrip("0123456789")


def _between(net: RateNetwork, member: IntArray, n_types: int) -> IntArray:
    """(T, T) number of synapses from a type (column) to a type (row)."""
    post, pre = net.synapses
    pairs = member[post] * n_types + member[pre]
    return np.bincount(pairs, minlength=n_types**2).reshape(n_types, n_types)


def degrees(net: RateNetwork) -> tuple[IntArray, IntArray]:
    """(N,) number of synapses onto and from every neuron."""
    post, pre = net.synapses
    n = net.n_neurons
    return np.bincount(post, minlength=n), np.bincount(pre, minlength=n)
