"""Delayed match to sample: is the second stimulus the first one again?

    u = (fixation, one input for each stimulus) + s eps

A fixation period, the sample, a delay with nothing but fixation and noise, the test stimulus (with
probability 1/2 the sample, else another), then the response without fixation: output 0 for a match,
1 for none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np

from noiseprune.checks import count, not_negative
from noiseprune.learning.data.trials import Trials, choices
from noiseprune.learning.options.base import Checked, at_least_0


@dataclass(frozen=True)
class DelayedMatch(Checked):
    """n_stimuli : how many there are to tell apart
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
