"""A network from a recording alone: the multivariate Ornstein-Uhlenbeck process that fits it.

    dx/dt = A x + sigma xi,    C(tau) = <x(t + tau) x(t)^T> = e^(A tau) C(0)   (tau >= 0)

"lagged"     A = log(C(s + tau) C(s)^-1) / tau: any drift, no assumption about the noise. s = 0,
             but for rates made of spikes s = the lag from which on no spike is shared: there
             neither the spikes' own noise nor the bins bias anything, as C(k) = f(A) e^(A k) C(0)
             with one f for all k.
"precision"  A = -(sigma^2 / 2) C(0)^-1: symmetric drift and equal independent noise, that is,
             detailed balance. Needs no lag, but for sigma, where it is not given: the one with
             which C(0) and A explain C(tau) best.

A recording of an Euler-Maruyama simulation with step h has C(k h) = (1 + h A)^k C(0), so that there
A = (e^(h L) - 1) / h with L the logarithm above ("precision" solves C = P C P^T + h sigma^2 1).

Where samples are few both covariances of "lagged" are shrunk to multiples of the unit matrix, and
so the drift to neurons that decay alone; "precision" shrinks C(0).

The rule of pruning wants equal noise for all neurons. Recorded channels have none, in any unit:
with `equal_noise` every channel is divided by the strength of its own noise, s_i = Q_ii^1/2 with
Q = -(A C + C A^T), and the network is that of x_i / s_i: A_ij s_j / s_i. Its eigenvalues are those
of A, and its noise has unit strength.

Error bars: bootstrap over blocks several autocorrelation times long. The error falls as T^-1/2.
An estimate of too short a recording may be unstable, or have a mode faster than the lag can
resolve; both are repaired, counted and said.

Source: Gilson et al., PLoS Comput. Biol. 12 (2016), for the lagged estimate of cortical networks;
Risken, The Fokker-Planck Equation (1989), for the process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse

from noiseprune.checks import Seed, count, generator, noise_strength, one_of, positive
from noiseprune.choices import Inference, Shrinkage, SilentChannels, ZeroLag
from noiseprune.errors import OptionError, RecordingError
from noiseprune.network import RateNetwork, size_in_words
from noiseprune.progress import Progress, silent
from noiseprune.recordings import statistics
from noiseprune.recordings.reading import read
from noiseprune.recordings.record import Recording, from_trajectory, refuse_silent
from noiseprune.recordings.signals import from_neo
from noiseprune.records import Record, Rows, number
from noiseprune.weights import FloatArray, stored

_SINGULAR = 1e12
MOST_PARTS = 64
"""Blocks of the bootstrap, at most: each has three N x N matrices."""
SLOWEST = 2.0
"""A mode that comes out unstable is made to decay this many times within the recording."""


@dataclass(frozen=True, eq=False, repr=False)
class InferredNetwork(Record):
    """A network estimated from a recording, with its evidence.

    network : W = A without its diagonal, leak = -diag(A), labels = the channels
    drift, standard_error : (N, N) A and its bootstrap standard errors, 1/s
    method, lag : "lagged" or "precision"; tau, s
    noise : sigma, in the recording's units / s^1/2
    noise_covariance : (N, N) Q = -(A C + C A^T), units^2 / s; sigma^2 1 if the model holds
    anisotropy : ||Q - sigma^2 1||_F / ||sigma^2 1||_F, how far the noise is from that
    n_significant : weights more than two standard errors from zero
    n_unstable, n_unresolved : modes made stable, and modes faster than the lag resolves
    shrinkage, n_samples, n_effective, n_blocks, length : as in `RecordedCovariance`
    n_bootstrap, seed : of the standard errors
    scale : (N,) s_i, by which `equal_noise` divided the channels; 1 without it
    equal_noise : whether it was asked for
    source, units : of the recording
    dropped : silent channels left out
    notes : what to know before it is believed
    """

    network: RateNetwork
    drift: FloatArray
    standard_error: FloatArray
    method: str
    lag: float
    noise: float
    noise_covariance: FloatArray
    anisotropy: float
    n_significant: int
    n_unstable: int
    n_unresolved: int
    shrinkage: float
    n_samples: int
    n_effective: float
    n_blocks: int
    length: float
    n_bootstrap: int
    seed: Seed
    scale: FloatArray
    equal_noise: bool
    source: str
    units: str
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def relative_error(self) -> float:
        """||standard_error||_F / ||A||_F"""
        return float(np.linalg.norm(self.standard_error) / np.linalg.norm(self.drift))

    def to_dict(self) -> dict[str, Any]:
        """The estimate as JSON-ready values, under the keys of the command line; no matrices."""
        abscissa = self.network.spectral_abscissa()
        return {
            "n_neurons": self.network.n_neurons,
            "n_synapses": self.network.n_synapses,
            **{name: getattr(self, name) for name in _TOLD},
            "scale": self.scale if self.equal_noise else None,
            "spectral_abscissa": {"original": abscissa, "pruned": None},
            "stable": abscissa < 0,
        }

    def in_words(self) -> Rows:
        """The estimate in words."""
        net = self.network
        solved = "_abscissa" in vars(net)  # for words alone no eigenvalues are solved
        rows = [
            ("recording", f"{self.source}, {self.length:.4g} s, {self.n_samples:,} samples"),
            ("worth", f"{self.n_effective:,.0f} samples of the slowest channel"),
            ("method", f"{self.method}, lag {self.lag:.3g} s"),
            ("network", size_in_words(net)),
            ("beyond two errors", f"{self.n_significant:,} of {net.n_synapses:,} weights"),
            ("relative error", number(self.relative_error)),
            *([("slowest mode", f"{number(net.spectral_abscissa())} 1/s")] if solved else ()),
            ("noise", f"{number(self.noise)}, anisotropy {number(self.anisotropy)}"),
            ("shrinkage", number(self.shrinkage)),
        ]
        if self.dropped:
            rows.append(("left out, silent", ", ".join(self.dropped)))
        return [*rows, *(("note", note) for note in self.notes)]


_TOLD = (
    *("method", "lag", "noise", "anisotropy", "n_significant", "n_unstable", "n_unresolved"),
    *("shrinkage", "n_samples", "n_effective", "n_blocks", "length", "n_bootstrap"),
    *("relative_error", "dropped", "notes", "source", "units"),
)
"""What `to_dict` tells as it is."""


def infer_network(
    recording: Any,
    method: Inference = "lagged",
    *,
    lag: float | None = None,
    noise: float | None = None,
    shrink: Shrinkage = "auto",
    zero_lag: ZeroLag = "poisson",
    silent_channels: SilentChannels = "refuse",
    equal_noise: bool = False,
    step: float | None = None,
    n_bootstrap: int = 50,
    block: float | None = None,
    seed: Seed = 0,
    progress: Progress = silent,
) -> InferredNetwork:
    """Estimate the drift of the network that made a recording (see the module).

    Parameters
    ----------
    recording : Recording, Trajectory, objects of Neo, or the path of a file
    method : "lagged" (directed) or "precision" (symmetric)
    lag : tau, s; by default one sample, and for rates made of spikes the lag from which on no
        spike is shared, which is the least for "precision"
    noise : sigma in the recording's units, for "precision"; estimated if left out
    shrink, zero_lag, block : as for `recordings.covariance`; `zero_lag` matters to "lagged" only
        for the noise, as with spikes it does without lag 0
    silent_channels : "refuse" or "drop"
    equal_noise : divide every channel by the strength of its own noise (see the module)
    step : step of the Euler scheme that made the recording, s; taken from the recording if it
        knows. None: a process continuous in time
    n_bootstrap : resamples, at least 10

    Raises
    ------
    RecordingError
        If the recording is too short, a channel is silent, or the covariance at lag s is singular.
    OptionError
        If an option is out of range.

    >>> from noiseprune import simulate
    >>> net = RateNetwork([[0.0, 0.5], [0.5, 0.0]], leak=1.0)
    >>> run = simulate(net, duration=20000.0, dt=0.05, noise=1.0, drive=0.0, seed=3)
    >>> infer_network(run).drift.round(1)
    array([[-1. ,  0.5],
           [ 0.5, -1. ]])
    """
    check_estimate(method, lag, noise, equal_noise)
    one_of("treatment of silent channels", silent_channels, get_args(SilentChannels))
    one_of("shrinkage", shrink, get_args(Shrinkage))
    n_bootstrap = count("n_bootstrap", n_bootstrap, at_least=10)
    rng = generator(seed)
    record = _as_recording(recording)
    lost = record.silent if silent_channels == "drop" else np.empty(0, dtype=np.intp)
    dropped = tuple(record.channels[k] for k in lost)
    if lost.size and lost.size < record.n_channels:
        record = record.chosen(np.setdiff1d(np.arange(record.n_channels), lost))
    refuse_silent(record, what="leave silent channels out (--drop-silent), or record longer")
    step = record.step if step is None else positive("step", step)
    apart = record.spikes.lag if record.spikes else 0
    samples = max(apart, 1) if lag is None else round(lag / record.period)
    if samples < 1:
        raise RecordingError(
            f"the lag is {lag:g} s, but samples are {record.period:.4g} s apart: give at least that"
        )
    # "lagged" compares lags s and s + tau, "precision" 0 and tau: where no spikes are shared.
    start = apart if method == "lagged" else 0
    samples = max(samples, apart - start)
    tau = samples * record.period
    cut = statistics.cut_into_blocks(record, zero_lag, block, reach=start + samples)
    parts = _Parts.of(cut, start, start + samples)
    used = parts.early if method == "lagged" else parts.zeros
    shrunk = _shrinkage(used, parts.shares, shrink, cut)
    fit = _Fit(method, tau, step, noise, shrunk, record.length)
    drift, n_unstable, n_unresolved = fit(parts, parts.shares)
    spread = _bootstrap(fit, parts, drift, n_bootstrap, rng, progress)
    zero = parts.zero(parts.shares, shrunk)
    forcing = _forcing(drift, zero, step)
    scale = np.ones(len(drift))
    if equal_noise:
        scale = _strengths(forcing, record.channels)
        drift = drift * scale / scale[:, None]
        spread = spread * scale / scale[:, None]
        forcing = forcing / np.outer(scale, scale)
    square = float(np.trace(forcing)) / len(drift)
    weights = drift.copy()
    np.fill_diagonal(weights, 0.0)
    noticed = list(cut.notes)
    if method == "lagged" and shrunk > 0.05:
        noticed.append(
            f"samples are few: the estimate was shrunk by {100 * shrunk:.0f} % towards neurons "
            "that decay alone, and the error bars do not count that bias"
        )
    if n_unstable:
        noticed.append(
            f"{n_unstable} of {len(drift)} modes came out unstable and were made to decay "
            f"{SLOWEST:g} times within the recording: it is too short for them"
        )
    if n_unresolved:
        noticed.append(
            f"{n_unresolved} of {len(drift)} modes decay too fast for a lag of {tau:.3g} s, and "
            "were given the fastest rate that it resolves"
        )
    significant = np.abs(weights) > 2 * spread
    return InferredNetwork(
        network=RateNetwork.from_parts(
            stored(sparse.csr_array(weights)), -np.diag(drift).copy(), record.channels
        ),
        drift=drift,
        standard_error=spread,
        method=method,
        lag=tau,
        noise=max(square, 0.0) ** 0.5,
        noise_covariance=forcing,
        anisotropy=float(
            np.linalg.norm(forcing - square * np.eye(len(drift)))
            / (abs(square) * len(drift) ** 0.5)
        ),
        n_significant=int(np.sum(significant)),
        n_unstable=n_unstable,
        n_unresolved=n_unresolved,
        shrinkage=shrunk,
        n_samples=record.n_samples,
        n_effective=cut.n_effective,
        n_blocks=len(parts.shares),
        length=record.length,
        n_bootstrap=n_bootstrap,
        seed=seed,
        scale=scale,
        equal_noise=equal_noise,
        source=record.source,
        units=record.units,
        dropped=dropped,
        notes=tuple(noticed),
    )


def _strengths(forcing: FloatArray, channels: tuple[str, ...]) -> FloatArray:
    """(N,) Q_ii^1/2"""
    squares = np.diag(forcing)
    bad = np.flatnonzero(~(squares > 0))
    if bad.size:
        raise RecordingError(
            f"the noise of channel {channels[bad[0]]!r} comes to {squares[bad[0]]:.3g} squared, so "
            "that it cannot be made equal to the others': record longer, or leave equal noise out"
        )
    return np.sqrt(squares)


def check_estimate(method: str, lag: float | None, noise: float | None, equal_noise: bool) -> None:
    """Refuse what no recording could be inferred by, before one is read."""
    one_of("inference method", method, get_args(Inference))
    if lag is not None:
        positive("lag", lag)
    if noise is not None:
        noise_strength(noise)
    if equal_noise and method == "precision":
        raise OptionError(
            "method 'precision' takes the noise of all channels to be equal as they are: leave "
            "equal noise out, or use method 'lagged'"
        )


def _as_recording(given: Any) -> Recording:
    if isinstance(given, Recording):
        return given
    if hasattr(given, "rates") and hasattr(given, "record_every"):
        return from_trajectory(given)
    if isinstance(given, str) or hasattr(given, "__fspath__"):
        return read(given)
    return from_neo(given)


@dataclass(frozen=True, eq=False)
class _Parts:
    """Covariances of every block, (B, N, N), at lag 0, at lag s, and at lag s + tau.

    More than `MOST_PARTS` blocks are put together, neighbours first.
    """

    zeros: FloatArray
    early: FloatArray
    late: FloatArray
    shares: FloatArray

    @classmethod
    def of(cls, cut: statistics.Blocks, start: int, end: int) -> _Parts:
        n = cut.mean.size
        groups = np.array_split(np.arange(len(cut.cuts)), min(len(cut.cuts), MOST_PARTS))
        shares = np.array([cut.shares[group].sum() for group in groups])

        def means(of_block: Callable[[int], FloatArray]) -> FloatArray:
            found = np.zeros((len(groups), n, n))
            for mean, group, share in zip(found, groups, shares):
                for block in group:
                    mean += cut.shares[block] / share * of_block(int(block))
            return found

        zeros = means(lambda block: cut.rows(block, 0, n))
        early = means(lambda block: cut.lagged(block, start)) if start else zeros
        return cls(zeros, early, means(lambda block: cut.lagged(block, end)), shares)

    def zero(self, shares: FloatArray, shrunk: float) -> FloatArray:
        """C(0), shrunk."""
        found = _shrunk(self.zeros, shares, shrunk)
        return 0.5 * (found + found.T)


def _shrunk(parts: FloatArray, shares: FloatArray, amount: float) -> FloatArray:
    """(1 - a) C + a mu 1, C the mean of the blocks and mu that of its diagonal."""
    found: FloatArray = np.tensordot(shares, parts, axes=1)
    statistics.shrink_to_unit(found, amount)
    return found


@dataclass(frozen=True)
class _Fit:
    """The estimate as a function of the blocks' shares."""

    method: str
    tau: float
    step: float | None
    noise: float | None
    shrunk: float
    length: float

    def __call__(self, parts: _Parts, shares: FloatArray) -> tuple[FloatArray, int, int]:
        """(A, modes made stable, modes that were not resolved)"""
        if self.method == "precision":
            late: FloatArray = np.tensordot(shares, parts.late, axes=1)
            return self._precision(parts.zero(shares, self.shrunk), late), 0, 0
        early = _shrunk(parts.early, shares, self.shrunk)
        late = _shrunk(parts.late, shares, self.shrunk)
        if not np.linalg.cond(early) < _SINGULAR:
            raise RecordingError(
                "the covariance of the recording is singular, so that no drift can be told: leave "
                "out channels that repeat others, or shrink it (shrink='ledoit-wolf')"
            )
        propagator = np.linalg.solve(early.T, late.T).T
        return self._logarithm(propagator)

    def _logarithm(self, propagator: npt.NDArray[Any]) -> tuple[FloatArray, int, int]:
        """Drift of the propagator over tau, mode by mode, so that single modes can be repaired."""
        values, vectors = np.linalg.eig(propagator)
        slowest = np.exp(-SLOWEST * self.tau / self.length)
        size = np.abs(values)
        unstable = size >= 1.0
        fastest = np.finfo(np.float64).eps ** 0.25
        unresolved = (np.abs(values.imag) <= 1e-12 * size) & (values.real <= fastest)
        safe = values.astype(np.complex128)
        safe[unstable] *= slowest / size[unstable]
        safe[unresolved] = fastest
        rates = np.log(safe) / self.tau
        if self.step is not None:
            rates = np.expm1(self.step * rates) / self.step
        drift = np.linalg.solve(vectors.T, (vectors * rates).T).T.real
        return drift, int(unstable.sum()), int(unresolved.sum())

    def _precision(self, zero: FloatArray, late: FloatArray) -> FloatArray:
        values, vectors = np.linalg.eigh(zero)
        if not values[0] > values[-1] / _SINGULAR:
            raise RecordingError(
                f"the covariance of the recording has the eigenvalue {values[0]:.3g} beside "
                f"{values[-1]:.3g}, so that it has no inverse: record longer, leave out channels "
                "that repeat others, or shrink it (shrink='ledoit-wolf')"
            )
        found = np.einsum("ij,ji->i", vectors.T @ late, vectors)
        square = self.noise**2 if self.noise is not None else self._strength(values, found)
        rates = self._rates(values, square)
        drift: FloatArray = (vectors * rates) @ vectors.T
        return 0.5 * (drift + drift.T)  # symmetric to the last bit

    def _rates(self, values: FloatArray, square: float) -> FloatArray:
        """Eigenvalues a of A from those c of C(0): 2 a c + sigma^2 (1 + ...) = 0.

        Euler: c (1 - (1 + h a)^2) = h sigma^2, on the branch of stable steps.
        """
        if self.step is None:
            return -0.5 * square / values
        inside = np.maximum(1.0 - self.step * square / values, 0.0)
        return (np.sqrt(inside) - 1.0) / self.step

    def _strength(self, values: FloatArray, late: FloatArray) -> float:
        """sigma^2 that explains the modes' covariance at lag tau best, by least squares."""

        def misfit(log_square: float) -> float:
            rates = self._rates(values, float(np.exp(log_square)))
            if self.step is None:
                decay = np.exp(self.tau * rates)
            else:
                decay = (1.0 + self.step * rates) ** round(self.tau / self.step)
            return float(np.sum((values * decay - late) ** 2))

        centre = np.log(2 * float(np.mean(values)) / self.tau)
        grid = np.linspace(centre - 18, centre + 6, 97)
        best = int(np.argmin([misfit(point) for point in grid]))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
        found = optimize.minimize_scalar(misfit, bounds=(low, high), method="bounded")
        return float(np.exp(found.x))


def _shrinkage(parts: FloatArray, shares: FloatArray, choice: str, cut: statistics.Blocks) -> float:
    """a for the covariance of which these are the blocks."""
    mean = np.tensordot(shares, parts, axes=1)
    error = sum(
        share**2 * float(np.sum((block - mean) ** 2)) for share, block in zip(shares, parts)
    )
    error *= len(shares) / (len(shares) - 1.0)
    trace, norm = float(np.trace(mean)), float(np.sum(mean**2))
    return statistics.shrinkage(choice, cut, trace=trace, norm=norm, error=error)


def _bootstrap(
    fit: _Fit,
    parts: _Parts,
    centre: FloatArray,
    n_bootstrap: int,
    rng: np.random.Generator,
    progress: Progress,
) -> FloatArray:
    """(N, N) standard deviation of the estimate, which is `centre`, over resampled blocks."""
    n_blocks = len(parts.shares)
    first, second = np.zeros_like(centre), np.zeros_like(centre)
    for k in range(n_bootstrap):
        times = np.bincount(rng.integers(n_blocks, size=n_blocks), minlength=n_blocks)
        shares = times * parts.shares
        change = fit(parts, shares / shares.sum())[0] - centre
        first += change
        second += change**2
        progress(k + 1, n_bootstrap)
    variance = (second - first**2 / n_bootstrap) / (n_bootstrap - 1)
    return np.sqrt(np.maximum(variance * n_blocks / (n_blocks - 1), 0.0))


def _forcing(drift: FloatArray, zero: FloatArray, step: float | None) -> FloatArray:
    """Q of A C + C A^T + Q = 0; of Euler's scheme C = P C P^T + h Q, P = 1 + h A."""
    product = drift @ zero
    found: FloatArray = -(product + product.T)
    if step is not None:
        found -= step * product @ drift.T
    return found
