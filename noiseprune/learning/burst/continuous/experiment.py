"""The continuous-time regression: `noiseprune train burstccn-continuous`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from noiseprune.learning.burst.continuous.options import Options
from noiseprune.learning.training import Experiment, Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def experiment(options: Options) -> Experiment:
    """The experiment that the options ask for.

    Raises
    ------
    OptionError
        If an option has no meaning.
    """
    from noiseprune.learning.burst.continuous.running import ContinuousExperiment

    return ContinuousExperiment(options)


def pictures(runs: Sequence[Training]) -> Mapping[str, Figure]:
    """Error over the schedule of the teacher, and traces before and after."""
    from noiseprune.learning.burst.continuous.pictures import schedule

    return {"schedule": schedule(runs)}


__all__ = ["Options", "experiment", "pictures"]
