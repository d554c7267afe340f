"""The paper's clustered network of 3,000 neurons, kept 10 %: noise-prune beside its rivals.

python benchmarks/clustered.py [DRAWS]        (default 2)
"""

from __future__ import annotations

import sys

import machine

import noiseprune as npr
from noiseprune import Recipe

RECIPES = (
    Recipe(),
    Recipe(sampling="independent", balance="leak"),
    Recipe(sampling="independent", balance="none"),
    Recipe(rule="paper"),
    Recipe(rule="weight", sampling="independent", balance="leak"),
    Recipe(rule="uniform", sampling="independent", balance="leak"),
    Recipe(rule="magnitude"),
)


def main(draws: int) -> None:
    net = npr.clustered_network(seed=3)
    comparison = npr.compare(net, 0.1, draws=draws, recipes=RECIPES, seed=5)
    rows = [
        (
            row.rule,
            row.sampling,
            row.balance,
            f"{100 * row.kept_fraction:.2f} %",
            f"{row.epsilon:.3f}",
            f"{row.epsilon_max:.3f}",
            f"{row.eigenvalue_error:.3f}",
            f"{row.n_stable}/{row.draws}",
        )
        for row in comparison.rows
    ]
    machine.write_table(
        "clustered",
        "The paper's clustered network, N = 3,000, kept 10 %",
        ("rule", "sampling", "balance", "kept", "epsilon", "largest", "eigenvalues", "stable"),
        rows,
        f"{draws} draws; eigenvalues: median relative error.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
