"""Four panels of a small network: weights, covariance, synapse variances, keep probabilities.

    C: A C + C A^T + sigma^2 I = 0,    v_ij = C_ii + C_jj - 2 sgn(w_ij) C_ij,
    p_ij = min(1, K |w_ij| v_ij)

Matrices (N, N), [post, pre]; white where there is no synapse. sigma = 1 rate / s^1/2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from noiseprune.figures.protocol import NETWORK_SEED, Numbers, about_clustered, listed
from noiseprune.generators import clustered_network
from noiseprune.lyapunov import covariance
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress
from noiseprune.pruning import Recipe, prune_network
from noiseprune.variance import synapse_variance
from noiseprune.weights import FloatArray

SIZES, LONG_RANGE, KEEP = (36, 15, 9), 60, 0.3
DIGITS = 4


def measure(fast: bool, seed: int, progress: Progress) -> Numbers:
    """The four matrices, with None where there is no synapse; the fast variant is the same."""
    net = clustered_network(SIZES, long_range=LONG_RANGE, seed=NETWORK_SEED)
    variance = synapse_variance(net).variance
    pruning = prune_network(net, variance, KEEP, Recipe(), seed=seed)
    progress(1, 1)
    return {
        "network": about_clustered(net, SIZES, LONG_RANGE),
        "noise": 1.0,
        "keep": KEEP,
        "gain": pruning.gain,
        "weight": _matrix(net, net.synapse_weights),
        "covariance": listed(covariance(net).covariance, DIGITS),
        "variance": _matrix(net, variance),
        "keep_probability": _matrix(net, pruning.keep_probability),
    }


def draw(numbers: Numbers) -> Figure:
    """Two rows of two matrices; dark is large."""
    figure = Figure(figsize=(6.4, 5.5), layout="compressed")
    axes = figure.subplots(2, 2)
    borders = np.cumsum(numbers["network"]["sizes"])
    panels = (
        ("weight", "Weights (1/s)"),
        ("covariance", "Covariance (rate²)"),
        ("variance", "Synapse variances (rate²)"),
        ("keep_probability", "Keep probabilities"),
    )
    colours = ListedColormap(colormaps["cividis_r"](np.linspace(0.06, 1.0, 256)))
    for panel, (name, title) in zip(axes.flat, panels):
        matrix = np.array(numbers[name], dtype=float)
        low, high = _range(name, matrix)
        image = panel.imshow(
            matrix, cmap=colours, vmin=low, vmax=high, interpolation="nearest", rasterized=True
        )
        beyond = "max" if np.nanmax(matrix) > high * (1 + 1e-9) else "neither"
        figure.colorbar(image, ax=panel, shrink=0.95, extend=beyond)
        panel.set_title(title)
        panel.grid(visible=False)
        for border in borders[:-1]:
            panel.axhline(border - 0.5, color="#555555", linewidth=0.6)
            panel.axvline(border - 0.5, color="#555555", linewidth=0.6)
        ticks = [0, *borders[:-1], borders[-1] - 1]
        panel.set(xticks=ticks, yticks=ticks)
    for panel in axes[1]:
        panel.set_xlabel("presynaptic neuron")
    for panel in axes[:, 0]:
        panel.set_ylabel("postsynaptic neuron")
    return figure


def _matrix(net: RateNetwork, values: FloatArray) -> list[list[float | None]]:
    """(n_synapses,) values in their places of an (N, N) matrix."""
    matrix = np.full((net.n_neurons, net.n_neurons), np.nan)
    matrix[net.synapses] = values
    rows: list[list[Any]] = listed(matrix, DIGITS)
    return [[None if np.isnan(value) else value for value in row] for row in rows]


def _range(name: str, matrix: FloatArray) -> tuple[float, float]:
    """Ends of the colour scale; the variances on a covariance's diagonal may lie beyond it."""
    if name == "keep_probability":
        return 0.0, 1.0
    if name == "covariance":
        return float(np.min(matrix)), float(np.quantile(matrix, 0.98))
    return float(np.nanmin(matrix)), float(np.nanmax(matrix))
