"""Every compiled loop of the package, and the one place that holds their compile options.

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


_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}


def kernel(function: F) -> F:
    """Compile with Numba: parallel, cached on disk, IEEE arithmetic (no fastmath)."""
    return cast(F, numba.njit(parallel=True, **_OPTIONS)(function))


def sequential(function: F) -> F:
    """The same for a loop of one thread: a parallel one would start all for a mere np.zeros."""
    return cast(F, numba.njit(**_OPTIONS)(function))


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


@sequential
def shuffled_rows(starts: IntArray, uniform: FloatArray) -> npt.NDArray[np.int64]:
    """(m,) positions 0 .. m-1, each row's in an order of its own (Fisher and Yates).

    Row i holds the positions starts[i] .. starts[i + 1] - 1; `uniform` is one U(0, 1) a position.
    """
    order = np.arange(uniform.size)
    for i in range(starts.size - 1):
        for last in range(starts[i + 1] - 1, starts[i], -1):
            other = starts[i] + int(uniform[last] * (last - starts[i] + 1))
            order[last], order[other] = order[other], order[last]
    return order


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


# ------------------------------------------------------------------------------ simulation
#
# States are neuron-major, (N, R): the R replicas of one neuron lie side by side. A block holds
# scaled noise sigma sqrt(h) xi on entry and the states after each step on return, (steps, N, R).

Reals = np.ndarray[tuple[int, ...], np.dtype[np.floating]]
"""float64 or float32, the same for all arguments of one call."""


@kernel
def sparse_rate_steps(
    indptr: IntArray,
    indices: IntArray,
    weights: Reals,
    decay: Reals,
    drive: Reals,
    rectified: bool,
    state: Reals,
    block: Reals,
) -> None:
    """x <- decay x + phi(W x + drive) + noise, one step a slice of `block`; W (h W) in CSR."""
    replicas = state.shape[1]
    for step in range(block.shape[0]):
        before = state if step == 0 else block[step - 1]
        for i in numba.prange(decay.size):
            current = np.full(replicas, drive[i])
            if replicas == 1:  # a scalar sum: the inner loop over replicas would cost twice
                total = drive[i]
                for e in range(indptr[i], indptr[i + 1]):
                    total += weights[e] * before[indices[e], 0]
                current[0] = total
            else:
                for e in range(indptr[i], indptr[i + 1]):
                    weight, j = weights[e], indices[e]
                    for r in range(replicas):
                        current[r] += weight * before[j, r]
            for r in range(replicas):
                if rectified and current[r] < 0.0:
                    current[r] = 0.0
                block[step, i, r] += decay[i] * before[i, r] + current[r]


@kernel
def dense_rate_steps(
    weights: Reals, decay: Reals, drive: Reals, rectified: bool, state: Reals, block: Reals
) -> None:
    """x <- decay x + phi(W x + drive) + noise, one step a slice of `block`; W (h W) dense.

    BLAS on fixed chunks of rows: where BLAS itself keeps to one thread, the number of Numba
    threads cannot change a result. (The threads of BLAS would: OpenBLAS splits by their number.)
    """
    rows = 128
    n = decay.size
    for step in range(block.shape[0]):
        before = state if step == 0 else block[step - 1]
        for chunk in numba.prange((n + rows - 1) // rows):
            first = chunk * rows
            last = min(n, first + rows)
            current = np.dot(weights[first:last], before)
            for i in range(first, last):
                for r in range(state.shape[1]):
                    current[i - first, r] += drive[i]
                    if rectified and current[i - first, r] < 0.0:
                        current[i - first, r] = 0.0
                    block[step, i, r] += decay[i] * before[i, r] + current[i - first, r]


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
