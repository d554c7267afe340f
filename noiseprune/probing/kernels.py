"""Compiled loops of the probes: what they say of every synapse."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from noiseprune.kernels import Reals, inlined, kernel, sequential
from noiseprune.weights import FloatArray, IntArray


@inlined
def local_part(weight: float, left: float, right: float) -> tuple[float, float, float, float]:
    """(a, u, low, beta) of a pair with the leaks `left` and `right`; see the module `symmetric`."""
    size = abs(weight)
    a = 1.0 / left + 1.0 / right
    u = a + 2.0 * size / (left * right)
    alone = left * right - size * size
    low = (left + right - 2.0 * size) / alone if alone > 0.0 else 0.0
    spread = u * u - (size * a * a) ** 2
    beta = a * a * (1.0 - min(size * low, 1.0) ** 2) / spread if spread > 0.0 else 0.0
    return a, u, low, beta


@kernel
def squares(
    indptr: IntArray,
    indices: IntArray,
    weights: FloatArray,
    leak: FloatArray,
    starts: IntArray,
    y: Reals,
    z: Reals,
) -> Reals:
    """Sums over probes of (b^T y)^2 - beta ((b^T z)^2 - u), b = e_i - sgn(w_ij) e_j: (pairs,).

    y and z are (N, k), z empty for the first term alone. The pairs of row i, whose first is
    starts[i], are the last of its entries.
    """
    n, k = y.shape
    sums = np.empty(starts[n], y.dtype)
    one = y.dtype.type(1)
    for i in numba.prange(n):
        for pair in range(starts[i], starts[i + 1]):
            e = indptr[i + 1] - starts[i + 1] + pair
            j = indices[e]
            s = one if weights[e] > 0.0 else -one
            total = one * 0
            for c in range(k):
                difference = y[i, c] - s * y[j, c]
                total += difference * difference
            if z.size > 0:
                known = one * 0
                for c in range(k):
                    difference = z[i, c] - s * z[j, c]
                    known += difference * difference
                _, u, _, beta = local_part(weights[e], leak[i], leak[j])
                total -= beta * (known - k * u)
            sums[pair] = total
    return sums


@kernel
def estimates(
    indptr: IntArray,
    indices: IntArray,
    weights: FloatArray,
    leak: FloatArray,
    starts: IntArray,
    probes: int,
    reduced: bool,
    total: FloatArray,
) -> FloatArray:
    """b^T M^-1 b of every pair in place of the sums `total`; returns rows' relative variances.

    Only if `reduced`, between the bounds (see `noiseprune.probing.symmetric`).
    """
    n = indptr.size - 1
    spread = np.zeros(n)
    for i in numba.prange(n):
        for pair in range(starts[i], starts[i + 1]):
            e = indptr[i + 1] - starts[i + 1] + pair
            j, size = indices[e], abs(weights[e])
            value = total[pair] / probes
            a, u, low, beta = local_part(size, leak[i], leak[j])
            if reduced:
                value = min(max(value, low), 1.0 / size)
            own = 1.0 - min(size * value, 1.0) ** 2
            left = own
            if reduced:
                left -= 2.0 * beta * (a / value) ** 2 * own
                left += beta * beta * (u * u - (size * a * a) ** 2) / value**2
            total[pair] = value
            spread[i] += 2.0 * max(left, 0.0) / probes
    return spread  # summed outside: a sum in here would depend on the threads


@kernel
def add_differences(
    indptr: IntArray,
    indices: IntArray,
    weights: FloatArray,
    z: npt.NDArray[np.complexfloating],
    local: npt.NDArray[np.complexfloating],
    known: FloatArray,
    sums: FloatArray,
    spread: FloatArray,
) -> None:
    """sums (nnz,) += t_c over columns, t = A - (B - b), and spread (nnz,) += their roughness.

    A = |z_i - s z_j|^2, B = |l_i - s l_j|^2 with the mean b = known_i + known_j, s = sgn(w_ij); z,
    l and known are (N, k), l empty for the first term alone. Roughness: (t_c-1 - 2 t_c + t_c+1)^2
    / 6, whose mean is the variance of t, and a little more, for columns with a smooth mean.
    """
    k = z.shape[1]
    for i in numba.prange(indptr.size - 1):
        t = np.empty(k)
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            s = 1.0 if weights[e] > 0.0 else -1.0
            for c in range(k):
                a = z[i, c] - s * z[j, c]
                t[c] = a.real * a.real + a.imag * a.imag
                if local.size > 0:
                    b = local[i, c] - s * local[j, c]
                    t[c] -= b.real * b.real + b.imag * b.imag - known[i, c] - known[j, c]
                sums[e] += t[c]
            for c in range(1, k - 1):
                spread[e] += (t[c - 1] - 2.0 * t[c] + t[c + 1]) ** 2 / 6.0


@sequential
def has_tight_part(
    indptr: IntArray, indices: IntArray, weights: FloatArray, leaks: npt.NDArray[np.bool_]
) -> bool:
    """True if a connected part without leak is balanced: signs x with x_i x_j = sgn(w_ij) exist.

    Signs are spread breadth first from a neuron of every part. W is symmetric.
    """
    n = indptr.size - 1
    sign, queue = np.zeros(n, dtype=np.int8), np.empty(n, dtype=np.int64)
    for first in range(n):
        if sign[first] != 0:
            continue
        sign[first], queue[0] = 1, first
        done, known, tight = 0, 1, True
        while done < known:
            i = queue[done]
            done += 1
            tight = tight and not leaks[i]
            for e in range(indptr[i], indptr[i + 1]):
                j = indices[e]
                expected = sign[i] if weights[e] > 0.0 else -sign[i]
                if sign[j] == 0:
                    sign[j], queue[known] = expected, j
                    known += 1
                elif sign[j] != expected:
                    tight = False
        if tight:
            return True
    return False
