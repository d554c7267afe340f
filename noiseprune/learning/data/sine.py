"""Sine prediction: the next value of sin(t), t = 0 .. 10 in 1,000 equal steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np

from noiseprune.checks import count, positive
from noiseprune.learning.data.trials import Trials
from noiseprune.learning.options.base import Checked


@dataclass(frozen=True)
class SinePrediction(Checked):
    """u_t = sin(t_k), target sin(t_{k+1}); every trial is the same.

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
