"""Simulated rates, and the statistics of their fluctuations, by the Euler-Maruyama scheme.

    linear       x <- x + h (A x + b) + sigma sqrt(h) xi
    rectified    x <- x + h (-D x + [W x + b]_+) + sigma sqrt(h) xi

xi: independent standard normal numbers, h: the step `dt` (s), b: the `drive` (1/s), D the leak.
Both are one map, x <- (1 - h D) x + phi(h W x + h b) + sigma sqrt(h) xi with phi the identity or
[.]_+, so one engine serves every function here: it hands on blocks of steps, and they store
them, or add them to a covariance, or to a variance per synapse.

The linear scheme has its own stationary covariance, C_h = P C_h P^T + h sigma^2 I with
P = I + h A; it differs from that of the network at first order in h. It is stable only if the
spectral radius of P is below 1.

Noise comes from one stream per block of steps, drawn ahead in a thread. The length of a block
depends on the numbers of neurons and replicas alone: a seed gives the same result on any number
of threads, and networks of one size simulated with one seed and `dt` see the same noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from scipy import linalg  # early: its BLAS, which compiled products call, is limited below
from threadpoolctl import threadpool_limits

from noiseprune import kernels
from noiseprune.choices import Seed, count, one_of, positive, seed_sequence
from noiseprune.errors import ConvergenceError, OptionError, UnstableError
from noiseprune.kernels import Reals
from noiseprune.network import DENSE_EIGENVALUES, FloatArray, RateNetwork
from noiseprune.progress import Progress, silent

ACTIVATIONS = ("linear", "rectified")

DENSE_DENSITY = 0.25
"""From this density on a step is a dense product, below it runs over synapses. Measured at N = 1000
and 3000 with 1 and 20 replicas: they cost the same at 0.2 to 0.3 (one thread; two: 0.15 to 0.3)."""

PARALLEL_WORK = 500_000
"""Products of a weight and a rate in one step below which one thread makes the steps: threads
would wait for one another longer than they work, while the noise wants the other core."""

_BLOCK = 2**19
"""Numbers drawn for one block of steps: some milliseconds of work between two reports."""

_BATCH = 2**19
"""Numbers gathered before they are added to a statistic in one product."""


# --------------------------------------------------------------------------------- results


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Simulated rates.

    Attributes
    ----------
    times : (T,) array, s
        0, record_every * dt, 2 record_every * dt, ...
    rates : (T, replicas, N) array
        The state at these times, the initial one first.
    dt, noise, n_steps, record_every, activation
        As simulated.
    seed : int or None
        What repeats the run; None where the seed was not a plain number.
    labels : tuple of N strings
        Those of the network, or the numbers of the neurons.
    """

    times: FloatArray
    rates: Reals
    dt: float
    noise: float
    n_steps: int
    record_every: int
    activation: str
    seed: int | None
    labels: tuple[str, ...]

    def to_neo(self) -> Any:
        """neo.Block with one Segment a replica, each with one AnalogSignal of shape (T, N).

        Rates have no unit in the model, so they are dimensionless; times are in s. The labels
        are an array annotation, `labels`.
        """
        import neo
        import quantities as pq

        block = neo.Block(name="noiseprune simulation", dt=self.dt, noise=self.noise)
        # As text: a drawn seed has 128 bits, more than an integer of a .nix file.
        block.annotate(activation=self.activation, n_steps=self.n_steps, seed=str(self.seed))
        for replica in range(self.rates.shape[1]):
            segment = neo.Segment(name=f"replica {replica}", index=replica)
            signal = neo.AnalogSignal(
                self.rates[:, replica],
                units=pq.dimensionless,
                sampling_period=self.record_every * self.dt * pq.s,
                t_start=0.0 * pq.s,
                name="rates",
                array_annotations={"labels": np.array(self.labels)},
            )
            segment.analogsignals.append(signal)
            block.segments.append(segment)
        block.check_relationships()
        return block


@dataclass(frozen=True, eq=False)
class StreamedCovariance:
    """Covariance of simulated rates, accumulated during the run.

    Attributes
    ----------
    covariance : (N, N) array
    mean : (N,) array
        What was taken for the mean: 0 of the fluctuations of a linear network, the mean of the
        samples of a rectified one.
    sampling_error : float or None
        Estimated Frobenius norm of the error of `covariance` that comes from the finite run:
        sqrt(n1 n2) / n ||C1 - C2||_F with C1, C2 from two halves of the replicas (half the
        distance where the halves are equal). None for a single replica.
    n_samples : int
        Recorded states, over times and replicas.
    dt, noise, n_steps, activation, seed
        As simulated.
    """

    covariance: FloatArray
    mean: FloatArray
    sampling_error: float | None
    n_samples: int
    dt: float
    noise: float
    n_steps: int
    activation: str
    seed: int | None


@dataclass(frozen=True, eq=False)
class StreamedVariance:
    """Synapse variances of simulated rates, accumulated during the run.

    Attributes
    ----------
    variance : (n_synapses,) array
        Aligned with `net.synapses`; the two entries of a symmetric pair are equal.
    sampling_error, n_samples, dt, noise, n_steps, seed
        As in `StreamedCovariance`, the norm over synapses.
    """

    variance: FloatArray
    sampling_error: float | None
    n_samples: int
    dt: float
    noise: float
    n_steps: int
    seed: int | None


# --------------------------------------------------------------------------- public functions


def simulate(
    net: RateNetwork,
    *,
    duration: float = 40.0,
    dt: float = 0.005,
    noise: float = 0.01,
    drive: float | npt.ArrayLike = 0.0002,
    x0: str | npt.ArrayLike = "uniform",
    replicas: int = 1,
    record_every: int = 10,
    activation: str = "linear",
    dtype: npt.DTypeLike = "float64",
    seed: Seed = None,
    progress: Progress = silent,
) -> Trajectory:
    """Simulate the rates of a network driven by noise, and store every `record_every`-th state.

        linear:  x <- x + h (A x + b) + sigma sqrt(h) xi
        rectified:  x <- x + h (-D x + [W x + b]_+) + sigma sqrt(h) xi

    Parameters
    ----------
    duration, dt : float, s
        round(duration / dt) steps are made.
    noise : float
        sigma, above 0.
    drive : float or (N,) array, 1/s
    x0 : "uniform" (U(0, 1)), "zero", (N,) or (replicas, N) array
    replicas : int
        Independent runs, which cost less together than one by one.
    activation : "linear" or "rectified"
    dtype : "float64" or "float32"
    progress : callable
        Called with (steps made, steps in all).

    Raises
    ------
    OptionError
        For arguments out of range, and a `dt` above `largest_stable_step`. (Rectified: above
        2 / max(leak), which is necessary but not sufficient.)
    UnstableError
        If no step is stable, an eigenvalue of A having a positive real part; or if a rectified
        run diverges. A singular A has no stationary state but neither does it diverge: it is
        simulated.
    """
    run = _run(net, duration, dt, noise, drive, x0, replicas, record_every, activation, dtype, seed)
    run.check_step(stationary=False)
    rates = np.empty((run.n_steps // run.every + 1, run.replicas, net.n_neurons), run.initial.dtype)
    rates[0] = run.initial.T

    def store(first: int, states: Reals) -> None:
        rates[first : first + len(states)] = states.transpose(0, 2, 1)

    _integrate(run, store, progress)
    return Trajectory(
        times=np.arange(len(rates), dtype=np.float64) * (run.every * run.dt),
        rates=rates,
        dt=run.dt,
        noise=run.noise,
        n_steps=run.n_steps,
        record_every=run.every,
        activation=run.activation,
        seed=run.seed,
        labels=net.labels or tuple(str(i) for i in range(net.n_neurons)),
    )


def streaming_covariance(
    net: RateNetwork,
    *,
    duration: float = 40.0,
    burn_in: float = 10.0,
    dt: float = 0.005,
    noise: float = 0.01,
    drive: float | npt.ArrayLike = 0.0002,
    x0: str | npt.ArrayLike = "uniform",
    replicas: int = 1,
    record_every: int = 10,
    activation: str = "linear",
    dtype: npt.DTypeLike = "float64",
    seed: Seed = None,
    progress: Progress = silent,
) -> StreamedCovariance:
    """Covariance (N, N) of the rates over every `record_every`-th state after `burn_in` (s).

    Linear: the deviation of a state from its mean given x(0) obeys x <- P x + sigma sqrt(h) xi
    from zero, whatever the drive and x(0). That is what runs here, so the covariance is around
    the exact mean, zero, and neither a decaying x(0) nor an estimated mean biases it:
    `drive` and `x0` are checked but do not enter.

    Rectified: drive and x0 enter, and the covariance is around the mean of the samples
    (normalised by their number).

    Other parameters and errors are those of `simulate`; besides, a singular or unstable linear
    network raises UnstableError: it has no stationary covariance. Memory: 3 N^2 numbers.
    """
    run = _run(net, duration, dt, noise, drive, x0, replicas, record_every, activation, dtype, seed)
    run.check_step(stationary=True)
    n = net.n_neurons
    linear = run.activation == "linear"
    if linear:
        run = run.fluctuations()
    halves = _halves(run.replicas)
    products = np.zeros((len(halves), n, n))
    sums = np.zeros((len(halves), n))
    # A reference near the mean keeps the products from cancelling where the mean is large.
    reference = np.zeros(n)

    def add(half: int, samples: FloatArray) -> None:
        if not linear:
            if not sums.any():
                reference[:] = samples.mean(axis=1)
            samples -= reference[:, np.newaxis]
        sums[half] += samples.sum(axis=1)
        kernels.add_outer_products(samples, products[half])

    n_times = _stream(run, burn_in, halves, add, progress)
    numbers = [n_times * (half.stop - half.start) for half in halves]
    shift = np.zeros(n) if linear else sums.sum(axis=0) / sum(numbers)
    for product, total, number in zip(products, sums, numbers):
        product /= number
        cross = np.outer(shift, total / number)
        product += np.outer(shift, shift) - cross - cross.T
        product[:] = np.tril(product) + np.tril(product, -1).T
    covariance, error = _pooled(products, numbers)
    return StreamedCovariance(
        covariance=covariance,
        mean=reference + shift,
        sampling_error=error,
        n_samples=sum(numbers),
        dt=run.dt,
        noise=run.noise,
        n_steps=run.n_steps,
        activation=run.activation,
        seed=run.seed,
    )


def streaming_synapse_variance(
    net: RateNetwork,
    *,
    duration: float = 40.0,
    burn_in: float = 10.0,
    dt: float = 0.005,
    noise: float = 0.01,
    replicas: int = 1,
    record_every: int = 10,
    dtype: npt.DTypeLike = "float64",
    seed: Seed = None,
    progress: Progress = silent,
) -> StreamedVariance:
    """v_ij = mean (x_i - sgn(w_ij) x_j)^2 on the synapses alone: memory grows with their number.

    The linear network runs from zero without drive, so the mean is exactly zero. Parameters,
    errors and the samples that count are those of `streaming_covariance`.
    """
    run = _run(net, duration, dt, noise, 0.0, "zero", replicas, record_every, "linear", dtype, seed)
    run.check_step(stationary=True)
    csr = net.csr
    halves = _halves(run.replicas)
    totals = np.zeros((len(halves), csr.nnz))

    def add(half: int, samples: FloatArray) -> None:
        mean = kernels.mean_square_difference(csr.indptr, csr.indices, csr.data, samples)
        totals[half] += mean * samples.shape[1]

    n_times = _stream(run, burn_in, halves, add, progress)
    numbers = [n_times * (half.stop - half.start) for half in halves]
    totals /= np.array(numbers)[:, np.newaxis]
    variance, error = _pooled(totals, numbers)
    return StreamedVariance(
        variance=variance,
        sampling_error=error,
        n_samples=sum(numbers),
        dt=run.dt,
        noise=run.noise,
        n_steps=run.n_steps,
        seed=run.seed,
    )


def largest_stable_step(net: RateNetwork) -> float:
    """h_max = min_k -2 Re(l_k) / |l_k|^2 over the eigenvalues l_k of A, in s.

    Below h_max the spectral radius of I + h A is below 1 and the linear scheme is stable.
    Neutral modes, l = 0 to rounding, are stable at any step. Exact up to some thousands of
    neurons (N^3 work); above, an estimate from Arnoldi iteration of the extreme eigenvalues.

    Raises
    ------
    UnstableError
        If an eigenvalue has a positive real part: no step is stable.
    """
    eigenvalues = _extreme_eigenvalues(net)
    size = np.abs(eigenvalues)
    moving = size > 1e-11 * np.max(size)
    steps = -2.0 * eigenvalues.real[moving] / size[moving] ** 2
    largest = float(np.min(steps, initial=np.inf))
    if not largest > 0:
        raise UnstableError(_unstable(float(np.max(eigenvalues.real))))
    return largest


# ---------------------------------------------------------------------------------- the run


@dataclass(frozen=True, eq=False)
class _Run:
    """A checked request: what to integrate, and from which streams."""

    net: RateNetwork
    n_steps: int
    dt: float
    noise: float
    drive: FloatArray  # (N,)
    initial: Reals  # (N, R); its type is that of the whole run
    every: int
    activation: str
    root: np.random.SeedSequence

    @property
    def replicas(self) -> int:
        return int(self.initial.shape[1])

    @property
    def seed(self) -> int | None:
        entropy = self.root.entropy
        return entropy if isinstance(entropy, int) and not self.root.spawn_key else None

    def fluctuations(self) -> _Run:
        """The run of the deviations of a linear network from their mean."""
        return replace(self, drive=np.zeros_like(self.drive), initial=np.zeros_like(self.initial))

    def noise_block(self, index: int, steps: int) -> Reals:
        """sigma sqrt(h) xi, (steps, N, R): a stream a block, the same for every network."""
        block = np.empty((steps, *self.initial.shape), self.initial.dtype)
        _stream_of(self.root, 1, index).standard_normal(out=block, dtype=block.dtype.type)
        block *= block.dtype.type(self.noise * np.sqrt(self.dt))
        return block

    def check_step(self, *, stationary: bool) -> None:
        """Refuse a step that is not stable and, if asked, a network that is not stationary."""
        net, h = self.net, self.dt
        if self.activation == "rectified":
            if not h * np.max(net.leak) < 2.0:
                raise OptionError(_too_large(h, 2.0 / float(np.max(net.leak))))
            return
        # Row and column sums of |I + hA| bound its spectral radius, at no cost.
        kept = np.abs(1.0 - h * net.leak)
        bound = min(np.max(kept + h * net.input_strength), np.max(kept + h * net.output_strength))
        if not bound <= 1.0 + 1e-12:
            largest = largest_stable_step(net)
            if not h <= largest * (1.0 + 1e-9):
                raise OptionError(_too_large(h, largest))
        if stationary and not np.min(net.dominance_excess) > 1e-12 * np.max(net.leak):
            abscissa = net.spectral_abscissa()
            if not abscissa < -1e-12 * np.max(np.abs(net.leak)):
                raise UnstableError(_unstable(abscissa))


def _run(
    net: RateNetwork,
    duration: float,
    dt: float,
    noise: float,
    drive: float | npt.ArrayLike,
    x0: str | npt.ArrayLike,
    replicas: int,
    record_every: int,
    activation: str,
    dtype: npt.DTypeLike,
    seed: Seed,
) -> _Run:
    duration, dt = positive("duration", duration), positive("dt", dt)
    if duration < dt:
        raise OptionError(
            f"duration is {duration:g} s, shorter than one step of {dt:g} s: lower dt or run longer"
        )
    n_steps = round(duration / dt)
    if count("record_every", record_every) > n_steps:
        raise OptionError(
            f"record_every is {record_every}, but the run has only {n_steps} steps: lower it, "
            "or run longer"
        )
    root = seed_sequence(seed)
    try:
        precision = np.dtype(dtype).name
    except TypeError:
        precision = str(dtype)
    precision = one_of("dtype", precision, ("float64", "float32"))
    n, replicas = net.n_neurons, count("replicas", replicas)
    return _Run(
        net=net,
        n_steps=n_steps,
        dt=dt,
        noise=positive("noise", noise),
        drive=np.array(np.broadcast_to(_numbers("drive", drive, ((), (n,))), (n,))),
        initial=_initial(x0, n, replicas, root).astype(precision, order="C"),
        every=int(record_every),
        activation=one_of("activation", activation, ACTIVATIONS),
        root=root,
    )


def _initial(
    x0: str | npt.ArrayLike, n: int, replicas: int, root: np.random.SeedSequence
) -> FloatArray:
    """x(0) as (N, R)."""
    if not isinstance(x0, str):
        given = _numbers("x0", x0, ((n,), (replicas, n)))
        return np.broadcast_to(given, (replicas, n)).T
    if one_of("x0", x0, ("uniform", "zero")) == "zero":
        return np.zeros((n, replicas))
    return _stream_of(root, 0).random((n, replicas))


def _numbers(what: str, value: npt.ArrayLike, shapes: tuple[tuple[int, ...], ...]) -> FloatArray:
    """`value` as finite numbers in one of the shapes."""
    expected = " or ".join("a number" if not shape else str(shape) for shape in shapes)
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{what} is {value!r}, not numbers: give {expected}") from error
    if array.shape not in shapes:
        raise OptionError(f"{what} has shape {array.shape}: give {expected}")
    if not np.all(np.isfinite(array)):
        raise OptionError(f"{what} is not finite at {np.argwhere(~np.isfinite(array))[0]}")
    return array


def _stream_of(root: np.random.SeedSequence, *key: int) -> np.random.Generator:
    """The stream with this key below `root`, which stays as it is (`spawn` would count)."""
    child = np.random.SeedSequence(
        root.entropy, spawn_key=(*root.spawn_key, *key), pool_size=root.pool_size
    )
    return np.random.Generator(np.random.SFC64(child))


# ------------------------------------------------------------------------------- the engine


def _integrate(run: _Run, visit: Callable[[int, Reals], None], progress: Progress) -> None:
    """Make every step; call visit(index of the first, states (k, N, R)) for the recorded ones.

    The initial state has index 0 and is not visited.
    """
    state = run.initial
    length = max(1, _BLOCK // state.size)
    starts = range(0, run.n_steps, length)
    advance = _stepper(run)
    limit = _divergence_limit(run)
    threads = None if run.net.n_synapses * run.replicas >= PARALLEL_WORK else 1
    # BLAS keeps to one thread, for the kernels share out its work (and see dense_rate_steps).
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(1) as ahead:

        def draw(index: int) -> Any:
            steps = min(length, run.n_steps - index * length)
            return ahead.submit(run.noise_block, index, steps) if steps > 0 else None

        drawn = draw(0)
        for index, start in enumerate(starts):
            block: Reals = drawn.result()
            drawn = draw(index + 1)
            with np.errstate(over="ignore", invalid="ignore"), _at_most(threads):
                advance(state, block)
            state = block[-1]
            if not np.max(np.abs(state)) <= limit:
                raise UnstableError(_diverged(run, start, block, limit))
            first = -(-(start + 1) // run.every)  # the next step that is recorded
            recorded = block[first * run.every - start - 1 :: run.every]
            if len(recorded):
                visit(first, recorded)
            progress(start + len(block), run.n_steps)


def _stepper(run: _Run) -> Callable[[Reals, Reals], None]:
    """advance(state, block): turn the noise in `block` into states, in place."""
    net, h, real = run.net, run.dt, run.initial.dtype
    decay = (1.0 - h * net.leak).astype(real)
    drive = (h * run.drive).astype(real)
    rectified = run.activation == "rectified"
    if net.n_synapses >= DENSE_DENSITY * net.n_neurons**2:
        dense = (h * net.dense_weights()).astype(real)
        return lambda state, block: kernels.dense_rate_steps(
            dense, decay, drive, rectified, state, block
        )
    indptr, indices = net.csr.indptr, net.csr.indices
    weights = (h * net.csr.data).astype(real)
    return lambda state, block: kernels.sparse_rate_steps(
        indptr, indices, weights, decay, drive, rectified, state, block
    )


@contextmanager
def _at_most(threads: int | None) -> Iterator[None]:
    """Limit the threads of the kernels called inside; None for no limit."""
    before = numba.get_num_threads()
    numba.set_num_threads(threads or before)
    try:
        yield
    finally:
        numba.set_num_threads(before)


def _halves(replicas: int) -> list[slice]:
    """The replicas in two halves, independent of each other; in one piece if there is one."""
    middle = replicas // 2
    return [slice(0, middle), slice(middle, replicas)] if middle else [slice(0, replicas)]


def _stream(
    run: _Run,
    burn_in: float,
    halves: list[slice],
    add: Callable[[int, FloatArray], None],
    progress: Progress,
) -> int:
    """Call add(half, samples (N, K)) with all states recorded after `burn_in`; their times."""
    _numbers("burn_in", burn_in, ((),))
    earliest = int(np.floor(burn_in / run.dt * (1.0 + 1e-12) / run.every)) + 1
    n_times = run.n_steps // run.every + 1 - earliest
    if not (burn_in >= 0 and n_times > 0):
        raise OptionError(
            f"burn_in is {burn_in:g} s, but must be at least 0 and leave states to record of "
            f"{run.n_steps * run.dt:g} s: shorten it or run longer"
        )
    pending: list[Reals] = []

    def flush() -> None:
        for half, columns in enumerate(halves if pending else ()):
            parts = [state[:, columns] for state in pending]
            add(half, np.concatenate(parts, axis=1, dtype=np.float64))
        pending.clear()

    def gather(first: int, states: Reals) -> None:
        for state in states[max(0, earliest - first) :]:
            pending.append(state.copy())
            if len(pending) * state.size >= _BATCH:
                flush()

    _integrate(run, gather, progress)
    flush()
    return n_times


def _pooled(parts: FloatArray, numbers: list[int]) -> tuple[FloatArray, float | None]:
    """Mean of the statistics of the halves, weighted by their samples, and its error."""
    if len(parts) == 1:
        return parts[0], None
    share = numbers[0] / sum(numbers)
    distance = float(np.linalg.norm(parts[0] - parts[1]))
    pooled: FloatArray = share * parts[0] + (1.0 - share) * parts[1]
    return pooled, float(np.sqrt(share * (1.0 - share))) * distance


# ------------------------------------------------------------------------------- stability


def _extreme_eigenvalues(net: RateNetwork) -> npt.NDArray[Any]:
    """Eigenvalues of A: all of them, or in a large network those at the edges."""
    from scipy.sparse import linalg as sparse_linalg

    if net.n_neurons <= DENSE_EIGENVALUES:
        drift = net.dense_drift()
        if net.is_symmetric:
            return np.asarray(linalg.eigvalsh(drift, overwrite_a=True))
        return np.asarray(linalg.eigvals(drift, overwrite_a=True, check_finite=False))
    solve = sparse_linalg.eigsh if net.is_symmetric else sparse_linalg.eigs
    edges = ("BE",) if net.is_symmetric else ("LM", "LR", "SR", "LI")
    start = np.random.default_rng(0).standard_normal(net.n_neurons)
    try:
        found = [
            solve(net.drift, k=2, which=w, v0=start, ncv=60, tol=1e-6, return_eigenvectors=False)
            for w in edges
        ]
    except sparse_linalg.ArpackNoConvergence as error:
        raise ConvergenceError(
            f"the extreme eigenvalues of {net.n_neurons} neurons did not converge: lower dt until "
            "I + h A is diagonally dominant, or raise the leak"
        ) from error
    return np.concatenate(found)


def _divergence_limit(run: _Run) -> float:
    """A size that no stable run comes near: 10^6 times what drive and noise add up to."""
    duration = run.n_steps * run.dt
    added = np.max(np.abs(run.drive)) * duration + run.noise * np.sqrt(duration)
    return 1e6 * float(np.max(np.abs(run.initial)) + added)


def _diverged(run: _Run, start: int, block: Reals, limit: float) -> str:
    within = np.max(np.abs(block), axis=(1, 2)) <= limit  # false where a rate is not a number
    time = (start + int(np.argmin(within)) + 1) * run.dt
    return (
        f"the rates passed {limit:.3g} at t = {time:g} s, so the {run.activation} network "
        "diverges: lower dt or raise the leak"
    )


def _unstable(abscissa: float) -> str:
    return (
        f"the spectral abscissa of the drift is {abscissa:.3g} 1/s, but must be below 0 for a "
        f"stationary state: raise every leak by more than {max(abscissa, 0.0):.3g} 1/s"
    )


def _too_large(dt: float, largest: float) -> str:
    return (
        f"dt is {dt:g} s, too large for a stable step: give one below {largest:.6g} s "
        "(the largest that is stable)"
    )
