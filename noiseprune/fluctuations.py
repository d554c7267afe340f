"""A simulation held against its exact law: the covariance of its fluctuations."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from noiseprune import lyapunov, simulation
from noiseprune.checks import Seed, seed_sequence
from noiseprune.choices import Activation
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress, silent
from noiseprune.work import Worker, serial

STREAMED_SYMMETRIC, STREAMED_DIRECTED = 12_000, 6_000
"""Neurons of the largest networks whose simulated covariance is held against the exact one, which
for the discrete scheme takes a Schur form where the network is directed."""


@dataclass(frozen=True)
class SimulationRun:
    """A simulation with the statistics of its fluctuations; None where not computed.

    covariance_error : ||C_run - C_h||_F / ||C_h||_F against the exact covariance C_h of the
        discrete scheme, over the second half of the run
    covariance_sampling_error : what a finite run leaves of it, estimated from two halves of the
        replicas, relative to ||C_h||_F as well
    relaxation_time : -1 / spectral abscissa, s
    mean_variance : mean over the neurons of the variance in the second half of the run
    note : in words, why an error is None or what it means
    stepping_seconds : wall time of `n_steps` steps, without the covariances
    """

    n_neurons: int
    n_steps: int
    replicas: int
    dt: float
    covariance_error: float | None
    covariance_sampling_error: float | None
    relaxation_time: float | None
    mean_variance: float | None
    note: str
    stepping_seconds: float
    trajectory: simulation.Trajectory | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values; the trajectory and the wall time are left out."""
        hidden = ("trajectory", "stepping_seconds")
        values = {name: value for name, value in vars(self).items() if name not in hidden}
        values["covariance_note"] = values.pop("note")
        return values


def simulate_with_statistics(
    net: RateNetwork,
    *,
    duration: float = 40.0,
    dt: float | None = None,
    noise: float = 0.01,
    drive: float = 0.0002,
    replicas: int = 20,
    record_every: int = 10,
    activation: Activation = "linear",
    store: bool = False,
    seed: Seed = None,
    progress: Progress = silent,
    worker: Worker = serial,
) -> SimulationRun:
    """Simulate, and hold the covariance of the fluctuations against the exact discrete law.

    Linear networks with a stationary state are simulated as fluctuations around their mean
    (`simulation.streaming_covariance`), which needs no stored trajectory. Others, and all if
    `store`, as rates from x(0) ~ U(0, 1) (`simulation.simulate`). An error is given only if the
    first half of the run, which is left out, lasts at least three relaxation times. `dt` (s) is
    by default the paper's 0.005, or half of a stable step if that is less. `worker` makes the
    replicas (see `noiseprune.cluster`); the result does not depend on it.

    Raises
    ------
    As `noiseprune.simulate`.
    """
    if seed is None or isinstance(seed, np.random.Generator):
        seed = seed_sequence(seed)
    if dt is None:
        dt = simulation.default_step(net, activation=activation)
    options: dict[str, Any] = {
        "duration": duration,
        "dt": dt,
        "noise": noise,
        "drive": drive,
        "replicas": replicas,
        "activation": activation,
        "seed": seed,
        "progress": progress,
        "worker": worker,
    }
    burn_in = duration / 2
    relaxation, note = _relaxation(net, activation)
    streamed, trajectory = None, None
    if relaxation is not None:
        start = time.perf_counter()
        streamed = simulation.streaming_covariance(
            net, burn_in=burn_in, record_every=record_every, **options
        )
        n_steps = streamed.n_steps
        seconds = time.perf_counter() - start
    if store or streamed is None:
        every = record_every if store else max(1, round(duration / dt))
        start = time.perf_counter()
        trajectory = simulation.simulate(net, record_every=every, **options)
        n_steps = trajectory.n_steps
        seconds = time.perf_counter() - start
    error, sampling_error = None, None
    if streamed is not None and relaxation is not None:
        if burn_in < 3 * relaxation:
            note = (
                f"the run is a transient: its first half lasts {burn_in:.3g} s, but the slowest "
                f"mode relaxes in {relaxation:.3g} s; for a stationary covariance simulate at "
                f"least {6 * relaxation:.3g} s"
            )
        else:
            exact = lyapunov.discrete_covariance(net, dt, noise).covariance
            size = float(np.linalg.norm(exact))
            error = float(np.linalg.norm(streamed.covariance - exact)) / size
            note = "against the exact covariance of the discrete scheme; compare the sampling error"
            if streamed.sampling_error is not None:
                sampling_error = streamed.sampling_error / size
    return SimulationRun(
        n_neurons=net.n_neurons,
        n_steps=n_steps,
        replicas=replicas,
        dt=dt,
        covariance_error=error,
        covariance_sampling_error=sampling_error,
        relaxation_time=relaxation,
        mean_variance=None if streamed is None else float(np.mean(np.diag(streamed.covariance))),
        note=note,
        stepping_seconds=seconds,
        trajectory=trajectory if store else None,
    )


def _relaxation(net: RateNetwork, activation: str) -> tuple[float | None, str]:
    """Slowest relaxation time (s) of a linear network small enough for its covariance."""
    if activation != "linear":
        return None, "only linear networks have an exact covariance"
    limit = STREAMED_SYMMETRIC if net.is_symmetric else STREAMED_DIRECTED
    if net.n_neurons > limit:
        return None, f"the covariance is not formed above {limit:,} neurons"
    abscissa = net.spectral_abscissa()
    if not abscissa < -1e-12 * float(np.max(net.leak)):
        return None, f"no stationary covariance: the spectral abscissa is {abscissa:.3g} 1/s"
    return -1.0 / abscissa, ""
