"""Directed equilibrium propagation: how many networks learn each task, and in what time.

python benchmarks/deep.py [SEEDS]        (default 50)

Seeds 0, 1, ...; the choices of the improved variant were made on seeds from 1000 on. After 200
epochs every network is asked all rows of its truth table from a random start, and then from each of
20 more. The clock runs over training and tests, in this process, after the loops are compiled.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import machine
import matplotlib as mpl

from noiseprune.figures.style import RC
from noiseprune.learning import Training, train
from noiseprune.learning.data.logic import TABLES
from noiseprune.learning.experiments.equilibrium import LogicExperiment
from noiseprune.learning.options.equilibrium import DeepOptions, EPOptions
from noiseprune.learning.pictures.equilibrium import quantiles

PICTURES = machine.TABLES.parent / "figures"
VARIANTS = {
    "DEEP, published": (LogicExperiment, DeepOptions()),
    "DEEP, improved": (LogicExperiment, DeepOptions(preset="improved")),
    "DEEP, improved, 10 hidden": (LogicExperiment, DeepOptions(preset="improved", hidden="10")),
    "DEEP, published, scale 0.5": (LogicExperiment, DeepOptions(scale=0.5)),
    "DEEP, published, scale 1": (LogicExperiment, DeepOptions(scale=1.0)),
    "DEEP, improved, scale 0.05": (LogicExperiment, DeepOptions(preset="improved", scale=0.05)),
    "DEEP, published, absolute leak": (LogicExperiment, DeepOptions(leakage="absolute")),
    "DEEP, published, one-hot, 2 hidden": (LogicExperiment, DeepOptions(one_hot=True)),
    "asymmetric EP": (LogicExperiment, EPOptions()),
}
XOR_ALONE = {
    "DEEP, improved, 10 hidden", "DEEP, published, scale 0.5", "DEEP, published, scale 1",
    "DEEP, improved, scale 0.05", "DEEP, published, one-hot, 2 hidden",
}  # fmt: skip
DRAWN = ("DEEP, published", "DEEP, improved", "asymmetric EP")


def row(name: str, run: Training) -> tuple[str, ...]:
    found = run.result
    low, high = found["success_interval"]
    return (
        name,
        run.options["task"],
        f"{found['success_rate']:.0%} ({low:.0%} to {high:.0%})",
        f"{found['close_success_rate']:.0%}",
        f"{found['robust_success_rate']:.0%}",
        f"{found['ever_success_rate']:.0%}",
        f"{found['test_loss']:.4f}",
        f"{found['loss_q50']:.4f}",
        f"{found['resting_rate']:.0%}",
        f"{found['contracting_rate']:.0%}",
        f"{run.seconds:.1f}",
    )


def main(seeds: int) -> None:
    for system, options in VARIANTS.values():  # compiles what is not on disk
        train(system, replace(options, seeds=1, epochs=1))
    rows, drawn = [], []
    for name, (system, options) in VARIANTS.items():
        for task in TABLES if name not in XOR_ALONE else ("xor",):
            run = train(system, replace(options, seeds=seeds, task=task))
            rows.append(row(name, run))
            print(*rows[-1], flush=True)
            if task == "xor" and name in DRAWN:
                drawn.append(run)
    PICTURES.mkdir(exist_ok=True)
    with mpl.rc_context(RC):
        figure = quantiles(drawn)
        for axes, name, run in zip(figure.axes, DRAWN, drawn):
            close = f"{run.result['close_success_rate']:.0%} within 0.25"
            axes.set_title(f"{name}\n{axes.get_title()},\n{close}")
        figure.savefig(PICTURES / "deep.png")
    machine.write_table(
        "deep",
        f"Directed equilibrium propagation: {seeds} networks a row, 200 epochs",
        ("variant", "task", "right (95 %)", "within 0.25", "from 20 more starts, too",
         "at any epoch", "loss", "median", "at rest", "contracts", "seconds"),
        rows,
        "Right: all rows of the truth table in the free phase, from a random start, an output of "
        "0.5 and more taken for 1; with the Wilson interval. Within 0.25: no output of any row is "
        "further from its target. Asymmetric EP says about 0.5 to every row of XOR: those of its "
        "networks that are right are so by chance. Scale: standard deviation of the initial "
        "weights, 0.05 as published and 1 in the improved variant; its rows tell what it does "
        "apart from the leak of 1 and the cap of 0.9. Loss: half of the squared error, mean and "
        "median over networks. At rest: the last step of the free phase moved no sample "
        "by more than the published criterion, 1e-10. "
        "Contracts: a logarithmic norm of the Jacobian is below 0, so that there is one state of "
        "rest. [Picture](../figures/deep.png).",
    )  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
