"""What the defaults and refit gain over the paper's rule.

    python benchmarks/best.py [DRAWS]        (default 2)

At the same synapse count, on the networks of `choices.py` and on the paper's two at full size
(there and for refit one draw; no trajectories at full size): epsilon,
the median error of the eigenvalues, the trajectory error under the paper's noise, and the seconds
that pruning takes once the synapse variances are known. Beside them 2 / sqrt(mean degree), about
what a random regular network would have.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import choices
import machine
import numpy as np

import noiseprune as npr
from noiseprune import spectrum
from noiseprune.eigenvalues import DENSE_EIGENVALUES
from noiseprune.generators import paper_long_range, paper_sizes
from noiseprune.pair import is_stable
from noiseprune.similarity import dynamics_error
from noiseprune.simulation import Simulation

COLUMNS: dict[str, dict[str, Any]] = {
    "paper's rule": {"sampling": "independent", "balance": "leak"},
    "systematic": {"sampling": "systematic"},
    "default": {},
    "default, refit": {"effort": "refit"},
}
"""Choices of the noise rule; homeostatic balance unless named."""


def cases(draws: int) -> Iterator[tuple[str, npr.RateNetwork, tuple[float, ...], int]]:
    """Name, network, fractions to keep, and draws."""
    for name, (net, fractions) in choices.networks().items():
        yield name, net, fractions, draws
    for name, n, keep in (("E1, N = 3,000", 3000, 0.1), ("E2, N = 10,000", 10_000, 0.03)):
        sizes = paper_sizes(n)
        net = npr.clustered_network(sizes, long_range=paper_long_range(sizes), seed=3)
        yield name, net, (keep,), 1


def measure(
    net: npr.RateNetwork, keep: float, draws: int, columns: list[str]
) -> dict[str, dict[str, float]]:
    """{column: {measure: mean over the draws}}; seconds are a median."""
    variance, original = npr.synapse_variance(net), spectrum.Original(net)
    found: dict[str, dict[str, float]] = {}
    for column in columns:
        samples: dict[str, list[float]] = {}
        for seed in range(1 if "effort" in COLUMNS[column] else draws):
            start = time.perf_counter()
            pruned = npr.prune(net, keep, variance=variance, seed=seed, **COLUMNS[column]).network
            samples.setdefault("seconds", []).append(time.perf_counter() - start)
            change = original.epsilon(pruned)
            stable = is_stable(pruned, change)
            samples.setdefault("kept", []).append(pruned.n_synapses / net.n_synapses)
            samples.setdefault("epsilon", []).append(change.epsilon)
            samples.setdefault("stable", []).append(stable)
            if net.is_symmetric and net.n_neurons <= DENSE_EIGENVALUES:
                errors = spectrum.eigen_errors(net, pruned)
                samples.setdefault("eigenvalues", []).append(float(np.median(errors.eigenvalue)))
            if stable and net.n_neurons < 3000:
                error = dynamics_error(net, pruned, Simulation(replicas=4, seed=seed))
                samples.setdefault("dynamics", []).append(float(np.mean(error.mean)))
        found[column] = {name: float(np.mean(values)) for name, values in samples.items()}
        found[column]["seconds"] = float(np.median(samples["seconds"]))
    return found


def main(draws: int) -> None:
    epsilon_rows, rows = [], []
    for name, net, fractions, repeats in cases(draws):
        for keep in fractions:
            columns = list(COLUMNS)
            found = measure(net, keep, repeats, columns)
            yardstick = 2 / np.sqrt(keep * net.n_synapses / net.n_neurons)
            label = (name, f"{100 * keep:g} %")
            cells = [_epsilon(found[column]) if column in found else "" for column in COLUMNS]
            epsilon_rows.append((*label, f"{yardstick:.3f}", *cells))
            print(*epsilon_rows[-1], sep=" | ", flush=True)
            for column, numbers in found.items():
                shown = [
                    f"{numbers[key]:.3g}" if key in numbers else ""
                    for key in ("eigenvalues", "dynamics", "seconds")
                ]
                kept = f"{100 * numbers['kept']:.2f} %"
                rows.append((*label, column, kept, _epsilon(numbers), *shown))
    machine.write_table(
        "best",
        "Epsilon of the paper's rule, of systematic sampling, of the defaults, and of refit",
        ("network", "kept", "2 / sqrt(degree)", *COLUMNS),
        epsilon_rows,
        f"Mean over {draws} draws (refit, E1 and E2 one). The paper's rule: independent sampling, "
        "matched leak; the others have the homeostatic balance. A star: unstable in some draw.",
    )
    machine.write_table(
        "measures",
        "Eigenvalues, trajectories and time of the same",
        (
            "network",
            "asked",
            "choice",
            "kept",
            "epsilon",
            "eigenvalue error",
            "trajectory error",
            "seconds",
        ),
        rows,
        "Eigenvalue error: median over the eigenvalues of |lambda' / lambda - 1|, symmetric "
        "networks. Trajectory error: mean over time and four runs, where every draw is stable.",
    )


def _epsilon(numbers: dict[str, float]) -> str:
    return f"{numbers['epsilon']:.3f}" + ("" if numbers["stable"] == 1 else "*")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
