"""Pictures of the continuous model, drawn from logs and results alone."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from noiseprune.learning.training.experiment import Training

TARGET, OUTPUT, SHADE = "#222222", "#d55e00", "#e6eef7"


def schedule(runs: Sequence[Training]) -> Figure:
    """Error of every block; target and output of the first run before and after learning.

    Blocks with the teacher are filled points, those without it open ones. Where all runs have
    learnt as long, the time with the teacher is shaded, too.
    """
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    grid = figure.add_gridspec(2, 2)
    error = figure.add_subplot(grid[0, :])
    opacity = max(0.3, 1 / len(runs) ** 0.5)
    for run in runs:
        epochs, values = run.column("train_loss")
        before, after = run.result["blocks_before"], run.result["blocks_after"]
        line = {"color": OUTPUT, "alpha": opacity}
        error.plot([*before[0], *epochs, *after[0]], [*before[1], *values, *after[1]], **line)
        error.plot(epochs, values, ".", **line, markersize=4)
        for silent in (before, after):
            error.plot(*silent, "o", **line, markersize=4, markerfacecolor="white")
    learnt = {run.epochs for run in runs}
    if len(learnt) == 1 and (last := learnt.pop()):
        error.axvspan(0.5, last + 0.5, color=SHADE, zorder=0)
        error.text(
            0.5 + last / 2, 0.94, "teacher on", transform=error.get_xaxis_transform(), va="top",
            ha="center",
        )  # fmt: skip
    error.set(
        yscale="log", xlabel="block, 1: the first with the teacher", ylabel="mean squared error"
    )
    titles = {"before": "before", "after": f"after {runs[0].epochs} blocks of learning, no teacher"}
    for column, (name, title) in enumerate(titles.items()):
        axes = figure.add_subplot(grid[1, column])
        times, target, output = runs[0].result[f"trace_{name}"]
        axes.plot(times, target, color=TARGET, label="target")
        axes.plot(times, output, color=OUTPUT, linestyle="--", label="output")
        axes.set(title=title, xlabel="time, s", ylim=(0, 1))
        axes.ticklabel_format(axis="x", useOffset=False, style="plain")
        if not column:
            axes.legend()
    return figure
