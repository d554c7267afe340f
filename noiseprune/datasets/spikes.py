"""Built-in recordings: sorted spikes of real neurons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from noiseprune.checks import one_of
from noiseprune.datasets.tables import catalogue, packaged


@dataclass(frozen=True)
class SpikeDataset:
    """What is known about a built-in recording; duration in s."""

    name: str
    description: str
    n_neurons: int
    n_spikes: int
    duration: float
    source: str
    licence: str
    citation: str


@dataclass(frozen=True, eq=False)
class RecordedSpikes:
    """Sorted spikes.

    times : (n_spikes,) s; unit : (n_spikes,) whose spike; labels : (N,) names; duration : s
    """

    times: npt.NDArray[np.float64]
    unit: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    duration: float


(_MOUSE,) = (SpikeDataset(**known) for known in catalogue()["recordings"])


def available_spikes() -> tuple[SpikeDataset, ...]:
    """Every built-in recording."""
    return (_MOUSE,)


def load_spikes(name: str) -> RecordedSpikes:
    """The spikes of a built-in recording; label "adn:3" is unit 3, of the anterodorsal thalamus.

    Raises
    ------
    OptionError
        If the name is unknown.
    """
    one_of("recording", name, (found.name for found in available_spikes()))
    file = packaged("data/mouse_hd_hippocampus_spikes.npz")
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        times, unit, place = stored["spike_times"], stored["unit"], stored["location"]
    labels = tuple(f"{where}:{k}" for k, where in enumerate(place))
    return RecordedSpikes(times, unit, labels, _MOUSE.duration)
