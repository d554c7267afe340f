"""Pictures of runs with local rules, drawn from their logs alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from noiseprune.learning.pictures.curves import (
    LINES,
    Quantity,
    Settings,
    angle_axis,
    column,
    curves,
    from_zero,
    legend_of,
    settings_of,
)
from noiseprune.learning.training.experiment import Training

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#882255", "#e69f00")
ANGLES = {
    "angle_bp": ("to backprop", COLOURS[0]),
    "angle_fa": ("to feedback alignment", COLOURS[1]),
}


def diagnosed(runs: Sequence[Training]) -> Mapping[str, Figure]:
    """`angles`, where the log has any, or apical potentials."""
    return {"angles": angles(runs)} if _panels(runs) else {}


def angles(runs: Sequence[Training]) -> Figure:
    """Angles of the updates to backprop and feedback alignment, and of W and Y; mean |u| by layer.

    What no log has is left out: hidden layers, or updates with a teacher. Where settings have
    their own colours, at most four layers are drawn, the first and the last among them.
    """
    panels = _panels(runs)
    figure = Figure(figsize=(3.0 * max(1, len(panels)), 3.0), layout="constrained")
    settings = settings_of(runs)
    places = figure.subplots(1, max(1, len(panels)), squeeze=False)[0]
    for place, draw in zip(places, panels):
        draw(place, runs, settings)
    legend_of(figure, settings)
    return figure


Panel = Callable[[Axes, Sequence[Training], Settings], None]


def _panels(runs: Sequence[Training]) -> list[Panel]:
    found: list[Panel] = [_updates] if any("angle_bp" in row for r in runs for row in r.log) else []
    by_layer: dict[str, Panel] = {"angle_w_y": _weights, "apical_abs": _apical}
    return found + [panel for name, panel in by_layer.items() if _layers(runs, name)]


def _layers(runs: Sequence[Training], name: str) -> list[int]:
    """Numbers of the layers of which there is a column of this name."""
    columns = (key.rpartition("_") for run in runs for row in run.log for key in row)
    return sorted({int(number) for kind, _, number in columns if kind == name})


def _updates(place: Axes, runs: Sequence[Training], settings: Settings) -> None:
    quantities = [  # dashes, for the angles may be the same
        Quantity(label, colour, column(name), line)
        for (name, (label, colour)), line in zip(ANGLES.items(), LINES)
    ]
    curves(place, settings, quantities)
    place.set_ylabel("angle of the update, degrees")
    angle_axis(place)


def _weights(place: Axes, runs: Sequence[Training], settings: Settings) -> None:
    curves(place, settings, _by_layer(runs, settings, "angle_w_y"))
    place.set_ylabel("angle of Y to W, degrees")
    angle_axis(place)


def _apical(place: Axes, runs: Sequence[Training], settings: Settings) -> None:
    curves(place, settings, _by_layer(runs, settings, "apical_abs"))
    place.set_ylabel("mean |apical potential|")
    from_zero(place)


def _by_layer(runs: Sequence[Training], settings: Settings, name: str) -> list[Quantity]:
    layers = _layers(runs, name)
    if settings.names and len(layers) > len(LINES):
        ends = np.linspace(0, len(layers) - 1, len(LINES)).round().astype(int)
        layers = [layers[k] for k in ends]
    many = colormaps["viridis"](np.linspace(0, 0.9, len(layers)))
    colours = COLOURS if len(layers) <= len(COLOURS) else many
    return [
        Quantity(f"layer {layer}", colour, column(f"{name}_{layer}"))
        for layer, colour in zip(layers, colours)
    ]
