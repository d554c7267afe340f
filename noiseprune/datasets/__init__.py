"""Built-in connectomes: real networks to prune, ready to load.

    W[post, pre] = number of synapses from pre to post (signed where the transmitter is known)

`load` gives the network and `available` says what there is, from whom and under which
licence; the full attribution is in SOURCES.md beside this module.
"""

from noiseprune.datasets.connectomes import Dataset, available, load
from noiseprune.datasets.spikes import RecordedSpikes, SpikeDataset, available_spikes, load_spikes

__all__ = [
    "Dataset",
    "RecordedSpikes",
    "SpikeDataset",
    "available",
    "available_spikes",
    "load",
    "load_spikes",
]
