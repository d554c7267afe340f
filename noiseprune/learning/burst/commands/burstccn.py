"""`noiseprune train burstccn`."""

from noiseprune.learning.burst.experiment import experiment, pictures
from noiseprune.learning.burst.options import BurstCCNOptions as Options

__all__ = ["Options", "experiment", "pictures"]
