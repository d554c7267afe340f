"""Compiled loops of the surgeon: one neuron at a time, with a dense matrix of its inputs."""

from __future__ import annotations

import numba
import numpy as np

from noiseprune.kernels import kernel, sequential
from noiseprune.pruning.sampling import BoolArray
from noiseprune.weights import FloatArray, IntArray

BLOCK = 32
"""One in so many inputs is removed at a time."""
LEAST = 0.01
"""Least multiplier of a synapse that is kept, as of one that is fitted."""


@sequential
def second_moment(
    values: FloatArray, whole: bool, dampening: float, level: float, inputs: IntArray
) -> FloatArray:
    """(n, n) H among the inputs of a neuron, dampened by a share of its mean diagonal.

    Where no input is active at all, by as much of `level`, that of all neurons.
    """
    n = inputs.size
    if whole:
        moment = np.empty((n, n))
        for a in range(n):
            for b in range(n):
                moment[a, b] = values[inputs[a], inputs[b]]
    else:
        states = values[inputs]
        moment = np.dot(states, np.ascontiguousarray(states.T))
    mean = np.trace(moment) / n
    extra = dampening * (mean if mean > 0.0 else level)
    for a in range(n):
        moment[a, a] += extra
    return moment


@sequential
def inverse_of_factor(block: FloatArray) -> FloatArray:
    """L^-1 (b, b) of a positive definite L L^T, which rounding may have made a little less."""
    b = block.shape[0]
    inverse, factor = np.zeros((b, b)), np.zeros((b, b))
    for i in range(b):
        for j in range(i + 1):
            total = block[i, j] - np.sum(factor[i, :j] * factor[j, :j])
            if i == j:
                factor[i, i] = np.sqrt(max(total, 1e-15 * block[i, i]))
            else:
                factor[i, j] = total / factor[j, j]
        inverse[i, i] = 1.0 / factor[i, i]
        for j in range(i):
            inverse[i, j] = -np.sum(factor[i, j:i] * inverse[j:i, j]) / factor[i, i]
    return inverse


@sequential
def path(moment: FloatArray, weights: FloatArray) -> FloatArray:
    """(n,) loss of each input as it is removed, rising from one to the next.

    A block B of the least losses goes at once, with Z = [H^-1]_BB = L L^T: one after the other
    they lose the squares of L^-1 w_B, and X = [H^-1]_rB L^-T has what the rest need,

        w_r <- w_r - X L^-1 w_B,    [H^-1]_rr <- [H^-1]_rr - X X^T
    """
    loss = np.empty(weights.size)
    inverse = np.linalg.inv(moment).astype(np.float64)
    left = np.arange(weights.size)
    w, last = weights.copy(), 0.0
    while left.size:
        order = np.argsort(w * w / np.diag(inverse), kind="mergesort")
        b = max(1, left.size // BLOCK)
        gone, rest = order[:b], np.sort(order[b:])
        rows = inverse[gone]
        factor = inverse_of_factor(rows[:, gone])
        z = np.dot(factor, w[gone])
        for a in range(b):
            last = max(z[a] * z[a], last * (1.0 + 1e-12))
            loss[left[gone[a]]] = last
        x = np.dot(factor, np.ascontiguousarray(rows[:, rest]))
        down = np.ascontiguousarray(x.T)
        w = w[rest] - np.dot(down, z)
        changed = np.dot(down, x)
        for a in range(rest.size):
            for c in range(rest.size):
                changed[a, c] = inverse[rest[a], rest[c]] - changed[a, c]
        inverse, left = changed, left[rest]
    return loss


@kernel
def removal_losses(
    indptr: IntArray,
    indices: IntArray,
    weights: FloatArray,
    ties: FloatArray,
    values: FloatArray,
    whole: bool,
    dampening: float,
    level: float,
) -> FloatArray:
    """(nnz,) losses along the path of every row; equal ones go by the order of `ties`."""
    loss = np.empty(weights.size)
    for i in numba.prange(indptr.size - 1):
        first, last = indptr[i], indptr[i + 1]
        if last > first:
            order = first + np.argsort(ties[first:last])
            moment = second_moment(values, whole, dampening, level, indices[order])
            found = path(moment, weights[order])
            for a in range(order.size):
                loss[order[a]] = found[a]
    return loss


@sequential
def mended_row(moment: FloatArray, weights: FloatArray, kept: BoolArray) -> FloatArray:
    """(n,) H_kk w_k = (H w0)_k on what is kept; what would change its sign is held small."""
    found, free = np.zeros(weights.size), kept.copy()
    while np.any(free):
        places = np.flatnonzero(free)
        right = np.dot(moment[places], weights - found)
        solved = np.linalg.solve(np.ascontiguousarray(moment[places][:, places]), right)
        held = 0
        for a in range(places.size):
            e = places[a]
            if solved[a] * weights[e] < LEAST * weights[e] * weights[e]:
                found[e] = LEAST * weights[e]
                free[e] = False
                held += 1
        if held == 0:
            found[places] = solved
            return found
    return found


@kernel
def mended(
    indptr: IntArray,
    indices: IntArray,
    weights: FloatArray,
    kept: BoolArray,
    values: FloatArray,
    whole: bool,
    dampening: float,
    level: float,
) -> FloatArray:
    """(nnz,) mended weights of every row, 0 where not kept."""
    found = np.empty(weights.size)
    for i in numba.prange(indptr.size - 1):
        first, last = indptr[i], indptr[i + 1]
        if last > first and np.all(kept[first:last]):
            found[first:last] = weights[first:last]
        elif last > first:
            moment = second_moment(values, whole, dampening, level, indices[first:last])
            found[first:last] = mended_row(moment, weights[first:last], kept[first:last])
    return found
