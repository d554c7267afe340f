"""Synapse variances as effective resistances, against `networkx.resistance_distance`.

    python benchmarks/resistance.py [N ...]        (default 200 500 1000)

With leak = sum_j w_ij, -A of an excitatory symmetric network is a graph Laplacian L. A further
leak at one neuron makes it stable and, being a resistor to ground through which nothing flows when
what enters at i leaves at j, changes no resistance between neurons. So, exactly,

    v_ij = (sigma^2 / 2) b_ij^T (-A)^-1 b_ij = (sigma^2 / 2) R_ij

and the leverages w_ij R_ij of all pairs add up to N - 1 (Foster 1949). NetworkX returns all pairs
as dictionaries; beside it NumPy's pseudo-inverse of L, on which it spends its work. Medians of
three, in turns.

Where NetworKit is installed (`pip install networkit`), its estimator for the edges of large
networks (`SpanningEdgeCentrality`, random projections and a multigrid solver, all threads) is held
against probes that aim at the error it makes, on random networks of mean degree 20 with equal
weights, 3,000 to 100,000 neurons.
"""

from __future__ import annotations

import sys
from functools import partial

import machine
import networkx as nx
import numpy as np
from scipy import sparse

import noiseprune as npr

try:
    import networkit
except ImportError:
    networkit = None


def network(n: int) -> npr.RateNetwork:
    """Density 0.1 and a ring, so that it hangs together; log-normal weights."""
    rng = np.random.default_rng(n)
    upper = np.triu((rng.random((n, n)) < 0.1) | np.eye(n, k=1, dtype=bool), 1)
    weights = upper * rng.lognormal(size=(n, n))
    weights += weights.T
    leak = weights.sum(axis=1)
    leak[0] *= 2
    return npr.RateNetwork(weights, leak=leak)


def large_network(n: int) -> npr.RateNetwork:
    """Mean degree 20 and a chain, so that it hangs together; equal weights."""
    upper = sparse.random_array((n, n), density=18 / n, rng=np.random.default_rng(n))
    upper = sparse.triu(upper, 1) + sparse.diags_array(np.ones(n - 1), offsets=1)
    weights = sparse.csr_array(upper + upper.T)
    weights.data[:] = 1.0
    leak = weights.sum(axis=1)
    leak[0] *= 2
    return npr.RateNetwork(weights, leak=leak)


def against_networkit(n: int) -> tuple[str, ...]:
    net = large_network(n)
    pairs = sparse.coo_array(sparse.triu(net.weights, 1))
    graph = networkit.GraphFromCoo((pairs.data, pairs.coords), n=n)
    graph.indexEdges()
    places = np.empty((graph.upperEdgeIdBound(), 2), dtype=np.int64)

    def note(u: int, v: int, _weight: float, edge: int) -> None:
        places[edge] = u, v

    graph.forEdges(note)

    def theirs() -> np.ndarray:
        estimator = networkit.centrality.SpanningEdgeCentrality(graph, tol=0.2)
        estimator.runParallelApproximation()
        return np.array(estimator.scores())

    # Exact where that fits, else so many probes that their own error does not count.
    precise = {"method": "exact"} if n <= 10_000 else {"method": "probe", "probe_error": 0.005}
    found = 2 * npr.synapse_variance(net, seed=1, **precise).variance
    reference = sparse.csr_array((found, net.synapses), shape=(n, n))
    error = np.sqrt(np.mean((theirs() / reference[places[:, 0], places[:, 1]] - 1) ** 2))
    ours = partial(npr.synapse_variance, net, method="probe", probe_error=error, seed=5)
    own = np.sqrt(np.mean((2 * ours().variance / found - 1) ** 2))
    seconds, other = machine.interleaved_seconds((ours, theirs), 3)
    return (
        f"{n:,}",
        f"{net.n_synapses // 2:,}",
        f"{ours().n_probes}",
        f"{seconds:.2f} s",
        f"{other:.2f} s",
        f"{other / seconds:.1f}",
        f"{own:.4f}",
        f"{error:.4f}",
    )


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
    if networkit is None:
        return
    machine.write_table(
        "resistance_estimated",
        "Estimated effective resistance of every synapse: noiseprune against NetworKit",
        (
            "N",
            "pairs",
            "probes",
            "noiseprune",
            "NetworKit",
            "ratio",
            "relative error (rms)",
            "that of NetworKit",
        ),
        [against_networkit(n) for n in (3_000, 10_000, 100_000)],
        "NetworKit: `SpanningEdgeCentrality(graph, tol=0.2).runParallelApproximation()`; "
        "noiseprune: as many probes as bring the error there, the block that says how many "
        "included. Errors against the exact resistances, at 100,000 neurons against probes with "
        "an error of 0.005.",
    )


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [200, 500, 1000])
