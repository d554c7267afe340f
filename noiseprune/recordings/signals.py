"""Neo's objects as a recording: analog signals, and spike trains turned into rates.

Signals of one segment are cut to the time they share; units are those of the first channel; every
segment is a piece. What cannot be put together is refused, and says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from noiseprune.choices import Kind
from noiseprune.errors import RecordingError
from noiseprune.files.guard import printable
from noiseprune.recordings import rates
from noiseprune.recordings.record import Reading, Recording, from_arrays
from noiseprune.recordings.units import quantity, seconds
from noiseprune.weights import FloatArray

_NAMES = ("labels", "channel_names", "names", "channel_ids", "ids")


def from_neo(
    data: Any,
    *,
    kind: Kind = "auto",
    bin: float = Reading.bin,
    smoothing: float | None = None,
    burn_in: float = 0.0,
    units: str | None = None,
    series: str | None = None,
    source: str = "recording",
) -> Recording:
    """The recording in a neo Block, Segment, or list of Blocks, Segments, AnalogSignals or
    SpikeTrains.

    kind, bin, smoothing, burn_in, units, series : see `recordings.read`

    Raises
    ------
    RecordingError
        If there is nothing to read, or things that do not go together.
    """
    return recording_of(data, Reading(kind, bin, smoothing, burn_in, units, series), source)


def recording_of(data: Any, how: Reading, source: str) -> Recording:
    """`from_neo` with its options in a record."""
    blocks, segments = _segments(data)
    signals = [list(segment.analogsignals) for segment in segments]
    trains = [list(segment.spiketrains) for segment in segments]
    kind = how.kind
    if how.series is not None:
        kind = "signals" if kind == "auto" else kind
        signals = _named(signals, how, source)
    n_signals, n_trains = sum(map(len, signals)), sum(map(len, trains))
    if kind == "auto" and n_signals and n_trains:
        raise RecordingError(
            f"{source} has both {n_signals} analog signals and {n_trains} spike trains: choose "
            "with --kind signals or --kind spikes"
        )
    if kind == "auto":
        kind = "spikes" if n_trains else "signals"
    if not (n_trains if kind == "spikes" else n_signals):
        other = {
            "irregularly sampled signals": sum(len(s.irregularlysampledsignals) for s in segments),
            "analog signals": n_signals,
            "spike trains": n_trains,
            "events": sum(len(s.events) for s in segments),
        }
        there = ", ".join(f"{n} {name}" for name, n in other.items() if n) or "nothing"
        missing = "spike trains" if kind == "spikes" else "analog signals or spike trains"
        raise RecordingError(
            f"{source} has no {missing} ({there} in {len(segments)} segments): give a recording of "
            "neurons"
        )
    if kind == "spikes":
        return rates.from_trains([t for t in trains if t], how, source).after(how.burn_in)
    found = [_together(of_segment, how.units, source) for of_segment in signals if of_segment]
    return _joined(found, source, _euler_step(blocks)).after(how.burn_in)


def _segments(data: Any) -> tuple[list[Any], list[Any]]:
    """(blocks, segments) of whatever of Neo's was given."""
    import neo

    alone = (neo.Block, neo.Segment, neo.AnalogSignal, neo.SpikeTrain)
    several = isinstance(data, Iterable) and not isinstance(data, (*alone, str, bytes))
    items = list(data) if several else [data]
    for item in items:
        if not isinstance(item, alone):
            raise RecordingError(
                f"a recording is {type(item).__name__}, not of Neo: give a Block, a Segment, "
                "or a list of AnalogSignals or SpikeTrains"
            )
    blocks, own, signals, trains = (
        [item for item in items if isinstance(item, kind)] for kind in alone
    )
    segments = [segment for block in blocks for segment in block.segments] + own
    if signals or trains:
        segments.append(
            SimpleNamespace(
                analogsignals=signals, spiketrains=trains, irregularlysampledsignals=[], events=[]
            )
        )
    return blocks, segments


def _named(signals: list[list[Any]], how: Reading, source: str) -> list[list[Any]]:
    """The signals of that name."""
    if how.kind == "spikes":
        raise RecordingError(
            f"{source}: series {how.series!r} is an analog signal: leave it out, or kind 'spikes'"
        )
    chosen = [[s for s in of_segment if _name(s) == how.series] for of_segment in signals]
    if not any(chosen):
        known = ", ".join(sorted({_name(s) for of_segment in signals for s in of_segment}))
        raise RecordingError(
            f"{source} has no analog signal {how.series!r}: there are {printable(known) or 'none'}"
        )
    return chosen


def _euler_step(blocks: Iterable[Any]) -> float | None:
    """Step of the scheme that made the signals, where a simulation of this package left it."""
    steps = {
        float(block.annotations["dt"])
        for block in blocks
        if block.name == "noiseprune simulation" and "dt" in block.annotations
    }
    return steps.pop() if len(steps) == 1 else None


@dataclass(frozen=True)
class _Part:
    values: FloatArray
    period: float
    channels: tuple[str, ...]
    units: str
    cut: float


def _together(signals: Sequence[Any], units: str | None, source: str) -> _Part:
    """Signals of one segment as one array, over the time that they share."""
    first = signals[0]
    period = seconds(first.sampling_period)
    target = first.units if units is None else quantity(units)
    arrays: list[FloatArray] = []
    names: list[str] = []
    starts = np.array([seconds(signal.t_start) for signal in signals])
    ends = starts + np.array([len(signal) for signal in signals]) * period
    for signal in signals:
        own = seconds(signal.sampling_period)
        if not abs(own - period) <= 1e-6 * period:
            raise RecordingError(
                f"{source}: signal {_name(signal)!r} is sampled every {own:.6g} s and "
                f"{_name(first)!r} every {period:.6g} s: resample them to one rate, or "
                "choose one with --series"
            )
    start, end = starts.max(), ends.min()
    n = round((end - start) / period)
    if n < 1:
        raise RecordingError(
            f"{source}: its signals share no time (they start at up to {start:.6g} s and end as "
            f"early as {end:.6g} s): give signals that were recorded together"
        )
    for signal, begin in zip(signals, starts):
        try:
            values = np.asarray(signal.rescale(target).magnitude, dtype=np.float64)
        except ValueError:
            raise RecordingError(
                f"{source}: signal {_name(signal)!r} is in {signal.dimensionality.string}, which "
                f"is not {target.dimensionality.string}"
                f"{'' if units else f', the unit of {_name(first)!r}'}: give signals of one kind, "
                "or choose one with --series"
            ) from None
        offset = round((start - begin) / period)
        arrays.append(values[offset : offset + n].reshape(n, -1))
        names += _channel_names(signal, len(names))
    cut = float(np.max(ends - starts)) - n * period
    return _Part(np.hstack(arrays), period, tuple(names), target.dimensionality.string, cut)


def _joined(parts: Sequence[_Part], source: str, step: float | None) -> Recording:
    """Segments as pieces of one recording."""
    first = parts[0]
    for k, part in enumerate(parts[1:], 1):
        if part.channels != first.channels:
            raise RecordingError(
                f"{source}: segment {k} has channels {', '.join(part.channels[:3])} ... "
                f"({len(part.channels)}) and segment 0 {', '.join(first.channels[:3])} ... "
                f"({len(first.channels)}): give segments of the same channels"
            )
        if not (abs(part.period - first.period) <= 1e-6 * first.period):
            raise RecordingError(
                f"{source}: segment {k} is sampled every {part.period:.6g} s and segment 0 every "
                f"{first.period:.6g} s: resample them to one rate"
            )
        if part.units != first.units:
            raise RecordingError(
                f"{source}: segment {k} is in {part.units} and segment 0 in {first.units}: say "
                "with --units which is meant"
            )
    cut = max(part.cut for part in parts)
    notes = (
        [f"signals of unequal length: up to {cut:.4g} s that not all share were left out"]
        if cut > 0.5 * first.period
        else []
    )
    return from_arrays(
        [part.values for part in parts],
        first.period,
        first.channels,
        units=first.units,
        source=source,
        step=step,
        notes=notes,
    )


def _name(signal: Any) -> str:
    return str(signal.name or "unnamed")


def _channel_names(signal: Any, n_before: int) -> list[str]:
    """Names of a signal's channels: of its array annotations, else its own, else numbers."""
    n = signal.shape[1] if signal.ndim == 2 else 1
    for key in _NAMES:
        found = signal.array_annotations.get(key)
        if found is not None and len(found) == n:
            return [str(name) for name in found]
    if n == 1 and signal.name:
        return [str(signal.name)]
    return [str(n_before + k) for k in range(n)]
