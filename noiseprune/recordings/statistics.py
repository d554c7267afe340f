"""Covariance of a recording with honest error bars: blocks, effective samples, shrinkage.

    C = sum_b w_b C_b,    w_b = n_b / n                       (blocks b of n_b samples)
    Var(C_ij) = B / (B - 1) sum_b w_b^2 (C_b,ij - C_ij)^2

The second line is the block bootstrap (Kunsch, Ann. Stat. 17, 1989) with infinitely many
resamples: for what is linear in the blocks it needs none. It is honest about autocorrelation if a
block is several autocorrelation times long, as it is made where the recording allows.

Effective samples of a variance: n / (1 + 2 sum_k rho_k^2), rho the autocorrelation (Bartlett 1946).

Shrinkage (Ledoit and Wolf, J. Multivar. Anal. 88, 2004): (1 - a) C + a mu 1 with mu the mean
variance and a = min(1, sum Var(C_ij) / ||C - mu 1||_F^2), Var from the blocks, so that it counts
autocorrelation and spikes. (With blocks of one sample: the published formula, times n / (n - 1).)

Rates that were made of spikes (see `SpikeFilter`): lag 0 holds what the spikes add, and bins
smooth fast fluctuations away. With l = lag * period and e = spread,

    "poisson"       C = [l (C_0 - diag(mean) noise) - e C_l] / (l - e)        Poisson spikes
    "extrapolated"  C = 2 C_l - C_2l                                       any spikes, noisier

both right to first order in l, C_l symmetrised.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import get_args

import numpy as np
from scipy import fft

from noiseprune.checks import one_of, positive
from noiseprune.choices import Shrinkage, ZeroLag
from noiseprune.errors import RecordingError
from noiseprune.progress import Progress, silent
from noiseprune.recordings.record import Recording
from noiseprune.weights import FloatArray

_FEWEST_BLOCKS, _MOST_BLOCKS = 8, 64
_BLOCK = 4.0
"""Length of a block in autocorrelation times, where the recording is long enough."""
_FEW = 10
"""Effective samples a channel below which "auto" shrinks."""
ROWS = 256
"""Rows of a covariance that are made at a time, to save memory."""
_TRANSIENT = 4.0


@dataclass(frozen=True, eq=False)
class RecordedCovariance:
    """Covariance of a recording with its evidence.

    covariance, standard_error : (N, N), units squared
    channels, units : of the recording
    shrinkage : a of the module; 0 where none was done
    n_samples, n_effective : samples, and what they are worth for the variance of the channel that
        forgets most slowly
    n_blocks, block_length : of the error bars; the length in s
    length : recorded time, s
    notes : what to know before it is believed
    """

    covariance: FloatArray
    standard_error: FloatArray
    channels: tuple[str, ...]
    units: str
    shrinkage: float
    n_samples: int
    n_effective: float
    n_blocks: int
    block_length: float
    length: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Estimator:
    """C = sum_k weights[k] C_lags[k] - own diag(mean)."""

    lags: tuple[int, ...]
    weights: tuple[float, ...]
    own: float


def estimator(recording: Recording, zero_lag: str = "poisson") -> Estimator:
    """How the covariance at lag 0 is found (see the module)."""
    one_of("zero lag", zero_lag, get_args(ZeroLag))
    spikes = recording.spikes
    if spikes is None:
        return Estimator((0,), (1.0,), 0.0)
    if zero_lag == "extrapolated":
        return Estimator((spikes.lag, 2 * spikes.lag), (2.0, -1.0), 0.0)
    lag = spikes.lag * recording.period
    scale = 1.0 / (lag - spikes.spread)
    weights = (lag * scale, -spikes.spread * scale)
    return Estimator((0, spikes.lag), weights, spikes.noise * weights[0])


@dataclass(frozen=True, eq=False)
class Blocks:
    """A recording without its mean, cut into blocks.

    pieces : centred (T_k, N); mean : (N,) rates; cuts : (piece, start, stop) of every block;
    shares : (B,) w_b; slow : how the recording forgets
    notes : what to know before what the blocks say is believed
    """

    recording: Recording
    pieces: tuple[FloatArray, ...]
    mean: FloatArray
    cuts: tuple[tuple[int, int, int], ...]
    shares: FloatArray
    how: Estimator
    slow: Memory
    notes: tuple[str, ...]

    @property
    def n_effective(self) -> float:
        """Samples, by what they are worth for the variance of the slowest channel."""
        return self.recording.n_samples / self.slow.squared

    def pair(self, block: int, lag: int) -> tuple[FloatArray, FloatArray]:
        """(x(t), x(t + lag)) for the times of a block that have a partner."""
        piece, start, stop = self.cuts[block]
        values = self.pieces[piece]
        stop = min(stop, len(values) - lag)
        return values[start:stop], values[start + lag : stop + lag]

    def lagged(self, block: int, lag: int) -> FloatArray:
        """(N, N) mean of x(t + lag) x(t)^T over a block."""
        early, late = self.pair(block, lag)
        found: FloatArray = late.T @ early / len(early)
        return found

    def rows(self, block: int, first: int, last: int) -> FloatArray:
        """Rows of the covariance of one block."""
        found = np.zeros((last - first, self.mean.size))
        for lag, weight in zip(self.how.lags, self.how.weights):
            early, late = self.pair(block, lag)
            product = early[:, first:last].T @ late
            if lag:
                product += late[:, first:last].T @ early
                product *= 0.5
            product *= weight / len(early)
            found += product
        own = np.arange(last - first)
        found[own, own + first] -= self.own(block)[first:last]
        return found

    def diagonal(self, block: int) -> FloatArray:
        """(N,) variances of one block."""
        found = -self.own(block)
        for lag, weight in zip(self.how.lags, self.how.weights):
            early, late = self.pair(block, lag)
            found += weight * np.einsum("ti,ti->i", early, late) / len(early)
        return found

    def own(self, block: int) -> FloatArray:
        """(N,) what spikes add to the variances of a block: its own mean rate tells."""
        if self.how.own == 0:
            return np.zeros(self.mean.size)
        piece, start, stop = self.cuts[block]
        rates: FloatArray = self.mean + self.pieces[piece][start:stop].mean(axis=0)
        return self.how.own * rates


@dataclass(frozen=True)
class Memory:
    """How a recording forgets: samples of the autocorrelation time and of that of the squares,
    the largest of all channels. Of rates made of spikes, with what the spikes add at lag 0, which
    is forgotten at once: the rates beneath may forget later."""

    linear: float
    squared: float


def memory(recording: Recording) -> Memory:
    """1 + 2 sum rho_k and 1 + 2 sum rho_k^2 of the slowest channel, each sum up to the first lag
    that is five times what it has come to (Sokal's window)."""
    mean = recording.mean
    longest = max(len(piece) for piece in recording.pieces)
    size = fft.next_fast_len(2 * longest, real=True)
    linear = squared = 1.0
    for k in range(recording.n_channels):
        total = np.zeros(longest)
        for piece in recording.pieces:
            spectrum = np.abs(fft.rfft(piece[:, k] - mean[k], size)) ** 2
            total += fft.irfft(spectrum, size)[:longest]
        if not total[0] > 0:
            continue
        rho = total[: max(longest // 2, 1)] / total[0]
        linear = max(linear, _windowed(rho))
        squared = max(squared, _windowed(rho**2))
    return Memory(linear, squared)


def _windowed(rho: FloatArray) -> float:
    times = 2.0 * np.cumsum(rho) - 1.0
    enough = np.flatnonzero(np.arange(len(rho)) >= 5.0 * np.maximum(times, 1.0))
    return max(1.0, float(times[enough[0] if enough.size else -1]))


def cut_into_blocks(
    recording: Recording, zero_lag: str, block: float | None, reach: int = 0
) -> Blocks:
    """The recording in blocks of `block` seconds, by default of four autocorrelation times.

    reach : largest lag, in samples, that the blocks must hold pairs for beside the estimator's own
    """
    slow, how = memory(recording), estimator(recording, zero_lag)
    reach = max(*how.lags, reach)
    pieces = [piece for piece in recording.pieces if len(piece) > reach]
    total = sum(len(piece) - reach for piece in pieces)
    least = reach + 1
    notes = list(recording.notes)
    if block is None:
        longest = max(total // _FEWEST_BLOCKS, 1)
        wanted = max(_BLOCK * slow.linear, total / _MOST_BLOCKS) if slow.linear > 1 else 1.0
        length = max(min(int(np.ceil(max(wanted, total / 4096))), longest), least)
        if _BLOCK * slow.linear > longest:
            notes.append(
                f"the slowest channel forgets in {slow.linear * recording.period:.3g} s, too slowly"
                f" for {recording.length:.4g} s: error bars are too small"
            )
    else:
        length = max(round(positive("block", block) / recording.period), least)
    cuts = []
    for place, piece in enumerate(pieces):
        # The last block must have a partner for its samples at the largest lag.
        parts = max(1, (len(piece) - reach) // length)
        edges = np.linspace(0, len(piece), parts + 1).round().astype(int)
        cuts += [(place, int(a), int(b)) for a, b in pairwise(edges)]
    if len(cuts) < 2:
        raise RecordingError(
            f"{recording.source}: {recording.n_samples} samples of {recording.period:.4g} s make "
            f"fewer than two blocks of {length}, and so no error bar: give a longer recording or "
            "shorter bins"
        )
    mean = np.sum([piece.sum(axis=0) for piece in pieces], axis=0) / sum(map(len, pieces))
    sizes = np.array([stop - start for _, start, stop in cuts], dtype=np.float64)
    centred = tuple(piece - mean for piece in pieces)
    notes += transient(recording)
    shares = sizes / sizes.sum()
    return Blocks(recording, centred, mean, tuple(cuts), shares, how, slow, tuple(notes))


def covariance(
    recording: Recording,
    *,
    shrink: Shrinkage = "auto",
    zero_lag: ZeroLag = "poisson",
    block: float | None = None,
    progress: Progress = silent,
) -> RecordedCovariance:
    """Covariance of the channels of a recording, with standard errors.

    shrink : "auto" (Ledoit-Wolf where a channel has fewer than 10 effective samples for each of
        the N channels, or rates were made of spikes), "none" or "ledoit-wolf"
    zero_lag : for rates made of spikes, "poisson" or "extrapolated" (see the module)
    block : s, by default four times the longest autocorrelation time

    Raises
    ------
    OptionError
        If an option is unknown.
    RecordingError
        If the recording is too short.
    """
    one_of("shrinkage", shrink, get_args(Shrinkage))
    cut = cut_into_blocks(recording, zero_lag, block)
    n = recording.n_channels
    found, error = np.empty((n, n)), np.empty((n, n))
    for first in range(0, n, ROWS):
        last = min(first + ROWS, n)
        sums = BlockSums(cut, (last - first, n))
        for number in range(len(cut.cuts)):
            sums.add(number, cut.rows(number, first, last))
        found[first:last], error[first:last] = sums.mean, sums.squared_error
        progress(last, n)
    trace, norm = float(np.trace(found)), float(np.sum(found**2))
    amount = shrinkage(shrink, cut, trace=trace, norm=norm, error=float(np.sum(error)))
    if amount:
        error *= (1.0 - amount) ** 2
        shrink_to_unit(found, amount)
    return RecordedCovariance(
        covariance=0.5 * (found + found.T),
        standard_error=np.sqrt(error),
        channels=recording.channels,
        units=recording.units,
        shrinkage=amount,
        n_samples=recording.n_samples,
        n_effective=cut.n_effective,
        n_blocks=len(cut.cuts),
        block_length=recording.length / len(cut.cuts),
        length=recording.length,
        notes=cut.notes,
    )


class BlockSums:
    """Mean and squared standard error of what the blocks say, from running sums."""

    def __init__(self, cut: Blocks, shape: int | tuple[int, ...]) -> None:
        self.shares = cut.shares
        self.mean = np.zeros(shape)
        self._first, self._second = np.zeros(shape), np.zeros(shape)

    def add(self, block: int, value: FloatArray) -> None:
        share = self.shares[block]
        self.mean += share * value
        self._first += share**2 * value
        self._second += (share * value) ** 2

    @property
    def squared_error(self) -> FloatArray:
        deviation = self._second - 2 * self.mean * self._first
        deviation += self.mean**2 * np.sum(self.shares**2)
        return np.maximum(len(self.shares) / (len(self.shares) - 1.0) * deviation, 0.0)


def shrinkage(choice: str, cut: Blocks, *, trace: float, norm: float, error: float) -> float:
    """a of the module, from tr C, ||C||_F^2 and the sum of the squared standard errors."""
    few = cut.n_effective < _FEW * cut.mean.size
    if choice == "none" or (choice == "auto" and not few and cut.recording.spikes is None):
        return 0.0
    distance = norm - trace**2 / cut.mean.size
    return 1.0 if error >= distance else error / distance


def shrink_to_unit(found: FloatArray, amount: float) -> None:
    """C <- (1 - a) C + a mu 1, mu the mean of the diagonal of C."""
    level = float(np.trace(found)) / len(found)
    found *= 1.0 - amount
    found[np.diag_indices(len(found))] += amount * level


def transient(recording: Recording) -> tuple[str, ...]:
    """A note if the beginning differs from the rest as a transient would."""
    tenths = [len(piece) // 10 for piece in recording.pieces]
    if sum(tenths) == 0:
        return ()
    late = [piece[tenth:] for piece, tenth in zip(recording.pieces, tenths)]
    n_late = sum(map(len, late))
    level = np.sum([piece.sum(axis=0) for piece in late], axis=0) / n_late
    spread = sum(float(np.sum((piece - level) ** 2)) for piece in late) / n_late
    early = (piece[:tenth] for piece, tenth in zip(recording.pieces, tenths))
    first = sum(float(np.sum((piece - level) ** 2)) for piece in early) / sum(tenths)
    if spread > 0 and first > _TRANSIENT * spread:
        return (
            f"the first tenth deviates by {first / spread:.2g} times the variance of the rest, as "
            "a transient would: leave it out with a burn-in",
        )
    return ()
