"""A perceptual decision: which of two noisy inputs is larger on average?

    u = (fixation, left, right),   left = (1 + c)/2 + s eps,   right = (1 - c)/2 + s eps'

with signed coherence c: a fixation period, the stimulus, then a response period without either, in
which output 0 (left) or 1 (right) is to be 1. The evidence of one step is far from enough: the
network has to integrate it over the stimulus, and hold the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, sqrt
from typing import Annotated

import numpy as np

from noiseprune.checks import count, positive
from noiseprune.errors import OptionError
from noiseprune.learning.data.trials import Trials, choices
from noiseprune.learning.options.base import Checked


@dataclass(frozen=True)
class PerceptualDecision(Checked):
    """coherences : absolute values of c, each as likely as another, as is its sign
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
