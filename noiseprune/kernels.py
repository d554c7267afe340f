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
def pair_starts(indptr: IntArray, indices: IntArray) -> npt.NDArray[np.int64]:
    """(N + 1,) where the entries above the diagonal of each row begin, counted by themselves."""
    starts = np.zeros(indptr.size, dtype=np.int64)
    for i in numba.prange(indptr.size - 1):
        for e in range(indptr[i], indptr[i + 1]):
            if indices[e] > i:
                starts[i + 1] += 1
    starts[1:] = np.cumsum(starts[1:])
    return starts


@kernel
def synapse_variance(
    indptr: IntArray,
    indices: IntArray,
    weights: FloatArray,
    starts: IntArray,
    covariance: FloatArray,
) -> FloatArray:
    """v_ij = C_ii + C_jj - 2 sgn(w_ij) C_ij over entries of a CSR matrix, in row order.

    Those of row i are starts[i] .. starts[i + 1] - 1, its last ones: `starts` is `indptr` for all
    entries, and `pair_starts` for those above the diagonal of a matrix with sorted indices.
    """
    n = indptr.size - 1
    variance = np.empty(starts[n])
    for i in numba.prange(n):
        for k in range(starts[i], starts[i + 1]):
            e = indptr[i + 1] - starts[i + 1] + k
            j = indices[e]
            sign = 1.0 if weights[e] > 0.0 else -1.0
            variance[k] = covariance[i, i] + covariance[j, j] - 2.0 * sign * covariance[i, j]
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
    starts = pair_starts(indptr, indices)
    above = np.empty(starts[n])
    for i in numba.prange(n):
        first = indptr[i + 1] - (starts[i + 1] - starts[i])
        above[starts[i] : starts[i + 1]] = values[first : indptr[i + 1]]
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


@inlined
def unit_neurons(
    unit: int, row: int, indptr: IntArray, indices: IntArray, weights: FloatArray, starts: IntArray
) -> tuple[int, int, float]:
    """(post, pre, |w|) of the unit of a draw in `row` of a CSR matrix; inhibitory: both from N on.

    The units of a symmetric network are its entries above the diagonal, those of a directed one
    all entries: in each row the last ones. starts[i] is the first unit of row i.
    """
    e = indptr[row + 1] - starts[row + 1] + unit
    side = indptr.size - 1 if weights[e] < 0.0 else 0
    return row + side, indices[e] + side, abs(weights[e])


@sequential
def self_balancing_walk(
    indptr: IntArray,
    indices: IntArray,
    weights: FloatArray,
    starts: IntArray,
    probability: FloatArray,
    order: IntArray,
    uniform: FloatArray,
    target: int,
    symmetric: bool,
) -> npt.NDArray[np.bool_]:
    """(m,) kept: `target` units, each by a coin that is tilted by the errors of its neurons.

        s_e = |w_e| / p_e,  t^2: means of s^2 over the coins of a neuron, weighted by p (1 - p)
        error_e = 2 s_e (D_post + D_pre) / (s_e^2 + (t_post^2 + t_pre^2) / 2) + COUNT_SHARE D_count
        q_e = p_e (1 - tilt_e), tilt_e = (1 - p_e) error_e within [-1, 1];   kept where u < q_e
        D_post, D_pre += s_e - |w_e| if kept, - |w_e| if not
        D_count       += 1 - p_e     if kept, - p_e   if not

    D is the running error of a neuron's total |input| and |output|, one and the same where
    `symmetric`, apart for excitatory and inhibitory synapses; D_count that of the count. Units come
    in `order`, `uniform` one U(0, 1) for each in that order. A last round, backwards, makes the
    count exact: by units whose change lowers the errors first, then by any. W is in CSR form;
    `starts` as in `unit_neurons`.
    """
    n = indptr.size - 1
    rows = np.empty(starts[n], dtype=indices.dtype)  # of the units
    for i in range(n):
        rows[starts[i] : starts[i + 1]] = i
    # Two rows: inputs and outputs, or twice the same; 2 n neurons: excitatory, inhibitory.
    errors, squares, shares = np.zeros((2, 2 * n)), np.zeros((2, 2 * n)), np.zeros((2, 2 * n))
    outputs = 0 if symmetric else 1
    for u in range(rows.size):
        p = probability[u]
        if 0.0 < p < 1.0:
            i, j, size = unit_neurons(u, rows[u], indptr, indices, weights, starts)
            share = p * (1.0 - p)
            square = share * (size / p) ** 2
            for row, neuron in ((0, i), (outputs, j)):
                squares[row, neuron] += square
                shares[row, neuron] += share
    kept = probability >= 1.0
    count, surplus = 0.0, np.count_nonzero(kept) - target
    for k in range(order.size):
        u = order[k]
        p = probability[u]
        i, j, size = unit_neurons(u, rows[u], indptr, indices, weights, starts)
        if 0.0 < p < 1.0:
            strength = size / p
            typical = squares[0, i] / shares[0, i] + squares[outputs, j] / shares[outputs, j]
            error = 2.0 * strength * (errors[0, i] + errors[outputs, j])
            error = error / (strength**2 + 0.5 * typical) + COUNT_SHARE * count
            tilt = min(max((1.0 - p) * error, -1.0), 1.0)  # one end alone would bias the count
            kept[u] = uniform[k] < p * (1.0 - tilt)
            change = strength - size if kept[u] else -size
            errors[0, i] += change
            errors[outputs, j] += change
            count += 1.0 - p if kept[u] else -p
            surplus += kept[u]
        elif p <= 0.0:
            errors[0, i] -= size
            errors[outputs, j] -= size
    for choosy in (True, False):
        for k in range(order.size - 1, -1, -1):
            u = order[k]
            p = probability[u]
            if surplus == 0:
                break
            if not 0.0 < p < 1.0 or kept[u] != (surplus > 0):
                continue
            i, j, size = unit_neurons(u, rows[u], indptr, indices, weights, starts)
            strength = size / p
            change = -strength if kept[u] else strength
            if choosy and change * (errors[0, i] + errors[outputs, j]) > -(strength**2):
                continue
            kept[u] = not kept[u]
            errors[0, i] += change
            errors[outputs, j] += change
            surplus += 1 if kept[u] else -1
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


_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


@inlined
def philox(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Philox-4x32-10: four random words of 32 bits of a counter and a key, words too.

    Source: Salmon, Moraes, Dror and Shaw, SC 2011."""
    for _ in range(10):
        left, right = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c2 = (right >> _32) ^ c1 ^ k0, (left >> _32) ^ c3 ^ k1
        c1, c3 = right & _LOW, left & _LOW
        k0, k1 = (k0 + _WEYL[0]) & _LOW, (k1 + _WEYL[1]) & _LOW
    return c0, c1, c2, c3
