"""Local rules on scikit-learn's digits: test error of 64-100-100-10, each with its tuned lr.

python benchmarks/burst_digits.py

For every model and seed the learning rate is the one with the smallest validation error (a fifth of
that seed's training images) after the last epoch; the test images of the seed are looked at once,
with it. Seeds differ in division, initial weights and order.
"""

from __future__ import annotations

from typing import Any

import machine
import numpy as np

from noiseprune.errors import ConvergenceError
from noiseprune.learning import train
from noiseprune.learning.burst.experiment import experiment
from noiseprune.learning.burst.options import (
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
CASES: dict[str, tuple[type[LocalOptions], dict[str, Any], tuple[float, ...]]] = {
    "ANN (backprop)": (ANNOptions, {}, (0.3, 1.0, 3.0, 10.0)),
    "ANN, random Y (feedback alignment)": (
        ANNOptions, {"y_mode": "random_init"}, (0.1, 0.3, 1.0, 3.0),
    ),
    "BurstCCN, tied Y and Q": (
        BurstCCNOptions, {"y_mode": "tied", "q_mode": "tied"}, (0.6, 2.0, 6.0, 20.0),
    ),
    "BurstCCN, random Y, learned Q": (
        BurstCCNOptions, {"y_scale": 0.5, "q_learning": True}, (0.2, 0.6, 2.0, 6.0),
    ),
    "BurstCCN, tied, p_b = 0.2": (
        BurstCCNOptions, {"y_mode": "tied", "q_mode": "tied", "p_baseline": 0.2},
        (1.5, 5.0, 15.0, 50.0),
    ),
    "Burstprop, tied Y": (BurstpropOptions, {"y_mode": "tied"}, (1.0, 3.0, 10.0, 30.0)),
    "Burstprop, random Y": (BurstpropOptions, {}, (1.0, 3.0, 10.0, 30.0)),
    "EDN, tied Y": (EDNOptions, {"y_mode": "tied", "intn_lr": 0.02}, (0.3, 1.0, 3.0, 10.0)),
    "EDN, random Y": (EDNOptions, {"intn_lr": 0.02}, (0.3, 1.0, 3.0, 10.0)),
}  # fmt: skip


def tuned(options: type[LocalOptions], own: dict[str, Any], rates: tuple[float, ...], seed: int):
    """Learning rate and test error of the run with the smallest validation error."""
    runs = []
    for lr in rates:
        try:
            found = train(experiment, options(lr=lr, seed=seed, **COMMON, **own)).result
            runs.append((found["validation_error"], lr, found["test_error"]))
        except ConvergenceError:
            continue
    return min(runs)[1:]


def main() -> None:
    rows, reference = [], None
    for name, (options, own, rates) in CASES.items():
        found = [tuned(options, own, rates, seed) for seed in SEEDS]
        errors = 100 * np.array([error for _, error in found])
        reference = errors if reference is None else reference
        chosen = sorted({lr for lr, _ in found})
        rows.append(
            (
                name,
                f"{errors.mean():.2f} +- {errors.std(ddof=1) / len(errors) ** 0.5:.2f}",
                f"{errors.min():.2f} to {errors.max():.2f}",
                f"{(errors - reference).mean():+.2f}",
                ", ".join(f"{lr:g}" for lr in chosen),
            )
        )
        print(rows[-1], flush=True)
    machine.write_table(
        "burst_digits",
        "Local rules on the digits, 64-100-100-10: test error in per cent",
        ("model", "mean +- standard error", "range", "minus backprop", "chosen lr"),
        rows,
        f"{len(SEEDS)} seeds, {EPOCHS} epochs of SGD with batches of 32, no momentum, no decay; lr "
        "chosen for each seed among four by its own validation images. "
        "EDN's interneurons learn with 0.02: their rule is stable below 2 / |f(s)|^2 only.",
    )


if __name__ == "__main__":
    main()
