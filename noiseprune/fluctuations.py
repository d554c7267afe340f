"""A simulation held against its exact law: the covariance of its fluctuations."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from noiseprune import lyapunov, simulation
from noiseprune.checks import seed_sequence
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress, silent
from noiseprune.records import Plain
from noiseprune.work import Worker, serial

STREAMED_SYMMETRIC, STREAMED_DIRECTED = 12_000, 6_000
"""Neurons of the largest networks whose simulated covariance is held against the exact one, which
for the discrete scheme takes a Schur form where the network is directed."""


@dataclass(frozen=True)
class SimulationRun(Plain):
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


PAPER = simulation.Simulation(replicas=20)
"""The paper's runs."""


def simulate_with_statistics(
    net: RateNetwork,
    asked: simulation.Simulation = PAPER,
    *,
    store: bool = False,
    progress: Progress = silent,
    worker: Worker = serial,
) -> SimulationRun:
    """Simulate, and hold the covariance of the fluctuations against the exact discrete law.

    Linear networks with a stationary state are simulated as fluctuations around their mean
    (`simulation.streaming_covariance`), which needs no stored trajectory. Others, and all if
    `store`, as rates from the start asked for (`simulation.simulate`). An error is given only if
    the first half of the run, which is left out, lasts at least three relaxation times. `worker`
    makes the replicas (see `noiseprune.cluster`); the result does not depend on it.

    Raises
    ------
    As `noiseprune.simulate`.
    """
    seed = asked.seed
    if seed is None or isinstance(seed, np.random.Generator):  # both ways of running see one seed
        asked = replace(asked, seed=seed_sequence(seed))
    run = asked.of(net)
    dt, half = run.dt, 0.5 * (simulation.DURATION if asked.duration is None else asked.duration)
    relaxation, note = _relaxation(net, asked.activation)
    streamed, trajectory = None, None
    start = time.perf_counter()
    if relaxation is not None:
        streamed = simulation.streaming_covariance(
            net, asked, burn_in=half, progress=progress, worker=worker
        )
    if store or streamed is None:
        every = asked.record_every if store else max(1, run.n_steps)
        start = time.perf_counter()
        trajectory = simulation.record_rates(
            net, replace(asked, record_every=every), progress=progress, worker=worker
        )
    seconds = time.perf_counter() - start
    error, sampling_error = None, None
    if streamed is not None and relaxation is not None:
        if half < 3 * relaxation:
            note = (
                f"the run is a transient: its first half lasts {half:.3g} s, but the slowest "
                f"mode relaxes in {relaxation:.3g} s; for a stationary covariance simulate at "
                f"least {6 * relaxation:.3g} s"
            )
        else:
            exact = lyapunov.discrete_covariance(net, dt, asked.noise).covariance
            size = float(np.linalg.norm(exact))
            error = float(np.linalg.norm(streamed.covariance - exact)) / size
            note = "against the exact covariance of the discrete scheme; compare the sampling error"
            if streamed.sampling_error is not None:
                sampling_error = streamed.sampling_error / size
    return SimulationRun(
        n_neurons=net.n_neurons,
        n_steps=run.n_steps,
        replicas=run.replicas,
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
