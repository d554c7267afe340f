"""Euler-Maruyama steps, noise included: `simulate` beside the loop that a user of NumPy writes.

python benchmarks/simulation.py [REPEATS]        (default 9)

The paper's clustered network of 3,000 neurons, and the same pruned to 10 %; 20 replicas at once,
and a single one, against one run of the loop. The two take turns, so that other work on the machine
meets both.
"""

from __future__ import annotations

import statistics
import sys
import time
from functools import partial
from itertools import product

import machine
import numba
import numpy as np

import noiseprune as npr

DT, NOISE, DRIVE = 0.0005, 0.01, 0.0002
PEER_STEPS, STEPS = 60, 60
DTYPES, REPLICAS = ("float64", "float32"), (20, 1)


def peer_seconds(drift: np.ndarray) -> float:
    """Seconds per step of one run."""
    real = drift.dtype.type
    rng = np.random.default_rng(7)
    x = rng.random(len(drift)).astype(real)
    dt, amplitude, drive = real(DT), real(NOISE * np.sqrt(DT)), real(DRIVE)
    start = time.perf_counter()
    for _ in range(PEER_STEPS):
        x += dt * (drift @ x + drive) + amplitude * rng.standard_normal(len(x), dtype=real)
    return (time.perf_counter() - start) / PEER_STEPS


def simulation_seconds(net: npr.RateNetwork, dtype: str, replicas: int) -> float:
    """Seconds per step of one replica: the difference of two runs, which leaves out the start."""

    def run(steps: int) -> float:
        start = time.perf_counter()
        npr.simulate(
            net,
            duration=steps * DT,
            dt=DT,
            noise=NOISE,
            drive=DRIVE,
            replicas=replicas,
            dtype=dtype,
            seed=7,
        )
        return time.perf_counter() - start

    return (run(2 * STEPS) - run(STEPS)) / (STEPS * replicas)


def main(repeats: int) -> None:
    net = npr.clustered_network(seed=3)
    networks = {"clustered": net, "pruned to 10 %": npr.prune(net, keep=0.1, seed=5).network}
    rows = []
    for name, network in networks.items():
        drift = network.dense_drift()
        for dtype, replicas in product(DTYPES, REPLICAS):
            calls = (
                partial(peer_seconds, drift),
                partial(peer_seconds, drift.astype(dtype)),
                partial(simulation_seconds, network, dtype, replicas),
            )
            for call in calls:
                call()
            turns = [tuple(call() for call in calls) for _ in range(repeats)]
            plain, same, ours = (statistics.median(seconds) for seconds in zip(*turns))
            ratios = [statistics.median(turn[peer] / turn[2] for turn in turns) for peer in (0, 1)]
            times = (f"{1e6 * seconds:.0f}" for seconds in (plain, same, ours))
            rows.append((name, dtype, str(replicas), *times, *(f"{x:.1f}" for x in ratios)))
    machine.write_table(
        "simulation",
        "A step of N = 3,000 neurons, noise included",
        (
            "network",
            "dtype",
            "replicas",
            "NumPy float64, us",
            "NumPy this dtype, us",
            "noiseprune, us a replica",
            "times as fast as float64",
            "as this dtype",
        ),
        rows,
        f"Medians of {repeats} turns of {PEER_STEPS} steps, {numba.get_num_threads()} threads. "
        "NumPy, one replica: `x += dt * (A @ x + b) + sigma * sqrt(dt) * rng.standard_normal(N)` "
        "with the dense drift of the same network.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
