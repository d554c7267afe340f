"""Pictures of runs with local rules, drawn from their logs alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from noiseprune.learning.training import Training

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#882255", "#e69f00")
ANGLES = {
    "angle_bp": ("to backprop", COLOURS[0]),
    "angle_fa": ("to feedback alignment", COLOURS[1]),
}


def diagnosed(runs: Sequence[Training]) -> Mapping[str, Figure]:
    """`angles`, where the log has any, or apical potentials."""
    return {"angles": angles(runs)} if _panels(runs) else {}


def angles(runs: Sequence[Training]) -> Figure:
    """Of the updates to backprop and feedback alignment; of W and Y; mean |u|, layer by layer.

    What no log has is left out: hidden layers, or updates with a teacher.
    """
    panels = _panels(runs)
    figure = Figure(figsize=(3.0 * max(1, len(panels)), 3.0), layout="constrained")
    places = figure.subplots(1, max(1, len(panels)), squeeze=False)[0]
    for place, draw in zip(places, panels):
        draw(place, runs, max(0.3, 1 / len(runs) ** 0.5))
    return figure


Panel = Callable[[Axes, Sequence[Training], float], None]


def _panels(runs: Sequence[Training]) -> list[Panel]:
    found: list[Panel] = [_updates] if any("angle_bp" in row for r in runs for row in r.log) else []
    by_layer: dict[str, Panel] = {"angle_w_y": _weights, "apical_abs": _apical}
    return found + [panel for name, panel in by_layer.items() if _layers(runs, name)]


def _layers(runs: Sequence[Training], name: str) -> list[int]:
    """Numbers of the layers of which there is a column of this name."""
    columns = (key.rpartition("_") for run in runs for row in run.log for key in row)
    return sorted({int(number) for kind, _, number in columns if kind == name})


def _updates(place: Axes, runs: Sequence[Training], opacity: float) -> None:
    for run_index, run in enumerate(runs):
        for name, (label, colour) in ANGLES.items():
            label = "_" if run_index else label
            place.plot(*run.column(name), color=colour, alpha=opacity, label=label)
    place.set(xlabel="epoch", ylabel="angle of the update, degrees", ylim=(0, None))
    place.legend()


def _weights(place: Axes, runs: Sequence[Training], opacity: float) -> None:
    _by_layer(place, runs, opacity, "angle_w_y")
    place.set(xlabel="epoch", ylabel="angle of Y to W, degrees", ylim=(-2, None))


def _apical(place: Axes, runs: Sequence[Training], opacity: float) -> None:
    _by_layer(place, runs, opacity, "apical_abs")
    place.set(xlabel="epoch", ylabel="mean |apical potential|", ylim=(0, None))
    place.legend()


def _by_layer(place: Axes, runs: Sequence[Training], opacity: float, name: str) -> None:
    layers = _layers(runs, name)
    colours = colormaps["viridis"](np.linspace(0, 0.9, len(layers)))
    for run_index, run in enumerate(runs):
        for layer, colour in zip(layers, COLOURS if len(layers) <= len(COLOURS) else colours):
            label = "_" if run_index else f"layer {layer}"
            place.plot(*run.column(f"{name}_{layer}"), color=colour, alpha=opacity, label=label)
