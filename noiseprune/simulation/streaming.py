"""Statistics of simulated fluctuations, added up during the run: no trajectory is stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from noiseprune import kernels
from noiseprune.choices import Seed
from noiseprune.errors import OptionError
from noiseprune.kernels import Reals
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress, silent
from noiseprune.simulation.engine import Run, checked, integrate, numbers_of
from noiseprune.weights import FloatArray

_BATCH = 2**19
"""Numbers gathered before they are added to a statistic in one product."""


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
    run = checked(
        net, duration, dt, noise, drive, x0, replicas, record_every, activation, dtype, seed
    )
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
    run = checked(
        net, duration, dt, noise, 0.0, "zero", replicas, record_every, "linear", dtype, seed
    )
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


def _halves(replicas: int) -> list[slice]:
    """The replicas in two halves, independent of each other; in one piece if there is one."""
    middle = replicas // 2
    return [slice(0, middle), slice(middle, replicas)] if middle else [slice(0, replicas)]


def _stream(
    run: Run,
    burn_in: float,
    halves: list[slice],
    add: Callable[[int, FloatArray], None],
    progress: Progress,
) -> int:
    """Call add(half, samples (N, K)) with all states recorded after `burn_in`; their times."""
    numbers_of("burn_in", burn_in, ((),))
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

    integrate(run, gather, progress)
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
