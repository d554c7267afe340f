"""Do rectified-linear networks keep their trajectories, too?

    python benchmarks/rectified.py [RUNS]        (default 20)

    dx/dt = -leak x + [W x + b]_+ + sigma xi

The paper's network of 3,000 neurons, 10 % of the synapses kept by synapse variances of the linear
network; relative trajectory error under the same noise, with the paper's b, sigma and step.
"""

from __future__ import annotations

import sys

import machine
import numpy as np

import noiseprune as npr
from noiseprune.figures.protocol import NOISE, PAPER, WEIGHT, prunings
from noiseprune.progress import silent
from noiseprune.similarity import dynamics_error
from noiseprune.simulation import Simulation

WAYS = {"default": NOISE, "paper's rule": PAPER, "weight-based": WEIGHT}
TIMES = (2.0, 10.0, 20.0, 40.0)


def main(runs: int) -> None:
    net = npr.clustered_network(seed=3)
    rows = []
    for name, (_, pruning, _) in zip(WAYS, prunings(net, 0.1, tuple(WAYS.values()), 5, silent)):
        for activation in ("linear", "rectified"):
            asked = Simulation(
                duration=40.0, dt=0.005, replicas=runs, activation=activation, seed=7
            )
            found = dynamics_error(net, pruning.network, asked)
            errors = np.interp(TIMES, found.times, found.mean)
            rows.append((name, activation, *(f"{error:.4f}" for error in errors)))
    machine.write_table(
        "rectified",
        "Relative trajectory error of linear and rectified networks",
        ("choice", "activation", *(f"{time:g} s" for time in TIMES)),
        rows,
        f"N = 3,000, kept 10 %, one draw each, mean over {runs} runs.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
