"""Neurodata Without Borders, by pynwb: Neo's own reader fails on current files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from noiseprune.errors import MissingExtraError, RecordingError
from noiseprune.recordings.units import quantity


def read_segments(path: Path) -> list[Any]:
    """neo.Segments of an .nwb file: its units as spike trains, its regular time series as signals.

    Every interval in which all units were observed is a segment; where the file does not say, it
    is from the first spike of all to the last, in whole seconds. If some series are of electrodes
    or regions of interest, the others (behaviour, stimuli) are left out.

    Raises
    ------
    MissingExtraError
        Without pynwb.
    """
    try:
        from pynwb import NWBHDF5IO, TimeSeries
        from pynwb.ecephys import ElectricalSeries
        from pynwb.ophys import RoiResponseSeries
    except ImportError as error:
        raise MissingExtraError(
            "reading .nwb needs pynwb: install it with pip install 'noiseprune[nwb]'"
        ) from error
    import neo

    with NWBHDF5IO(str(path), "r", load_namespaces=True) as file:
        content = file.read()
        pieces = []
        if content.units is not None and len(content.units):
            pieces = _trains(content.units, path)
        every = [item for item in content.objects.values() if isinstance(item, TimeSeries)]
        neural = [item for item in every if isinstance(item, (ElectricalSeries, RoiResponseSeries))]
        signals = [_signal(series) for series in sorted(neural or every, key=lambda s: str(s.name))]
    segments = [neo.Segment(name=path.stem) for _ in range(max(1, len(pieces)))]
    for segment, trains in zip(segments, pieces):
        segment.spiketrains.extend(trains)
    segments[0].analogsignals.extend([signal for signal in signals if signal is not None])
    return segments


def _trains(units: Any, path: Path) -> list[list[Any]]:
    """Spike trains of all units, for every interval in which all were observed."""
    import neo
    import quantities as pq

    times = [np.sort(np.asarray(units["spike_times"][k], dtype=float)) for k in range(len(units))]
    every = np.concatenate(times)
    if not every.size:
        raise RecordingError(f"{path}: none of its {len(times)} units has a spike")
    intervals = [(float(np.floor(every.min())), float(np.ceil(every.max())))]
    if "obs_intervals" in units.colnames:
        seen = [np.reshape(units["obs_intervals"][k], (-1, 2)) for k in range(len(units))]
        intervals = _common(seen)
        if not intervals:
            raise RecordingError(
                f"{path}: its {len(times)} units were never all observed at once (obs_intervals): "
                "write a file of units that were"
            )
    column = next((name for name in ("unit_name", "label") if name in units.colnames), None)
    names = units[column][:] if column else units.id[:]
    return [
        [
            neo.SpikeTrain(
                found[(found >= start) & (found <= end)],
                units=pq.s,
                t_start=start,
                t_stop=end,
                name=str(name),
            )
            for found, name in zip(times, names)
        ]
        for start, end in intervals
    ]


def _common(seen: list[Any]) -> list[tuple[float, float]]:
    """Intervals that lie in one of every unit's (K, 2), in order."""
    starts, ends = np.sort(np.concatenate([np.unique(own, axis=0) for own in seen]), axis=0).T
    edges = np.union1d(starts, ends)
    n_open = np.searchsorted(starts, edges, "right") - np.searchsorted(ends, edges, "right")
    return [(a, b) for a, b, n in zip(edges, edges[1:], n_open) if n == len(seen)]


def _signal(series: Any) -> Any:
    """neo.AnalogSignal of a series of numbers at equal steps; None of any other."""
    import neo
    import quantities as pq

    data = np.asarray(series.data)
    if data.ndim not in (1, 2) or data.dtype.kind not in "fiu" or not data.size:
        return None
    if series.rate:
        period, start = 1.0 / float(series.rate), float(series.starting_time or 0.0)
    else:
        times = np.asarray(series.timestamps, dtype=float)
        steps = np.diff(times)
        if len(times) < 2 or np.ptp(steps) > 1e-3 * np.mean(steps):
            return None
        period, start = float(np.mean(steps)), float(times[0])
    values = np.asarray(data, dtype=np.float64) * float(series.conversion or 1.0)
    gains = getattr(series, "channel_conversion", None)
    if gains is not None:
        values = values * np.asarray(gains, dtype=np.float64)
    values = values + float(series.offset or 0.0)
    try:
        unit = quantity(_UNITS.get(str(series.unit), str(series.unit)))
    except RecordingError:
        unit = pq.Quantity(1.0, "dimensionless")  # such as "n.a.", "a.u." or "fluorescence"
    return neo.AnalogSignal(
        values.reshape(len(values), -1),
        units=unit.units,
        sampling_period=period * pq.s,
        t_start=start * pq.s,
        name=str(series.name),
    )


_UNITS = {"volts": "V", "volt": "V", "amperes": "A", "hertz": "Hz", "Hertz": "Hz"}
