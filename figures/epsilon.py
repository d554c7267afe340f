"""Epsilon against the fraction kept: noise-prune beside its rivals, generated and real.

    python figures/epsilon.py

Writes epsilon.png, epsilon.svg and the numbers drawn, epsilon.json, beside this file.
"""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import noiseprune as npr

HERE = Path(__file__).parent
FRACTIONS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
# rule, sampling, balance, label, colour, line: told apart in black and white by line and marker
RIVALS = (
    ("noise", "systematic", "homeostatic", "noise (default)", "#0b6e4f", "o-"),
    ("paper", None, None, "noise (paper's choices)", "#3a86c8", "s--"),
    ("uniform", "independent", "leak", "uniform", "#8a8a8a", "^:"),
    ("weight", "independent", "leak", "weight", "#c1440e", "d-."),
)


def measure(draws: int = 5) -> dict[str, dict[str, list[float]]]:
    """{network: {label: mean epsilon at every fraction}}, and the fractions really kept."""
    networks = {
        "clustered network, 660 neurons": npr.clustered_network(
            (600, 20, 20, 20), long_range=1000, seed=3
        ),
        "mushroom body of a fly larva, 209 neurons": npr.datasets.load("mushroom-body"),
    }
    found: dict[str, dict[str, list[float]]] = {}
    for name, net in networks.items():
        curves: dict[str, list[float]] = {rival[3]: [] for rival in RIVALS}
        kept: dict[str, list[float]] = {f"{rival[3]}: kept": [] for rival in RIVALS}
        for keep in FRACTIONS:
            comparison = npr.compare(
                net, keep, draws=draws, choices=[rival[:3] for rival in RIVALS], seed=1
            )
            for rival, row in zip(RIVALS, comparison.rows):
                curves[rival[3]].append(row.epsilon)
                kept[f"{rival[3]}: kept"].append(row.kept_fraction)
        found[name] = {**curves, **kept}
    return found


def draw(found: dict[str, dict[str, list[float]]]) -> None:
    """Two panels, written beside this file."""
    plt.rcParams.update({"font.size": 9, "svg.hashsalt": "noiseprune"})
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="constrained")
    for axis, (name, curves) in zip(axes, found.items()):
        for _, _, _, label, colour, line in RIVALS:
            kept = 100 * np.array(curves[f"{label}: kept"])
            axis.plot(kept, curves[label], line, color=colour, label=label, markersize=4)
        axis.set(title=name, xlabel="synapses kept (%)", yscale="log", xlim=(0, 100))
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("epsilon: relative change of the drift")
    axes[0].legend(frameon=False)
    figure.savefig(HERE / "epsilon.png", dpi=160)
    figure.savefig(HERE / "epsilon.svg", metadata={"Date": None})


if __name__ == "__main__":
    numbers = measure()
    (HERE / "epsilon.json").write_text(json.dumps(numbers, indent=1) + "\n")
    draw(numbers)
