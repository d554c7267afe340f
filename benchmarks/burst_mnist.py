"""BurstCCN on MNIST with the settings of the published notebook; backprop beside it.

    python benchmarks/burst_mnist.py FOLDER      (with the files of MNIST, as `noiseprune train`)

Without a folder there is nothing to do: nothing is downloaded.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import machine

from noiseprune.learning import train
from noiseprune.learning.experiments.burst import LocalExperiment as experiment
from noiseprune.learning.options.burst import ANNOptions, BurstCCNOptions, LocalOptions

EPOCHS = 2
COMMON: dict[str, Any] = {"dataset": "mnist", "epochs": EPOCHS, "diagnostics": 0}
CASES: dict[str, tuple[type[LocalOptions], dict[str, Any]]] = {
    "BurstCCN, random Y of scale 0.5, learned Q (published: 92.41, 94.13 %)": (
        BurstCCNOptions, {"lr": 0.3, "y_scale": 0.5, "q_learning": True, "q_lr": 0.000731},
    ),
    "BurstCCN, tied Y and Q": (BurstCCNOptions, {"lr": 0.3, "y_mode": "tied"}),
    "ANN (backprop), lr times p_b": (ANNOptions, {"lr": 0.15}),
}  # fmt: skip
SEEDS = (1, 3, 5)


def main(folder: Path) -> None:
    rows = []
    for name, (options, own) in CASES.items():
        for seed in SEEDS:
            run = train(experiment, options(data=folder, seed=seed, **COMMON, **own))
            tests = run.column("test_error")[1][1:]
            rows.append(
                (
                    name,
                    str(seed),
                    *(f"{100 * (1 - error):.2f}" for error in tests),
                    *(f"{value:.3f}" for value in run.column("test_loss")[1][1:]),
                )
            )
            print(rows[-1], flush=True)
    machine.write_table(
        "burst_mnist",
        "MNIST, 784-500-500-500-10: test accuracy in per cent",
        ("model", "seed", "after 1 epoch", "after 2", "loss after 1", "after 2"),
        rows,
        "Batches of 32, SGD, lr 0.3 (backprop 0.15), no momentum, no decay, pixels in [0, 1]; loss "
        "summed over the outputs.",
    )


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(Path(sys.argv[1]))
    else:
        print("left out: it needs the files of MNIST (python benchmarks/burst_mnist.py FOLDER)")
