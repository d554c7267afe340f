"""Noise-prune beside every baseline on the embedded connectomes, kept 50 % and 20 %.

    python benchmarks/connectomes.py [DRAWS]        (default 5)

The optic lobe is its patch of extent 3 (2,345 neurons), where the covariance is exact. Mean
epsilon over the draws; a star where some draw is unstable.
"""

from __future__ import annotations

import sys

import machine

import noiseprune as npr

NAMES = ("celegans", "celegans-gap", "mushroom-body", "optic-lobe:3")
FRACTIONS = (0.5, 0.2)


def main(draws: int) -> None:
    columns = {}
    for name in NAMES:
        net = npr.datasets.load(name)
        for keep in FRACTIONS:
            columns[f"{name} {100 * keep:.0f} %"] = npr.compare(net, keep, draws=draws, seed=1)
    rows = []
    for cells in zip(*(comparison.rows for comparison in columns.values())):
        first = cells[0]
        values = [f"{row.epsilon:.2f}" + ("" if row.stable else "*") for row in cells]
        rows.append((first.rule, first.sampling, first.balance, *values))
    machine.write_table(
        "connectomes",
        "Epsilon on the embedded connectomes, at the same synapse count",
        ("rule", "sampling", "balance", *columns),
        rows,
        f"Mean over {draws} draws; dominant leak, margin 0.1. A star: unstable in some draw. "
        "Rule 'paper' keeps fewer synapses than asked.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
