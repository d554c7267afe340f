"""`noiseprune train burstprop`."""

from noiseprune.learning.burst.experiment import experiment, pictures
from noiseprune.learning.burst.options import BurstpropOptions as Options

__all__ = ["Options", "experiment", "pictures"]
