"""Built-in recordings: sorted spikes of real neurons."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt

from noiseprune.checks import one_of


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


_MOUSE = SpikeDataset(
    name="mouse",
    description="mouse, 7 units of the anterodorsal thalamus and 8 of CA1, spikes of 20 minutes",
    n_neurons=15,
    n_spikes=98794,
    duration=1200.0,
    source="PyPI package pynapple 0.11.4 (source distribution)",
    licence="MIT",
    citation="session A2929-200711 of the tests of pynapple (Viejo et al. 2023, eLife 12, RP85786)",
)


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
    file = resources.files("noiseprune.datasets") / "data" / "mouse_hd_hippocampus_spikes.npz"
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        times, unit, place = stored["spike_times"], stored["unit"], stored["location"]
    labels = tuple(f"{where}:{k}" for k, where in enumerate(place))
    return RecordedSpikes(times, unit, labels, _MOUSE.duration)
