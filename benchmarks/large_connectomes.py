"""The whole fly optic lobe by the command line, and probing against the exact covariance.

    python benchmarks/large_connectomes.py [EDGES]

EDGES is a file `pre post synapses` of a further directed connectome, such as that of the larva's
brain (Winding et al. 2023), on which probing is held against the exact Lyapunov solution; without
it the optic lobe of extent 3 takes its place.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import machine
import numpy as np
from scipy import sparse

import noiseprune as npr
from noiseprune import spectrum


def optic_lobe() -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        options = [
            "-o",
            str(Path(folder, "pruned.npz")),
            "--report",
            str(Path(folder, "page.html")),
        ]
        found, peak = machine.command("prune", "dataset:optic-lobe:15", "--keep", "0.3", *options)
    stages = ("load", "variance", "prune", "certificate", "report")
    low, high = found["epsilon_interval"]
    return (
        f"{found['n_neurons']:,}",
        f"{found['n_synapses']:,}",
        *(f"{found['seconds'][stage]:.1f}" for stage in stages),
        f"{sum(found['seconds'].values()):.0f}",
        f"{peak / 1e9:.2f}",
        f"{found['epsilon']:.3f} ({low:.3f} to {high:.3f})",
        "yes" if found["stable"] else "NO",
    )


def from_edges(path: str) -> npr.RateNetwork:
    pre, post, count = np.loadtxt(path).T
    neurons, indices = np.unique([pre, post], return_inverse=True)
    pre, post = indices.reshape(2, -1)
    weights = sparse.coo_array((count, (post, pre)), shape=(neurons.size,) * 2)
    return npr.RateNetwork(weights, drop_self=True)


def against_exact(net: npr.RateNetwork) -> list[tuple[str, ...]]:
    rows, exact, original = [], None, spectrum.Original(net)
    for method, q in (("exact", None), ("probe", 64), ("probe", 256)):
        start = time.perf_counter()
        found = npr.synapse_variance(net, method=method, n_probes=q or 1, seed=5)
        seconds = time.perf_counter() - start
        exact = found.variance if exact is None else exact
        error = np.sqrt(np.mean((found.variance / exact - 1) ** 2))
        pruned = npr.prune(net, 0.3, variance=found, seed=5).network
        epsilon = original.epsilon(pruned).epsilon
        name = method if q is None else f"{q} probes"
        rows.append((name, f"{seconds:.1f} s", f"{error:.4f}", f"{epsilon:.4f}"))
    return rows


def main(edges: str | None) -> None:
    machine.write_table(
        "optic_lobe",
        "The fly optic lobe with its signs, kept 30 %, with a report",
        (
            "neurons",
            "synapses",
            "load",
            "variance",
            "prune",
            "certificate",
            "report",
            "all, s",
            "peak, GB",
            "epsilon",
            "stable",
        ),
        [optic_lobe()],
        "64 probes; seconds a stage, by the command line.",
    )
    net = npr.datasets.load("optic-lobe:3") if edges is None else from_edges(edges)
    machine.write_table(
        "probed_connectome",
        f"Probing against the exact covariance: {net.n_neurons:,} neurons, "
        f"{net.n_synapses:,} directed synapses, kept 30 %",
        ("method", "time", "error of the synapse variances", "epsilon"),
        against_exact(net),
    )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
