"""Tasks of rate networks, and what they hand out: batches of trials, as arrays.

`PerceptualDecision`, which of two noisy inputs is larger on average; `DelayedMatch`, whether the
second stimulus is the first one again; `SinePrediction`, the next value of a curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import erf, sqrt
from typing import Annotated, Protocol

import numpy as np
import numpy.typing as npt

from noiseprune.checks import count, not_negative, positive
from noiseprune.errors import OptionError
from noiseprune.learning.options.base import Checked, at_least_0

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


@dataclass(frozen=True)
class PerceptualDecision(Checked):
    """Which of two noisy inputs is larger on average?

        u = (fixation, left, right),   left = (1 + c)/2 + s eps,   right = (1 - c)/2 + s eps'

    with signed coherence c: a fixation period, the stimulus, then a response period without either,
    in which output 0 (left) or 1 (right) is to be 1. The evidence of one step is far from enough:
    the network has to integrate it over the stimulus, and hold the result.

    coherences : absolute values of c, each as likely as another, as is its sign
    noise : s, of each input and step
    fixation, stimulus, response : lengths in steps
    """

    coherences: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8)
    noise: Annotated[float, positive] = 0.75
    fixation: Annotated[int, count] = 2
    stimulus: Annotated[int, count] = 25
    response: Annotated[int, count] = 3
    n_inputs: int = 3
    n_outputs: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.coherences or not all(0 < c <= 1 for c in self.coherences):
            raise OptionError(f"coherences are {self.coherences!r}: give numbers in (0, 1]")

    @property
    def ideal_accuracy(self) -> float:
        """What one who adds up all the evidence reaches: the mean of Phi(c sqrt(n / 2) / s).

        n steps: the sum of left - right has mean n c and variance 2 n s^2.
        """
        z = [c * sqrt(self.stimulus / 2) / self.noise for c in self.coherences]
        return float(np.mean([0.5 * (1 + erf(value / sqrt(2))) for value in z]))

    def trials(self, number: int, rng: np.random.Generator) -> Trials:
        """`number` independent trials."""
        number = count("number", number)
        n_steps = self.fixation + self.stimulus + self.response
        choice = rng.integers(2, size=number)
        coherence = rng.choice(self.coherences, size=number) * (1 - 2 * choice)
        inputs = np.zeros((number, n_steps, 3), dtype=np.float32)
        inputs[:, : n_steps - self.response, 0] = 1.0
        shown = inputs[:, self.fixation : self.fixation + self.stimulus, 1:]
        shown[:] = 0.5 * (1 + coherence[:, None, None] * np.array([1.0, -1.0]))
        shown += self.noise * rng.standard_normal(shown.shape)
        return choices(inputs, choice, 2, self.response)


@dataclass(frozen=True)
class DelayedMatch(Checked):
    """Delayed match to sample: is the second stimulus the first one again?

        u = (fixation, one input for each stimulus) + s eps

    A fixation period, the sample, a delay with nothing but fixation and noise, the test stimulus
    (with probability 1/2 the sample, else another), then the response without fixation: output 0
    for a match, 1 for none.

    n_stimuli : how many there are to tell apart
    noise : s, of each input and step
    fixation, sample, delay, test, response : lengths in steps
    """

    n_stimuli: Annotated[int, partial(count, at_least=2)] = 3
    noise: Annotated[float, not_negative] = 0.1
    fixation: Annotated[int, count] = 5
    sample: Annotated[int, count] = 10
    delay: Annotated[int, at_least_0] = 15
    test: Annotated[int, count] = 10
    response: Annotated[int, count] = 10
    n_outputs: int = 2

    @property
    def n_inputs(self) -> int:
        """Fixation, and one for each stimulus."""
        return 1 + self.n_stimuli

    def trials(self, number: int, rng: np.random.Generator) -> Trials:
        """`number` independent trials."""
        number = count("number", number)
        on = self.fixation + self.sample + self.delay
        off = on + self.test
        first = rng.integers(self.n_stimuli, size=number)
        choice = rng.integers(2, size=number)
        second = (first + choice * rng.integers(1, self.n_stimuli, size=number)) % self.n_stimuli
        inputs = np.zeros((number, off + self.response, self.n_inputs), dtype=np.float32)
        inputs[:, :off, 0] = 1.0
        everyone = np.arange(number)
        inputs[everyone, self.fixation : self.fixation + self.sample, 1 + first] = 1.0
        inputs[everyone, on:off, 1 + second] = 1.0
        inputs += self.noise * rng.standard_normal(inputs.shape).astype(np.float32)
        return choices(inputs, choice, 2, self.response)


@dataclass(frozen=True)
class SinePrediction(Checked):
    """The next value of a sine: u_t = sin(t_k), target sin(t_{k+1}), t = 0 .. end in equal steps.

    Every trial is the same.

    end : the last t; n_samples : of the curve, one more than there are steps
    """

    end: Annotated[float, positive] = 10.0
    n_samples: Annotated[int, partial(count, at_least=2)] = 1000
    n_inputs: int = 1
    n_outputs: int = 1

    def trials(self, number: int, rng: np.random.Generator) -> Trials:
        """The same curve, `number` times."""
        curve = np.sin(np.linspace(0.0, self.end, self.n_samples)).astype(np.float32)
        batch = np.repeat(curve[None, :, None], count("number", number), axis=0)
        return Trials(batch[:, :-1], batch[:, 1:], np.ones(self.n_samples - 1, dtype=bool))
