"""Eigenvalues of the paper's network before pruning against after, by three ways to prune.

They are those of -A, (N,), in ascending order, 1/s. In a symmetric network they all stay within a
factor of 1 +- epsilon, the shaded band.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from matplotlib.figure import Figure

from noiseprune import spectrum
from noiseprune.eigenvalues import dense_eigenvalues
from noiseprune.figures import protocol
from noiseprune.figures.protocol import Numbers, listed
from noiseprune.figures.style import INK, LOOKS, below
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress, silent
from noiseprune.weights import FloatArray

WAYS = (protocol.NOISE, protocol.PAPER, protocol.WEIGHT)


def measure(fast: bool, seed: int, progress: Progress) -> Numbers:
    """All eigenvalues of the original and of every pruned network, with its epsilon."""
    net, keep = protocol.experiment(fast=fast)
    before = _eigenvalues(net)
    original = spectrum.Original(net)
    rivals = {}
    for name, pruning, choices in protocol.prunings(net, keep, WAYS, seed, silent):
        change = original.epsilon(pruning.network)
        rivals[name] = choices | {
            "epsilon": change.epsilon,
            "epsilon_method": change.method,
            "eigenvalues": listed(_eigenvalues(pruning.network)),
        }
        progress(len(rivals), len(WAYS))
    return {
        "network": protocol.about_paper(net),
        "keep": keep,
        "eigenvalues": listed(before),
        "rivals": rivals,
    }


def draw(numbers: Numbers) -> Figure:
    """A panel for each way to prune, after over before."""
    figure = Figure(figsize=(7.2, 3.0), layout="constrained")
    panels = figure.subplots(1, len(numbers["rivals"]), sharex=True, sharey=True)
    before = np.array(numbers["eigenvalues"])
    ends = np.array([0.7 * before[0], 1.4 * before[-1]])
    floor = 0.4 * ends[0]
    entries = {}
    for panel, (name, rival) in zip(panels, numbers["rivals"].items()):
        look, epsilon, after = LOOKS[name], rival["epsilon"], np.array(rival["eigenvalues"])
        lowest = max(1.0 - epsilon, 1e-9)
        entries["changed by a factor within 1 ± epsilon"] = panel.fill_between(
            ends, lowest * ends, (1 + epsilon) * ends, color="#d9d9d9", lw=0
        )
        (entries["unchanged"],) = panel.plot(ends, ends, color=INK, linewidth=0.8)
        hollow = look.style | {"linestyle": "none", "markerfacecolor": "none"}
        panel.plot(before, after, markersize=3.5, markeredgewidth=0.7, rasterized=True, **hollow)
        panel.set(xscale="log", yscale="log", xlim=ends, ylim=(0.9 * floor, 1.6 * ends[1]))
        panel.set_title(f"{look.label}: epsilon {epsilon:.2f}")
        panel.set_xlabel("before pruning (1/s)")
        lost = after < floor
        if np.any(lost):
            (entries["below the axis, or not above 0"],) = panel.plot(
                before[lost], np.full(np.count_nonzero(lost), floor), "v", color=INK, clip_on=False
            )
    panels[0].set_ylabel("after pruning (1/s)")
    for label, entry in entries.items():
        entry.set_label(label)
    below(figure, list(entries.values()), len(entries))
    figure.suptitle(f"Eigenvalues of −A, {protocol.described(numbers)}")
    return figure


def _eigenvalues(net: RateNetwork) -> FloatArray:
    """Those of -A, ascending."""
    return cast(FloatArray, dense_eigenvalues(-net.dense_drift(), symmetric=True))
