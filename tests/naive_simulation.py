"""The slow, obvious twins of the simulation's kernels."""

import numpy as np


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
