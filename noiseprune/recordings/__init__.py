"""What recordings say of synapses: covariance and synapse variances of measured activity.

    file, Neo objects or arrays -> Recording -> covariance, or the variance of every synapse

`read` opens files, `from_neo` takes Neo's objects, `from_arrays` anything else. Rates are made of
spikes by Elephant (`rates`), what spikes and bins distort is put right, and error bars allow for
autocorrelation (`statistics`). Channels and neurons are matched by name (`matching`).
"""

from noiseprune.recordings.reading import read
from noiseprune.recordings.record import Recording, SpikeFilter, from_arrays, from_trajectory
from noiseprune.recordings.signals import from_neo
from noiseprune.recordings.spiking import independent_poisson, poisson_spikes
from noiseprune.recordings.statistics import RecordedCovariance, covariance
from noiseprune.recordings.variance import Recorded, RecordedVariance, synapse_variance

__all__ = [
    "Recorded",
    "RecordedCovariance",
    "RecordedVariance",
    "Recording",
    "SpikeFilter",
    "covariance",
    "from_arrays",
    "from_neo",
    "from_trajectory",
    "independent_poisson",
    "poisson_spikes",
    "read",
    "synapse_variance",
]
