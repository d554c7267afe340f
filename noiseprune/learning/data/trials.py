"""What a task hands out: a batch of trials, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Trials:
    """A batch of trials.

    inputs : (batch, time, in)
    targets : (batch, time, out)
    response : (time,) bool, the steps that count
    choice : (batch,) the right one of the outputs, or None where the task is not a choice
    """

    inputs: Array
    targets: Array
    response: npt.NDArray[np.bool_]
    choice: npt.NDArray[np.int64] | None = None


class Task(Protocol):
    """A task for a rate network."""

    @property
    def n_inputs(self) -> int: ...

    @property
    def n_outputs(self) -> int: ...

    def trials(self, number: int, rng: np.random.Generator) -> Trials:
        """A batch of so many trials."""


def choices(
    inputs: Array, choice: npt.NDArray[np.int64], n_outputs: int, n_response: int
) -> Trials:
    """Trials in which one output should be 1 and the others 0 in the last `n_response` steps."""
    n_trials, n_steps = inputs.shape[:2]
    targets = np.zeros((n_trials, n_steps, n_outputs), dtype=np.float32)
    targets[np.arange(n_trials), n_steps - n_response :, choice] = 1.0
    response = np.arange(n_steps) >= n_steps - n_response
    return Trials(inputs, targets, response, choice)
