"""Training by directed equilibrium propagation: `noiseprune train deep`.

All networks of a run are trained at once, network k from the seed of the run plus k. Presets:

                 leakage   leak_constant   scale   cap    beta   lr
    published    signed    0               0.05    none   10     100  (one-hot outputs: 1, 200)
    improved     none      1               1       0.9    10     100

The published leak lets no state rest but at the walls of the clip; the improved networks contract,
so that every start leads to the same state, and start from weights large enough to tell the hidden
neurons apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from noiseprune.learning.equilibrium.options import DeepOptions as Options
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
