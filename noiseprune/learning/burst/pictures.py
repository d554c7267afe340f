"""Pictures of runs with local rules, drawn from their logs alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from noiseprune.learning.training import Training

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#882255", "#e69f00")
ANGLES = {
    "angle_bp": ("to backprop", COLOURS[0]),
    "angle_fa": ("to feedback alignment", COLOURS[1]),
}


def diagnosed(runs: Sequence[Training]) -> Mapping[str, Figure]:
    """`angles`, where the log has any."""
    logged = any("angle_bp" in row for run in runs for row in run.log)
    return {"angles": angles(runs)} if logged else {}


def angles(runs: Sequence[Training]) -> Figure:
    """Of the updates to backprop and feedback alignment; of W and Y; mean |u|, layer by layer."""
    figure = Figure(figsize=(9.0, 3.0), layout="constrained")
    updates, weights, apical = figure.subplots(1, 3)
    opacity = max(0.3, 1 / len(runs) ** 0.5)
    for run_index, run in enumerate(runs):
        for name, (label, colour) in ANGLES.items():
            label = "_" if run_index else label
            updates.plot(*run.column(name), color=colour, alpha=opacity, label=label)
        for k, colour in enumerate(COLOURS, start=1):
            label = "_" if run_index else f"layer {k}"
            epochs, values = run.column(f"apical_abs_{k}")
            if epochs:
                weights.plot(*run.column(f"angle_w_y_{k}"), color=colour, alpha=opacity)
                apical.plot(epochs, values, color=colour, alpha=opacity, label=label)
    updates.set(xlabel="epoch", ylabel="angle of the update, degrees", ylim=(0, None))
    updates.legend()
    weights.set(xlabel="epoch", ylabel="angle of Y to W, degrees", ylim=(-2, None))
    apical.set(xlabel="epoch", ylabel="mean |apical potential|", ylim=(0, None))
    apical.legend()
    return figure
