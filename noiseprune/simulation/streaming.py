"""Statistics of simulated fluctuations, added up during the run: no trajectory is stored."""

from __future__ import annotations

from dataclasses import dataclass, replace

from threadpoolctl import threadpool_limits

from noiseprune.network import RateNetwork
from noiseprune.progress import Progress, silent
from noiseprune.simulation.engine import Run, Simulation
from noiseprune.simulation.parts import (
    Products,
    Squares,
    add_up,
    centre,
    pool,
    streaming,
)
from noiseprune.weights import FloatArray
from noiseprune.work import Worker, serial


@dataclass(frozen=True, eq=False)
class Streamed:
    """What is known of statistics that were accumulated during a run.

    sampling_error : estimated norm of the error that comes from the finite run (Frobenius for a
        matrix): sqrt(n1 n2) / n ||C1 - C2|| with C1, C2 from the first half of the parts and from
        the rest (half the distance where they are equal); None for a single replica
    n_samples : recorded states, over times and replicas
    dt, noise, n_steps, activation, seed : as simulated
    """

    sampling_error: float | None
    n_samples: int
    dt: float
    noise: float
    n_steps: int
    activation: str
    seed: int | None


@dataclass(frozen=True, eq=False)
class StreamedCovariance(Streamed):
    """Covariance of simulated rates.

    covariance : (N, N)
    mean : (N,) what was taken for the mean: 0 of the fluctuations of a linear network, the mean of
        the samples of a rectified one
    """

    covariance: FloatArray
    mean: FloatArray


@dataclass(frozen=True, eq=False)
class StreamedVariance(Streamed):
    """Synapse variances of simulated rates.

    variance : (n_synapses,) aligned with `net.synapses`; the two entries of a symmetric pair are
        equal
    """

    variance: FloatArray


def streaming_covariance(
    net: RateNetwork,
    asked: Simulation,
    *,
    burn_in: float = 10.0,
    progress: Progress = silent,
    worker: Worker = serial,
) -> StreamedCovariance:
    """Covariance (N, N) of the rates over the recorded states after `burn_in` (s).

    Linear: the deviation of a state from its mean given x(0) obeys x <- P x + sigma sqrt(h) xi
    from zero, whatever the drive and x(0). That is what runs here, so the covariance is around
    the exact mean, zero, and neither a decaying x(0) nor an estimated mean biases it:
    drive and x0 are checked but do not enter.

    Rectified: drive and x0 enter, and the covariance is around the mean of the samples
    (normalised by their number).

    `worker` makes the parts (see `noiseprune.cluster`); the result does not depend on it.

    Errors are those of `simulate`; besides, a singular or unstable linear
    network raises UnstableError: it has no stationary covariance. Memory: 3 N^2 numbers; with a
    worker N^2 for every part that it makes, and here those that wait for an earlier one, too.
    """
    run = asked.of(net)
    run.check_step(stationary=True)
    if run.activation == "linear":
        run = run.fluctuations()
    halves, others, numbers = add_up(streaming(run, Products, burn_in), worker, progress)
    with threadpool_limits(1, user_api="blas"):
        mean = centre(halves, others, numbers, centred=run.activation == "linear")
    covariance, error = pool(halves, numbers)
    return StreamedCovariance(*_evidence(run, error, numbers), covariance, mean)


def streaming_synapse_variance(
    net: RateNetwork,
    asked: Simulation,
    *,
    burn_in: float = 10.0,
    progress: Progress = silent,
    worker: Worker = serial,
) -> StreamedVariance:
    """v_ij = mean (x_i - sgn(w_ij) x_j)^2 on the synapses alone: memory grows with their number.

    The linear network runs from zero without drive, whatever was asked for, so the mean is exactly
    zero. Errors and the samples that count are those of `streaming_covariance`.
    """
    run = replace(asked, drive=0.0, x0="zero", activation="linear").of(net)
    run.check_step(stationary=True)
    halves, _, numbers = add_up(streaming(run, Squares, burn_in), worker, progress)
    variance, error = pool(halves, numbers)
    return StreamedVariance(*_evidence(run, error, numbers), variance)


def _evidence(
    run: Run, error: float | None, numbers: list[int]
) -> tuple[float | None, int, float, float, int, str, int | None]:
    """The fields of `Streamed`."""
    return error, sum(numbers), run.dt, run.noise, run.n_steps, run.activation, run.seed
