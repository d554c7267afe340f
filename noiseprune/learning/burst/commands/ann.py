"""`noiseprune train ann`."""

from noiseprune.learning.burst.experiment import experiment, pictures
from noiseprune.learning.burst.options import ANNOptions as Options

__all__ = ["Options", "experiment", "pictures"]
