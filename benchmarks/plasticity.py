"""Does a network that prunes itself come as near to itself as one pruned by the batch rule?

    python benchmarks/plasticity.py [SEEDS]        (default 2)

The paper's clustered network at a tenth of its size, 300 neurons, pruned to 20 %: online by traces
of its own noise-driven activity, and by the batch rule, which is given the exact covariance and
all weights at once. Then the rates of the rectified network before and after, by its own plasticity
and by the batch rule of the linear network, under the same drive and noise. At last what regrowing
by a neuron's own error gains on connectomes, beside the draw and regrowing offline.
"""

from __future__ import annotations

import sys
from typing import Any

import machine
import numpy as np
from effort import measures

import noiseprune as npr
from noiseprune import spectrum
from noiseprune.figures.protocol import paper_network
from noiseprune.measures import Reference
from noiseprune.online.plan import Request
from noiseprune.pair import is_stable

KEEP = 0.2
BATCH = {
    "batch, defaults": ("balanced", "homeostatic"),
    "batch, independent": ("independent", "homeostatic"),
    "batch, the paper's choices": ("independent", "leak"),
}
ONLINE: dict[str, dict[str, Any]] = {
    "online, 10 rounds": {},
    "online, continuously": {"continuous": True},
    "online, 10 rounds, fixed leak": {"adapt_leak": False},
    "online, 10 rounds, no scaling": {"scaling": False},
    "online, 1 round": {"rounds": 1},
    "online, 10 rounds, rectified": {"activation": "rectified"},
}
DRIVES = {"default": 1.0, "weak": 0.1, "none": 0.0}
"""Share of the default drive, noise (leak / 2)^1/2."""


def epsilons(seeds: int) -> None:
    net = paper_network(300)
    original, variance = spectrum.Original(net), npr.synapse_variance(net)
    found: dict[str, list[tuple[npr.RateNetwork, float, float | None]]] = {}
    for name, (sampling, balance) in BATCH.items():
        found[name] = []
        for seed in range(seeds):
            pruned = npr.prune(
                net, KEEP, variance=variance, sampling=sampling, balance=balance, seed=seed
            ).network
            found[name].append((pruned, original.epsilon(pruned).epsilon, None))
    for name, options in ONLINE.items():
        found[name] = []
        for seed in range(seeds):
            run = npr.plasticity(net, KEEP, seed=seed, **options)
            found[name].append((run.network, run.epsilon[-1], run.trajectory_error[-1]))
    reference = np.mean([epsilon for _, epsilon, _ in found["batch, defaults"]])
    rows = []
    for name, draws in found.items():
        values = [epsilon for _, epsilon, _ in draws]
        errors = [error for _, _, error in draws if error is not None]
        kept = np.mean([pruned.n_synapses for pruned, _, _ in draws]) / net.n_synapses
        stable = [is_stable(pruned, original.epsilon(pruned)) for pruned, _, _ in draws]
        rows.append(
            (
                name,
                f"{100 * kept:.2f} %",
                f"{np.mean(values):.3f}",
                f"{np.max(values):.3f}",
                f"{np.mean(values) / reference:.2f}",
                f"{np.mean(errors):.3f}" if errors else "",
                f"{sum(stable)}/{seeds}",
            )
        )
    machine.write_table(
        "plasticity",
        "The paper's clustered network, N = 300, pruned to 20 % online and at once",
        (
            "way",
            "kept",
            "epsilon",
            "largest",
            "of batch, defaults",
            "trajectory error",
            "stable",
        ),
        rows,
        f"{seeds} seeds each; trajectory error of the last interval, under the same noise. The "
        "batch rules are given the exact variances.",
    )


def rates(seeds: int) -> None:
    net = paper_network(300)
    unit = np.sqrt(net.leak / 2.0)
    variance = npr.synapse_variance(net)
    rows = []
    for name, share in DRIVES.items():
        drive = share * unit
        found: dict[str, list[tuple[float, float]]] = {"online": [], "batch": []}
        before_means, cuts = [], []
        for seed in range(seeds):
            before = activity(net, drive, 1000 + seed)
            before_means.append(before.mean())
            cuts.append(np.mean(net.weights @ before + drive[:, None] < 0))
            run = npr.plasticity(net, KEEP, activation="rectified", drive=drive, seed=seed)
            batch = npr.prune(net, KEEP, variance=variance, seed=seed)
            for way, pruned in (("online", run.network), ("batch", batch.network)):
                after = activity(pruned, drive, 1000 + seed).mean(axis=1)
                change = np.linalg.norm(after - before.mean(axis=1))
                found[way].append((after.mean(), change / np.linalg.norm(before.mean(axis=1))))
        for way, values in found.items():
            after_mean, change = np.mean(values, axis=0)
            rows.append(
                (
                    name,
                    way,
                    f"{100 * np.mean(cuts):.1f} %",
                    f"{np.mean(before_means):.3f}",
                    f"{after_mean:.3f}",
                    f"{change:.3f}",
                )
            )
    machine.write_table(
        "plasticity-rates",
        "Rates of the rectified network, N = 300, before and after pruning to 20 %",
        ("drive", "pruned", "inputs cut", "mean rate before", "after", "relative change"),
        rows,
        f"{seeds} seeds; mean over neurons, and ||after - before|| / ||before|| over the neurons' "
        "means, in 1,000 s under the same noise. Inputs cut: share of the inputs W x + b that the "
        "rectifier cut before.",
    )


CONNECTOMES = (
    ("celegans", 0.5),
    ("celegans", 0.2),
    ("mushroom-body", 0.2),
    ("optic-lobe:1", 0.5),
)
STEPS = 4000
"""Of an interval on the connectomes, which their own measure would make three times as long."""
OFFLINE: dict[str, dict[str, Any]] = {"draw": {}, "regrow": {"effort": "regrow"}}
REGROWING: dict[str, dict[str, Any]] = {
    "online": {},
    "online, fixed leak": {"adapt_leak": False},
    "online, regrow": {"regrow": True},
}


def regrowing(seeds: int) -> None:
    rows = []
    for name, keep in CONNECTOMES:
        net = npr.datasets.load(name)
        variance, original = npr.synapse_variance(net, seed=0), spectrum.Original(net)
        reference = Reference(net)
        interval = STEPS * Request(keep=keep).plan(net).run.dt
        for way in (*OFFLINE, *REGROWING):
            samples = []
            for seed in range(seeds):
                if way in OFFLINE:
                    found = npr.prune(net, keep, variance=variance, seed=seed, **OFFLINE[way])
                else:
                    choices = REGROWING[way] | {"interval": interval}
                    found = npr.plasticity(net, keep, seed=seed, **choices)
                try:
                    samples.append(measures(reference, found.network, original))
                except npr.NoisePruneError as error:  # an unstable network has no measures
                    print(name, way, error)
            keys = ("epsilon", "covariance", "worst", "end")
            means = [f"{np.mean([x[key] for x in samples]):.3f}" if samples else "" for key in keys]
            rows.append((name, f"{100 * keep:g} %", way, *means, f"{len(samples)}/{seeds}"))
            print(*rows[-1], sep=" | ", flush=True)
    machine.write_table(
        "plasticity-regrow",
        "Regrowing online, by a neuron's own error",
        ("network", "kept", "way", "epsilon", "covariance", "worst", "end", "stable"),
        rows,
        f"Mean over {seeds} seeds, or those that end stable; an interval has {STEPS:,} steps. "
        "Relative errors of the covariance, and of the trajectory at its worst time and at the "
        "end, as in the table of `effort.py`. Draw and regrow are given the exact variances.",
    )


def activity(net: npr.RateNetwork, drive: np.ndarray, seed: int) -> np.ndarray:
    """(N, samples) of a stationary rectified network."""
    run = npr.simulate(
        net,
        duration=1200.0,
        dt=0.05,
        noise=1.0,
        drive=drive,
        x0="zero",
        record_every=20,
        activation="rectified",
        seed=seed,
    )
    return run.rates[run.times > 200.0, 0].T.astype(np.float64)


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    epsilons(number)
    rates(number)
    regrowing(max(3, number))
