"""An epoch of BurstCCN of MNIST's size against the same network in plain PyTorch with autograd.

    python benchmarks/burst_speed.py [REPEATS [FOLDER]]      (default 3, random images)

784-500-500-500-10, logistic, 60,000 images in batches of 32, SGD. Plain PyTorch: `nn.Linear`,
`torch.sigmoid`, squared error, `backward`, `torch.optim.SGD`. Both draw their batches alike, from
the same tensors. They take turns after every tenth of an epoch, on one thread, so that a busy
neighbour slows all of them; an epoch is told as ten times the median. With a folder of MNIST that
of `noiseprune train burstccn` is measured, too, which keeps the losses and errors of its batches.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import machine
import torch
from torch import nn
from torch.nn import functional

from noiseprune.learning import BurstCCN
from noiseprune.learning.data.images import read_images
from noiseprune.learning.experiments.burst import LocalExperiment as experiment
from noiseprune.learning.options.burst import BurstCCNOptions
from noiseprune.learning.training.supervised import Batches

IMAGES, BATCH, PARTS = 60_000, 32, 10
LIMIT = 1.5
"""What learning by bursts is to cost at most, in units of plain PyTorch."""
FIRST, HIDDEN = 784 * 500, 2 * 500 * 500 + 500 * 10
PRODUCTS = 1 + 2 * HIDDEN / (2 * FIRST + 3 * HIDDEN)
"""Of learned Q (its potential, its update), beside forward, back (but of W_1) and update of W."""
CASES = {
    "tied Y and Q": {"Y_mode": "tied", "Q_mode": "tied"},
    "random Y, Q = p_b Y": {},
    "random Y, learned Q": {"Q_learning": True},
    "learned Y and Q": {"Q_learning": True, "Y_learning": True},
}


def data(folder: Path | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (60,000, 784) and classes."""
    if folder is not None:
        (x, y, _, _), _ = read_images("mnist", folder)
        return torch.from_numpy(x), torch.from_numpy(y)
    rng = torch.Generator().manual_seed(3)
    return torch.rand(IMAGES, 784, generator=rng), torch.randint(10, (IMAGES,), generator=rng)


def plain(x: torch.Tensor, y: torch.Tensor) -> Callable[[], None]:
    """An epoch of the obvious loop."""
    sizes = (784, 500, 500, 500, 10)
    parts: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        parts += [nn.Linear(inputs, outputs), nn.Sigmoid()]
    model = nn.Sequential(*parts)
    optimizer = torch.optim.SGD(model.parameters(), 0.15)
    batches = Batches(x, y, BATCH, torch.Generator().manual_seed(3))

    def epoch() -> None:
        for images, classes in batches:
            target = functional.one_hot(classes, 10).float()
            optimizer.zero_grad()
            output = model(images)
            loss = (output - target).square().sum() / (2 * len(images))
            loss.backward()
            optimizer.step()

    return epoch


def ours(x: torch.Tensor, y: torch.Tensor, options: dict) -> Callable[[], None]:
    """An epoch of BurstCCN."""
    model = BurstCCN(784, 10, seed=3, **options)
    optimizer = torch.optim.SGD(model.groups(0.3, y=0.001, q=0.001), 0.3)
    batches = Batches(x, y, BATCH, torch.Generator().manual_seed(3))

    def epoch() -> None:
        for images, classes in batches:
            target = functional.one_hot(classes, 10).float()
            model(images)
            model.learn(target)
            optimizer.step()

    return epoch


def main(repeats: int, folder: Path | None) -> None:
    torch.set_num_threads(1)
    x, y = (whole[: IMAGES // PARTS] for whole in data(folder))
    epochs = {name: ours(x, y, options) for name, options in CASES.items()}
    if folder is not None:
        told = BurstCCNOptions(dataset="mnist", data=folder, lr=0.3, y_scale=0.5, q_learning=True)
        command = experiment(told)
        command.training = Batches(x, y, BATCH, torch.Generator().manual_seed(3))
        epochs["random Y, learned Q: the command"] = command.train_epoch
    turns = machine.interleaved_seconds([plain(x, y), *epochs.values()], PARTS * repeats)
    first, *seconds = (PARTS * found for found in turns)
    rows = [
        (name, f"{found:.2f} s", f"{first:.2f} s", f"{found / first:.2f}")
        for name, found in zip(epochs, seconds)
    ]
    above = [name for name, found in zip(epochs, seconds) if found > LIMIT * first]
    machine.write_table(
        "burst_speed",
        "An epoch of BurstCCN against plain PyTorch with autograd",
        ("BurstCCN", "an epoch", "plain PyTorch", "ratio"),
        rows,
        f"784-500-500-500-10, {IMAGES:,} {'MNIST' if folder else 'random'} images in batches of "
        f"{BATCH}; medians of {PARTS * repeats} tenths in turns after one, on one thread, "
        f"PyTorch {torch.__version__}. In multiplications alone a Q that learns makes it "
        f"{PRODUCTS:.2f} times: 2 more products of the later weights, beside 3 of theirs and 2 of "
        f"the first. Above {LIMIT} times: {', '.join(above) or 'none'}.",
    )


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 3, Path(given[1]) if len(given) > 1 else None)
