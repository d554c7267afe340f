"""The integrator: a checked request, and blocks of steps handed to a visitor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from scipy import linalg  # noqa: F401  (its BLAS, which compiled products call, is limited below)
from threadpoolctl import threadpool_limits

from noiseprune import kernels
from noiseprune.choices import (
    Seed,
    count,
    one_of,
    positive,
    seed_sequence,
    substream,
)
from noiseprune.errors import OptionError, UnstableError
from noiseprune.kernels import Reals
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress
from noiseprune.simulation.stability import largest_stable_step, too_large, unstable_drift
from noiseprune.weights import FloatArray

ACTIVATIONS = ("linear", "rectified")

DENSE_DENSITY = 0.25
"""From this density on a step is a dense product, below it runs over synapses. Measured at N = 1000
and 3000 with 1 and 20 replicas: they cost the same at 0.2 to 0.3 (one thread; two: 0.15 to 0.3)."""

PARALLEL_WORK = 500_000
"""Products of a weight and a rate in one step below which one thread makes the steps: threads
would wait for one another longer than they work, while the noise wants the other core."""

_BLOCK = 2**19
"""Numbers drawn for one block of steps: some milliseconds of work between two reports."""


@dataclass(frozen=True, eq=False)
class Run:
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

    def fluctuations(self) -> Run:
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
                raise OptionError(too_large(h, 2.0 / float(np.max(net.leak))))
            return
        # Row and column sums of |I + hA| bound its spectral radius, at no cost.
        kept = np.abs(1.0 - h * net.leak)
        bound = min(np.max(kept + h * net.input_strength), np.max(kept + h * net.output_strength))
        if not bound <= 1.0 + 1e-12:
            largest = largest_stable_step(net)
            if not h <= largest * (1.0 + 1e-9):
                raise OptionError(too_large(h, largest))
        if stationary and not np.min(net.dominance_excess) > 1e-12 * np.max(net.leak):
            abscissa = net.spectral_abscissa()
            if not abscissa < -1e-12 * np.max(np.abs(net.leak)):
                raise UnstableError(unstable_drift(abscissa))


def checked(
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
) -> Run:
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
    return Run(
        net=net,
        n_steps=n_steps,
        dt=dt,
        noise=positive("noise", noise),
        drive=np.array(np.broadcast_to(numbers_of("drive", drive, ((), (n,))), (n,))),
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
        given = numbers_of("x0", x0, ((n,), (replicas, n)))
        return np.broadcast_to(given, (replicas, n)).T
    if one_of("x0", x0, ("uniform", "zero")) == "zero":
        return np.zeros((n, replicas))
    return _stream_of(root, 0).random((n, replicas))


def numbers_of(what: str, value: npt.ArrayLike, shapes: tuple[tuple[int, ...], ...]) -> FloatArray:
    """`value` as finite numbers in one of the shapes."""
    expected = " or ".join("a number" if not shape else str(shape) for shape in shapes)
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{what} is {value!r}, not numbers: give {expected}") from error
    if array.shape not in shapes:
        raise OptionError(f"{what} has shape {array.shape}: give {expected}")
    if not np.all(np.isfinite(array)):
        bad = array[~np.isfinite(array)].flat[0]
        raise OptionError(f"{what} is {bad}, but must be finite: give {expected}")
    return array


def _stream_of(root: np.random.SeedSequence, *key: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(substream(root, *key)))


def integrate(run: Run, visit: Callable[[int, Reals], None], progress: Progress) -> None:
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


def _stepper(run: Run) -> Callable[[Reals, Reals], None]:
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


def _divergence_limit(run: Run) -> float:
    """A size that no stable run comes near: 10^6 times what drive and noise add up to."""
    duration = run.n_steps * run.dt
    added = np.max(np.abs(run.drive)) * duration + run.noise * np.sqrt(duration)
    return 1e6 * float(np.max(np.abs(run.initial)) + added)


def _diverged(run: Run, start: int, block: Reals, limit: float) -> str:
    within = np.max(np.abs(block), axis=(1, 2)) <= limit  # false where a rate is not a number
    time = (start + int(np.argmin(within)) + 1) * run.dt
    return (
        f"the rates passed {limit:.3g} at t = {time:g} s, so the {run.activation} network "
        "diverges: lower dt or raise the leak"
    )
