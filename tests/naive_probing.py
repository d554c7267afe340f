"""The slow, obvious twins of the probes' kernels."""

import numpy as np
from naive import entries
from naive_simulation import philox


def random_sign(key, block, probe, i, j):
    """1 or -1: a bit of the Philox words of a pair of neurons, in either order, or of one twice."""
    counter = int(min(i, j)), int(max(i, j)), block // 4, 0
    words = philox(counter, key)
    return 1 if words[block % 4] >> probe & 1 else -1


def drive(weights, excess, key, block, probes):
    """B^T |W|^(1/2) g + excess^(1/2) h, with the rows of B written out: b = e_i - sgn(w) e_j."""
    n = len(weights)
    load = np.empty((n, probes))
    for probe in range(probes):
        h = [random_sign(key, block, probe, i, i) for i in range(n)]
        load[:, probe] = np.sqrt(excess) * h
        for i, j, w in entries(np.triu(weights)):
            g = random_sign(key, block, probe, i, j)
            load[i, probe] += np.sqrt(abs(w)) * g
            load[j, probe] -= np.sign(w) * np.sqrt(abs(w)) * g
    return load


def local_part(w, left, right):
    """(a, u, low, beta) of a pair with the leaks `left` and `right`."""
    a, size = 1 / left + 1 / right, abs(w)
    u = a + 2 * size / (left * right)
    low = (left + right - 2 * size) / (left * right - size**2)
    return a, u, low, a**2 * (1 - min(size * low, 1) ** 2) / (u**2 - size**2 * a**4)


def squares(weights, leak, y, z):
    """Sums over probes of (b^T y)^2 - beta ((b^T z)^2 - u), of the pairs of a symmetric W."""
    sums = []
    for i, j, w in entries(np.triu(weights)):
        _, u, _, beta = local_part(w, leak[i], leak[j])
        known = beta * ((z[i] - np.sign(w) * z[j]) ** 2 - u) if len(z) else 0
        sums.append(np.sum((y[i] - np.sign(w) * y[j]) ** 2 - known))
    return np.array(sums)


def estimates(weights, leak, probes, reduced, total):
    """Means of `total`, if `reduced` between their bounds; rows' sums of relative variances."""
    values, spread = [], np.zeros(len(weights))
    for (i, j, w), value in zip(entries(np.triu(weights)), total / probes):
        a, u, low, beta = local_part(w, leak[i], leak[j])
        if reduced:
            value = sorted((low, value, 1 / abs(w)))[1]
        own = 1 - min(abs(w) * value, 1) ** 2
        if reduced:
            own += beta**2 * (u**2 - (w * a**2) ** 2) / value**2 - 2 * beta * (a / value) ** 2 * own
        values.append(value)
        spread[i] += 2 * max(own, 0) / probes
    return np.array(values), spread


def has_tight_part(weights, leaks):
    """True if diag(sum_j |w_ij| + leak_i) - W, which is never negative, is singular."""
    matrix = np.diag(np.abs(weights).sum(axis=1) + leaks) - weights
    return bool(np.linalg.eigvalsh(matrix)[0] < 1e-9)


def differences(weights, z, local, known):
    """Sums over columns of t = A - (B - b), and of their (t_c-1 - 2 t_c + t_c+1)^2 / 6."""
    sums, spread = [], []
    for i, j, w in entries(weights):
        t = np.abs(z[i] - np.sign(w) * z[j]) ** 2
        if len(local):
            t = t - np.abs(local[i] - np.sign(w) * local[j]) ** 2 + known[i] + known[j]
        sums.append(np.sum(t))
        spread.append(np.sum((t[:-2] - 2 * t[1:-1] + t[2:]) ** 2) / 6)
    return np.array(sums), np.array(spread)
