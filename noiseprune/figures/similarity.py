"""Errors per eigenvector (lambda, v) of the paper's network, by four ways to prune.

    eps_lambda = |lambda' / lambda - 1|,   eps_v = |v^T A_s v / lambda - 1|,
    cos Theta = |v^T A_s v| / ||A_s v||

They are as the paper measures them; of each stand the quantiles over the N eigenvectors.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from noiseprune.figures import protocol
from noiseprune.figures.protocol import Numbers
from noiseprune.figures.style import INK, LOOKS
from noiseprune.progress import Progress, part
from noiseprune.spectrum import eigen_errors
from noiseprune.weights import FloatArray

WAYS = (protocol.REFIT, protocol.NOISE, protocol.PAPER, protocol.WEIGHT)
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
MEASURES = {
    "eps_lambda": "|λ′ / λ − 1|",
    "eps_v": "|vᵀA′v / λ − 1|",
    "cosine": "1 − cos Θ between v and A′v",
}


def measure(fast: bool, seed: int, progress: Progress) -> Numbers:
    """Quantiles of the three measures for every way to prune; the refit takes minutes."""
    net, keep = protocol.experiment(fast=fast)
    rivals = {}
    prunings = protocol.prunings(net, keep, WAYS, seed, part(progress, 0, 2))
    for name, pruning, choices in prunings:
        errors = eigen_errors(net, pruning.network)
        rivals[name] = choices | {
            "eps_lambda": _quantiles(errors.eigenvalue),
            "eps_v": _quantiles(errors.eigenvector),
            "cosine": _quantiles(errors.cosine),
        }
        part(progress, 1, 2)(len(rivals), len(WAYS))
    return {
        "network": protocol.about_paper(net),
        "keep": keep,
        "quantiles": list(QUANTILES),
        "rivals": rivals,
    }


def draw(numbers: Numbers) -> Figure:
    """A panel for each measure, a box for each way to prune; 1 - cos Theta, so that less is better.

    Box: quartiles and median; whiskers: 5 % and 95 %; mark: the worst eigenvector.
    """
    figure = Figure(figsize=(7.2, 2.9), layout="constrained")
    panels = figure.subplots(1, len(MEASURES), sharey=True)
    rivals = numbers["rivals"]
    for panel, (name, label) in zip(panels, MEASURES.items()):
        for place, (rival, found) in enumerate(rivals.items()):
            errors = found[name]
            if name == "cosine":
                errors = [1.0 - cosine for cosine in reversed(errors)]
            _, low, first, median, third, high, worst = errors
            look = LOOKS[rival]
            panel.plot([low, high], [place, place], color=INK, linewidth=1)
            panel.barh(
                place, third - first, 0.55, left=first, color=look.colour, edgecolor=INK, zorder=3
            )
            panel.plot([median, median], [place - 0.4, place + 0.4], color=INK, zorder=4)
            panel.plot([worst], [place], look.marker, color=look.colour, markeredgecolor=INK)
        panel.set(xscale="log", xlabel=label)
        panel.grid(visible=False, axis="y")
    panels[0].set_yticks(range(len(rivals)), [LOOKS[rival].label for rival in rivals])
    panels[0].invert_yaxis()
    figure.suptitle(
        f"Errors over the eigenvectors v of A, {protocol.described(numbers)}\n"
        "(box: quartiles and median; whiskers: 5 % and 95 %; mark: the worst)"
    )
    return figure


def _quantiles(values: FloatArray) -> list[float]:
    return protocol.listed(np.quantile(values, QUANTILES), 9)
