"""Pictures of a training, drawn from its log alone."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from noiseprune.learning.training import Training

COLUMNS = {"train_loss": ("training", "#0072b2"), "test_loss": ("test", "#d55e00")}
ERROR = "#000000"


def learning_curve(runs: Sequence[Training]) -> Figure:
    """Losses over epochs, logarithmic, every run a line; and the fraction wrong, if there is one.

    Rows without a positive value are left out.
    """
    wrong = any("test_error" in row for run in runs for row in run.log)
    figure = Figure(figsize=(3.6 * (1 + wrong), 3.0), layout="constrained")
    loss, *rest = figure.subplots(1, 1 + wrong, squeeze=False)[0]
    opacity = max(0.25, 1 / len(runs) ** 0.5)
    for name, (label, colour) in COLUMNS.items():
        for run in runs:
            epochs, values = run.column(name)
            pairs = [(epoch, value) for epoch, value in zip(epochs, values) if value > 0]
            if pairs:
                loss.plot(*zip(*pairs), color=colour, alpha=opacity, label=label)
                label = "_"
    loss.set(yscale="log", xlabel="epoch", ylabel="loss")
    loss.legend()
    for axes in rest:
        for run in runs:
            epochs, values = run.column("test_error")
            axes.plot(epochs, [100 * value for value in values], color=ERROR, alpha=opacity)
        axes.set(xlabel="epoch", ylabel="wrong on the test data, %", ylim=(0, None))
    return figure
