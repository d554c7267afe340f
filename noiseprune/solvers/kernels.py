"""Compiled loops of the blocked iterations: (N, k) blocks, the k columns of a neuron side by side.

The matrix is streamed once for all columns. Sums over neurons are made in chunks of `ROWS` rows
and added up in order, so that the number of threads cannot change a result; their type is
float64 whatever the blocks'.
"""

from __future__ import annotations

import numba
import numpy as np

from noiseprune.kernels import Reals, kernel
from noiseprune.weights import FloatArray, IntArray

ROWS = 512


@kernel
def _product_of_many(
    indptr: IntArray, indices: IntArray, weights: Reals, leak: FloatArray, x: Reals, y: Reals
) -> FloatArray:
    """y = (diag(leak) - W) x; returns the k sums of x y."""
    n, k = x.shape
    chunks = (n + ROWS - 1) // ROWS
    sums = np.zeros((chunks, k))
    one = x.dtype.type(1)  # of the type of the block
    for chunk in numba.prange(chunks):
        row = np.empty(k, x.dtype)
        for i in range(chunk * ROWS, min(n, (chunk + 1) * ROWS)):
            own = one * leak[i]
            for c in range(k):
                row[c] = own * x[i, c]
            e, end = indptr[i], indptr[i + 1]
            while e + 4 <= end:  # four neighbours for one round through the row
                j0, j1, j2, j3 = indices[e], indices[e + 1], indices[e + 2], indices[e + 3]
                w0, w1 = one * weights[e], one * weights[e + 1]
                w2, w3 = one * weights[e + 2], one * weights[e + 3]
                for c in range(k):
                    row[c] -= w0 * x[j0, c] + w1 * x[j1, c] + w2 * x[j2, c] + w3 * x[j3, c]
                e += 4
            while e < end:
                j, w = indices[e], one * weights[e]
                for c in range(k):
                    row[c] -= w * x[j, c]
                e += 1
            for c in range(k):
                y[i, c] = row[c]
                sums[chunk, c] += np.float64(row[c]) * np.float64(x[i, c])
    return sums.sum(axis=0)  # type: ignore[no-any-return]


@kernel
def _product_of_one(
    indptr: IntArray, indices: IntArray, weights: Reals, leak: FloatArray, x: Reals, y: Reals
) -> FloatArray:
    """The same for one column, x and y (N,)."""
    n = x.size
    chunks = (n + ROWS - 1) // ROWS
    sums = np.zeros((chunks, 1))
    one = x.dtype.type(1)
    for chunk in numba.prange(chunks):
        for i in range(chunk * ROWS, min(n, (chunk + 1) * ROWS)):
            e, end = indptr[i], indptr[i + 1]
            a, b, c, d = one * leak[i] * x[i], one * 0, one * 0, one * 0
            while e + 4 <= end:  # four sums, for one would wait for itself
                a -= one * weights[e] * x[indices[e]]
                b -= one * weights[e + 1] * x[indices[e + 1]]
                c -= one * weights[e + 2] * x[indices[e + 2]]
                d -= one * weights[e + 3] * x[indices[e + 3]]
                e += 4
            while e < end:
                a -= one * weights[e] * x[indices[e]]
                e += 1
            y[i] = (a + b) + (c + d)
            sums[chunk, 0] += np.float64(y[i]) * np.float64(x[i])
    return sums.sum(axis=0)  # type: ignore[no-any-return]


def product(
    indptr: IntArray, indices: IntArray, weights: Reals, leak: FloatArray, x: Reals, y: Reals
) -> FloatArray:
    if x.shape[1] == 1:
        return _product_of_one(indptr, indices, weights, leak, x[:, 0], y[:, 0])
    return _product_of_many(indptr, indices, weights, leak, x, y)


@kernel
def advance(
    alpha: Reals, inverse: FloatArray, p: Reals, q: Reals, x: Reals, r: Reals
) -> FloatArray:
    """x += alpha p, r -= alpha q; returns the k sums of r^2 / diagonal."""
    n, k = x.shape
    chunks = (n + ROWS - 1) // ROWS
    sums = np.zeros((chunks, k))
    for chunk in numba.prange(chunks):
        for i in range(chunk * ROWS, min(n, (chunk + 1) * ROWS)):
            for c in range(k):
                x[i, c] += alpha[c] * p[i, c]
                r[i, c] -= alpha[c] * q[i, c]
                sums[chunk, c] += inverse[i] * np.float64(r[i, c]) * np.float64(r[i, c])
    return sums.sum(axis=0)  # type: ignore[no-any-return]


@kernel
def turn(beta: Reals, inverse: FloatArray, r: Reals, p: Reals) -> None:
    """p <- r / diagonal + beta p"""
    n, k = p.shape
    one = p.dtype.type(1)
    for i in numba.prange(n):
        own = one * inverse[i]
        for c in range(k):
            p[i, c] = own * r[i, c] + beta[c] * p[i, c]


@kernel
def on_synapses(
    indptr: IntArray,
    indices: IntArray,
    weights: FloatArray,
    starts: IntArray,
    a: Reals,
    b: Reals,
    row_share: float,
    column_share: float,
    symmetric: bool,
) -> Reals:
    """|w_ij| (row_share P_ii + column_share P_jj - sgn(w_ij) P_ij) for P = a b^T, a and b (N, k).

    It has one value an entry, or where `symmetric` one a pair, the two entries added. The
    entries of row i are its last ones, as in `noiseprune.kernels.synapse_variance`.
    """
    n, k = a.shape
    found = np.empty(starts[n], a.dtype)
    own = np.empty(n, a.dtype)
    for i in numba.prange(n):
        own[i] = np.sum(a[i] * b[i])
    for i in numba.prange(n):
        sums = np.empty(8, a.dtype)
        for place in range(starts[i], starts[i + 1]):
            e = indptr[i + 1] - starts[i + 1] + place
            j, w = indices[e], weights[e]
            sums[:] = 0
            c = 0
            while c + 8 <= k:  # eight sums at once, for one would wait for itself
                if symmetric:
                    for s in range(8):
                        sums[s] += a[i, c + s] * b[j, c + s] + a[j, c + s] * b[i, c + s]
                else:
                    for s in range(8):
                        sums[s] += a[i, c + s] * b[j, c + s]
                c += 8
            while c < k:
                sums[0] += a[i, c] * b[j, c]
                if symmetric:
                    sums[0] += a[j, c] * b[i, c]
                c += 1
            leak = row_share * own[i] + column_share * own[j]
            if symmetric:
                leak += row_share * own[j] + column_share * own[i]
            found[place] = abs(w) * leak - w * np.sum(sums)
    return found
