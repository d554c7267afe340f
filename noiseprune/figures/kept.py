"""Epsilon against the fraction of synapses kept: every rule, sampling and balance.

On the paper's clustered network at half its size, beside the epsilon that the theorem promises
(where below 1) and 2 / sqrt(d), d the mean degree left: about the least where few are kept.
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from noiseprune.figures import protocol
from noiseprune.figures.protocol import Numbers
from noiseprune.figures.style import INK, curve, explain, over_kept
from noiseprune.progress import Progress
from noiseprune.pruning.recipe import BALANCES, PAPER, SAMPLINGS, Recipe

DRAWN = tuple(
    (rule, Recipe(rule=rule, sampling=sampling, balance=balance))
    for rule in ("noise", "weight", "uniform")
    for sampling in SAMPLINGS
    for balance in BALANCES
)
WAYS = (*DRAWN, ("paper", PAPER), ("magnitude", Recipe(rule="magnitude")))
_PROMISE: Any = {"color": INK, "linestyle": "--", "linewidth": 1}


def measure(fast: bool, seed: int, progress: Progress) -> Numbers:
    """A curve for each rival; mean over the draws."""
    net = protocol.paper_network(150 if fast else 1500)
    fractions = (0.2, 0.5, 0.9) if fast else (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
    draws = 2 if fast else 3
    return {
        "network": protocol.about_paper(net),
        "fractions": list(fractions),
        "draws": draws,
        "best_possible": protocol.best_possible(net, fractions),
        "curves": protocol.epsilon_curves(net, WAYS, fractions, draws, seed, progress),
    }


def draw(numbers: Numbers) -> Figure:
    """Samplings down, balances across; what draws nothing or has one sampling stands in its own."""
    figure = Figure(figsize=(7.2, 6.6), layout="constrained")
    panels = figure.subplots(len(SAMPLINGS), len(BALANCES), sharex=True, sharey=True)
    fractions = [100 * fraction for fraction in numbers["fractions"]]
    for row, sampling in zip(panels, SAMPLINGS):
        for panel, balance in zip(row, BALANCES):
            over_kept(panel, numbers["fractions"], numbers["best_possible"])
            for found in numbers["curves"]:
                if found["balance"] == balance and found["sampling"] in (sampling, "none"):
                    curve(panel, found, numbers["draws"])
                    bound = [x for x in zip(fractions, found["promised"]) if x[1] is not None]
                    if bound:
                        panel.plot(*zip(*bound), **_PROMISE)
    for panel in panels[-1]:
        panel.set_xlabel("synapses kept (%)")
    for panel, balance in zip(panels[0], BALANCES):
        panel.set_title(f"balance: {balance}")
    for panel, sampling in zip(panels[:, 0], SAMPLINGS):
        panel.set_ylabel(f"{sampling} sampling\nepsilon")
    curves, draws = numbers["curves"], numbers["draws"]
    promise = Line2D([], [], label="promised with 95 % (where below 1)", **_PROMISE)
    promised = any(bound is not None for found in curves for bound in found["promised"])
    explain(figure, curves, draws, [promise] if promised else [])
    n = numbers["network"]["n_neurons"]
    figure.suptitle(f"Clustered network, {n:,} neurons: mean of {draws} draws")
    return figure
