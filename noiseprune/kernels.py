"""The compiled loops, but those of the simulation, and the one place that holds their options.

Kernels trust their arguments: the public functions that call them check. Each has its slow,
obvious twin in tests/naive.py. Parallel loops write each output element from one iteration,
so that the number of threads cannot change a result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from noiseprune.weights import FloatArray, IntArray

F = TypeVar("F", bound=Callable[..., object])
V = TypeVar("V", bound=np.generic)


_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}


def kernel(function: F) -> F:
    """Compile with Numba: parallel, cached on disk, IEEE arithmetic (no fastmath)."""
    return cast(F, numba.njit(parallel=True, **_OPTIONS)(function))


def sequential(function: F) -> F:
    """The same for a loop of one thread: a parallel one would start all for a mere np.zeros."""
    return cast(F, numba.njit(**_OPTIONS)(function))


def inlined(function: F) -> F:
    """The same, put into its callers as written: a loop around it can then become vectors."""
    return cast(F, numba.njit(inline="always", **_OPTIONS)(function))


@kernel
def synapse_variance(
    indptr: IntArray, indices: IntArray, weights: FloatArray, covariance: FloatArray
) -> FloatArray:
    """v_ij = C_ii + C_jj - 2 sgn(w_ij) C_ij over the stored entries of a CSR matrix: (nnz,)."""
    variance = np.empty(indices.size)
    for i in numba.prange(indptr.size - 1):
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            sign = 1.0 if weights[e] > 0.0 else -1.0
            variance[e] = covariance[i, i] + covariance[j, j] - 2.0 * sign * covariance[i, j]
    return variance


@kernel
def pair_variance(
    indptr: IntArray, indices: IntArray, weights: FloatArray, covariance: FloatArray
) -> FloatArray:
    """v_ij above the diagonal alone, in row order, of a CSR matrix with sorted indices."""
    n = indptr.size - 1
    starts = np.zeros(n + 1, dtype=np.int64)
    for i in numba.prange(n):
        for e in range(indptr[i], indptr[i + 1]):
            if indices[e] > i:
                starts[i + 1] += 1
    above = starts[1:].copy()
    starts[1:] = np.cumsum(above)
    variance = np.empty(starts[n])
    for i in numba.prange(n):
        for k in range(above[i]):
            e = indptr[i + 1] - above[i] + k
            j = indices[e]
            sign = 1.0 if weights[e] > 0.0 else -1.0
            value = covariance[i, i] + covariance[j, j] - 2.0 * sign * covariance[i, j]
            variance[starts[i] + k] = value
    return variance


@sequential
def is_symmetric(indptr: IntArray, indices: IntArray, weights: FloatArray) -> bool:
    """True if a CSR matrix with sorted indices and no diagonal equals its transpose.

    Row by row; `below[j]` is the next entry of row j whose mirror image has not come yet.
    """
    below = indptr[:-1].copy()
    for i in range(below.size):
        for e in range(below[i], indptr[i + 1]):
            j = indices[e]
            mirror = below[j]
            if j < i or mirror == indptr[j + 1]:
                return False
            if indices[mirror] != i or weights[mirror] != weights[e]:
                return False
            below[j] = mirror + 1
    return True


@kernel
def above_diagonal(
    indptr: IntArray, indices: IntArray, values: FloatArray
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Entries above the diagonal of a CSR matrix with sorted indices: where rows start, values.

    starts (N + 1,); values (starts[N],), in row order.
    """
    n = indptr.size - 1
    per_row = np.zeros(n, dtype=np.int64)
    for i in numba.prange(n):
        for e in range(indptr[i], indptr[i + 1]):
            if indices[e] > i:
                per_row[i] += 1
    starts = np.zeros(n + 1, dtype=np.int64)
    starts[1:] = np.cumsum(per_row)
    above = np.empty(starts[n])
    for i in numba.prange(n):
        above[starts[i] : starts[i + 1]] = values[indptr[i + 1] - per_row[i] : indptr[i + 1]]
    return starts, above


@sequential
def onto_pairs(indptr: IntArray, indices: IntArray, above: npt.NDArray[V]) -> npt.NDArray[V]:
    """Values above the diagonal, in row order, on both entries of each pair: (nnz,).

    For a symmetric CSR matrix with sorted indices and no diagonal: the entries (j, i) of row j
    are met in the order of i.
    """
    whole = np.empty(indices.size, dtype=above.dtype)
    below = indptr[:-1].copy()
    position = 0
    for i in range(below.size):
        for e in range(below[i], indptr[i + 1]):
            j = indices[e]
            whole[e] = whole[below[j]] = above[position]
            below[j] += 1
            position += 1
    return whole


@kernel
def certain_and_rest(importance: FloatArray, gain: float) -> tuple[int, float]:
    """How many have K importance > 1, and the sum of the importances of all others.

    Summed in chunks of a fixed size, so that the number of threads cannot change the sum.
    """
    size = 1024
    chunks = (importance.size + size - 1) // size
    certain, rest = np.zeros(chunks, dtype=np.int64), np.zeros(chunks)
    for chunk in numba.prange(chunks):
        for e in range(chunk * size, min(importance.size, (chunk + 1) * size)):
            if gain * importance[e] > 1.0:
                certain[chunk] += 1
            else:
                rest[chunk] += importance[e]
    return certain.sum(), rest.sum()


@sequential
def systematic(
    probability: FloatArray, starts: IntArray, uniform: FloatArray, offset: float
) -> npt.NDArray[np.bool_]:
    """(m,) kept where the running sum of p, plus the offset, passes a whole number.

    The sum runs row by row; row i holds starts[i] .. starts[i + 1] - 1, in an order of its own
    (Fisher and Yates, by one U(0, 1) a position). A certain synapse would add a whole number to
    the sum: left out of it, it changes nothing.
    """
    kept = np.ones(probability.size, dtype=np.bool_)
    order = np.empty(np.max(np.diff(starts)), dtype=np.int64)
    total, passed = 0.0, 0.0
    for i in range(starts.size - 1):
        first, size = starts[i], starts[i + 1] - starts[i]
        for k in range(size):
            order[k] = first + k
        for last in range(size - 1, 0, -1):
            other = int(uniform[first + last] * (last + 1))
            order[last], order[other] = order[other], order[last]
        for k in range(size):
            e = order[k]
            if probability[e] < 1.0:
                total += probability[e]
                before, passed = passed, np.floor(total + offset)
                kept[e] = passed > before
    return kept


COUNT_SHARE = 0.05
"""Tilt of a coin for each unit that was kept too many: the count is then right to a few units."""


@sequential
def self_balancing_walk(
    post: IntArray,
    pre: IntArray,
    size: FloatArray,
    probability: FloatArray,
    order: IntArray,
    uniform: FloatArray,
    n: int,
    symmetric: bool,
) -> npt.NDArray[np.bool_]:
    """(m,) kept: every unit in `order` with its probability, tilted by the errors of its neurons.

        error_e = (D_post + D_pre) / (|w_e| / p_e) + COUNT_SHARE * D_count
        q_e = p_e (1 - tilt_e), tilt_e = (1 - p_e) error_e within [-1, 1];   kept where u < q_e
        D_post, D_pre += |w_e| / p_e - |w_e| if kept, - |w_e| if not
        D_count       += 1 - p_e             if kept, - p_e   if not

    D is the running error of a neuron's total |input| and |output|, one and the same where
    `symmetric`, and D_count that of the count. In the end the last units whose change lowers the
    errors change, until the count is the whole number nearest to sum(p). `size` is |w|, `uniform`
    one U(0, 1) a unit.
    """
    kept = np.ones(probability.size, dtype=np.bool_)
    inputs = np.zeros(n)
    outputs = inputs if symmetric else np.zeros(n)
    count = 0.0
    for e in order:
        p, i, j = probability[e], post[e], pre[e]
        if p >= 1.0:
            continue
        if p <= 0.0:
            kept[e] = False
            inputs[i] -= size[e]
            outputs[j] -= size[e]
            continue
        strength = size[e] / p
        error = (inputs[i] + outputs[j]) / strength + COUNT_SHARE * count
        tilt = min(max((1.0 - p) * error, -1.0), 1.0)  # both ends: one alone would bias the count
        kept[e] = uniform[e] < p * (1.0 - tilt)
        change = strength - size[e] if kept[e] else -size[e]
        inputs[i] += change
        outputs[j] += change
        count += 1.0 - p if kept[e] else -p
    # Of halves, the whole number below, whatever the rounding of the sum.
    surplus = np.count_nonzero(kept) - int(np.sum(probability) + 0.5 - 1e-6)
    for choosy in (True, False):
        for k in range(order.size - 1, -1, -1):
            if surplus == 0:
                break
            e = order[k]
            p, i, j = probability[e], post[e], pre[e]
            if p <= 0.0 or p >= 1.0 or kept[e] != (surplus > 0):
                continue
            if choosy and (inputs[i] + outputs[j] > 0.0) != kept[e]:
                continue
            kept[e] = not kept[e]
            change = size[e] / p if kept[e] else -size[e] / p
            inputs[i] += change
            outputs[j] += change
            surplus += 1 if kept[e] else -1
    return kept


@sequential
def incidence_noise(
    post: IntArray, pre: IntArray, weights: FloatArray, normal: FloatArray, n: int
) -> FloatArray:
    """B^T |W|^(1/2) g over pairs, b_ij = e_i - sgn(w_ij) e_j: (N,) with covariance sum |w| b b^T.

    `normal` is one g a pair. Sequential: two pairs may add to the same neuron.
    """
    result = np.zeros(n)
    for e in range(post.size):
        amplitude = np.sqrt(np.abs(weights[e])) * normal[e]
        result[post[e]] += amplitude
        result[pre[e]] -= amplitude if weights[e] > 0.0 else -amplitude
    return result


@kernel
def mean_square_difference(
    indptr: IntArray, indices: IntArray, weights: FloatArray, activity: FloatArray
) -> FloatArray:
    """Mean over samples of (x_i - sgn(w_ij) x_j)^2 on the entries of a CSR matrix: (nnz,).

    `activity` is (N, samples), C-ordered: the samples of a neuron lie side by side.
    """
    n_samples = activity.shape[1]
    variance = np.empty(indices.size)
    for i in numba.prange(indptr.size - 1):
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            sign = 1.0 if weights[e] > 0.0 else -1.0
            total = 0.0
            for k in range(n_samples):
                difference = activity[i, k] - sign * activity[j, k]
                total += difference * difference
            variance[e] = total / n_samples
    return variance


Reals = np.ndarray[tuple[int, ...], np.dtype[np.floating]]
"""float64 or float32, the same for all arguments of one call."""


@kernel
def add_outer_products(samples: FloatArray, total: FloatArray) -> None:
    """total += S S^T for samples S (N, K), on and below the diagonal; above it, no promise."""
    rows = 256
    n = samples.shape[0]
    chunks = (n + rows - 1) // rows
    for tile in numba.prange(chunks * (chunks + 1) // 2):
        a = int((np.sqrt(8.0 * tile + 1.0) - 1.0) / 2.0)  # the tile (a, b), b <= a, of a triangle
        b = tile - a * (a + 1) // 2
        lower, upper = samples[a * rows : (a + 1) * rows], samples[b * rows : (b + 1) * rows]
        total[a * rows : (a + 1) * rows, b * rows : (b + 1) * rows] += np.dot(lower, upper.T)
