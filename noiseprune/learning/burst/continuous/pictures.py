"""Pictures of the continuous model, drawn from logs and results alone."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from noiseprune.learning.training import Training

TARGET, OUTPUT, SHADE = "#222222", "#d55e00", "#e6eef7"


def schedule(runs: Sequence[Training]) -> Figure:
    """Error of every block, shaded where the teacher was on; target and output before and after."""
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    grid = figure.add_gridspec(2, 2)
    error = figure.add_subplot(grid[0, :])
    opacity = max(0.3, 1 / len(runs) ** 0.5)
    for run in runs:
        epochs, values = run.column("train_loss")
        error.plot(epochs, values, color=OUTPUT, alpha=opacity, marker=".", markersize=3)
    epochs, on = runs[0].column("teacher")
    taught = [epoch for epoch, value in zip(epochs, on) if value]
    if taught:
        error.axvspan(taught[0] - 0.5, taught[-1] + 0.5, color=SHADE, label="teacher on", zorder=0)
        error.legend(loc="upper right")
    error.set(yscale="log", xlabel="block", ylabel="mean squared error")
    for column, (name, title) in enumerate((("before", "before"), ("after", "after, no teacher"))):
        axes = figure.add_subplot(grid[1, column])
        times, target, output = runs[0].result[f"trace_{name}"]
        axes.plot(times, target, color=TARGET, label="target")
        axes.plot(times, output, color=OUTPUT, linestyle="--", label="output")
        axes.set(title=title, xlabel="time, s", ylim=(0, 1))
        if not column:
            axes.legend()
    return figure
