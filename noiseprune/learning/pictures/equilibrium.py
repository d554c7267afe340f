"""Pictures of trained networks: losses over networks, weights, graph and decisions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from noiseprune.learning.data.logic import logic_task
from noiseprune.learning.models.equilibrium.building import network_of
from noiseprune.learning.models.equilibrium.network import DirectedEP
from noiseprune.learning.options.equilibrium import DeepOptions, EPOptions
from noiseprune.learning.options.names import LogicName
from noiseprune.learning.pictures.curves import epoch_axis, from_zero, named, wrapped
from noiseprune.learning.training.experiment import Training
from noiseprune.learning.training.runs import differing
from noiseprune.weights import FloatArray

POSITIVE, NEGATIVE, INK = "#0072b2", "#d55e00", "#222222"
GRID = 101
"""Points a side of the decision map."""
MOST = 6
"""Runs of which the quantiles are drawn, the first."""
ACROSS = 3
"""How many of their panels stand side by side."""
ARROWS = 80
"""Synapses that the graph shows, the strongest."""
NODE, SMALLEST = 16.0, 8.0
"""Diameter of a neuron of the graph, in points, and the least that can hold a label."""
TICKS = 18
"""Neurons that are named beside the matrix, at most, but for the first of a layer."""


def drawn(runs: Sequence[Training]) -> Mapping[str, Figure]:
    """Quantiles of every run, and three pictures of the best network of the first one.

    Where runs differ, the titles say in what.
    """
    kind = DeepOptions if "preset" in runs[0].options else EPOptions
    options = kind(**runs[0].options)
    best = runs[0].result["best"]
    network = network_of(options, seeds=[best["seed"]])
    network.weights = np.array([best["weights"]])
    network.biases = np.array([best["biases"]])
    found = {"weights": weights(network), "graph": graph(network)}
    if network.topology.inputs <= 3:
        found["decisions"] = decisions(network, options.task)
    overview = quantiles(runs)
    if names := differing(runs):
        for axes, run in zip(overview.axes, runs):
            _headed(axes, named(run, names), overview.get_figwidth() / min(len(runs), ACROSS))
        for figure in found.values():
            _headed(figure.axes[0], named(runs[0], names), 3.2)
    return {"quantiles": overview, **found}


def _headed(axes: Axes, text: str, inches: float) -> None:
    """A title with lines above it."""
    axes.set_title(f"{wrapped(text, inches)}\n{axes.get_title()}")


def quantiles(runs: Sequence[Training]) -> Figure:
    """Test losses over epochs: smallest to largest, quartiles and median over networks, mean."""
    shown = runs[:MOST]
    across, down = min(len(shown), ACROSS), math.ceil(len(shown) / ACROSS)
    figure = Figure(figsize=(min(3.8 * across, 10.0), 3.0 * down), layout="constrained")
    panels = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
    for axes in panels[len(shown) :]:
        axes.remove()
    panels = panels[: len(shown)]
    for axes, run in zip(panels, shown):
        epochs, _ = run.column("loss_q0")
        low, lower, median, upper, high = (
            run.column(f"loss_q{k}")[1] for k in (0, 25, 50, 75, 100)
        )
        axes.fill_between(epochs, low, high, color=POSITIVE, alpha=0.12, linewidth=0, label="all")
        axes.fill_between(
            epochs, lower, upper, color=POSITIVE, alpha=0.3, linewidth=0, label="middle half"
        )
        axes.plot(epochs, median, color=POSITIVE, label="median")
        axes.plot(*run.column("test_loss"), color=INK, linestyle="--", label="mean")
        number, rate = run.options["seeds"], run.result["success_rate"]
        axes.set(title=f"{run.options['task']}: {rate:.0%} of {number} networks right")
        epoch_axis(axes)
    from_zero(*panels)
    for axes in panels[::across]:
        axes.set_ylabel("squared error / 2")
    panels[-1].legend()
    if len(shown) < len(runs):
        figure.suptitle(f"the first {len(shown)} of {len(runs)} runs", fontsize="medium")
    return figure


def weights(network: DirectedEP) -> Figure:
    """The weight matrix of the first network."""
    topology = network.topology
    matrix = network.weights[0]
    n = topology.n_neurons
    figure = Figure(figsize=(4.2, 3.6), layout="constrained")
    axes = figure.subplots()
    top = float(np.abs(matrix).max()) or 1.0
    shown = np.ma.masked_where(~topology.allowed, matrix)
    colours = colormaps["RdBu"].with_extremes(bad="#e4e4e4")
    image = axes.imshow(shown, cmap=colours, vmin=-top, vmax=top)
    axes.set(xlabel="sends", ylabel="hears")
    axes.grid(visible=False)
    ticks = _ticks(topology.layer)
    labels = [topology.labels[k] for k in ticks]
    axes.set_xticks(ticks, labels, fontsize=7, rotation=90 if n > TICKS else 0)
    axes.set_yticks(ticks, labels, fontsize=7)
    for edge in np.flatnonzero(np.diff(topology.layer)) + 0.5:
        axes.axhline(edge, color=INK, linewidth=0.5)
        axes.axvline(edge, color=INK, linewidth=0.5)
    figure.colorbar(image, ax=axes, label="weight (grey: none allowed)")
    axes.set_title(f"seed {network.seeds[0]}, {network.sparsity[0]:.0%} of the synapses are 0")
    return figure


def _ticks(layer: np.ndarray) -> list[int]:
    """Neurons to name: the first of each layer and others, none too near to another."""
    step = math.ceil(layer.size / TICKS)
    found: list[int] = []
    for k in [*np.flatnonzero(np.diff(layer, prepend=-1)), *range(layer.size)]:
        if all(abs(k - other) >= step for other in found):
            found.append(int(k))
    return sorted(found)


def graph(network: DirectedEP) -> Figure:
    """The first network as a directed graph: an arrow a synapse, the wider the stronger.

    It shows the ARROWS strongest synapses at most. Layers too large for labels are dots.
    """
    topology, matrix = network.topology, network.weights[0]
    places = _places(topology.layer)
    largest = int(np.bincount(topology.layer).max())
    height = float(np.clip(0.24 * largest, 3.8, 7.0))
    spacing = 72 * (height - 0.8) / (1.2 * max(1, largest - 1))
    node = min(NODE, 0.9 * spacing)
    figure = Figure(figsize=(5.0, height), layout="constrained")
    axes = figure.subplots()
    top = float(np.abs(matrix).max()) or 1.0
    present = np.argwhere(matrix != 0)
    order = np.argsort(-np.abs(matrix[tuple(present.T)]), kind="stable")
    drawn = present[order[:ARROWS]]
    for post, pre in drawn[::-1]:
        strength = abs(matrix[post, pre]) / top
        axes.add_patch(
            FancyArrowPatch(
                places[pre],
                places[post],
                connectionstyle="arc3,rad=0.18",
                arrowstyle="-|>",
                mutation_scale=5 + 5 * strength,
                shrinkA=node / 2 + 1,
                shrinkB=node / 2 + 1,
                linewidth=0.2 + 2.2 * strength,
                color=POSITIVE if matrix[post, pre] > 0 else NEGATIVE,
                alpha=0.25 + 0.7 * strength,
            )
        )
    axes.scatter(
        places[:, 0], places[:, 1], s=node**2, facecolor="white", edgecolor=INK, zorder=3,
        linewidth=min(1.0, node / 8),
    )  # fmt: skip
    size = min(8.0, 1.25 * node / max(map(len, topology.labels)))
    for place, label in zip(places, topology.labels if node >= SMALLEST else ()):
        axes.annotate(label, place, ha="center", va="center", fontsize=size, zorder=4)
    axes.set(xlim=(-0.4, topology.layer.max() + 0.4), ylim=(-0.1, 1.1))
    axes.set_axis_off()
    axes.plot([], [], color=POSITIVE, label="excitatory")
    axes.plot([], [], color=NEGATIVE, label="inhibitory")
    figure.legend(loc="outside lower center", ncols=2)
    number = len(present)
    which = f"{number}" if len(drawn) == number else f"the {len(drawn)} strongest of {number}"
    axes.set_title(
        f"seed {network.seeds[0]}: {which} synapses, {network.sparsity[0]:.0%} of those allowed "
        "are 0"
    )
    return figure


def _places(layer: np.ndarray) -> FloatArray:
    """(N, 2): layers from left to right, each spread from top to bottom and bent a little."""
    places = np.zeros((layer.size, 2))
    for number in range(int(layer.max()) + 1):
        members = np.flatnonzero(layer == number)
        heights = (
            np.linspace(1, 0, members.size + 2)[1:-1]
            if members.size < 3
            else np.linspace(1, 0, members.size)
        )
        places[members, 0] = number + 0.3 * (heights - 0.5) ** 2
        places[members, 1] = heights
    return places


def decisions(network: DirectedEP, task: LogicName) -> Figure:
    """What the first network says to inputs between 0 and 1; every start is the same, 0.05."""
    wanted = logic_task(task)
    figure = Figure(figsize=(4.0, 3.4), layout="constrained")
    axes = figure.subplots()
    axis = np.linspace(0.0, 1.0, GRID)
    mesh = np.meshgrid(*[axis] * (network.topology.inputs - 1))
    rows = np.stack([*(part.ravel() for part in mesh), np.ones(mesh[0].size)], axis=1)
    outputs = network.outputs(network.settle(rows).states)[0]
    # Of one-hot outputs, how much more the second answer has than the first, as a share.
    said = outputs[:, 0] if outputs.shape[1] == 1 else 0.5 + (outputs[:, 1] - outputs[:, 0]) / 2
    if len(mesh) == 1:
        axes.plot(axis, said, color=POSITIVE)
        axes.plot(
            wanted.inputs[:, 0], wanted.targets[:, 0], "o", color=INK, clip_on=False, zorder=3
        )
        axes.axhline(0.5, color=INK, linewidth=0.5, linestyle=":")
        axes.set(xlabel="input", ylabel="output", ylim=(-0.02, 1.02))
    else:
        _map(axes, said.reshape(GRID, GRID), wanted.inputs, wanted.targets[:, 0])
        figure.colorbar(axes.images[0], ax=axes, label="output")
    axes.set_title(f"{task}, seed {network.seeds[0]}")
    return figure


def _map(axes: Axes, said: FloatArray, inputs: FloatArray, targets: FloatArray) -> None:
    style: dict[str, Any] = {"origin": "lower", "extent": (0, 1, 0, 1), "vmin": 0, "vmax": 1}
    axes.imshow(said, cmap="Blues", **style)
    if said.min() < 0.5 <= said.max():
        axes.contour(said, levels=[0.5], colors=INK, linewidths=1, extent=(0, 1, 0, 1))
    for row, target in zip(inputs, targets):
        axes.plot(
            *row[:2], "o", color=INK, markerfacecolor=INK if target else "white", clip_on=False,
            zorder=3,
        )  # fmt: skip
    axes.set(xlabel="first input", ylabel="second input")
    axes.grid(visible=False)
