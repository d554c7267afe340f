"""What fitting and regrowing gain over every draw, in every measure.

    python benchmarks/effort.py [SEEDS] [LARGEST]        (default 3 and 3,000 neurons)

At the same count: epsilon, covariance error, response error (to uniform and to random input),
trajectory error at its worst time and at the end under the paper's noise. Beside each measure of
regrowing stands its ratio to the best of all others, which may be another one in each measure.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import machine
import numpy as np
from scipy import linalg

import noiseprune as npr
from noiseprune import spectrum
from noiseprune.eigenvalues import DENSE_EIGENVALUES
from noiseprune.generators import paper_long_range, paper_sizes
from noiseprune.similarity import dynamics_error
from noiseprune.simulation import Simulation

WAYS: dict[str, dict[str, Any]] = {
    "draw": {},
    "weight": {"rule": "weight"},
    "magnitude": {"rule": "magnitude"},
    "surgeon": {"rule": "surgeon", "variance": None},
    "refit": {"effort": "refit"},
    "regrow": {"effort": "regrow"},
}
MEASURES = ("epsilon", "covariance", "uniform", "random", "worst", "end")


def cases(largest: int) -> Iterator[tuple[str, npr.RateNetwork, float]]:
    """Name, network and fraction to keep."""
    for name, keeps in (
        ("celegans", (0.5, 0.2)),
        ("celegans-gap", (0.5,)),
        ("mushroom-body", (0.5, 0.2)),
        ("optic-lobe:1", (0.5, 0.2)),
    ):
        for keep in keeps:
            yield name, npr.datasets.load(name), keep
    for n, keep in ((600, 0.1), (3000, 0.1), (10_000, 0.03)):
        if n <= largest:
            sizes = paper_sizes(n)
            yield f"paper, N = {n:,}", clustered(sizes), keep
    if largest > 40_000:
        yield "optic-lobe", npr.datasets.load("optic-lobe"), 0.3


def clustered(sizes: tuple[int, ...]) -> npr.RateNetwork:
    return npr.clustered_network(sizes, long_range=paper_long_range(sizes), seed=3)


def response_error(net: npr.RateNetwork, pruned: npr.RateNetwork, drive: np.ndarray) -> float:
    """|| A_s^-1 b - A^-1 b || / || A^-1 b ||"""
    before, after = (linalg.solve(x.dense_drift(), drive) for x in (net, pruned))
    return float(np.linalg.norm(after - before) / np.linalg.norm(before))


def measures(
    net: npr.RateNetwork, pruned: npr.RateNetwork, original: spectrum.Original
) -> dict[str, float]:
    found = {"epsilon": original.epsilon(pruned).epsilon}
    if net.n_neurons > DENSE_EIGENVALUES:
        return found
    before, after = (npr.covariance(x).covariance for x in (net, pruned))
    found["covariance"] = float(np.linalg.norm(after - before) / np.linalg.norm(before))
    drives = np.random.default_rng(1).standard_normal((net.n_neurons, 64))
    found["uniform"] = response_error(net, pruned, np.ones(net.n_neurons))
    found["random"] = response_error(net, pruned, drives)
    error = dynamics_error(net, pruned, Simulation(replicas=4, seed=5)).mean
    return found | {"worst": float(np.max(error)), "end": float(error[-1])}


def main(seeds: int, largest: int) -> None:
    rows, ratios = [], []
    for name, net, keep in cases(largest):
        variance, original = npr.synapse_variance(net, seed=0), spectrum.Original(net)
        means: dict[str, dict[str, float]] = {}
        for way, choices in WAYS.items():
            samples, seconds = [], []
            for seed in range(seeds):
                start = time.perf_counter()
                given = {"variance": variance, "seed": seed} | choices
                pruned = npr.prune(net, keep, **given).network
                seconds.append(time.perf_counter() - start)
                try:
                    samples.append(measures(net, pruned, original))
                except npr.NoisePruneError as error:  # an unstable network has no measures
                    print(name, way, error)
            if len(samples) < seeds:
                continue
            means[way] = {key: float(np.mean([x[key] for x in samples])) for key in samples[0]}
            shown = [f"{means[way][key]:.3g}" if key in means[way] else "" for key in MEASURES]
            rows.append((name, f"{100 * keep:g} %", way, *shown, f"{np.median(seconds):.1f}"))
            print(*rows[-1], sep=" | ", flush=True)
        best = [
            min((means[way][key], way) for way in means if way != "regrow")
            for key in MEASURES
            if key in means["regrow"]
        ]
        degree = keep * net.n_synapses / net.n_neurons
        against = [
            f"{means['regrow'][key] / value:.2f} ({way})"
            for key, (value, way) in zip(MEASURES, best)
        ]
        ratios.append((name, f"{100 * keep:g} %", f"{degree:.1f}", *against))
    note = f"Mean over {seeds} seeds, seconds their median, once the variances are known."
    columns = ("network", "kept")
    machine.write_table(
        "effort",
        "What fitting and regrowing gain",
        (*columns, "effort or rule", *MEASURES, "seconds"),
        rows,
        note,
    )
    machine.write_table(
        "effort-ratios",
        "Regrowing against the best of all others in each measure",
        (*columns, "mean degree kept", *MEASURES),
        ratios,
        "Below 1 regrowing is better; in brackets who is the best of the others.",
    )


if __name__ == "__main__":
    arguments = [int(text) for text in sys.argv[1:]]
    main(*(arguments + [3, 3000][len(arguments) :]))
