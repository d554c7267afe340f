"""Pictures of runs with failing synapses, drawn from their logs alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from matplotlib.figure import Figure

from noiseprune.learning.pictures.curves import (
    INK,
    Points,
    Quantity,
    column,
    curves,
    from_zero,
    legend_of,
    named,
    settings_of,
    wrapped,
)
from noiseprune.learning.training.experiment import Training

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#882255")
"""Colours of the modes, or of the layers."""


def modes(runs: Sequence[Training]) -> Figure:
    """Singular values of the whole network over epochs: training (lines), theory (dashes).

    A panel for every setting that has any, of many for those of least loss.
    """
    settings = settings_of([run for run in runs if run.column("s1")[0]])
    panels = len(settings.shown)
    columns = min(panels, 3)
    width = 4.2 if columns == 1 else 3.4
    figure = Figure(
        figsize=(width * columns, 3.2 * math.ceil(panels / columns)), layout="constrained"
    )
    places = figure.subplots(
        math.ceil(panels / columns), columns, sharey=True, squeeze=False
    ).ravel()
    quantities = []
    for k, colour in enumerate(COLOURS, start=1):
        training, theory = ("training", "theory") if k == 1 else ("", "")
        quantities += [
            Quantity(training, colour, column(f"s{k}")),
            Quantity(theory, INK, column(f"theory_s{k}"), "--"),
        ]
    for axes, setting in zip(places, settings.shown):
        curves(axes, settings_of(setting.runs), quantities)
        axes.set_title(wrapped(named(setting.runs[0], settings.names), width - 0.6))
    for axes in places[panels:]:
        axes.remove()
    from_zero(*places[:panels])
    figure.supylabel("singular values of the whole network", fontsize="medium")
    if settings.others:
        figure.suptitle(
            f"the {panels} settings of least loss of {panels + len(settings.others)}",
            fontsize="medium",
        )
    return figure


def layer_sizes(runs: Sequence[Training]) -> Figure:
    """Norms of the layers, relative to the first row, and their participation ratios."""
    figure = Figure(figsize=(7.2, 3.0), layout="constrained")
    settings = settings_of(runs)
    norms, shares = figure.subplots(1, 2)
    layers = list(enumerate(COLOURS, start=1))
    curves(norms, settings, [Quantity(f"layer {k}", c, _relative(k)) for k, c in layers])
    norms.set(ylabel="norm, relative to the first", yscale="log")
    curves(
        shares, settings, [Quantity("", c, column(f"layer{k}_participation")) for k, c in layers]
    )
    shares.set_ylabel("participation ratio")
    from_zero(shares, at_least=1.0)
    legend_of(figure, settings)
    return figure


def _relative(layer: int) -> Callable[[Training], Points]:
    def points(run: Training) -> Points:
        epochs, values = run.column(f"layer{layer}_norm")
        return epochs, [value / values[0] for value in values]

    return points
