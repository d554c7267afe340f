"""Training of a constrained rate network on a task, and its pruning: `noiseprune train ctrnn`."""

from __future__ import annotations

from noiseprune.learning.ctrnn.options import Options
from noiseprune.learning.training import Experiment


def experiment(options: Options) -> Experiment:
    """The experiment that the options ask for.

    Raises
    ------
    OptionError
        If an option has no meaning.
    MissingExtraError
        If torch is not installed.
    """
    from noiseprune.learning.extra import required

    required("torch", "training of rate networks")
    from noiseprune.learning.ctrnn.running import RateExperiment

    return RateExperiment(options)


__all__ = ["Options", "experiment"]
