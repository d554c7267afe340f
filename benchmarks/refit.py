"""What refit and balanced sampling gain over the defaults and the paper's rule.

    python benchmarks/refit.py [DRAWS]        (default 2)

The networks of `choices.py`. Mean epsilon over the draws at the same synapse count, beside
2 / sqrt(mean degree), about what a random regular network would have.
"""

from __future__ import annotations

import sys
import time

import choices
import machine
import numpy as np

import noiseprune as npr
from noiseprune import spectrum
from noiseprune.similarity import is_stable

COLUMNS: dict[str, dict[str, object]] = {
    "paper": {"rule": "paper"},
    "default": {},
    "balanced, leak": {"sampling": "balanced", "balance": "leak"},
    "balanced": {"sampling": "balanced"},
    "default, refit": {"refit": True},
    "balanced, refit": {"sampling": "balanced", "refit": True},
}


def main(draws: int) -> None:
    rows = []
    for name, (net, fractions) in choices.networks().items():
        variance = npr.synapse_variance(net)
        for keep in fractions:
            degree = keep * net.n_synapses / net.n_neurons
            seconds: list[float] = []
            cells = []
            for options in COLUMNS.values():
                epsilons, stable = [], True
                for seed in range(draws):
                    start = time.perf_counter()
                    pruned = npr.prune(net, keep, variance=variance, seed=seed, **options).network
                    if "refit" in options:
                        seconds.append(time.perf_counter() - start)
                    change = spectrum.epsilon(net, pruned)
                    epsilons.append(change.epsilon)
                    stable &= is_stable(pruned, change)
                cells.append(f"{np.mean(epsilons):.3f}" + ("" if stable else "*"))
            rows.append(
                (
                    name,
                    f"{100 * keep:g} %",
                    f"{2 / np.sqrt(degree):.3f}",
                    *cells,
                    f"{np.median(seconds):.1f} s",
                )
            )
            print(*rows[-1], sep=" | ", flush=True)
    machine.write_table(
        "refit",
        "Epsilon with balanced sampling and with refit",
        ("network", "kept", "2 / sqrt(degree)", *COLUMNS, "refit takes"),
        rows,
        f"Mean over {draws} draws; homeostatic balance unless named. A star: unstable in some "
        "draw. Rule 'paper' keeps fewer synapses than asked.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
