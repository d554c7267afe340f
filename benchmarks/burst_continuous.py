"""The continuous-time regression: error before, during and after learning; dt = tau and tau / 10.

python benchmarks/burst_continuous.py

1,000 s without teacher, 100,000 s with it, 1,000 s without: 1.02 million steps at dt = tau. Beside
it the network that makes the target in place of the student, with the student's time constants: it
answers late, and the student can only be better by foreseeing. Then Q of its own, at dt = tau:
p_b Y at first but fixed while Y moves with W, or random; and what learning makes of either.
"""

from __future__ import annotations

import json
import statistics
import time

import machine
import matplotlib as mpl
import numpy as np

from noiseprune.figures.style import RC
from noiseprune.learning import ContinuousBurstCCN, Training, train
from noiseprune.learning.experiments.continuous import ContinuousExperiment as experiment
from noiseprune.learning.models.continuous.model import TEACHER_UNITS, Task
from noiseprune.learning.options.continuous import ContinuousOptions as Options
from noiseprune.learning.pictures.continuous import schedule

PICTURES = machine.TABLES.parent / "figures"
TAU = 0.1
CASES = (
    ("p_b Y", "tau", [Options(seed=seed) for seed in (1, 3, 5)]),
    ("p_b Y", "tau / 10", [Options(seed=seed, dt=TAU / 10) for seed in (1, 3, 5)]),
    ("p_b Y at first, fixed", "tau", [Options(seed=1, q_mode="symmetric_init")]),
    (
        "p_b Y at first, learnt",
        "tau",
        [Options(seed=1, q_mode="symmetric_init", q_learning=True)],
    ),
    ("random, fixed", "tau", [Options(seed=1, q_mode="random_init", q_scale=0.1)]),
    (
        "random, learnt",
        "tau",
        [
            Options(seed=seed, q_mode="random_init", q_scale=0.1, q_learning=True)
            for seed in (1, 3, 5)
        ],
    ),
)


def delayed(task: Task, dt: float) -> float:
    """Mean squared error of the target's own network, slowed as the student is."""
    model = ContinuousBurstCCN.drawn(Options(hidden=TEACHER_UNITS, dt=dt))
    model.w[0, :, :3], model.c[0] = task.weights[:, :3], task.weights[:, 3]
    model.w[1, 0], model.c[1, 0] = task.readout[:-1], task.readout[-1]
    model.advance(task, round(10 / dt), teacher=False, learn=False)
    return model.advance(task, round(1000 / dt), teacher=False, learn=False).error


def row(q: str, dt: str, run: Training, slow: float, variance: float) -> tuple[str, ...]:
    """Of the table."""
    found = run.result
    angles = run.column("angle_bp")[1]
    return (
        q,
        dt,
        str(run.options["seed"]),
        f"{found['error_before']:.2e}",
        f"{run.column('train_loss')[1][0]:.2e}",
        f"{found['error_during']:.2e}",
        f"{found['error_after']:.2e}",
        f"{found['error_before'] / found['error_after']:.0f}",
        f"{100 * found['error_after'] / variance:.1f} %",
        f"{slow:.2e}",
        f"{found['apical_before']:.0e}, {run.log[0]['silent_apical']:.0e}, "
        f"{found['apical_after']:.0e}",
        f"{angles[0]:.1f}, {angles[len(angles) // 2]:.1f}",
    )


def share_of_probes() -> tuple[float, float]:
    """Part of a run's processor time that goes into probes: a tenth of a block, a whole one."""
    seconds: dict[float, list[float]] = {0.0: [], 0.1: [], 1.0: []}
    for _ in range(7):  # in turns; of the processor, for others may be at work
        for probe, found in seconds.items():
            start = time.process_time()
            train(experiment, Options(epochs=20, probe=probe))
            found.append(time.process_time() - start)
    without, tenth, whole = (statistics.median(found) for found in seconds.values())
    return 1 - without / tenth, 1 - without / whole


def main() -> None:
    rows, numbers = [], []
    PICTURES.mkdir(exist_ok=True)
    task = Task.drawn(1)
    variance = float(task.target(np.arange(0, 1000, 0.1)).var())
    for q, dt, options in CASES:
        slow = delayed(task, options[0].dt)
        for each in options:
            run = train(experiment, each)
            rows.append(row(q, dt, run, slow, variance))
            print(rows[-1], flush=True)
            if each.seed == 1 and q == "p_b Y":
                label = "tau" if each.dt == TAU else "tenth"
                with mpl.rc_context(RC):
                    schedule([run]).savefig(PICTURES / f"burst_continuous_{label}.png")
                kept = {k: v for k, v in run.result.items() if k.startswith(("trace", "blocks"))}
                numbers.append(
                    {"dt": each.dt, "errors_during": run.column("train_loss")[1], **kept}
                )
    (PICTURES / "burst_continuous.json").write_text(json.dumps(numbers) + "\n")
    tenth, whole = share_of_probes()
    machine.write_table(
        "burst_continuous",
        "BurstCCN in continuous time: mean squared error of the regression",
        (
            "Q", "dt", "seed", "before", "first 1,000 s of learning", "last 10,000 s of learning",
            "after, no teacher", "before / after", "after, of the target's variance",
            "the target's network, as slow",
            "mean abs u without teacher: first 1,000 s, at their end, after",
            "angle to backprop at first, halfway",
        ),
        rows,
        "3-50-1, tau = 0.1 s for both potentials, 100 s for W and for a Q that learns, p_b = 0.5, "
        "tied feedback, random Q from N(0, 0.1^2); 100,000 s of learning. Angles are those of "
        "updates summed over 100 s. These probes, a tenth of a block after every block, take "
        f"{100 * tenth:.0f} % of the processor time of a run; of a whole block (`--probe 1`) they "
        f"would take {100 * whole:.0f} %. "
        "Figures: [dt = tau](../figures/burst_continuous_tau.png), "
        "[dt = tau / 10](../figures/burst_continuous_tenth.png), "
        "[numbers](../figures/burst_continuous.json).",
    )  # fmt: skip


if __name__ == "__main__":
    main()
