"""`noiseprune train edn`."""

from noiseprune.learning.burst.experiment import experiment, pictures
from noiseprune.learning.burst.options import EDNOptions as Options

__all__ = ["Options", "experiment", "pictures"]
