"""Epochs of supervised learning with torch: regressors and classifiers, training and test.

Losses are sums over outputs and means over samples, so that they do not depend on the batch:

    "mse"            E|y - t|^2; of a classifier t is the one-hot class
    "cross-entropy"  -E log softmax(y)_class, y the raw outputs

The gradient followed is that of the loss divided by the number of outputs where it is "mse": that
of PyTorch's `MSELoss`, and the clock of `failures.theory`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor
from torch.nn import functional

from noiseprune.checks import one_of
from noiseprune.learning.data.datasets import Classification
from noiseprune.learning.options.names import Loss

Model = Callable[[Tensor], Tensor]
TEST_BATCH = 10_000


@dataclass(frozen=True)
class Batches:
    """Samples in an order that is drawn anew for each epoch by a generator of its own."""

    x: Tensor
    y: Tensor
    size: int
    generator: torch.Generator | None = None

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self.generator is None:
            yield from zip(self.x.split(self.size), self.y.split(self.size))  # type: ignore[no-untyped-call]
            return
        order = torch.randperm(len(self.x), generator=self.generator)
        for start in range(0, len(order), self.size):
            chosen = order[start : start + self.size]
            yield self.x[chosen], self.y[chosen]


def batches_of(
    images: Classification,
    size: int,
    order: torch.Generator,
    dtype: torch.dtype,
    shaped: Callable[[Any], Any] = lambda x: x,
) -> tuple[Batches, Batches, Batches]:
    """Training, test and validation images; the first in an order drawn anew for each epoch."""

    def batches(x: Any, y: Any, generator: torch.Generator | None = None) -> Batches:
        rows = torch.from_numpy(shaped(x)).to(dtype)
        return Batches(rows, torch.from_numpy(y), size if generator else TEST_BATCH, generator)

    return (
        batches(images.x_train, images.y_train, order),
        batches(images.x_test, images.y_test),
        batches(images.x_validation, images.y_validation),
    )


@dataclass(frozen=True)
class Scores:
    """loss : mean over samples; error : fraction wrong, None of a regressor; samples : how many"""

    loss: float
    error: float | None
    samples: int

    def named(self, part: str) -> dict[str, float]:
        """As PART_loss and PART_error."""
        error = {} if self.error is None else {f"{part}_error": self.error}
        return {f"{part}_loss": self.loss, **error}


def train_regressor(model: Model, batches: Batches, optimizer: torch.optim.Optimizer) -> Scores:
    """One epoch of learning targets (samples, outputs); scores on the way."""
    return _epoch(model, batches, optimizer, "mse", None)


def test_regressor(model: Model, batches: Batches) -> Scores:
    """Scores without learning; failing synapses fail, as their `mode` says."""
    return _epoch(model, batches, None, "mse", None)


def train_classifier(
    model: Model, batches: Batches, optimizer: torch.optim.Optimizer, n_classes: int, loss: Loss
) -> Scores:
    """One epoch of learning classes (samples,), from 0 to n_classes - 1; scores on the way.

    Raises
    ------
    OptionError
        If there is no such loss.
    """
    return _epoch(model, batches, optimizer, loss, n_classes)


def test_classifier(model: Model, batches: Batches, n_classes: int, loss: Loss) -> Scores:
    """Scores without learning. Raises as `train_classifier`."""
    return _epoch(model, batches, None, loss, n_classes)


# Names of the field, which a collector of tests would take for tests.
test_regressor.__test__ = test_classifier.__test__ = False  # type: ignore[attr-defined]


def _epoch(
    model: Model,
    batches: Batches,
    optimizer: torch.optim.Optimizer | None,
    loss: Loss,
    n_classes: int | None,
) -> Scores:
    one_of("loss", loss, get_args(Loss))
    total, wrong, samples = 0.0, 0, 0
    with torch.set_grad_enabled(optimizer is not None):
        for x, target in batches:
            output = model(x)
            if loss == "cross-entropy":
                value = functional.cross_entropy(output, target)
                followed = value
            else:
                aim = target if n_classes is None else functional.one_hot(target, n_classes)
                value = (output - aim.to(output.dtype)).square().sum() / len(x)
                followed = value / output.shape[-1]
            if optimizer is not None:
                optimizer.zero_grad()
                followed.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            total += float(value.detach()) * len(x)
            samples += len(x)
            if n_classes is not None:
                wrong += int((output.argmax(-1) != target).sum())
    return Scores(total / samples, None if n_classes is None else wrong / samples, samples)
