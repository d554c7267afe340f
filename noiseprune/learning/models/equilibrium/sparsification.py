"""Boltzmann sparsification: weak synapses are set to 0 by chance, the weaker the likelier.

    P_ij = exp(-|w_ij| / T) / sum_j exp(-|w_ij| / T),    if |w_ij| <= tolerance, else 0

i listens to j; the sum runs over all N neurons j, also those that i cannot hear. After a draw
learning can let a synapse grow again, unless the draws are permanent; then the sum runs over the
synapses that are left, or the absent ones would take a growing share.

Scheduled: over the first `schedule` epochs the tolerance rises linearly from 0 and the temperature
falls geometrically to `final_temperature`.

Source: the published notebooks of directed equilibrium propagation (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from noiseprune.checks import positive
from noiseprune.errors import OptionError
from noiseprune.learning.options.base import Checked, at_least_0
from noiseprune.weights import FloatArray


@dataclass(frozen=True)
class Sparsification(Checked):
    """How weak synapses are drawn after every epoch; a value without meaning is an OptionError.

    tolerance : largest |w| of a weak synapse
    temperature : T; far above the weights every weak synapse goes with probability 1/N
    permanent : what was set to 0 stays so
    schedule : epochs until tolerance and temperature are final; 0 for constant ones
    final_temperature : with a schedule
    """

    tolerance: Annotated[float, positive] = 0.01
    temperature: Annotated[float, positive] = 5.0
    permanent: bool = False
    schedule: Annotated[int, at_least_0] = 0
    final_temperature: Annotated[float | None, positive] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.final_temperature is not None and not self.schedule:
            raise OptionError("a final temperature needs a schedule: give --sparse-schedule")

    def at(self, epoch: int) -> tuple[float, float]:
        """Tolerance and temperature after epoch 1, 2, ..."""
        if not self.schedule:
            return self.tolerance, self.temperature
        share = min(epoch / self.schedule, 1.0)
        ratio = (self.final_temperature or self.temperature) / self.temperature
        return share * self.tolerance, self.temperature * ratio**share

    def probability(
        self, weights: FloatArray, present: npt.NDArray[np.bool_], epoch: int
    ) -> FloatArray:
        """(..., N, N) probabilities of W[post, pre] to be set to 0 after an epoch.

        present : (..., N, N) the synapses that are left; nothing else is drawn
        """
        tolerance, temperature = self.at(epoch)
        size = np.abs(weights)
        energy = np.where(present, size, np.inf) if self.permanent else size
        with np.errstate(invalid="ignore"):  # neurons that hear nobody: inf - inf
            lowest = energy.min(axis=-1, keepdims=True)
            odds = np.exp(-(energy - lowest) / temperature)
            chance = odds / odds.sum(axis=-1, keepdims=True)
        return np.where(present & (size <= tolerance), chance, 0.0)
