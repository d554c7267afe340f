"""Training of local-rule networks on images: what the models of `commands` have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from noiseprune.learning.burst.options import LocalOptions
from noiseprune.learning.training import Experiment, Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def experiment(options: LocalOptions) -> Experiment:
    """The experiment that the options ask for; their class says which model.

    Raises
    ------
    OptionError
        If an option has no meaning.
    MissingExtraError
        If torch, or for the digits scikit-learn, is not installed.
    """
    from noiseprune.learning.extra import required

    required("torch", "training with local rules")
    from noiseprune.learning.burst.running import LocalExperiment

    return LocalExperiment(options)


def pictures(runs: Sequence[Training]) -> Mapping[str, Figure]:
    """Angles of the updates to backprop and feedback alignment, and what is in the dendrites."""
    from noiseprune.learning.burst.pictures import diagnosed

    return diagnosed(runs)
