"""The continuous-time regression: error before, during and after learning; dt = tau and tau / 10.

python benchmarks/burst_continuous.py

1,000 s without teacher, 100,000 s with it, 1,000 s without: 1.02 million steps at dt = tau. Beside
it the network that makes the target in place of the student, with the student's time constants: it
answers late, and the student can only be better by foreseeing.
"""

from __future__ import annotations

import json

import machine
import matplotlib as mpl
import numpy as np

from noiseprune.figures.style import RC
from noiseprune.learning import ContinuousBurstCCN, train
from noiseprune.learning.burst.continuous.experiment import Options, experiment
from noiseprune.learning.burst.continuous.model import TEACHER_UNITS, Task
from noiseprune.learning.burst.continuous.pictures import schedule

PICTURES = machine.TABLES.parent / "figures"
TAU = 0.1


def delayed(task: Task, dt: float) -> float:
    """Mean squared error of the target's own network, slowed as the student is."""
    model = ContinuousBurstCCN.drawn(TEACHER_UNITS, dt=dt)
    model.w[0, :, :3], model.c[0] = task.weights[:, :3], task.weights[:, 3]
    model.w[1, 0], model.c[1, 0] = task.readout[:-1], task.readout[-1]
    model.advance(task, round(10 / dt), teacher=False, learn=False)
    return model.advance(task, round(1000 / dt), teacher=False, learn=False).error


def main() -> None:
    rows, numbers = [], []
    PICTURES.mkdir(exist_ok=True)
    for name, dt in (("tau", TAU), ("tau / 10", TAU / 10)):
        for seed in (1, 3, 5):
            run = train(experiment, Options(dt=dt, seed=seed))
            _, errors = run.column("train_loss")
            found, task = run.result, Task.drawn(1)
            variance = float(task.target(np.arange(0, 1000, 0.1)).var())
            angles = run.column("angle_bp")[1]
            rows.append(
                (
                    name,
                    str(seed),
                    f"{found['error_before']:.2e}",
                    f"{errors[1]:.2e}",
                    f"{found['error_during']:.2e}",
                    f"{found['error_after']:.2e}",
                    f"{found['error_before'] / found['error_after']:.0f}",
                    f"{100 * found['error_after'] / variance:.1f} %",
                    f"{delayed(task, dt):.2e}",
                    f"{angles[0]:.1f}, {angles[len(angles) // 2]:.1f}",
                    f"{run.seconds:.0f} s",
                )
            )
            print(rows[-1], flush=True)
            if seed == 1:
                label = "tau" if dt == TAU else "tenth"
                with mpl.rc_context(RC):
                    schedule([run]).savefig(PICTURES / f"burst_continuous_{label}.png")
                traces = {k: v for k, v in found.items() if k.startswith("trace")}
                numbers.append({"dt": dt, "errors": errors, **traces})
    (PICTURES / "burst_continuous.json").write_text(json.dumps(numbers) + "\n")
    machine.write_table(
        "burst_continuous",
        "BurstCCN in continuous time: mean squared error of the regression",
        (
            "dt", "seed", "before", "first 1,000 s of learning", "last 10,000 s of learning",
            "after, no teacher", "before / after", "after, of the target's variance",
            "the target's network, as slow", "angle to backprop at first, halfway", "time",
        ),
        rows,
        "3-50-1, tau = 0.1 s for both potentials, 100 s for the weights, p_b = 0.5, tied feedback; "
        "100,000 s of learning. Figures: [dt = tau](../figures/burst_continuous_tau.png), "
        "[dt = tau / 10](../figures/burst_continuous_tenth.png), "
        "[numbers](../figures/burst_continuous.json).",
    )  # fmt: skip


if __name__ == "__main__":
    main()
