"""What the figures share: the paper's networks, the ways to prune them, and epsilon of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from noiseprune.checks import Seed
from noiseprune.comparison import compare
from noiseprune.generators import clustered_network, paper_long_range, paper_sizes
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress
from noiseprune.pruning import Pruning, Recipe, prune_network
from noiseprune.variance import synapse_variance

Numbers = dict[str, Any]
"""What a figure is drawn from: names, numbers and lists of them, as JSON holds them."""

NETWORK_SEED = 3
CHOICES = ("rule", "sampling", "balance")
COLUMNS = (
    ("kept", "kept_fraction"),
    ("epsilon", "epsilon"),
    ("largest", "epsilon_max"),
    ("n_stable", "n_stable"),
    ("promised", "promised_epsilon"),
)
"""What a curve has of each row of a comparison, and its name there."""

Way = tuple[str, Recipe]
"""A way to prune, under the name of its look."""

NOISE: Way = ("noise", Recipe())
REFIT: Way = ("refit", Recipe(effort="refit"))
PAPER: Way = ("paper", Recipe(sampling="independent", balance="leak"))
"""The paper's choices with the exact budget: equal counts, where rule "paper" keeps less."""
WEIGHT: Way = ("weight", Recipe(rule="weight", sampling="independent", balance="leak"))
"""The rival of the paper: its draw and its matched diagonal, by |w| alone."""


def experiment(*, fast: bool) -> tuple[RateNetwork, float]:
    """The paper's first network, N = 3,000, and the fraction of it to keep; fast, a tenth of it."""
    return (paper_network(300), 0.3) if fast else (paper_network(3000), 0.1)


def paper_network(n: int, *, directed: bool = False) -> RateNetwork:
    """The paper's clustered network of n neurons, in proportion."""
    sizes = paper_sizes(n)
    return clustered_network(
        sizes, long_range=paper_long_range(sizes), directed=directed, seed=NETWORK_SEED
    )


def about_paper(net: RateNetwork) -> Numbers:
    """What repeats a network of `paper_network`."""
    sizes = paper_sizes(net.n_neurons)
    return about_clustered(net, sizes, paper_long_range(sizes))


def about_clustered(net: RateNetwork, sizes: Sequence[int], long_range: int) -> Numbers:
    """What repeats a network of `clustered_network` with the seed of all."""
    return {
        "kind": "clustered",
        "sizes": list(sizes),
        "long_range": long_range,
        "generator_seed": NETWORK_SEED,
        **about(net),
    }


def about(net: RateNetwork) -> Numbers:
    counts = {"n_neurons": net.n_neurons, "n_synapses": net.n_synapses}
    return counts | {"symmetric": net.is_symmetric}


def prunings(
    net: RateNetwork, keep: float, ways: Sequence[Way], seed: Seed, progress: Progress
) -> Iterator[tuple[str, Pruning, Numbers]]:
    """Every way's pruning of a network from one seed: name, pruning, and what repeats it."""
    variance = synapse_variance(net).variance
    for name, recipe in ways:
        pruning = prune_network(net, variance, keep, recipe, seed=seed, progress=progress)
        choices = {key: getattr(pruning, key) for key in (*CHOICES, "n_kept")}
        yield name, pruning, choices | {"refit": pruning.fit and asdict(pruning.fit)}


def described(numbers: Numbers) -> str:
    """Size and share kept of the network that `numbers` are of, for a title."""
    n, kept = numbers["network"]["n_neurons"], 100 * numbers["keep"]
    return f"{n:,} neurons, {kept:g} % of the synapses kept"


def epsilon_curves(
    net: RateNetwork,
    ways: Sequence[Way],
    fractions: Sequence[float],
    draws: int,
    seed: Seed,
    progress: Progress,
) -> list[Numbers]:
    """Epsilon of every way over the fractions to keep: the rows of `noiseprune.compare`, by way.

    In a curve, one number a fraction: `kept` (mean fraction really kept), `epsilon` (mean over the
    draws), `largest`, `n_stable` (draws whose network is stable) and `promised` (mean epsilon that
    the theorem promises with 95 % probability; None where it promises none below 1).
    """
    recipes = [recipe for _, recipe in ways]
    found = compare(
        net, list(fractions), draws=draws, recipes=recipes, seed=seed, progress=progress
    )
    curves: list[Numbers] = []
    for place, (name, recipe) in enumerate(ways):
        rows = found.rows[place :: len(ways)]
        columns = {key: listed([getattr(row, field) for row in rows]) for key, field in COLUMNS}
        curves.append({"name": name} | {key: getattr(recipe, key) for key in CHOICES} | columns)
    return curves


def best_possible(net: RateNetwork, fractions: Sequence[float]) -> list[float]:
    """2 / sqrt(d), d the mean degree left: about the least epsilon of any rule where few stay."""
    degrees = np.asarray(fractions) * net.n_synapses / net.n_neurons
    return listed(2.0 / np.sqrt(degrees))


def listed(values: npt.NDArray[Any] | Sequence[Any], digits: int = 6) -> list[Any]:
    """Numbers, in lists as deep as the array, to so many digits; None stays None."""
    return [
        value
        if value is None
        else rounded(value, digits)
        if np.ndim(value) == 0
        else listed(value, digits)
        for value in values
    ]


def rounded(value: float | np.floating[Any], digits: int = 6) -> float:
    """A number to so many digits."""
    return float(f"{value:.{digits}g}")
