"""Training by asymmetric equilibrium propagation: `noiseprune train ep`.

All networks of a run are trained at once, network k from the seed of the run plus k.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from noiseprune.learning.equilibrium.options import EPOptions as Options
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
    from noiseprune.learning.equilibrium.running import LogicExperiment

    return LogicExperiment(options)


def pictures(runs: Sequence[Training]) -> Mapping[str, Figure]:
    """Losses over networks, and of the first run's best network weights, graph and decisions."""
    from noiseprune.learning.equilibrium.pictures import drawn

    return drawn(runs, Options)


__all__ = ["Options", "experiment", "pictures"]
