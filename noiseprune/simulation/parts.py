"""The replicas of a streaming run in parts, and the statistics of all from those of the parts.

The parts are a function of the number of replicas alone: two halves up to 64, beyond that 48 each
(whole panels of the kernel) and the rest. What is added up of a part, and in which batches, depends
on the part alone, so that a part is the same wherever it runs and whatever runs beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from noiseprune import kernels
from noiseprune.errors import OptionError
from noiseprune.kernels import Reals
from noiseprune.progress import Progress, silent
from noiseprune.simulation.engine import Run, integrate, numbers_of
from noiseprune.weights import FloatArray
from noiseprune.work import Result, Worker, digest, in_order, serial

_BATCH = 2**19
"""Numbers of a part gathered before they are added to a statistic in one product."""

_HALVES, _PART = 64, 48
"""Most replicas that are cut into two halves only, and replicas in a part where there are more."""

_ROWS = 512
"""Rows of a large matrix that are finished at a time, to need no second one."""

Part = tuple[int, int]
"""Replicas start .. stop - 1."""


class Products:
    """Sums of (x - r)(x - r)^T, on and below the diagonal, and of x - r.

    r is 0 for a linear run, and otherwise the mean of the first samples. `add` takes samples (N, K)
    of one part and may overwrite them.
    """

    def __init__(self, run: Run) -> None:
        n = run.net.n_neurons
        self._products, self._sums, self._reference = np.zeros((n, n)), np.zeros(n), np.zeros(n)
        self._linear, self._empty = run.activation == "linear", True

    def add(self, samples: FloatArray) -> None:
        if not self._linear:
            if self._empty:
                self._reference = samples.mean(axis=1)
            samples -= self._reference[:, np.newaxis]
        self._empty = False
        self._sums += samples.sum(axis=1)
        kernels.add_outer_products(samples, self._products)

    def result(self) -> Result:
        return self._products, self._sums, self._reference


class Squares:
    """Sums of (x_i - sgn(w_ij) x_j)^2 on the synapses."""

    def __init__(self, run: Run) -> None:
        self._csr = run.net.csr
        self._total = np.zeros(self._csr.nnz)

    def add(self, samples: FloatArray) -> None:
        csr = self._csr
        mean = kernels.mean_square_difference(csr.indptr, csr.indices, csr.data, samples)
        self._total += mean * samples.shape[1]

    def result(self) -> Result:
        return (self._total,)


@dataclass(frozen=True, eq=False)
class Streaming:
    """What the parts share.

    kind : what is added up; earliest : index of the first recorded state that counts; n_times :
    how many count
    """

    run: Run
    kind: type[Products | Squares]
    earliest: int
    n_times: int

    def digest(self) -> str:
        return digest(self.run.digest(), self.kind.__name__, self.earliest)


def parts_of(replicas: int) -> list[Part]:
    if replicas == 1:
        return [(0, 1)]
    if replicas <= _HALVES:
        return [(0, replicas // 2), (replicas // 2, replicas)]
    return [(a, min(a + _PART, replicas)) for a in range(0, replicas, _PART)]


def streaming(run: Run, kind: type[Products | Squares], burn_in: float) -> Streaming:
    """Count what is recorded after `burn_in` (s), or refuse if that is nothing."""
    numbers_of("burn_in", burn_in, ((),))
    earliest = int(np.floor(burn_in / run.dt * (1.0 + 1e-12) / run.every)) + 1
    n_times = run.n_steps // run.every + 1 - earliest
    if not (burn_in >= 0 and n_times > 0):
        raise OptionError(
            f"burn_in is {burn_in:g} s, but must be at least 0 and leave states to record of "
            f"{run.n_steps * run.dt:g} s: shorten it or run longer"
        )
    return Streaming(run, kind, earliest, n_times)


def sums_of(
    shared: Streaming, parts: list[Part], worker: Worker, progress: Progress
) -> Iterator[Result]:
    """The sums of every part in order; here two halves run together, and longer lists in turn."""
    if worker is not serial:
        for done, found in enumerate(in_order(worker(sums_of_part, shared, parts))):
            progress(done + 1, len(parts))
            yield found
        return
    groups = [parts] if len(parts) <= 2 else [[part] for part in parts]
    steps = shared.run.n_steps
    for turn, group in enumerate(groups):

        def report(done: int, total: int, before: int = turn * steps) -> None:
            progress(before + done, len(groups) * steps)

        yield from _run_together(shared, group, report)


def sums_of_part(shared: Streaming, part: Part) -> Result:
    """What one part gives."""
    return _run_together(shared, [part], silent)[0]


def _run_together(shared: Streaming, parts: list[Part], progress: Progress) -> list[Result]:
    """The sums of adjacent parts, whose replicas run together; of each as if it ran alone."""
    start, stop = parts[0][0], parts[-1][1]
    run = shared.run.part(start, stop)
    sums = [shared.kind(run) for _ in parts]
    pending: list[list[Reals]] = [[] for _ in parts]

    def flush(k: int) -> None:
        states = pending[k]
        if states:
            samples = np.empty((run.net.n_neurons, sum(state.shape[1] for state in states)))
            np.concatenate(states, axis=1, out=samples)
            states.clear()
            sums[k].add(samples)

    def gather(first: int, states: Reals) -> None:
        for state in states[max(0, shared.earliest - first) :]:
            for k, (a, b) in enumerate(parts):
                pending[k].append(state[:, a - start : b - start].copy())
                if len(pending[k]) * pending[k][0].size >= _BATCH:
                    flush(k)

    # One thread of BLAS, for the last batches, too: how it shares out a product rounds otherwise.
    with threadpool_limits(1, user_api="blas"):
        integrate(run, gather, progress)
        for k in range(len(parts)):
            flush(k)
    return [each.result() for each in sums]


# ------------------------------------------------------------------------ from parts to one


def add_up(
    shared: Streaming, worker: Worker, progress: Progress
) -> tuple[list[FloatArray], list[list[FloatArray]], list[int]]:
    """Sums over the first half of the parts and over the rest; what else each of them gave, and how
    many samples it had.
    """
    parts = parts_of(shared.run.replicas)
    halves: list[FloatArray] = []
    rest: list[list[FloatArray]] = []
    for sums, *others in sums_of(shared, parts, worker, progress):
        if len(rest) in (0, len(parts) // 2):
            halves.append(np.require(sums, requirements="W"))
        else:
            halves[-1] += sums
        rest.append(others)
        del sums  # or it would stay while the next part is made
    return halves, rest, [shared.n_times * (stop - start) for start, stop in parts]


def centre(
    halves: list[FloatArray], others: list[list[FloatArray]], numbers: list[int], *, centred: bool
) -> FloatArray:
    """Take the sums of products around the mean m of all samples, and fill their upper triangles.

    n products around r, of sum s, become those around m when s d^T + d s^T - n d d^T is taken off,
    d = m - r. `centred`: the mean is known to be zero, as r is. Returns m.
    """
    sums, references = (np.array(vectors) for vectors in zip(*others))
    count = np.array(numbers, dtype=np.float64)[:, np.newaxis]
    mean: FloatArray = np.sum(count * references + sums, axis=0) / np.sum(count)
    if centred:
        mean = np.zeros_like(mean)
    away = mean - references
    left = sums - 0.5 * count * away
    middle = len(numbers) // 2
    for total, own in zip(halves[::-1], (slice(middle, None), slice(middle))):
        d, u = away[own], left[own]
        for a in range(0, len(total), _ROWS):
            rows = slice(a, a + _ROWS)
            if not centred:
                cross = u[:, rows].T @ d[:, : a + _ROWS]
                total[rows, : a + _ROWS] -= cross + d[:, rows].T @ u[:, : a + _ROWS]
            square = total[rows, rows]
            square[:] = np.tril(square) + np.tril(square, -1).T
            total[:a, rows] = total[rows, :a].T
    return mean


def pool(halves: list[FloatArray], numbers: list[int]) -> tuple[FloatArray, float | None]:
    """Mean over all samples from the sums of the halves, which are overwritten, and its error.

    numbers : samples of every part
    """
    middle = len(numbers) // 2
    first_number, second_number = sum(numbers[:middle]), sum(numbers[middle:])
    if len(halves) == 1:
        halves[0] /= second_number
        return halves[0], None
    first, second = halves
    first /= first_number
    second /= second_number
    share = first_number / (first_number + second_number)
    distance = float(np.linalg.norm(first - second))
    first *= share
    second *= 1.0 - share
    first += second
    return first, float(np.sqrt(share * (1.0 - share))) * distance
