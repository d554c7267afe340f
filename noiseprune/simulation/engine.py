"""The integrator: a checked request, and blocks of steps handed to a visitor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import get_args

import numba
import numpy as np
import numpy.typing as npt
from scipy import (
    linalg,  # noqa: F401  (its BLAS, which compiled products call, is limited below)
    sparse,
)
from threadpoolctl import threadpool_limits

from noiseprune.checks import Seed, count, one_of, positive, seed_sequence, substream
from noiseprune.choices import Activation, Start
from noiseprune.errors import OptionError, UnstableError
from noiseprune.kernels import Reals
from noiseprune.network import RateNetwork, unstable
from noiseprune.progress import Progress
from noiseprune.simulation.kernels import TILE, VECTOR, VECTORS, Scheme, rate_steps
from noiseprune.simulation.stability import default_step, largest_stable_step, too_large
from noiseprune.weights import FloatArray, IntArray
from noiseprune.work import digest

ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)

DURATION = 40.0
"""s, the paper's."""

TILE_WORTH = 1.4
"""Synapses in a tile of TILE rows from which on it costs less than its rows one by one. Measured at
N = 3000 and 20 replicas: a tile costs about 1.4 of them in float32, 1.8 in float64."""

PIECES = 128
"""Into which a step is cut for the threads; a piece of the weights then fits the cache."""

PARALLEL_WORK = 500_000
"""Products of a weight and a rate in one step below which one thread makes the steps: threads
would wait for one another longer than they work."""

_BLOCK = 2**19
"""Rates in one block of steps: some milliseconds of work between two reports."""


@dataclass(frozen=True, eq=False)
class Run:
    """A checked request: what to integrate, and from which streams."""

    net: RateNetwork
    n_steps: int
    dt: float
    noise: float
    drive: FloatArray  # (N,)
    initial: Reals  # (N, R); its type is that of the whole run
    largest: float  # of |initial|, over all replicas
    every: int
    activation: str
    root: np.random.SeedSequence
    first: int = 0  # number of the first of the R replicas
    first_step: int = 0  # made before, by a run that this one goes on with: the noise goes on, too

    @property
    def replicas(self) -> int:
        return int(self.initial.shape[1])

    @property
    def seed(self) -> int | None:
        entropy = self.root.entropy
        return entropy if isinstance(entropy, int) and not self.root.spawn_key else None

    def fluctuations(self) -> Run:
        """The run of the deviations of a linear network from their mean."""
        rest = np.zeros_like(self.initial)
        return replace(self, drive=np.zeros_like(self.drive), initial=rest, largest=0.0)

    def part(self, start: int, stop: int) -> Run:
        """The run of the replicas start .. stop - 1, each as it is in the whole run, bit by bit."""
        return replace(self, initial=self.initial[:, start:stop], first=self.first + start)

    def digest(self) -> str:
        """A text that differs if anything differs that the rates depend on."""
        net, root, initial = self.net, self.root, self.initial
        stream = root.entropy, root.spawn_key, root.pool_size
        options = self.n_steps, self.dt, self.noise, self.every, self.activation, self.first
        kind = initial.dtype.name, initial.shape
        return digest(net.csr, net.leak, self.drive, initial, kind, options, stream)

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
                raise unstable(net, abscissa)


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What is asked of a simulation, but for the network; see `noiseprune.simulate`.

    duration : s; None is the paper's 40, or less where it is said
    dt : s; None is the paper's 0.005, or half of a stable step if that is less
    """

    duration: float | None = None
    dt: float | None = None
    noise: float = 0.01
    drive: float | npt.ArrayLike = 0.0002
    x0: Start | npt.ArrayLike = "uniform"
    replicas: int = 1
    record_every: int = 10
    activation: Activation = "linear"
    dtype: npt.DTypeLike = "float64"
    seed: Seed = None

    def of(self, net: RateNetwork) -> Run:
        """The checked run of a network.

        Raises
        ------
        OptionError
            If an option lies outside its range.
        """
        one_of("activation", self.activation, ACTIVATIONS)
        duration = DURATION if self.duration is None else positive("duration", self.duration)
        dt = self.dt
        dt = default_step(net, activation=self.activation) if dt is None else positive("dt", dt)
        if duration < dt:
            raise OptionError(
                f"duration is {duration:g} s, shorter than one step of {dt:g} s: lower dt or run "
                "longer"
            )
        n_steps = round(duration / dt)
        if count("record_every", self.record_every) > n_steps:
            raise OptionError(
                f"record_every is {self.record_every}, but the run has only {n_steps} steps: "
                "lower it, or run longer"
            )
        root = seed_sequence(self.seed)
        try:
            precision = np.dtype(self.dtype).name
        except TypeError:
            precision = str(self.dtype)
        precision = one_of("dtype", precision, ("float64", "float32"))
        n, replicas = net.n_neurons, count("replicas", self.replicas)
        initial = _initial(self.x0, n, replicas, root).astype(precision, order="C")
        drive = np.broadcast_to(numbers_of("drive", self.drive, ((), (n,))), (n,))
        return Run(
            net=net,
            n_steps=n_steps,
            dt=dt,
            noise=positive("noise", self.noise),
            drive=np.array(drive),
            initial=initial,
            largest=float(np.max(np.abs(initial))),
            every=int(self.record_every),
            activation=self.activation,
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
    return np.random.Generator(np.random.SFC64(substream(root, 0))).random((n, replicas))


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


def integrate(run: Run, visit: Callable[[int, Reals], None], progress: Progress) -> None:
    """Make every step; call visit(index of the first, states (k, N, R)) for the recorded ones.

    The initial state has index 0 and is not visited.
    """
    tiles = _tiles(run)
    lanes = Lanes(run.net.n_neurons, run.replicas, VECTORS[tiles.blocksize[0]], run.initial.dtype)
    state = lanes.pack(run.initial)
    length = max(1, _BLOCK // run.initial.size)
    scheme, bounds = _scheme(run, tiles, lanes)
    limit = _divergence_limit(run)
    threads = None if run.net.n_synapses * run.replicas >= PARALLEL_WORK else 1
    # BLAS keeps to one thread, for what is done with the states shares out its own work.
    with threadpool_limits(1, user_api="blas"):
        for start in range(0, run.n_steps, length):
            block = lanes.empty(min(length, run.n_steps - start))
            with _at_most(threads):
                rate_steps(scheme, bounds, run.first_step + start, state, block)
            state = block[-1]
            if not np.max(np.abs(lanes.unpack(block[-1:]))) <= limit:
                raise UnstableError(_diverged(run, start, lanes.unpack(block), limit))
            first = -(-(start + 1) // run.every)  # the next step that is recorded
            recorded = block[first * run.every - start - 1 :: run.every]
            if len(recorded):
                visit(first, lanes.unpack(recorded))
            progress(start + len(block), run.n_steps)


@dataclass(frozen=True)
class Lanes:
    """How the kernel keeps states: flat, panel after panel of (rows, width), padded with zeros."""

    neurons: int
    replicas: int
    vectors: int  # of a panel
    real: np.dtype[np.floating]

    @property
    def rows(self) -> int:
        return -(-self.neurons // TILE) * TILE

    @property
    def vector(self) -> int:
        return VECTOR // self.real.itemsize

    @property
    def panel(self) -> int:
        return self.vectors * self.vector

    @property
    def panels(self) -> list[slice]:
        """The lanes of each panel."""
        lanes = -(-self.replicas // self.vector) * self.vector
        return [slice(a, min(a + self.panel, lanes)) for a in range(0, lanes, self.panel)]

    def empty(self, steps: int) -> Reals:
        """(steps, rows * lanes), in step with the vectors."""
        size = steps * self.rows * self.panels[-1].stop
        raw = np.empty((size + self.vector) * self.real.itemsize, np.uint8)
        start = -raw.ctypes.data % VECTOR
        numbers: Reals = raw[start : start + size * self.real.itemsize].view(self.real)
        return numbers.reshape(steps, -1)

    def pack(self, state: Reals) -> Reals:
        """(N, R) to (rows * lanes,)."""
        padded = np.zeros((self.rows, self.panels[-1].stop), self.real)
        padded[: self.neurons, : self.replicas] = state
        packed: Reals = self.empty(1)[0]
        packed[:] = np.concatenate([padded[:, panel].ravel() for panel in self.panels])
        return packed

    def unpack(self, states: Reals) -> Reals:
        """(k, rows * lanes) to (k, N, R)."""
        parts = [
            states[:, panel.start * self.rows : panel.stop * self.rows].reshape(
                len(states), self.rows, -1
            )[:, : self.neurons]
            for panel in self.panels
        ]
        whole: Reals = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
        return whole[..., : self.replicas]


def _tiles(run: Run) -> sparse.bsr_array:
    """h W in tiles of TILE rows and one column, or in single entries where that is less work."""
    csr, n = run.net.csr, run.net.n_neurons
    padding = -n % TILE
    weights = sparse.csr_array(
        (
            (run.dt * csr.data).astype(run.initial.dtype),
            csr.indices,
            np.pad(csr.indptr, (0, padding), mode="edge"),
        ),
        shape=(n + padding, n),
    )
    tiles = sparse.bsr_array(weights, blocksize=(TILE, 1))
    if weights.nnz < TILE_WORTH * len(tiles.indices):
        tiles = sparse.bsr_array(weights, blocksize=(1, 1))
    tiles.sort_indices()
    return tiles


def _scheme(run: Run, tiles: sparse.bsr_array, lanes: Lanes) -> tuple[Scheme, IntArray]:
    """What the kernel makes steps from, and the bounds of its pieces."""
    net, h, real, rows = run.net, run.dt, run.initial.dtype, lanes.rows
    padding = (0, rows - net.n_neurons)
    height = tiles.blocksize[0]
    # A piece has an equal part of the tiles, and of the draws of noise, as long as some tiles.
    work = tiles.indptr[:: TILE // height] + 16.0 * np.arange(rows // TILE + 1)
    cuts = np.linspace(0.0, work[-1], min(PIECES, rows // TILE) + 1)
    bounds = TILE * np.searchsorted(work, cuts)
    scheme = Scheme(
        starts=tiles.indptr,
        indices=tiles.indices,
        weights=tiles.data.reshape(-1, height),
        decay=np.pad(1.0 - h * net.leak, padding).astype(real),
        drive=np.pad(h * run.drive, padding).astype(real),
        rectified=run.activation == "rectified",
        noise=float(run.noise * np.sqrt(h)),
        key=substream(run.root, 1).generate_state(2, np.uint32).astype(np.uint64),
        first_replica=run.first,
        panel=lanes.panel,
    )
    return scheme, bounds


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
    return 1e6 * (run.largest + float(added))


def _diverged(run: Run, start: int, block: Reals, limit: float) -> str:
    within = np.max(np.abs(block), axis=(1, 2)) <= limit  # false where a rate is not a number
    time = (run.first_step + start + int(np.argmin(within)) + 1) * run.dt
    return (
        f"the rates passed {limit:.3g} at t = {time:g} s, so the {run.activation} network "
        "diverges: lower dt or raise the leak"
    )
