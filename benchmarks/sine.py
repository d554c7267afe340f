"""Sine prediction: loss over the steps of Adam, published runs beside it.

    python benchmarks/sine.py [SEEDS]        (default 5)

Ten rectified neurons, dt / tau = 0.1, Adam at 1e-3, the whole curve of 999 steps in each step of
the optimiser; the loss is the mean squared error before that step.
"""

from __future__ import annotations

import statistics
import sys

import machine
import numpy as np
import torch

from noiseprune.learning.data.trials import SinePrediction
from noiseprune.learning.models.ctrnn.network import CTRNN
from noiseprune.learning.models.ctrnn.objective import training_step

SHOWN = (0, 50, 100, 150, 200, 250, 300, 350, 400, 450)
PUBLISHED = {
    "published, documentation": (
        *(0.3866, 0.2094, 0.0336, 0.0164, 0.0131, 0.0105, 0.0076, 0.0053, 0.0036, 0.0029),
    ),
    "published, example": (
        *(0.545, 0.281, 0.0550, 0.0124, 0.0049, 6.8e-4, 2.8e-4, 2.4e-4, 2.1e-4, 1.9e-4),
    ),
}


def curve(seed: int) -> list[float]:
    """Loss before step 0, 50, ... 450."""
    model, task = CTRNN((1, 10, 1), seed=seed), SinePrediction()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    rng = np.random.default_rng(seed)
    losses = [training_step(model, optimizer, task, 1, rng) for _ in range(SHOWN[-1] + 1)]
    return [losses[step] for step in SHOWN]


def main(seeds: int) -> None:
    torch.set_num_threads(1)
    curves = {}
    for seed in range(1, 2 * seeds, 2):
        curves[f"seed {seed}"] = curve(seed)
        print(seed, curves[f"seed {seed}"], flush=True)
    median = [statistics.median(values) for values in zip(*curves.values())]
    rows = [
        (name, *(f"{value:.2g}" for value in values))
        for name, values in ({"median": median} | curves | PUBLISHED).items()
    ]
    machine.write_table(
        "sine",
        "Sine prediction with ten neurons: loss by step of Adam",
        ("run", *(str(step) for step in SHOWN)),
        rows,
        "Published: one run each of the nn4n documentation and of its example notebook.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
