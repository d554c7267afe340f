"""Synapse variances as effective resistances, against `networkx.resistance_distance`.

    python benchmarks/resistance.py [N ...]        (default 200 500 1000)

With leak = sum_j w_ij, -A of an excitatory symmetric network is a graph Laplacian L. A further
leak at one neuron makes it stable and, being a resistor to ground through which nothing flows when
what enters at i leaves at j, changes no resistance between neurons. So, exactly,

    v_ij = (sigma^2 / 2) b_ij^T (-A)^-1 b_ij = (sigma^2 / 2) R_ij

and the leverages w_ij R_ij of all pairs add up to N - 1 (Foster 1949). NetworkX returns all pairs
as dictionaries; beside it NumPy's pseudo-inverse of L, on which it spends its work. Medians of
three, in turns.
"""

from __future__ import annotations

import sys
from functools import partial

import machine
import networkx as nx
import numpy as np

import noiseprune as npr


def network(n: int) -> npr.RateNetwork:
    """Density 0.1 and a ring, so that it hangs together; log-normal weights."""
    rng = np.random.default_rng(n)
    upper = np.triu((rng.random((n, n)) < 0.1) | np.eye(n, k=1, dtype=bool), 1)
    weights = upper * rng.lognormal(size=(n, n))
    weights += weights.T
    leak = weights.sum(axis=1)
    leak[0] *= 2
    return npr.RateNetwork(weights, leak=leak)


def main(sizes: list[int]) -> None:
    rows = []
    for n in sizes:
        net = network(n)
        graph = net.to_networkx()
        peer = partial(nx.resistance_distance, graph, weight="weight", invert_weight=False)
        laplacian = nx.laplacian_matrix(graph).toarray()
        calls = (
            partial(npr.synapse_variance, net),
            peer,
            partial(np.linalg.pinv, laplacian, hermitian=True),
        )
        ours, theirs, inverse = machine.interleaved_seconds(calls, 3)
        found, distances = 2 * npr.synapse_variance(net).variance, peer()
        expected = np.array([distances[i][j] for i, j in zip(*net.synapses)])
        rows.append(
            (
                f"{n:,}",
                *(f"{seconds:.3f} s" for seconds in (ours, theirs, inverse)),
                f"{theirs / ours:.0f}",
                f"{inverse / ours:.1f}",
                f"{np.max(np.abs(found / expected - 1)):.1e}",
                f"{0.5 * np.sum(net.synapse_weights * found):.9f}",
            )
        )
    machine.write_table(
        "resistance",
        "Effective resistance of every synapse: noiseprune against NetworkX",
        (
            "N",
            "noiseprune",
            "NetworkX",
            "pinv alone",
            "ratio",
            "ratio to pinv",
            "largest relative difference",
            "sum of leverages",
        ),
        rows,
        "noiseprune: `synapse_variance(net)`, on the synapses; NetworkX: "
        "`resistance_distance(graph)`, on all pairs; pinv: `numpy.linalg.pinv(L, hermitian=True)`.",
    )


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [200, 500, 1000])
