"""The optimum of small networks, against plain enumeration and cutting planes."""

from itertools import combinations

import numpy as np
import pytest
from optimum import Problem, Search, fitted, random_network
from scipy import optimize

import noiseprune as npr


def by_cutting_planes(problem, support):
    """The least epsilon on a support: lower bounds by singular vectors, until they meet it."""
    columns = np.flatnonzero(support)
    pieces, constant = problem.pieces[columns], -np.sum(problem.pieces, axis=0)
    rows, limits, x = [], [], np.ones(columns.size)
    for _ in range(200):
        u, s, v = np.linalg.svd(constant + np.tensordot(x, pieces, 1))
        for k in range(2):  # t >= u^T E(x) v
            rows.append([*np.einsum("i,eij,j->e", u[:, k], pieces, v[k]), -1.0])
            limits.append(-u[:, k] @ constant @ v[k])
        bounds = [(0, 50)] * columns.size + [(0, None)]
        found = optimize.linprog(np.eye(columns.size + 1)[-1], rows, limits, bounds=bounds)
        if found.fun > (1 - 1e-3) * s[0]:
            return s[0]
        x = found.x[:-1]
    raise AssertionError("too few planes")


@pytest.mark.parametrize("symmetric", [True, False])
def test_branch_and_bound_finds_what_enumeration_finds(symmetric):
    net = random_network(5, 6, symmetric, True, seed=3)
    problem, found = Problem(net), Search(Problem(net), 3).run()
    least = []
    for kept in combinations(range(6), 3):
        support = np.isin(np.arange(6), kept)
        least.append(by_cutting_planes(problem, support))
        assert fitted(problem, support) == pytest.approx(least[-1], rel=3e-3)
    assert found.best == pytest.approx(min(least), rel=3e-3)
    assert found.least <= min(least)
    assert np.count_nonzero(found.x) <= 3
    assert problem.epsilon(found.x) == pytest.approx(found.best, rel=1e-9)
    assert sorted(least)[1] > 1.01 * min(least), "any support would do"


@pytest.mark.parametrize("symmetric", [True, False])
def test_epsilon_is_that_of_the_package_and_reach_bounds_it(symmetric):
    net = random_network(7, 12, symmetric, True, seed=5)
    problem, rng = Problem(net), np.random.default_rng(7)
    for _ in range(5):
        x = rng.uniform(0.1, 3.0, 12)
        weights = np.zeros((7, 7))
        weights[problem.units()] = x * net.dense_weights()[problem.units()]
        pruned = npr.RateNetwork(weights + weights.T if symmetric else weights, leak=net.leak)
        epsilon = npr.spectrum.epsilon(net, pruned).epsilon
        assert problem.epsilon(x) == pytest.approx(epsilon, rel=1e-9)
        assert np.all(np.abs(x - 1) <= epsilon * problem.reach)
        np.testing.assert_allclose(problem.multipliers(pruned), x)


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_certificate_holds_whatever_the_dual(symmetric):
    """No matrix, however bad, certifies more than the optimum."""
    problem = Problem(random_network(5, 7, symmetric, False, seed=7))
    search, rng = Search(problem, 4).run(), np.random.default_rng(9)
    n = problem.blocks.shape[-1]
    none = np.empty(0, dtype=int)
    for _ in range(50):
        root = rng.standard_normal((problem.blocks.shape[1], n, 2))
        assert search.bound(root @ root.swapaxes(1, 2), none, none) <= search.best
