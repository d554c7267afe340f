"""Exact properties of BurstCCN at initialisation, in numbers.

python benchmarks/burst_exact.py

784-500-500-500-10, batches of 64 random samples of that shape with random classes, double
precision: the logistic function, its weights at first as published (gain 3.6), and the other
activations with gains of their own.
"""

from __future__ import annotations

import machine
import numpy as np
import torch
from torch.nn import functional

from noiseprune.learning import BurstCCN
from noiseprune.learning.models.activations import ACTIVATIONS
from noiseprune.learning.models.burst.gradients import angle, error_gradients

SEEDS = tuple(range(1, 20, 2))
ERRORS = (1.0, 0.1, 0.01, 0.001)
DATA = {
    "normal": lambda rng: torch.randn(64, 784, generator=rng, dtype=torch.float64),
    "uniform": lambda rng: torch.rand(64, 784, generator=rng, dtype=torch.float64),
}


def sample(kind: str, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs of one kind, and one-hot classes."""
    rng = torch.Generator().manual_seed(seed)
    x = DATA[kind](rng)
    return x, functional.one_hot(torch.randint(10, (64,), generator=rng), 10).double()


def measured(
    kind: str, seed: int, p_b: float, mode: str, error: float, activation: str = "sigmoid"
) -> dict[str, float]:
    """Largest |u| without teacher; angle and ratio of the update to p_b times the gradient."""
    net = BurstCCN(  # with a Q of its own, so that the cancellation is computed
        784, 10, p_b, Y_mode=mode, Q_learning=True, activation=activation, seed=seed,
        dtype="float64",
    )  # fmt: skip
    x, classes = sample(kind, seed)
    events = net(x)
    target = events + error * (classes - events)
    net.learn(None)
    silent = max(float(layer.apical.abs().max()) for layer in net.layers[:-1])
    unmoved = max(float(layer.weight.grad.abs().max()) for layer in net.layers)
    net.learn(target)
    local = [layer.weight.grad for layer in net.layers]
    exact = error_gradients(net, target, feedback="W" if mode == "tied" else "Y")
    sizes = [float(torch.cat([g.flatten() for g in each]).norm()) for each in (local, exact)]
    return {
        "silent": silent,
        "unmoved": unmoved,
        "angle": angle(local, exact),
        "ratio": sizes[0] / sizes[1] / p_b,
    }


def main() -> None:
    rows = []
    for kind in DATA:
        for mode, p_b, error in (
            ("tied", 0.5, 1.0),
            ("tied", 0.2, 1.0),
            ("tied", 0.5, 0.5),
            ("tied", 0.5, 0.1),
            ("random_init", 0.5, 1.0),
            ("random_init", 0.5, 0.1),
            ("random_init", 0.5, 0.01),
        ):
            found = [measured(kind, seed, p_b, mode, error) for seed in SEEDS]
            degrees = [each["angle"] for each in found]
            rows.append(
                (
                    kind,
                    "W (tied)" if mode == "tied" else "N(0, 1)",
                    str(p_b),
                    str(error),
                    f"{max(each['silent'] for each in found):.0e}",
                    f"{max(each['unmoved'] for each in found):.0e}",
                    f"{np.median(degrees):.4f} ({min(degrees):.4f} to {max(degrees):.4f})",
                    f"{np.median([each['ratio'] for each in found]):.5f}",
                )
            )
    machine.write_table(
        "burst_exact",
        "BurstCCN at initialisation: updates against p_b times the gradient",
        (
            "inputs",
            "Y",
            "p_b",
            "errors, times",
            "largest apical potential, no teacher",
            "largest update, no teacher",
            "angle to backprop (tied) or feedback alignment, degrees",
            "size / (p_b gradient)",
        ),
        rows,
        "784-500-500-500-10, Q = p_b Y, all W as one vector; median and range of "
        f"{len(SEEDS)} seeds. Errors are scaled towards the output (t = e + s (class - e)).",
    )
    machine.write_table(
        "burst_activations",
        "BurstCCN at initialisation: degrees from backprop, by activation and size of the errors",
        ("activation", "inputs", *(f"errors, times {error:g}" for error in ERRORS)),
        [(name, kind, *(degrees_of(kind, error, name) for error in ERRORS))
         for name in ACTIVATIONS for kind in DATA],
        f"784-500-500-500-10, tied, p_b = 0.5; median and range of {len(SEEDS)} seeds.",
    )  # fmt: skip


def degrees_of(kind: str, error: float, activation: str) -> str:
    """Median and range over the seeds."""
    found = [measured(kind, seed, 0.5, "tied", error, activation)["angle"] for seed in SEEDS]
    return f"{np.median(found):.3f} ({min(found):.3f} to {max(found):.3f})"


if __name__ == "__main__":
    main()
