"""What the figures share: the paper's networks, the ways to prune them, and epsilon of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from noiseprune import spectrum
from noiseprune.checks import Seed, seed_sequence, substream
from noiseprune.generators import clustered_network, paper_long_range, paper_sizes
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress
from noiseprune.pruning import Pruning, prune_with_variance
from noiseprune.similarity import is_stable
from noiseprune.variance import synapse_variance

Numbers = dict[str, Any]
"""What a figure is drawn from: names, numbers and lists of them, as JSON holds them."""

NETWORK_SEED = 3


@dataclass(frozen=True)
class Rival:
    """A way to prune, under the name of its look; None takes the rule's own choice."""

    name: str
    rule: str
    sampling: str | None = None
    balance: str | None = None
    refit: bool = False


NOISE = Rival("noise", "noise")
REFIT = Rival("refit", "noise", refit=True)
PAPER = Rival("paper", "noise", "independent", "leak")
"""The paper's choices with the exact budget: equal counts, where rule "paper" keeps less."""
WEIGHT = Rival("weight", "weight", "independent", "leak")
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
    return {
        "kind": "clustered",
        "sizes": list(sizes),
        "long_range": paper_long_range(sizes),
        "generator_seed": NETWORK_SEED,
        **about(net),
    }


def about(net: RateNetwork) -> Numbers:
    return {
        "n_neurons": net.n_neurons,
        "n_synapses": net.n_synapses,
        "symmetric": net.is_symmetric,
    }


def prunings(
    net: RateNetwork, keep: float, rivals: Sequence[Rival], seed: Seed, progress: Progress
) -> Iterator[tuple[Rival, Pruning, Numbers]]:
    """Every rival's pruning of a network from one seed, with what repeats it in words."""
    variance = synapse_variance(net).variance
    for rival in rivals:
        pruning = prune_with_variance(
            net,
            variance,
            keep=keep,
            rule=rival.rule,
            sampling=rival.sampling,
            balance=rival.balance,
            refit=rival.refit,
            seed=seed,
            progress=progress,
        )
        choices = {
            "rule": pruning.rule,
            "sampling": pruning.sampling,
            "balance": pruning.balance,
            "n_kept": pruning.n_kept,
            "refit": pruning.refit and asdict(pruning.refit),
        }
        yield rival, pruning, choices


def epsilon_curves(
    net: RateNetwork,
    rivals: Sequence[Rival],
    fractions: Sequence[float],
    draws: int,
    seed: Seed,
    progress: Progress,
) -> list[Numbers]:
    """Epsilon of every rival over the fractions to keep; as `noiseprune.compare` at each.

    Of a curve, one number a fraction: `kept` (mean fraction really kept), `epsilon` (mean over the
    draws), `largest`, `n_stable` (draws whose network is stable) and `promised` (mean epsilon that
    the theorem promises with 95 % probability; None where it promises none below 1).
    """
    root = seed_sequence(seed)
    streams = [substream(root, 0, 1, draw) for draw in range(draws)]
    variance = synapse_variance(net, seed=root).variance
    original = spectrum.Original(net)
    curves, done = [], 0
    for rival in rivals:
        curve: Numbers = {"name": rival.name, "rule": rival.rule}
        points: dict[str, list[Any]] = {
            name: [] for name in ("kept", "epsilon", "largest", "n_stable", "promised")
        }
        for keep in fractions:
            prunings, changes = [], []
            for stream in streams:
                pruning = prune_with_variance(
                    net,
                    variance,
                    keep=keep,
                    rule=rival.rule,
                    sampling=rival.sampling,
                    balance=rival.balance,
                    seed=np.random.default_rng(stream),
                )
                prunings.append(pruning)
                changes.append(original.epsilon(pruning.network))
                done += 1
                progress(done, len(rivals) * len(fractions) * draws)
            epsilons = [change.epsilon for change in changes]
            promised = [p.promised_epsilon for p in prunings if p.promised_epsilon is not None]
            points["kept"].append(np.mean([p.n_kept for p in prunings]) / net.n_synapses)
            points["epsilon"].append(np.mean(epsilons))
            points["largest"].append(np.max(epsilons))
            points["n_stable"].append(
                sum(is_stable(p.network, change) for p, change in zip(prunings, changes))
            )
            points["promised"].append(np.mean(promised) if len(promised) == draws else None)
        curve |= {"sampling": pruning.sampling, "balance": pruning.balance}
        curves.append(curve | {name: listed(values) for name, values in points.items()})
    return curves


def best_possible(net: RateNetwork, fractions: Sequence[float]) -> list[float]:
    """2 / sqrt(d), d the mean degree left: about the least epsilon of any rule where few stay."""
    degrees = np.asarray(fractions) * net.n_synapses / net.n_neurons
    return listed(2.0 / np.sqrt(degrees))


def listed(values: npt.ArrayLike | Sequence[Any], digits: int = 6) -> list[Any]:
    """Numbers, in lists as deep as the array, to so many digits; None stays None."""
    return [
        None
        if value is None
        else float(f"{value:.{digits}g}")
        if np.ndim(value) == 0
        else listed(value, digits)
        for value in np.asarray(values, dtype=object if _has_gaps(values) else None)
    ]


def rounded(value: float | np.floating[Any], digits: int = 6) -> float:
    """A number to so many digits."""
    return float(f"{value:.{digits}g}")


def _has_gaps(values: Any) -> bool:
    return isinstance(values, list) and any(value is None for value in values)
