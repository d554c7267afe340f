"""A recording: what was measured of every channel at equal steps of time.

    x[t, i], t = 0, 1, ... T-1:  channel i at time t * period,  pieces (T_k, N)

Pieces (trials, replicas, segments) are separate in time: no lag reaches from one into the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from noiseprune.checks import one_of, positive
from noiseprune.choices import Kind
from noiseprune.errors import RecordingError
from noiseprune.weights import FloatArray, IntArray

FEWEST = 8
"""Samples below which there is nothing to measure a covariance and its error from."""


@dataclass(frozen=True)
class Reading:
    """How a recording is read, with its checks; see `recordings.read`."""

    kind: Kind = "auto"
    bin: float = 0.1
    smoothing: float | None = None
    burn_in: float = 0.0
    units: str | None = None
    series: str | None = None

    def __post_init__(self) -> None:
        one_of("kind", self.kind, get_args(Kind))
        positive("bin", self.bin)
        if self.smoothing is not None:
            positive("smoothing", self.smoothing)


@dataclass(frozen=True)
class SpikeFilter:
    """What made rates out of spikes: bins, or a kernel k of unit area.

    The covariance of the rates found, lambda * k, with the difference D of two times drawn from k:

        C_found(0) = E[C(D)] + diag(mean rate) noise,    noise = int k(t)^2 dt
        C(D) = C(0) - |D| slope + ...  so that  C_found(0) - ... = C(0) - spread slope + ...

    method : "binned" or "smoothed"
    width : bin, or standard deviation of the Gaussian kernel, s
    spread : E|D|, s
    noise : variance that Poisson spikes add at lag 0, per mean rate, 1/s
    lag : samples after which two rates share no spike
    """

    method: str
    width: float
    spread: float
    noise: float
    lag: int


@dataclass(frozen=True, eq=False)
class Recording:
    """Channels sampled together at equal steps.

    pieces : tuple of (T_k, N) float64 arrays
    period : time between samples, s
    channels : (N,) names
    units : of the values, as quantities writes them
    source : where it is from
    spikes : what made rates out of spikes; None where the values were recorded as they are
    step : step of the Euler scheme that made the recording, s; None where nature or another did
    notes : what was done on reading that a user should know
    """

    pieces: tuple[FloatArray, ...]
    period: float
    channels: tuple[str, ...]
    units: str = "dimensionless"
    source: str = "arrays"
    spikes: SpikeFilter | None = None
    step: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def n_channels(self) -> int:
        return len(self.channels)

    @property
    def n_samples(self) -> int:
        return sum(len(piece) for piece in self.pieces)

    @property
    def length(self) -> float:
        """Recorded time, s."""
        return self.n_samples * self.period

    @property
    def mean(self) -> FloatArray:
        """(N,)"""
        total: FloatArray = np.sum([piece.sum(axis=0) for piece in self.pieces], axis=0)
        return total / self.n_samples

    @property
    def silent(self) -> IntArray:
        """Channels whose value never changes."""
        low = np.min([piece.min(axis=0) for piece in self.pieces], axis=0)
        high = np.max([piece.max(axis=0) for piece in self.pieces], axis=0)
        return np.flatnonzero(low == high)

    def chosen(self, channels: npt.ArrayLike) -> Recording:
        """The recording of some channels, in this order."""
        index = np.asarray(channels, dtype=np.intp)
        if np.array_equal(index, np.arange(self.n_channels)):
            return self
        return replace(
            self,
            pieces=tuple(np.ascontiguousarray(piece[:, index]) for piece in self.pieces),
            channels=tuple(self.channels[k] for k in index),
        )

    def after(self, burn_in: float) -> Recording:
        """The recording without the first `burn_in` seconds of every piece."""
        if burn_in == 0:
            return self
        first = int(np.ceil(positive("burn-in", burn_in) / self.period - 1e-9))
        pieces = tuple(piece[first:] for piece in self.pieces if len(piece) > first)
        if sum(len(piece) for piece in pieces) < FEWEST:
            longest = max(len(piece) for piece in self.pieces) * self.period
            raise RecordingError(
                f"{self.source}: a burn-in of {burn_in:g} s leaves fewer than {FEWEST} samples, as "
                f"the longest piece has {longest:.4g} s: give a shorter one"
            )
        return replace(self, pieces=pieces)


def from_arrays(
    values: npt.ArrayLike | Sequence[npt.ArrayLike],
    period: float,
    channels: Sequence[str] | None = None,
    *,
    units: str = "dimensionless",
    source: str = "arrays",
    spikes: SpikeFilter | None = None,
    step: float | None = None,
    notes: Sequence[str] = (),
) -> Recording:
    """A recording of an array (T, N), or of a list of such for separate pieces.

    period : s; channels : (N,) names, by default 0 .. N-1

    Raises
    ------
    RecordingError
        If a value is not finite, samples or channels are lacking, or pieces differ in channels.
    """
    listed: Sequence[Any] = values if isinstance(values, (list, tuple)) else [values]
    pieces = tuple(_piece(piece, source) for piece in listed)
    if not pieces or pieces[0].shape[1] == 0:
        raise RecordingError(f"{source} has no channels: give a recording with some")
    n = pieces[0].shape[1]
    for piece in pieces:
        if piece.shape[1] != n:
            raise RecordingError(
                f"{source} has pieces of {n} and of {piece.shape[1]} channels: give pieces of the "
                "same channels"
            )
    names = tuple(str(k) for k in range(n)) if channels is None else tuple(map(str, channels))
    if len(names) != n:
        raise RecordingError(
            f"{source} has {len(names)} names for {n} channels: give one name each"
        )
    for piece in pieces:
        bad = np.argwhere(~np.isfinite(piece))
        if bad.size:
            t, k = (int(place) for place in bad[0])
            raise RecordingError(
                f"{source}: channel {names[k]!r} is {piece[t, k]:g} at sample {t} "
                f"({len(bad)} such values): cut these samples out, or leave the channel out"
            )
    total = sum(len(piece) for piece in pieces)
    if total < FEWEST:
        raise RecordingError(
            f"{source} has {total} sample{'' if total == 1 else 's'}, but a covariance and its "
            f"error need at least {FEWEST}: give a longer recording"
        )
    return Recording(
        pieces, positive("period", period), names, units, source, spikes, step, tuple(notes)
    )


def _piece(values: Any, source: str) -> FloatArray:
    piece = np.asarray(values)
    if piece.ndim != 2 or piece.dtype.kind not in "fiub":
        raise RecordingError(
            f"{source} has values of shape {piece.shape} and type {piece.dtype}: give real numbers "
            "of shape (times, channels)"
        )
    return np.ascontiguousarray(piece, dtype=np.float64)


def from_trajectory(trajectory: Any, *, burn_in: float = 0.0) -> Recording:
    """The recording of a simulated `Trajectory`, a replica a piece."""
    return from_arrays(
        [trajectory.rates[:, k] for k in range(trajectory.rates.shape[1])],
        trajectory.record_every * trajectory.dt,
        trajectory.labels,
        source="simulation",
        step=trajectory.dt,
    ).after(burn_in)


def refuse_silent(recording: Recording, *, what: str) -> None:
    """Say which channels never change; `what` is done with them must then be a user's choice."""
    silent = recording.silent
    if silent.size:
        names = ", ".join(repr(recording.channels[k]) for k in silent[:3])
        more = f" and {silent.size - 3} more" if silent.size > 3 else ""
        kind = "unit" if recording.spikes else "channel"
        verb, plural = ("is", "") if silent.size == 1 else ("are", "s")
        raise RecordingError(
            f"{recording.source}: {kind}{plural} {names}{more} {verb} silent (never a change in "
            f"{recording.length:.4g} s), so nothing is known of {'it' if plural == '' else 'them'}:"
            f" {what}"
        )
