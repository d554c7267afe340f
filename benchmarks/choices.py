"""Which sampling and balance to default to: epsilon of every combination, at equal count.

    python benchmarks/choices.py [DRAWS]        (default 5)

Generated networks (the paper's, symmetric and directed; the authors' notebook sizes at a third;
all-excitatory modules; an unstructured signed control) and all embedded connectomes. Mean epsilon
over the draws; a star where some draw is unstable. Also how far the bound on the homeostatic
factors matters.
"""

from __future__ import annotations

import sys
from itertools import product

import machine
import numpy as np

import noiseprune as npr
from noiseprune import spectrum
from noiseprune.pruning import Recipe, prune_network
from noiseprune.pruning.recipe import BALANCES, SAMPLINGS
from noiseprune.similarity import is_stable

BOUNDS = (1.25, 1.5, 2.0, 3.0, 10.0)


def networks() -> dict[str, tuple[npr.RateNetwork, tuple[float, ...]]]:
    """Networks, and the fractions to keep of each."""
    small = {"sizes": (1350, 50, 50, 50), "long_range": 2500, "seed": 3}
    return {
        "paper, N = 1,500": (npr.clustered_network(**small), (0.2, 0.1, 0.02)),
        "paper, directed, N = 750": (
            npr.clustered_network((675, 25, 25, 25), long_range=1250, directed=True, seed=3),
            (0.2, 0.1),
        ),
        "notebook, N = 666": (
            npr.clustered_network((333, 66, 267), long_range=1666, seed=3),
            (0.2,),
        ),
        "excitatory modules, N = 600": (_modules(), (0.2, 0.05)),
        "unstructured signed, N = 600": (_unstructured(), (0.2, 0.05)),
        "celegans": (npr.datasets.load("celegans"), (0.5, 0.2)),
        "celegans-gap": (npr.datasets.load("celegans-gap"), (0.5, 0.2)),
        "mushroom-body": (npr.datasets.load("mushroom-body"), (0.5, 0.2)),
        "optic-lobe:2": (npr.datasets.load("optic-lobe:2"), (0.5, 0.2)),
    }


def _modules() -> npr.RateNetwork:
    """Six modules of 100 neurons, all excitatory: density 0.5 within and 0.02 between."""
    rng = np.random.default_rng(7)
    module = np.repeat(np.arange(6), 100)
    density = np.where(module[:, None] == module, 0.5, 0.02)
    upper = np.triu(rng.random((600, 600)) < density, 1) * rng.lognormal(size=(600, 600))
    return npr.RateNetwork(upper + upper.T, leak_margin=0.01)


def _unstructured() -> npr.RateNetwork:
    """The negative control: density 0.3, weights N(0, 1)."""
    rng = np.random.default_rng(9)
    upper = np.triu(rng.random((600, 600)) < 0.3, 1) * rng.standard_normal((600, 600))
    return npr.RateNetwork(upper + upper.T, leak_margin=0.01)


def main(draws: int) -> None:
    choice_rows, bound_rows = [], []
    for name, (net, fractions) in networks().items():
        variance = npr.synapse_variance(net)
        for keep in fractions:
            label = (name, f"{100 * keep:g} %", f"{keep * net.n_synapses / net.n_neurons:.1f}")
            cells = [
                _cell(net, variance, keep, Recipe(sampling=sampling, balance=balance), draws)
                for sampling, balance in product(SAMPLINGS, BALANCES)
            ]
            choice_rows.append((*label, *cells))
            bounds = [
                _cell(net, variance, keep, Recipe(max_factor=bound), draws) for bound in BOUNDS
            ]
            bound_rows.append((*label, *bounds))
    header = ("network", "kept", "mean degree")
    machine.write_table(
        "choices",
        "Epsilon of noise-prune by sampling and balance",
        (*header, *(f"{s}, {b}" for s, b in product(SAMPLINGS, BALANCES))),
        choice_rows,
        f"Mean over {draws} draws. A star: unstable in some draw.",
    )
    machine.write_table(
        "bounds",
        f"Epsilon of the homeostatic balance by the bound on its factors, {Recipe().sampling} draw",
        (*header, *(f"{bound:g}" for bound in BOUNDS)),
        bound_rows,
        f"Mean over {draws} draws; default {Recipe().max_factor:g}.",
    )


def _cell(
    net: npr.RateNetwork,
    variance: npr.SynapseVariance,
    keep: float,
    recipe: Recipe,
    draws: int,
) -> str:
    epsilons, stable = [], True
    for seed in range(draws):
        pruned = prune_network(net, variance.variance, keep, recipe, seed=seed).network
        change = spectrum.epsilon(net, pruned)
        epsilons.append(change.epsilon)
        stable &= is_stable(pruned, change)
    return f"{np.mean(epsilons):.3f}" + ("" if stable else "*")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
