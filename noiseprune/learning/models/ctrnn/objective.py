"""Loss and accuracy of an output on the trials of a task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from noiseprune.learning.data.trials import Task, Trials
from noiseprune.learning.models.ctrnn.network import CTRNN


@dataclass(frozen=True)
class Batch:
    """Trials as tensors; see `Trials`."""

    inputs: Tensor
    targets: Tensor
    response: Tensor
    choice: Tensor | None

    @classmethod
    def of(cls, trials: Trials, like: Tensor) -> Batch:
        """On the device and with the precision of a tensor."""
        choice = None if trials.choice is None else torch.from_numpy(trials.choice).to(like.device)
        inputs, targets = (torch.from_numpy(a).to(like) for a in (trials.inputs, trials.targets))
        return cls(inputs, targets, torch.from_numpy(trials.response).to(like.device), choice)


@dataclass(frozen=True)
class Score:
    """loss, and for a choice the fraction of trials with the right one (else None)."""

    loss: float
    accuracy: float | None


def task_loss(output: Tensor, batch: Batch) -> Tensor:
    """Over the response: cross-entropy of the choice, or the mean squared error without one."""
    answer = output[:, batch.response]
    if batch.choice is None:
        return torch.nn.functional.mse_loss(answer, batch.targets[:, batch.response])
    choice = batch.choice[:, None].expand(answer.shape[:2])
    return torch.nn.functional.cross_entropy(answer.flatten(0, 1), choice.flatten())


def accuracy(output: Tensor, batch: Batch) -> float | None:
    """Fraction of trials whose right output is the largest, on average over the response."""
    if batch.choice is None:
        return None
    decided = output[:, batch.response].mean(dim=1).argmax(dim=1)
    return float((decided == batch.choice).double().mean())


@torch.no_grad()
def score(model: CTRNN, batch: Batch) -> Score:
    """In eval mode, that is without the network's own noise, and from the state at the start of a
    trial; the mode, and a state that "keep" has kept, are put back.
    """
    training, kept = model.training, model.hidden.kept
    model.reset_state()
    output, _ = model.eval()(batch.inputs)
    model.train(training)
    model.hidden.kept = kept
    return Score(float(task_loss(output, batch)), accuracy(output, batch))


def training_step(
    model: CTRNN,
    optimizer: torch.optim.Optimizer,
    task: Task,
    number: int,
    rng: np.random.Generator,
) -> float:
    """One step of an optimiser on `number` new trials; the loss before it."""
    model.train()
    batch = Batch.of(task.trials(number, rng), model.readout.theta)
    optimizer.zero_grad()
    loss = task_loss(model(batch.inputs)[0], batch)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return float(loss.detach())
