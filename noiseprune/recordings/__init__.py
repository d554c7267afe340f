"""What recordings say of synapses: covariance and synapse variances of measured activity.

    file, Neo objects or arrays -> Recording -> covariance, variance of every synapse, or a network

`read` opens files, `from_neo` takes Neo's objects, `from_arrays` anything else. Rates are made of
spikes by Elephant (`rates`), what spikes and bins distort is put right, and error bars allow for
autocorrelation (`statistics`). Channels and neurons are matched by name (`matching`). Where no
network is known, it is estimated too (`inference`).
"""

from noiseprune.recordings.inference import InferredNetwork, infer_network
from noiseprune.recordings.reading import read
from noiseprune.recordings.record import Recording, SpikeFilter, from_arrays, from_trajectory
from noiseprune.recordings.signals import from_neo
from noiseprune.recordings.spiking import independent_poisson, poisson_spikes
from noiseprune.recordings.statistics import RecordedCovariance, covariance
from noiseprune.recordings.variance import Recorded, RecordedVariance, synapse_variance

__all__ = [
    "InferredNetwork",
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
    "infer_network",
    "poisson_spikes",
    "read",
    "synapse_variance",
]
