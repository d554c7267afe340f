"""Slow, obvious twins: dense NumPy and plain loops, written from the formulas alone.

Nothing here may be imported from the package, so that a test that compares the two compares two
derivations. The simulation has its own twin in naive_simulation.py.
"""

from itertools import pairwise

import numpy as np
from scipy import linalg, optimize

# ------------------------------------------------------------------------ twins of the kernels


def entries(weights):
    """(i, j, w_ij) of the synapses of a dense W, in row order."""
    return [(i, j, weights[i, j]) for i, j in zip(*np.nonzero(weights))]


def synapse_variance(weights, covariance):
    """v_ij = C_ii + C_jj - 2 sgn(w_ij) C_ij"""
    c = covariance
    return np.array([c[i, i] + c[j, j] - 2 * np.sign(w) * c[i, j] for i, j, w in entries(weights)])


def incidence_noise(post, pre, weights, normal, n):
    """B^T |W|^(1/2) g, with the rows of B written out: b = e_i - sgn(w) e_j."""
    b = np.zeros((len(weights), n))
    for e, (i, j, w) in enumerate(zip(post, pre, weights)):
        b[e, i] += 1
        b[e, j] -= np.sign(w)
    return b.T @ (np.sqrt(np.abs(weights)) * normal)


def shuffled_rows(starts, uniform):
    """Fisher and Yates: from the last place down, swap with a random place not behind it."""
    order = list(range(len(uniform)))
    for start, end in pairwise(starts):
        for place in reversed(range(start + 1, end)):
            other = start + int(uniform[place] * (place - start + 1))
            order[place], order[other] = order[other], order[place]
    return order


def systematic(probability, starts, uniform, offset):
    """Kept where the running sum over the shuffled rows, plus the offset, passes a whole number."""
    kept, total = np.ones(len(probability), dtype=bool), 0.0
    for e in shuffled_rows(starts, uniform):
        if probability[e] < 1:
            kept[e] = int(total + probability[e] + offset) > int(total + offset)
            total += probability[e]
    return kept


def mean_square_difference(weights, activity):
    """Mean over samples of (x_i - sgn(w_ij) x_j)^2"""
    x = activity
    return np.array([np.mean((x[i] - np.sign(w) * x[j]) ** 2) for i, j, w in entries(weights)])


# ------------------------------------------------------------------------------- the whole rule


def keep_probability(weights, leak, noise, k):
    """p_ij = min(1, K |w_ij| v_ij) with sum p = k: the rule from W to p, dense (N, N)."""
    drift = weights - np.diag(leak)
    c = linalg.solve_continuous_lyapunov(drift, -(noise**2) * np.eye(len(leak)))
    variance = np.diag(c)[:, None] + np.diag(c)[None, :] - 2 * np.sign(weights) * c
    importance = np.abs(weights) * variance

    def excess(log_gain):
        return np.sum(np.minimum(1.0, np.exp(log_gain) * importance)) - k

    ends = -np.log(importance[importance > 0].max()) - 50, -np.log(importance[importance > 0].min())
    log_gain = ends[1] if excess(ends[1]) <= 0 else optimize.brentq(excess, *ends, xtol=1e-14)
    return np.minimum(1.0, np.exp(log_gain) * importance)


def covariance_by_kronecker(drift, forcing):
    """C of A C + C A^T + Q = 0 as one linear system of N^2 unknowns."""
    n = len(drift)
    operator = np.kron(drift, np.eye(n)) + np.kron(np.eye(n), drift)
    return np.linalg.solve(operator, -forcing.ravel()).reshape(n, n)


# ------------------------------------------------------------------------------ random networks


def signed_weights(n, rng, *, symmetric, density=0.5):
    """(N, N) random signed W with a zero diagonal; a few weights are large, as in connectomes."""
    weights = rng.standard_normal((n, n)) * np.exp(rng.standard_normal((n, n)))
    weights *= rng.random((n, n)) < density
    np.fill_diagonal(weights, 0.0)
    return np.triu(weights) + np.triu(weights).T if symmetric else weights


# --------------------------------------------------------------------------------- statistics


def z_score(samples, expected):
    """Standard deviations between the mean of independent samples and what it should be."""
    samples = np.asarray(samples)
    return (np.mean(samples) - expected) / (np.std(samples, ddof=1) / np.sqrt(len(samples)))


def assert_unbiased(samples, expected, *, planted=0.02, limit=4.5):
    """The mean is as expected, by a test that a planted bias would fail, up or down."""
    samples = np.asarray(samples)
    assert abs(z_score(samples, expected)) < limit
    for factor in (1 - planted, 1 + planted):
        assert abs(z_score(factor * samples, expected)) > limit, "this test has no power"


def relative_change(net, weights, q, balance):
    """(log ||E||_2q, log d) of the relative change to dense `weights`, by singular values.

    d: size of the change for white noise, the uniform state and the response to uniform input.
    """
    original = net.dense_weights()
    m = np.diag(net.leak) - original

    def strengths(w):
        inputs, outputs = np.abs(w).sum(axis=1), np.abs(w).sum(axis=0)
        return {"none": 0 * inputs, "leak": inputs, "homeostatic": (inputs + outputs) / 2}[balance]

    leak = net.leak - strengths(original) + strengths(weights)
    delta = np.diag(leak) - weights - m
    h = (m + m.T) / 2
    if np.min(np.linalg.eigvalsh(h)) > 0:
        values, vectors = np.linalg.eigh(h)
        root = vectors * np.sqrt(values) @ vectors.T
        change = np.linalg.solve(root, np.linalg.solve(root, delta).T).T
    else:
        root, change = np.eye(len(m)), np.linalg.solve(m, delta)
    ones = np.ones(len(m))
    states = [root @ ones, root @ np.linalg.solve(m, ones)]
    errors = [np.sum((change @ state) ** 2) / np.sum(state**2) for state in states]
    errors.append(np.sum(change**2) / len(m))
    norm = np.sum(np.linalg.svd(change, compute_uv=False) ** (2 * q))
    return np.log(norm) / (2 * q), 0.5 * np.log(np.mean(errors))


def self_balancing_walk(post, pre, weights, probability, order, uniform, target, n, symmetric):
    """Kept, by what the neurons' strengths and the count have gained or lost so far."""
    kept = {}
    size = np.abs(weights)
    coins = [e for e in range(len(size)) if 0 < probability[e] < 1]
    strength = {e: size[e] / probability[e] for e in coins}

    def ends(side):
        return (post, pre) if symmetric else ((post, pre)[side],)

    def alike(e, side):
        """The synapses of e's neuron on one side that have e's sign, twice if by both ends."""
        neuron = (post, pre)[side][e]
        same = np.sign(weights) == np.sign(weights[e])
        return [x for end in ends(side) for x in range(len(size)) if end[x] == neuron and same[x]]

    def error(e):
        others = [x for side in (0, 1) for x in alike(e, side) if x in kept]
        return sum((size[x] / probability[x] if kept[x] else 0) - size[x] for x in others)

    def typical(e):
        squares = []
        for side in (0, 1):
            mates = [x for x in alike(e, side) if x in strength]
            share = [probability[x] * (1 - probability[x]) for x in mates]
            squares.append(np.average([strength[x] ** 2 for x in mates], weights=share))
        return sum(squares) / 2

    for e, u in zip(order, uniform):
        p = probability[e]
        if e not in strength:
            kept[e] = bool(p)
            continue
        tilt = 2 * strength[e] * error(e) / (strength[e] ** 2 + typical(e))
        tilt = (1 - p) * (tilt + 0.05 * sum(kept[x] - probability[x] for x in kept))
        kept[e] = bool(u < p * (1 - sorted((-1, tilt, 1))[1]))
    for choosy in (True, False):
        for e in (e for e in reversed(order) if e in strength):
            surplus = sum(kept.values()) - target
            change = -strength[e] if kept[e] else strength[e]
            good = change * error(e) <= -(change**2) or not choosy
            if surplus and kept[e] == (surplus > 0) and good:
                kept[e] = not kept[e]
    return [kept[e] for e in range(len(size))]


# ---------------------------------------------------------------------------------- the surgeon


def surgeon(weights, moment):
    """(n,) loss of each input of one neuron, H^-1 computed anew at every removal."""
    w, loss, left, last = weights.copy(), np.zeros(len(weights)), list(range(len(weights))), 0.0
    while left:
        inverse = np.linalg.inv(moment[np.ix_(left, left)])
        losses = [w[j] ** 2 / inverse[a, a] for a, j in enumerate(left)]
        a = int(np.argmin(losses))
        gone, last = left[a], max(last, losses[a])
        w[left] -= inverse[:, a] * w[gone] / inverse[a, a]
        loss[gone] = last
        left.remove(gone)
    return loss


def exact_moment(weights, leak):
    """Second moment under noise and of the response to uniform input, each of trace 1."""
    drift = weights - np.diag(leak)
    c = linalg.solve_continuous_lyapunov(drift, -np.eye(len(leak)))
    mean = -np.linalg.solve(drift, np.ones(len(leak)))
    return c / np.trace(c) + np.outer(mean, mean) / (mean @ mean)
