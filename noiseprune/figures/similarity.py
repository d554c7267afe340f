"""Errors per eigenvector (lambda, v) of the paper's network, by four ways to prune.

    eps_lambda = |lambda' / lambda - 1|,   eps_v = |v^T A_s v / lambda - 1|,
    cos Theta = |v^T A_s v| / ||A_s v||

As the paper measures them; of each, the quantiles over the N eigenvectors.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from noiseprune.figures.protocol import (
    NOISE,
    PAPER,
    REFIT,
    WEIGHT,
    Numbers,
    about_paper,
    experiment,
    listed,
    prunings,
)
from noiseprune.figures.style import INK, LOOKS
from noiseprune.progress import Progress, part
from noiseprune.spectrum import eigen_errors
from noiseprune.weights import FloatArray

RIVALS = (REFIT, NOISE, PAPER, WEIGHT)
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
MEASURES = {
    "eps_lambda": "|λ′ / λ − 1|",
    "eps_v": "|vᵀA′v / λ − 1|",
    "cosine": "cos Θ between v and A′v",
}


def measure(fast: bool, seed: int, progress: Progress) -> Numbers:
    """Quantiles of the three measures for every way to prune; the refit takes minutes."""
    net, keep = experiment(fast=fast)
    rivals = {}
    for rival, pruning, choices in prunings(net, keep, RIVALS, seed, part(progress, 0, 2)):
        errors = eigen_errors(net, pruning.network)
        rivals[rival.name] = choices | {
            "eps_lambda": _quantiles(errors.eigenvalue),
            "eps_v": _quantiles(errors.eigenvector),
            "cosine": _quantiles(errors.cosine),
        }
        part(progress, 1, 2)(len(rivals), len(RIVALS))
    return {
        "network": about_paper(net),
        "keep": keep,
        "quantiles": list(QUANTILES),
        "rivals": rivals,
    }


def draw(numbers: Numbers) -> Figure:
    """A panel for each measure, a box for each way to prune."""
    figure = Figure(figsize=(7.2, 3.1), layout="constrained")
    panels = figure.subplots(1, len(MEASURES))
    rivals = numbers["rivals"]
    for panel, (name, label) in zip(panels, MEASURES.items()):
        for place, (rival, found) in enumerate(rivals.items()):
            least, low, first, median, third, high, largest = found[name]
            look = LOOKS[rival]
            panel.bxp(
                [
                    {
                        "whislo": low,
                        "q1": first,
                        "med": median,
                        "q3": third,
                        "whishi": high,
                        "fliers": [least, largest] if name == "cosine" else [largest],
                    }
                ],
                positions=[place],
                widths=0.55,
                patch_artist=True,
                boxprops={"facecolor": look.colour, "alpha": 0.45, "edgecolor": INK},
                medianprops={"color": INK, "linewidth": 2},
                whiskerprops={"color": INK},
                capprops={"color": INK},
                flierprops={"marker": look.marker, "markeredgecolor": INK, "markersize": 4},
            )
        labels = [LOOKS[rival].label.replace(" ", "\n").replace(",", "") for rival in rivals]
        panel.set_xticks(range(len(rivals)), labels, fontsize=7)
        panel.grid(visible=False, axis="x")
        panel.set_title(label)
        if name != "cosine":
            panel.set_yscale("log")
    panels[0].set_ylabel("relative error")
    panels[2].set_ylabel("cosine")
    n, kept = numbers["network"]["n_neurons"], 100 * numbers["keep"]
    figure.suptitle(
        f"Over the eigenvectors v of A, {n:,} neurons, {kept:g} % of the synapses kept\n"
        "(box: quartiles; whiskers: 5 % and 95 %; marks: extremes)",
        fontsize=9,
    )
    return figure


def _quantiles(values: FloatArray) -> list[float]:
    return listed(np.quantile(values, QUANTILES))
