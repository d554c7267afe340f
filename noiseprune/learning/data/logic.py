"""The logic tasks: rows of inputs, the bias of 1 last, and what they should give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noiseprune.checks import one_of
from noiseprune.learning.options.names import LogicName
from noiseprune.weights import FloatArray

TABLES = {
    "xor": ((0, 1), (1, 0)),
    "and": ((0, 0), (0, 1)),
    "or": ((0, 1), (1, 1)),
    "not": (1, 0),
    "identity": (0, 1),
}
"""Answers by the inputs as indices."""


@dataclass(frozen=True)
class LogicTask:
    """m samples.

    inputs : (m, inputs) of 0 and 1, the last column 1
    targets : (m, 1), or (m, 2) where the answer is one-hot
    """

    name: LogicName
    inputs: FloatArray
    targets: FloatArray


def logic_task(name: LogicName, *, one_hot: bool = False) -> LogicTask:
    """All rows of the truth table of xor, and, or, not or identity.

    Raises
    ------
    OptionError
        If there is no such task.
    """
    answers = np.array(TABLES[one_of("task", name, TABLES)])
    rows = np.stack([np.ones(answers.size), *np.indices(answers.shape).reshape(answers.ndim, -1)])
    inputs = np.roll(rows, -1, axis=0).T
    labels = answers.ravel()
    targets = np.eye(2)[labels] if one_hot else labels[:, None].astype(np.float64)
    return LogicTask(name, np.ascontiguousarray(inputs), targets)


def answers_of(outputs: FloatArray) -> FloatArray:
    """Outputs (..., k) as the answers they stand for: the largest of several as one-hot, else
    whether at least 0.5."""
    k = outputs.shape[-1]
    if k == 1:
        return (outputs >= 0.5).astype(np.float64)
    chosen: FloatArray = np.eye(k)[np.argmax(outputs, axis=-1)]
    return chosen
