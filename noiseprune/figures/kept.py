"""Epsilon against the fraction of synapses kept: every rule, sampling and balance.

On the paper's clustered network at half its size, beside the epsilon that the theorem promises
(where below 1) and 2 / sqrt(d), d the mean degree left: about the least where few are kept.
"""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from noiseprune.figures.protocol import (
    Numbers,
    about_paper,
    best_possible,
    epsilon_curves,
    paper_network,
)
from noiseprune.figures.style import (
    INK,
    LOOKS,
    below,
    curve,
    limit_handle,
    percent_axis,
    unstable_handle,
)
from noiseprune.progress import Progress
from noiseprune.pruning.recipe import BALANCES, PAPER, SAMPLINGS, Recipe

DRAWN = tuple(
    (rule, Recipe(rule=rule, sampling=sampling, balance=balance))
    for rule in ("noise", "weight", "uniform")
    for sampling in SAMPLINGS
    for balance in BALANCES
)
WAYS = (*DRAWN, ("paper", PAPER), ("magnitude", Recipe(rule="magnitude")))


def measure(fast: bool, seed: int, progress: Progress) -> Numbers:
    """A curve for each rival; mean over the draws."""
    net = paper_network(150 if fast else 1500)
    fractions = (0.2, 0.5, 0.9) if fast else (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
    draws = 2 if fast else 3
    return {
        "network": about_paper(net),
        "fractions": list(fractions),
        "draws": draws,
        "best_possible": best_possible(net, fractions),
        "curves": epsilon_curves(net, WAYS, fractions, draws, seed, progress),
    }


def draw(numbers: Numbers) -> Figure:
    """Samplings down, balances across; what draws nothing or has one sampling stands in its own."""
    figure = Figure(figsize=(7.2, 6.6), layout="constrained")
    panels = figure.subplots(len(SAMPLINGS), len(BALANCES), sharex=True, sharey=True)
    fractions = [100 * fraction for fraction in numbers["fractions"]]
    for row, sampling in zip(panels, SAMPLINGS):
        for panel, balance in zip(row, BALANCES):
            panel.plot(fractions, numbers["best_possible"], color=INK, linestyle=":", linewidth=1)
            for found in numbers["curves"]:
                if found["balance"] == balance and found["sampling"] in (sampling, "none"):
                    curve(panel, found, numbers["draws"])
                    bound = [x for x in zip(fractions, found["promised"]) if x[1] is not None]
                    if bound:
                        panel.plot(*zip(*bound), color=INK, linestyle="--", linewidth=1)
            panel.set_yscale("log")
            percent_axis(panel, numbers["fractions"])
    for panel in panels[-1]:
        panel.set_xlabel("synapses kept (%)")
    for panel, balance in zip(panels[0], BALANCES):
        panel.set_title(f"balance: {balance}")
    for panel, sampling in zip(panels[:, 0], SAMPLINGS):
        panel.set_ylabel(f"{sampling} sampling\nepsilon")
    curves = numbers["curves"]
    present = {found["name"] for found in curves}
    handles = [look.handle() for name, look in LOOKS.items() if name in present]
    handles.append(limit_handle())
    if any(promised is not None for found in curves for promised in found["promised"]):
        label = "promised with 95 % (where below 1)"
        handles.append(Line2D([], [], color=INK, linestyle="--", linewidth=1, label=label))
    handles += unstable_handle(curves, numbers["draws"])
    below(figure, handles, 3)
    figure.suptitle(
        f"Clustered network, {numbers['network']['n_neurons']:,} neurons: "
        f"mean of {numbers['draws']} draws",
        fontsize=9,
    )
    return figure
