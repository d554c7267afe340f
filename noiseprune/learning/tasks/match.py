"""Delayed match to sample: is the second stimulus the first one again?

    u = (fixation, one input for each stimulus) + s eps

A fixation period, the sample, a delay with nothing but fixation and noise, the test stimulus (with
probability 1/2 the sample, else another), then the response without fixation: output 0 for a match,
1 for none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noiseprune.checks import count
from noiseprune.errors import OptionError
from noiseprune.learning.tasks.trials import Trials, choices


@dataclass(frozen=True)
class DelayedMatch:
    """n_stimuli : how many there are to tell apart
    noise : s, of each input and step
    fixation, sample, delay, test, response : lengths in steps
    """

    n_stimuli: int = 3
    noise: float = 0.1
    fixation: int = 5
    sample: int = 10
    delay: int = 15
    test: int = 10
    response: int = 10
    n_outputs: int = 2

    def __post_init__(self) -> None:
        count("n_stimuli", self.n_stimuli, at_least=2)
        for what in ("fixation", "sample", "test", "response"):
            count(what, getattr(self, what))
        count("delay", self.delay, at_least=0)
        if not 0 <= self.noise < np.inf:
            raise OptionError(f"noise is {self.noise!r}, but is finite and at least 0")

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
