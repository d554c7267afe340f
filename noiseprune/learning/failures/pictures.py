"""Pictures of runs with failing synapses, drawn from their logs alone."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from noiseprune.learning.training import Training

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#882255")
"""Of the modes, or of the layers."""


def modes(runs: Sequence[Training]) -> Figure:
    """Singular values of the whole network over epochs: training (lines), theory (dashes)."""
    figure = Figure(figsize=(4.2, 3.2), layout="constrained")
    axes = figure.subplots()
    opacity = max(0.3, 1 / len(runs) ** 0.5)
    for k, colour in enumerate(COLOURS, start=1):
        for index, run in enumerate(runs):
            first = k == 1 and index == 0
            axes.plot(
                *run.column(f"s{k}"),
                color=colour,
                alpha=opacity,
                label="training" if first else "_",
            )
            epochs, values = run.column(f"theory_s{k}")
            if epochs:
                axes.plot(
                    epochs,
                    values,
                    color="#222222",
                    linestyle="--",
                    alpha=opacity,
                    label="theory" if first else "_",
                )
    axes.set(xlabel="epoch", ylabel="singular values of the whole network", ylim=(0, None))
    axes.legend()
    return figure


def layer_sizes(runs: Sequence[Training]) -> Figure:
    """Norms of the layers, relative to the first row, and their participation ratios."""
    figure = Figure(figsize=(7.2, 3.0), layout="constrained")
    norms, shares = figure.subplots(1, 2)
    opacity = max(0.3, 1 / len(runs) ** 0.5)
    for k, colour in enumerate(COLOURS, start=1):
        for index, run in enumerate(runs):
            epochs, values = run.column(f"layer{k}_norm")
            if not epochs:
                continue
            label = f"layer {k}" if index == 0 else "_"
            relative = [value / values[0] for value in values]
            norms.plot(epochs, relative, color=colour, alpha=opacity, label=label)
            shares.plot(*run.column(f"layer{k}_participation"), color=colour, alpha=opacity)
    norms.set(xlabel="epoch", ylabel="norm, relative to the first", yscale="log")
    norms.legend()
    shares.set(xlabel="epoch", ylabel="participation ratio", ylim=(0, 1))
    return figure
