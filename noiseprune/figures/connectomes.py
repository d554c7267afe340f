"""Epsilon against the fraction of synapses kept on the embedded connectomes.

Every rule with the default sampling and balance, so that only the rule differs, beside the paper's
choices, the largest weights, and 2 / sqrt(d), d the mean degree left.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from noiseprune import datasets
from noiseprune.choices import Rule
from noiseprune.figures.protocol import NOISE, PAPER, Numbers, about, best_possible, epsilon_curves
from noiseprune.figures.style import curve, explain, over_kept
from noiseprune.progress import Progress, part
from noiseprune.pruning import Recipe

RULES: tuple[Rule, ...] = ("weight", "uniform", "magnitude", "surgeon")
WAYS = (NOISE, PAPER, *((rule, Recipe(rule=rule)) for rule in RULES))
NAMES = {
    "celegans": "C. elegans, chemical",
    "celegans-gap": "C. elegans, gap junctions",
    "mushroom-body": "fly larva, mushroom body",
    "optic-lobe": "fly, optic lobe",
}
EXTENT = 2
"""How far the patch of the optic lobe reaches: 1,203 neurons, exact in a second or so."""
FAST_EXTENT = 1


def measure(fast: bool, seed: int, progress: Progress) -> Numbers:
    """The curves of every connectome, with the dominant leak at a margin of 0.1."""
    fractions = (0.2, 0.5, 0.9) if fast else (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    draws = 1 if fast else 5
    networks = {}
    for index, name in enumerate(NAMES):
        extent = f":{FAST_EXTENT if fast else EXTENT}" if name == "optic-lobe" else ""
        net = datasets.load(name + extent)
        networks[name + extent] = about(net) | {
            "best_possible": best_possible(net, fractions),
            "curves": epsilon_curves(
                net, WAYS, fractions, draws, seed, part(progress, index, len(NAMES))
            ),
        }
    return {
        "leak": "dominant",
        "leak_margin": 0.1,
        "fractions": list(fractions),
        "draws": draws,
        "networks": networks,
    }


def draw(numbers: Numbers) -> Figure:
    """A panel for each connectome."""
    figure = Figure(figsize=(7.2, 6.0), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True)
    for panel, (name, net) in zip(panels.flat, numbers["networks"].items()):
        over_kept(panel, numbers["fractions"], net["best_possible"])
        for found in net["curves"]:
            curve(panel, found, numbers["draws"])
        degree = net["n_synapses"] / net["n_neurons"]
        title = NAMES[name.partition(":")[0]]
        panel.set_title(f"{title}\n({net['n_neurons']:,} neurons, mean degree {degree:.1f})")
    for panel in panels[-1]:
        panel.set_xlabel("synapses kept (%)")
    for panel in panels[:, 0]:
        panel.set_ylabel("epsilon")
    curves = [found for net in numbers["networks"].values() for found in net["curves"]]
    explain(figure, curves, numbers["draws"])
    return figure
