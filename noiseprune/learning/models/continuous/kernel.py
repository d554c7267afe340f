"""The compiled Euler steps of the continuous model; its equations are in `model`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from noiseprune.kernels import sequential
from noiseprune.weights import FloatArray, IntArray


@sequential
def logistic(v: float) -> float:
    """1 / (1 + exp(-v))"""
    return float(1.0 / (1.0 + np.exp(-v)))


@sequential
def wanted(x: FloatArray, weights: FloatArray, readout: FloatArray) -> float:
    """The target of inputs x; weights (m, n + 1), readout (m + 1,), the last ones biases."""
    n, m = x.size, weights.shape[0]
    v = 0.0
    for i in range(m):
        drive = 0.0
        for j in range(n):
            drive += weights[i, j] * x[j]
        v += readout[i] * logistic(float(drive + weights[i, n]))
    return float(logistic(float(v + readout[m])))


@sequential
def backprop(
    sizes: IntArray, w: FloatArray, c: FloatArray, x: FloatArray, target: float, total: FloatArray
) -> None:
    """Add -gradient of (t - e_L)^2 / 2 of the network at rest for x to `total` (L, n, n)."""
    n_layers = sizes.size - 1
    e = np.zeros((sizes.size, w.shape[1]))
    e[0, : sizes[0]] = x
    for k in range(n_layers):
        for i in range(sizes[k + 1]):
            v = c[k, i]
            for j in range(sizes[k]):
                v += w[k, i, j] * e[k, j]
            e[k + 1, i] = logistic(v)
    delta = np.zeros(w.shape[1])
    for i in range(sizes[n_layers]):
        own = e[n_layers, i]
        delta[i] = (target - own) * own * (1.0 - own)
    for k in range(n_layers - 1, -1, -1):
        below = np.zeros(w.shape[1])
        for i in range(sizes[k + 1]):
            for j in range(sizes[k]):
                total[k, i, j] += delta[i] * e[k, j]
                below[j] += delta[i] * w[k, i, j]
        for j in range(sizes[k]):
            delta[j] = below[j] * e[k, j] * (1.0 - e[k, j])


class Network(NamedTuple):
    """sizes (L + 1,); z, u, c (L, n), w, y, q (L, n, n), n the largest size; y[k] and q[k] from
    layer k + 2 to k + 1, as w[k + 1]"""

    sizes: IntArray
    z: FloatArray
    u: FloatArray
    w: FloatArray
    c: FloatArray
    y: FloatArray
    q: FloatArray


class Inputs(NamedTuple):
    """frequency, per second, and phase (inputs,); weights (m, n + 1) and readout (m + 1,) of the
    target, the last ones biases"""

    frequency: FloatArray
    phase: FloatArray
    weights: FloatArray
    readout: FloatArray


class How(NamedTuple):
    """p_b; whether there is a teacher, and W or Q learns; tied_y : Y = W, y is not read; tied_q :
    Q = p_b Y, q is not read; compare : local updates and backprop's are summed"""

    p_b: float
    teacher: bool
    learn: bool
    learn_q: bool
    tied_y: bool
    tied_q: bool
    compare: bool


class Seen(NamedTuple):
    """Sums (L, n, n) of the local updates and of backprop's; output (steps, 2) target and output of
    each step, (0, 2) to keep none"""

    ours: FloatArray
    theirs: FloatArray
    output: FloatArray


@sequential
def advance(
    network: Network, task: Inputs, rates: FloatArray, how: How, first: int, steps: int, seen: Seen
) -> tuple[float, float]:
    """Steps first, first + 1, ... of the network, in place; sums of squared errors and of |u|.

    rates : dt / (1, tau_z, tau_u, tau_w, tau_Q)
    """
    sizes, z, u, w, c, y, q = network
    p_b, teacher, learn, learn_q, tied_y, tied_q, compare = how
    ours, theirs, output = seen
    n_layers, inputs = sizes.size - 1, sizes[0]
    e = np.zeros((sizes.size, w.shape[1]))
    delta = np.zeros((n_layers, w.shape[1]))
    x = np.zeros(inputs)
    squares, potentials = 0.0, 0.0
    for s in range(steps):
        time = (first + s) * rates[0]
        for i in range(inputs):
            x[i] = np.cos(task.frequency[i] * time + task.phase[i])
            e[0, i] = x[i]
        target = wanted(x, task.weights, task.readout)
        for k in range(n_layers):
            top = k == n_layers - 1
            for i in range(sizes[k + 1]):
                own = logistic(z[k, i])
                e[k + 1, i] = own
                deviation = 0.0
                if not top:
                    deviation = p_b * np.tanh(u[k, i] / p_b)
                elif teacher:
                    deviation = p_b * (target - own) * (1.0 - own)
                delta[k, i] = min(deviation, 1.0 - p_b) * own
        error = target - e[n_layers, 0]
        squares += error * error
        if output.shape[0] > 0:
            output[s, 0] = target
            output[s, 1] = e[n_layers, 0]
        if compare:
            backprop(sizes, w, c, x, target, theirs)
        for k in range(n_layers):
            for i in range(sizes[k + 1]):
                drive = c[k, i]
                for j in range(sizes[k]):
                    drive += w[k, i, j] * e[k, j]
                z[k, i] += rates[1] * (drive - z[k, i])
            if k < n_layers - 1:
                for i in range(sizes[k + 1]):
                    apical = 0.0
                    now = u[k, i]
                    for a in range(sizes[k + 2]):
                        above = w[k + 1, a, i] if tied_y else y[k, a, i]
                        apical += delta[k + 1, a] * above
                        if not tied_q:
                            apical += e[k + 2, a] * (p_b * above - q[k, a, i])
                        if learn_q:
                            q[k, a, i] += rates[4] * e[k + 2, a] * now
                    u[k, i] += rates[2] * (apical * (1.0 - e[k + 1, i]) - now)
                    potentials += abs(now)
        if learn or compare:
            for k in range(n_layers):
                for i in range(sizes[k + 1]):
                    step = delta[k, i]
                    if learn:
                        c[k, i] += rates[3] * step
                    for j in range(sizes[k]):
                        if compare:
                            ours[k, i, j] += step * e[k, j]
                        if learn:
                            w[k, i, j] += rates[3] * step * e[k, j]
    return squares, potentials
