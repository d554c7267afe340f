"""Failing synapses: averaged theory against stochastic training, singular values over time.

python benchmarks/failures_theory.py

q = 0.5 and 0.9; d = 4 outputs (the semantic task) and 2 (a teacher with singular values 1, 0.2 of
20 inputs). SGD with a mask for every sample; the theory begins at the same weights and has no free
parameter. The time scale is fitted afterwards: 1 if the theory's clock is right.
"""

from __future__ import annotations

import json

import machine
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize_scalar

from noiseprune.figures.style import RC
from noiseprune.learning import Training, train
from noiseprune.learning.experiments.failures import FailuresExperiment as experiment
from noiseprune.learning.options.failures import FailuresOptions as Options
from noiseprune.learning.pictures.failures import COLOURS

PICTURES = machine.TABLES.parent / "figures"
COMMON = {"hidden": 128, "scaling": "const", "log_every": 1, "batch": 500, "test_draws": 0}
CASES = {
    (0.5, 4): Options(drop_p=0.5, lr=0.0125, epochs=75, seed=3, **COMMON),
    (0.9, 4): Options(drop_p=0.1, lr=0.0125, epochs=75, seed=3, **COMMON),
    (0.5, 2): Options(
        drop_p=0.5, lr=0.025, epochs=75, seed=3, task="regression", inputs=20, **COMMON
    ),
    (0.9, 2): Options(
        drop_p=0.1, lr=0.025, epochs=75, seed=3, task="regression", inputs=20, **COMMON
    ),
}


def trajectories(run: Training, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Epochs, and singular values of training and theory (rows, modes)."""
    epochs = np.array(run.column("s1")[0])
    found, theory = (
        np.array([run.column(f"{name}{k}")[1] for k in range(1, d + 1)]).T
        for name in ("s", "theory_s")
    )
    return epochs, found, theory


def time_scale(epochs: np.ndarray, found: np.ndarray, theory: np.ndarray) -> float:
    """c for which the theory at c t is nearest to the training at t, all modes together."""

    curve = CubicSpline(epochs, theory)

    def misfit(c: float) -> float:
        inside = c * epochs <= epochs[-1]
        return float(((found - curve(c * epochs))[inside] ** 2).mean())

    return float(minimize_scalar(misfit, bounds=(0.4, 2.5), method="bounded").x)


def main() -> None:
    runs = {case: train(experiment, options) for case, options in CASES.items()}
    rows, numbers = [], []
    for (q, d), run in runs.items():
        epochs, found, theory = trajectories(run, d)
        final = theory[-1]
        there = theory > 0.1 * final
        absolute = np.abs(found - theory)
        rows.append(
            (
                str(q),
                str(d),
                f"{100 * (absolute / final).max():.2f} %",
                f"{100 * (absolute / theory)[there].max():.2f} %",
                f"{time_scale(epochs, found, theory):.4f}",
                f"{2 / (q * d):.2f}",
            )
        )
        numbers.append(
            {
                "q": q,
                "d": d,
                "epochs": epochs.tolist(),
                "training": np.round(found, 6).tolist(),
                "theory": np.round(theory, 6).tolist(),
            }
        )
    draw(numbers)
    machine.write_table(
        "failures_theory",
        "Failing synapses: averaged theory against stochastic training",
        (
            "q",
            "d",
            "largest deviation, of the mode's final value",
            "of its value at the time",
            "fitted time scale",
            "were the flow's factor q and not 2/d",
        ),
        rows,
        "Two layers, 128 hidden units, both failing, a mask for every sample, weights at first "
        "N(0, 0.001), SGD, batch 500; singular values of the whole network after every epoch. "
        "Deviations of the value at the time where the theory is above 10 % of its final value. "
        "[Figure](../figures/failures_theory.png), [numbers](../figures/failures_theory.json).",
    )


def draw(numbers: list[dict]) -> None:
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "failures_theory.json").write_text(json.dumps(numbers) + "\n")
    with mpl.rc_context(RC):
        figure = Figure(figsize=(7.2, 5.0), layout="constrained")
        for axes, case in zip(figure.subplots(2, 2).T.ravel(), numbers):
            modes = zip(np.transpose(case["training"]), np.transpose(case["theory"]), COLOURS)
            for k, (found, theory, colour) in enumerate(modes):
                label = f"mode {k + 1}"
                axes.plot(
                    case["epochs"], found, color=colour, linewidth=2.5, alpha=0.6, label=label
                )
                axes.plot(case["epochs"], theory, color="#222222", linestyle="--", linewidth=1)
            axes.set(title=f"q = {case['q']}, d = {case['d']}", xlabel="epoch", ylim=(0, None))
            axes.set_ylabel("singular values")
            axes.legend(loc="center right")
        figure.suptitle("Stochastic training (colours) and averaged theory (dashes)", fontsize=9)
        figure.savefig(PICTURES / "failures_theory.png")


if __name__ == "__main__":
    main()
