"""Neurodata Without Borders, by pynwb: Neo's own reader fails on current files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from noiseprune.errors import MissingExtraError, RecordingError
from noiseprune.recordings.units import quantity


def read_segment(path: Path) -> Any:
    """neo.Segment of an .nwb file: its units as spike trains, its regular time series as signals.

    The end of the recording is that of the units' observation intervals where the file has them,
    else the last spike of all.

    Raises
    ------
    MissingExtraError
        Without pynwb.
    """
    try:
        from pynwb import NWBHDF5IO, TimeSeries
    except ImportError as error:
        raise MissingExtraError(
            "reading .nwb needs pynwb: install it with pip install 'noiseprune[nwb]'"
        ) from error
    import neo

    segment = neo.Segment(name=path.stem)
    with NWBHDF5IO(str(path), "r", load_namespaces=True) as file:
        content = file.read()
        if content.units is not None and len(content.units):
            segment.spiketrains.extend(_trains(content.units, path))
        for series in sorted(content.objects.values(), key=lambda item: str(item.name)):
            if isinstance(series, TimeSeries):
                signal = _signal(series)
                if signal is not None:
                    segment.analogsignals.append(signal)
    return segment


def _trains(units: Any, path: Path) -> list[Any]:
    import neo
    import quantities as pq

    times = [np.sort(np.asarray(units["spike_times"][k], dtype=float)) for k in range(len(units))]
    every = np.concatenate(times)
    if not every.size:
        raise RecordingError(f"{path}: none of its {len(times)} units has a spike")
    start, end = min(0.0, float(every.min())), float(every.max())
    if "obs_intervals" in units.colnames:
        seen = np.concatenate([np.atleast_2d(units["obs_intervals"][k]) for k in range(len(units))])
        start, end = float(seen.min()), max(end, float(seen.max()))
    column = next((name for name in ("unit_name", "label") if name in units.colnames), None)
    names = units[column][:] if column else units.id[:]
    return [
        neo.SpikeTrain(found, units=pq.s, t_start=start, t_stop=end, name=str(name))
        for found, name in zip(times, names)
    ]


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
