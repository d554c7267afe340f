"""Local rules on scikit-learn's digits: test error of 64-100-100-10, each model tuned.

python benchmarks/burst_digits.py

For every model and seed the setting is that of a grid with the smallest validation error (a fifth
of that seed's training images) after the last epoch; its test error is the one that counts. Seeds
differ in division, initial weights and order.
"""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import machine
import numpy as np

from noiseprune.errors import ConvergenceError
from noiseprune.learning import train
from noiseprune.learning.experiments.burst import LocalExperiment as experiment
from noiseprune.learning.options.burst import (
    ANNOptions,
    BurstCCNOptions,
    BurstpropOptions,
    EDNOptions,
    LocalOptions,
)

SEEDS = (1, 3, 5, 7, 9)
EPOCHS = 40
COMMON: dict[str, Any] = {
    "epochs": EPOCHS,
    "log_every": EPOCHS,
    "layers": 2,
    "hidden": 100,
    "validation": 0.2,
    "diagnostics": 0,
}
Grid = dict[str, tuple[float, ...]]
CASES: dict[str, tuple[type[LocalOptions], dict[str, Any], Grid]] = {
    "ANN (backprop)": (ANNOptions, {}, {"lr": (0.1, 0.3, 1.0, 3.0, 10.0)}),
    "ANN, random Y (feedback alignment)": (
        ANNOptions, {"y_mode": "random_init"},
        {"lr": (0.3, 1.0, 3.0), "y_scale": (0.25, 0.5, 1.0, 2.0, 4.0)},
    ),
    "BurstCCN, tied Y and Q": (
        BurstCCNOptions, {"y_mode": "tied"}, {"lr": (0.2, 0.6, 2.0, 6.0, 20.0)},
    ),
    "BurstCCN, random Y, Q = p_b Y": (
        BurstCCNOptions, {}, {"lr": (0.2, 0.6, 2.0, 6.0), "y_scale": (0.5, 1.0, 2.0, 4.0, 8.0)},
    ),
    "BurstCCN, random Y, learned Q": (
        BurstCCNOptions, {"q_learning": True},
        {"lr": (0.2, 0.6, 2.0, 6.0), "y_scale": (0.5, 1.0, 2.0, 4.0, 8.0)},
    ),
    "BurstCCN, tied, p_b = 0.2": (
        BurstCCNOptions, {"y_mode": "tied", "p_baseline": 0.2},
        {"lr": (0.5, 1.5, 5.0, 15.0, 50.0)},
    ),
    "Burstprop, tied Y": (
        BurstpropOptions, {"y_mode": "tied"}, {"lr": (3.0, 5.0, 10.0, 20.0, 30.0)},
    ),
    "Burstprop, random Y": (
        BurstpropOptions, {},
        {"lr": (2.0, 3.0, 5.0, 10.0), "y_scale": (2.0, 4.0, 8.0, 16.0, 32.0)},
    ),
    "EDN, tied Y": (
        EDNOptions, {"y_mode": "tied"},
        {"lr": (0.3, 1.0, 3.0, 10.0), "intn_lr": (0.1, 0.3, 1.0, 1.5, 1.8)},
    ),
    "EDN, random Y": (
        EDNOptions, {"intn_lr": 0.3},
        {"lr": (0.3, 1.0, 3.0, 10.0), "y_scale": (0.03, 0.1, 0.3, 1.0, 3.0)},
    ),
}  # fmt: skip


def tuned(
    options: type[LocalOptions], own: dict[str, Any], grid: Grid, seed: int
) -> tuple[str, float]:
    """Setting and test error of the run with the smallest validation error."""
    runs = []
    for values in product(*grid.values()):
        setting = dict(zip(grid, values))
        try:
            found = train(experiment, options(seed=seed, **COMMON, **own, **setting)).result
        except ConvergenceError:
            continue
        name = " ".join(
            f"{key} {value:g}{'*' * (value in (grid[key][0], grid[key][-1]))}"
            for key, value in setting.items()
        )
        runs.append((found["validation_error"], name, found["test_error"]))
    return min(runs)[1:]


def main() -> None:
    rows, reference = [], None
    for name, (options, own, grid) in CASES.items():
        found = [tuned(options, own, grid, seed) for seed in SEEDS]
        errors = 100 * np.array([error for _, error in found])
        reference = errors if reference is None else reference
        chosen = Counter(setting for setting, _ in found)
        rows.append(
            (
                name,
                f"{errors.mean():.2f} +- {errors.std(ddof=1) / len(errors) ** 0.5:.2f}",
                f"{errors.min():.2f} to {errors.max():.2f}",
                f"{(errors - reference).mean():+.2f}",
                ", ".join(f"{setting} ({times})" for setting, times in chosen.most_common()),
            )
        )
        print(rows[-1], flush=True)
    machine.write_table(
        "burst_digits",
        "Local rules on the digits, 64-100-100-10: test error in per cent",
        ("model", "mean +- standard error", "range", "minus backprop", "chosen (seeds)"),
        rows,
        f"{len(SEEDS)} seeds, {EPOCHS} epochs of SGD with batches of 32, no momentum, no decay; "
        "settings chosen for each seed, from grids of five to twenty, by its own validation "
        "images; * marks an end of the grid.",
    )


if __name__ == "__main__":
    main()
