"""The models that `noiseprune train` knows: each a record of options and, by name, an experiment.

The experiments are texts, "module:class", so that a command and its help need neither torch nor
what stands above this room.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from noiseprune._lazy import required
from noiseprune.learning.options.base import TrainOptions
from noiseprune.learning.options.burst import (
    ANNOptions,
    BurstCCNOptions,
    BurstpropOptions,
    EDNOptions,
)
from noiseprune.learning.options.continuous import ContinuousOptions
from noiseprune.learning.options.ctrnn import CTRNNOptions
from noiseprune.learning.options.equilibrium import DeepOptions, EPOptions
from noiseprune.learning.options.failures import FailuresOptions

_LEARNING = "noiseprune.learning"


@dataclass(frozen=True)
class Model:
    """options : its record; experiment : "module:class", below `noiseprune.learning.experiments`
    kept_as : what a run calls it that was kept before models had names; None of a newer model
    """

    options: type[TrainOptions]
    experiment: str
    kept_as: str | None = None

    def load(self) -> Any:
        """The class of its experiment."""
        module, _, name = self.experiment.partition(":")
        needing = f"training of {self.options.MODEL}"
        return getattr(required(f"{_LEARNING}.experiments.{module}", needing), name)


MODELS = {
    each.options.MODEL: each
    for each in (
        Model(FailuresOptions, "failures:FailuresExperiment", f"{_LEARNING}.failures.experiment"),
        Model(CTRNNOptions, "ctrnn:RateExperiment", f"{_LEARNING}.ctrnn.experiment"),
        Model(DeepOptions, "equilibrium:LogicExperiment", f"{_LEARNING}.equilibrium.deep"),
        Model(EPOptions, "equilibrium:LogicExperiment", f"{_LEARNING}.equilibrium.asymmetric"),
        Model(ANNOptions, "burst:LocalExperiment", f"{_LEARNING}.burst.experiment"),
        Model(BurstCCNOptions, "burst:LocalExperiment", f"{_LEARNING}.burst.experiment"),
        Model(
            ContinuousOptions,
            "continuous:ContinuousExperiment",
            f"{_LEARNING}.burst.continuous.experiment",
        ),
        Model(BurstpropOptions, "burst:LocalExperiment", f"{_LEARNING}.burst.experiment"),
        Model(EDNOptions, "burst:LocalExperiment", f"{_LEARNING}.burst.experiment"),
    )
}
