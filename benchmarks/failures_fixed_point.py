"""Failing synapses: the closed-form minimum of the averaged loss, reached by training.

python benchmarks/failures_fixed_point.py [SAMPLES]        (default 200000)

The semantic task with q = 0.5 and N hidden units, from weights N(0, 0.001): gradient descent on the
averaged loss until it rests. Then the closed-form loss is held against the loss of sampled failures
and inputs at the trained weights.
"""

from __future__ import annotations

import sys

import machine
import numpy as np
import torch

from noiseprune.learning import DeepNet, SemanticsDataset, train
from noiseprune.learning.experiments.failures import FailuresExperiment as experiment
from noiseprune.learning.models.failures.theory import LinearTheory
from noiseprune.learning.options.failures import FailuresOptions as Options

PUBLISHED = {
    (128, "all"): ([2.5091, 1.5954, 0.8633, 0.8633], 0.8716),
    (128, "2"): ([2.5974, 1.6837, 0.9517, 0.9517], 0.3082),
    (512, "all"): ([2.6092, 1.6955, 0.9635, 0.9635], 0.2329),
    (512, "2"): ([2.6334, 1.7197, 0.9876, 0.9876], 0.0788),
}
"""By an independent derivation, to four digits."""


def trained(n_hidden: int, layers: str) -> tuple[DeepNet, dict[str, float]]:
    """The network at rest, and the last row of its log."""
    options = Options(
        hidden=n_hidden,
        drop_layers=layers,
        scaling="const",
        averaged=True,
        dtype="float64",
        lr=0.2,
        epochs=60 * n_hidden // 64,
        log_every=60 * n_hidden // 64,
        seed=7,
    )
    found = {}

    def keeping(options: Options) -> object:
        found["experiment"] = experiment(options)
        return found["experiment"]

    training = train(keeping, options)
    return found["experiment"].model, dict(training.log[-1])


def monte_carlo(net: DeepNet, samples: int) -> tuple[float, float]:
    """Mean squared error with failures, summed over outputs, and its standard error."""
    data = SemanticsDataset(samples, seed=11)
    errors = []
    with torch.no_grad():
        for start in range(0, samples, 2000):
            x = torch.from_numpy(data.data[start : start + 2000])
            errors.append(net(x).numpy() - data.targets[start : start + 2000])
    squares = (np.concatenate(errors) ** 2).sum(1)
    return float(squares.mean()), float(squares.std(ddof=1) / np.sqrt(samples))


def main(samples: int) -> None:
    rows = []
    for (n_hidden, layers), (values, loss) in PUBLISHED.items():
        net, last = trained(n_hidden, layers)
        teacher = SemanticsDataset(1).w
        ideal = LinearTheory.of(teacher, drop_p=0.5, drop_layers=layers).fixed_point(n_hidden)
        reached = np.array([last[f"s{k}"] for k in range(1, 5)])
        sampled, error = monte_carlo(net, samples)
        off = max(
            np.abs(reached - ideal.singular_values).max(), np.abs(reached - values).max() - 5e-5
        )
        rows.append(
            (
                str(n_hidden),
                layers,
                ", ".join(f"{value:.4f}" for value in ideal.singular_values),
                ", ".join(f"{value:.4f}" for value in reached),
                f"{off:.1e}",
                f"{ideal.loss:.4f} ({loss})",
                f"{last['train_loss']:.4f}",
                f"{sampled:.4f} ± {error:.4f}",
                f"{(sampled - ideal.loss) / error:+.1f}",
            )
        )
    machine.write_table(
        "failures_fixed_point",
        "Failing synapses: the closed-form minimum of the averaged loss, reached by training",
        (
            "units",
            "layers that fail",
            "singular values, closed form",
            "by training",
            "largest difference",
            "loss, closed form (expected)",
            "by training",
            f"by {samples:,} samples",
            "standard errors off",
        ),
        rows,
        "Semantic task, q = 0.5, two layers, weights at first N(0, 0.001). Training: gradient "
        "descent on the averaged loss. Samples: inputs and failures drawn with the trained "
        "weights; losses are summed over the outputs.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
