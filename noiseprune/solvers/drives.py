"""Random drives of a network, whose response has the covariance that its noise makes.

Signs are bits of Philox words, a function of (key, pair or neuron, probe): the two neurons of a
synapse draw the same one without it being stored, in any order and on any worker.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from noiseprune.kernels import Reals, inlined, kernel, philox
from noiseprune.weights import FloatArray, IntArray

BLOCK = 32
"""Probes made at once: the bits of a word."""

_ZERO = np.uint64(0)


@inlined
def random_word(
    first: np.uint64, second: np.uint64, block: np.uint64, k0: np.uint64, k1: np.uint64
) -> np.uint64:
    """32 random bits of a pair of neurons for the probes of one block."""
    words = philox(first, second, block // np.uint64(4), _ZERO, k0, k1)
    return words[np.int64(block % np.uint64(4))]


@inlined
def random_sign(bits: np.uint64, probe: int) -> np.int64:
    """1 or -1 by one bit of a word."""
    bit: np.int64 = np.int64((bits >> np.uint64(probe)) & np.uint64(1))
    return np.int64(2) * bit - np.int64(1)


@kernel
def drive(
    indptr: IntArray,
    indices: IntArray,
    weights: FloatArray,
    excess: FloatArray,
    key: npt.NDArray[np.uint64],
    block: int,
    load: Reals,
) -> None:
    """load (N, k) <- B^T |W|^(1/2) g + excess^(1/2) h: g and h random signs of a symmetric network.

    b_ij = e_i - sgn(w_ij) e_j, i < j.
    """
    n, k = load.shape
    k0, k1, now = key[0], key[1], np.uint64(block)
    one = load.dtype.type(1)
    for i in numba.prange(n):
        row = np.uint64(i)
        bits = random_word(row, row, now, k0, k1)
        size = one * np.sqrt(excess[i])
        for c in range(k):
            load[i, c] = size * random_sign(bits, c)
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            bits = random_word(np.uint64(min(i, j)), np.uint64(max(i, j)), now, k0, k1)
            size = one * np.sqrt(abs(weights[e]))
            if j < i and weights[e] > 0.0:
                size = -size
            for c in range(k):
                load[i, c] += size * random_sign(bits, c)


@kernel
def draw_signs(key: npt.NDArray[np.uint64], block: int, load: Reals) -> None:
    """load (N, k) <- random signs, k at most 32."""
    n, k = load.shape
    k0, k1, now = key[0], key[1], np.uint64(block)
    one = load.dtype.type(1)
    for i in numba.prange(n):
        bits = random_word(np.uint64(i), np.uint64(i), now, k0, k1)
        for c in range(k):
            load[i, c] = one * random_sign(bits, c)
