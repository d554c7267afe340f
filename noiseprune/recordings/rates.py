"""Rates of spike trains: counts in bins, or Elephant's instantaneous rate.

    binned     rate = count / width, the bins side by side
    smoothed   rate = sum over spikes of a Gaussian k(t - t_spike), sampled every half of its width

With the noise that Poisson spikes add and the fluctuations that bins or kernel smooth away, as
`SpikeFilter` holds them: for a bin of width h, int k^2 = 1 / h and E|D| = h / 3; for a Gaussian of
standard deviation s, 1 / (2 sqrt(pi) s) and 2 s / sqrt(pi), its spikes counted in bins of s / 2.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from noiseprune.errors import RecordingError
from noiseprune.recordings.record import FEWEST, Reading, Recording, SpikeFilter, from_arrays
from noiseprune.recordings.units import seconds
from noiseprune.weights import FloatArray

_CUTOFF = 5.0
_LAG = 6.0
"""Kernel widths after which two smoothed rates share no spike: a share of exp(-9) is left."""


def from_trains(segments: Sequence[Sequence[Any]], how: Reading, source: str) -> Recording:
    """The rates of spike trains, a segment a piece; a unit without spikes has rate 0."""
    import quantities as pq

    names, smooth = _names(segments[0]), how.smoothing is not None
    width = how.bin if how.smoothing is None else how.smoothing
    pieces, cut = [], 0.0
    for k, trains in enumerate(segments):
        if _names(trains) != names:
            raise RecordingError(
                f"{source}: segment {k} has units {', '.join(_names(trains)[:3])} ... and segment 0"
                f" {', '.join(names[:3])} ...: give segments of the same units"
            )
        start, end, lost = _window(trains, source)
        cut = max(cut, lost)
        for name, train in zip(names, trains):
            times = np.asarray(train.magnitude)
            if not np.all(np.isfinite(times)):
                raise RecordingError(
                    f"{source}: unit {name!r} has a spike at {times[~np.isfinite(times)][0]} s: "
                    "cut it out"
                )
        if lost:
            trains = [train.time_slice(start * pq.s, end * pq.s) for train in trains]
        pieces.append((smoothed if smooth else binned)(trains, start, end, width, source))
    notes = [f"spike trains of unequal length: up to {cut:.4g} s not shared were left out"]
    return from_arrays(
        pieces,
        width / 2 if smooth else width,
        names,
        units="Hz",
        source=source,
        spikes=spike_filter(width, smooth=smooth),
        notes=notes if cut > 1e-3 * width else [],
    )


def spike_filter(width: float, *, smooth: bool) -> SpikeFilter:
    """What bins of `width` make of spikes, or a Gaussian kernel of that standard deviation."""
    if not smooth:
        return SpikeFilter("binned", width, width / 3, 1.0 / width, 1)
    # Two times of the kernel, each with the uniform time within its bin of half the width.
    spread = float(np.sqrt(2 / np.pi * (2 * width**2 + (width / 2) ** 2 / 6)))
    lag = round(2 * _LAG)
    return SpikeFilter("smoothed", width, spread, float(0.5 / (np.sqrt(np.pi) * width)), lag)


def binned(
    trains: Sequence[Any], start: float, end: float, width: float, source: str
) -> FloatArray:
    """(T, N) counts over width, Hz, by Elephant."""
    import quantities as pq
    from elephant.conversion import BinnedSpikeTrain

    n = int((end - start) / width + 1e-6)
    if n < FEWEST:
        raise RecordingError(
            f"{source} lasts {end - start:.4g} s, {n} bins of {width:g} s, but a covariance needs "
            f"at least {FEWEST}: give shorter bins or a longer recording"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Elephant warns of its own use of quantities
        found = BinnedSpikeTrain(
            list(trains), bin_size=width * pq.s, n_bins=n, t_start=start * pq.s, tolerance=None
        )
    return np.asarray(found.to_array(), dtype=np.float64).T / width


def smoothed(
    trains: Sequence[Any], start: float, end: float, width: float, source: str
) -> FloatArray:
    """(T, N) instantaneous rates, Hz, by Elephant; without the ends, where the kernel is cut."""
    import quantities as pq
    from elephant.kernels import GaussianKernel
    from elephant.statistics import instantaneous_rate

    period = width / 2
    edge = int(np.ceil(_CUTOFF * width / period))
    n = int((end - start) / period + 1e-6)
    if n - 2 * edge < FEWEST:
        raise RecordingError(
            f"{source} lasts {end - start:.4g} s, too short for a kernel of {width:g} s: give a "
            "narrower one or a longer recording"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = instantaneous_rate(
            list(trains),
            sampling_period=period * pq.s,
            kernel=GaussianKernel(sigma=width * pq.s),
            cutoff=_CUTOFF,
            t_start=start * pq.s,
            t_stop=(start + n * period) * pq.s,
        )
    return np.asarray(found.rescale("Hz").magnitude, dtype=np.float64)[edge : n - edge]


def _window(trains: Sequence[Any], source: str) -> tuple[float, float, float]:
    """(start, end) of the time that all trains cover, s, and the most that one has beyond it."""
    starts, ends = np.array([[seconds(t.t_start), seconds(t.t_stop)] for t in trains]).T
    start, end = float(starts.max()), float(ends.min())
    if not end > start:
        raise RecordingError(
            f"{source}: its spike trains share no time (they start at up to {start:.6g} s and end "
            f"as early as {end:.6g} s): give units that were recorded together"
        )
    return start, end, float(np.max(ends - starts)) - (end - start)


def _names(trains: Sequence[Any]) -> tuple[str, ...]:
    """Names of units: their own, else an annotation, else numbers."""
    found = []
    for k, train in enumerate(trains):
        keys = ("label", "unit", "unit_id", "unit_name", "id")
        given = next((train.annotations[key] for key in keys if key in train.annotations), None)
        found.append(str(train.name or (k if given is None else given)))
    return tuple(found)
