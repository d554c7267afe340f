"""The slow, obvious twins of the simulation's kernels."""

import math

import numpy as np


def philox(counter, key):
    """Philox-4x32-10 as in Salmon et al. 2011: four words of 32 bits of four words and two."""
    c, k = list(counter), list(key)
    for _ in range(10):
        left, right = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [right >> 32 ^ c[1] ^ k[0], right % 2**32, left >> 32 ^ c[3] ^ k[1], left % 2**32]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


def normal_pair(words):
    """Box and Muller's transform; the lowest bit of the second number is a sign."""
    first, second = words[0] << 32 | words[1], words[2] << 32 | words[3]
    u, v = (((number >> 12) + 0.5) / 2**52 for number in (first, second))
    radius = (-1) ** (second % 2) * math.sqrt(-2 * math.log(u))
    return radius * math.cos(math.pi * (v - 0.5)), radius * math.sin(math.pi * (v - 0.5))


def standard_noise(key, steps, n, replicas):
    """xi (steps, N, R): neurons 2 i and 2 i + 1 share the draw of counter (replica, i, step)."""
    xi = np.empty((steps, n + n % 2, replicas))
    for step in range(steps):
        for i in range(0, n, 2):
            for r in range(replicas):
                xi[step, i : i + 2, r] = normal_pair(philox((r, i // 2, step, 0), key))
    return xi[:, :n]


def rate_steps(weights, decay, drive, rectified, state, noise):
    """States (steps, N, R) of x <- decay x + phi(W x + drive) + noise."""
    states = []
    for xi in noise:
        current = weights @ state + drive[:, None]
        if rectified:
            current = np.maximum(current, 0.0)
        state = decay[:, None] * state + current + xi
        states.append(state)
    return np.array(states)


def outer_products(samples):
    """S S^T, one sample at a time."""
    total = np.zeros((len(samples), len(samples)))
    for x in samples.T:
        total += np.outer(x, x)
    return total


def delta_rule(post, pre, symmetric, target, weight, activity, rate, bounds):
    """Weights after a step by each sample, and sum of e_i x_j: dense matrices, row by row."""
    n = len(activity)

    def dense(values):
        matrix = np.zeros((n, n))
        matrix[post, pre] = values
        return matrix + matrix.T if symmetric else matrix

    weight, total = weight.copy(), np.zeros(len(post))
    for x in activity.T:
        w, old = dense(weight), dense(target)
        error = (w - old) @ x
        size = (w != 0) @ x**2
        for s, (i, j) in enumerate(zip(post, pre)):
            step, scale = error[i] * x[j], size[i]
            if symmetric:
                step, scale = step + error[j] * x[i], scale + size[j]
            total[s] += step
            if weight[s] != 0:
                multiplier = (weight[s] - rate * step / scale) / target[s]
                weight[s] = np.clip(multiplier, *bounds) * target[s]
    return weight, total
