"""Simulated rates, stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from noiseprune.checks import Seed
from noiseprune.choices import Activation, Start
from noiseprune.kernels import Reals
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress, silent
from noiseprune.simulation.engine import DURATION, Run, Simulation, integrate
from noiseprune.weights import FloatArray
from noiseprune.work import Worker, serial

_PIECE = 12
"""Replicas in one piece of work: a panel of the kernel for tiles, in double precision."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Simulated rates.

    times : (T,) 0, record_every * dt, 2 record_every * dt, ..., s
    rates : (T, replicas, N) the state at these times, the initial one first
    dt, noise, n_steps, record_every, activation : as simulated
    seed : what repeats the run; None where the seed was not a plain number
    labels : (N,) those of the network, or the numbers of the neurons
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


def simulate(
    net: RateNetwork,
    *,
    duration: float = DURATION,
    dt: float | None = None,
    noise: float = Simulation.noise,
    drive: float | npt.ArrayLike = Simulation.drive,
    x0: Start | npt.ArrayLike = Simulation.x0,
    replicas: int = Simulation.replicas,
    record_every: int = Simulation.record_every,
    activation: Activation = Simulation.activation,
    dtype: npt.DTypeLike = Simulation.dtype,
    seed: Seed = None,
    progress: Progress = silent,
    worker: Worker = serial,
) -> Trajectory:
    """Simulate the rates of a network driven by noise, and store every `record_every`-th state.

        linear:  x <- x + h (A x + b) + sigma sqrt(h) xi
        rectified:  x <- x + h (-D x + [W x + b]_+) + sigma sqrt(h) xi

    Parameters
    ----------
    duration, dt : float, s
        round(duration / dt) steps are made. `dt` is by default the paper's 0.005, or half of a
        stable step if that is less (see `default_step`).
    noise : float
        sigma, above 0.
    drive : float or (N,) array, 1/s
    x0 : "uniform" (U(0, 1)), "zero", (N,) or (replicas, N) array
    replicas : int
        Independent runs, which cost less together than one by one.
    activation : "linear" or "rectified"
    dtype : "float64" or "float32"
    progress : callable
        Called with (steps made, steps in all), or with pieces if there is a worker.
    worker : callable
        Makes the replicas, 12 at a time (see `noiseprune.cluster`); by default they run here, all
        together. The rates do not depend on it.

    Raises
    ------
    OptionError
        For arguments out of range, and a `dt` above `largest_stable_step`. (Rectified: above
        2 / max(leak), which is necessary but not sufficient.)
    UnstableError
        If no step is stable, an eigenvalue of A having a positive real part; or if a rectified
        run diverges. A singular A has no stationary state but neither does it diverge: it is
        simulated.

    >>> net = RateNetwork([[0.0, 0.5], [0.5, 0.0]], leak=1.0)
    >>> simulate(net, duration=1.0, replicas=3, seed=1).rates.shape  # times, replicas, neurons
    (21, 3, 2)
    """
    asked = Simulation(
        duration=duration,
        dt=dt,
        noise=noise,
        drive=drive,
        x0=x0,
        replicas=replicas,
        record_every=record_every,
        activation=activation,
        dtype=dtype,
        seed=seed,
    )
    return record_rates(net, asked, progress=progress, worker=worker)


def record_rates(
    net: RateNetwork, asked: Simulation, *, progress: Progress = silent, worker: Worker = serial
) -> Trajectory:
    """The rates of a network in the simulation that is asked for; `simulate` with a record."""
    run = asked.of(net)
    run.check_step(stationary=False)
    rates = _rates(run, progress) if worker is serial else _gathered(run, worker, progress)
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


def _rates(run: Run, progress: Progress) -> Reals:
    """(T, R, N), the initial state first."""
    n, replicas = run.initial.shape
    rates: Reals = np.empty((run.n_steps // run.every + 1, replicas, n), run.initial.dtype)
    rates[0] = run.initial.T

    def store(first: int, states: Reals) -> None:
        rates[first : first + len(states)] = states.transpose(0, 2, 1)

    integrate(run, store, progress)
    return rates


def _gathered(run: Run, worker: Worker, progress: Progress) -> Reals:
    """`_rates`, in pieces that the worker makes."""
    n, replicas = run.initial.shape
    rates: Reals = np.empty((run.n_steps // run.every + 1, replicas, n), run.initial.dtype)
    pieces = [(a, min(a + _PIECE, replicas)) for a in range(0, replicas, _PIECE)]
    for done, (index, (found,)) in enumerate(worker(rates_of_replicas, run, pieces)):
        rates[:, slice(*pieces[index])] = found
        progress(done + 1, len(pieces))
    return rates


def rates_of_replicas(run: Run, piece: tuple[int, int]) -> tuple[Reals]:
    """Rates (T, stop - start, N) of the replicas start .. stop - 1."""
    return (_rates(run.part(*piece), silent),)
