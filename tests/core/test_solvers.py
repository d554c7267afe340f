"""Blocked iterations against dense solves, with every preconditioner, signed and not."""

import pickle
from typing import get_args

import naive
import numpy as np
import pytest
from scipy import sparse

from noiseprune import ConvergenceError, OptionError, RateNetwork, solvers
from noiseprune.choices import Solver
from noiseprune.solvers import Dominant, kernels, preconditioners
from noiseprune.solvers.shifted import solve_shifted

NAMES = ("diagonal", *preconditioners.MAKERS)


def network(n=60, seed=3, *, symmetric=True, density=0.2, margin=0.05):
    rng = np.random.default_rng(seed)
    weights = naive.signed_weights(n, rng, symmetric=symmetric, density=density)
    return RateNetwork(sparse.csr_array(weights), leak_margin=margin)


def sheet(side, margin):
    """Gap junctions between the neighbours of a square sheet."""
    line = sparse.diags_array([np.ones(side - 1)] * 2, offsets=[-1, 1])
    one = sparse.eye_array(side)
    return RateNetwork(sparse.kron(line, one) + sparse.kron(one, line), leak_margin=margin)


def energy(matrix, x):
    return np.sqrt(np.einsum("ic,ij,jc->c", x, matrix, x))


def test_every_solver_that_can_be_chosen_is_there():
    assert get_args(Solver) == ("auto", *NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("excitatory", [True, False])
@pytest.mark.parametrize("error", [1e-3, 1e-8])
def test_solutions_have_the_error_asked_for(name, excitatory, error):
    net = network()
    if excitatory:
        net = RateNetwork(abs(net.csr), leak_margin=0.05)
    matrix = -net.dense_drift()
    load = np.random.default_rng(5).standard_normal((60, 7))
    found = Dominant.of(net).with_preconditioner(name).solve(load.copy(), error)
    exact = np.linalg.solve(matrix, load)
    true = energy(matrix, found.x - exact) / energy(matrix, exact)
    assert np.max(true) <= error / np.sqrt(60)
    assert found.error <= error
    assert found.x.shape == load.shape


@pytest.mark.parametrize("margin", [1e-3, 1e-6])
@pytest.mark.parametrize("link", [1e-3, -1e-3])
def test_slow_modes_of_clusters_are_not_missed(margin, link):
    """A cluster's common mode holds 1 / N of the energy, and most of the variance."""
    rng = np.random.default_rng(1)
    blocks = [np.triu(rng.random((100, 100)) < 0.3, 1) for _ in range(4)]
    weights = sparse.block_diag(blocks).astype(float).tolil()
    weights[0, 150] = weights[120, 250] = weights[230, 350] = link
    net = RateNetwork(sparse.csr_array(weights + weights.T), leak_margin=margin)
    matrix = -net.dense_drift()
    load = np.linalg.cholesky(matrix) @ rng.standard_normal((400, 8))
    exact = np.linalg.solve(matrix, load)
    found = Dominant.of(net).with_preconditioner("auto").solve(load.copy(), 1e-2)
    assert np.linalg.norm(found.x - exact) < 0.02 * np.linalg.norm(exact)


def test_single_precision_and_any_number_of_columns():
    net = network(500, density=0.02)
    load = np.random.default_rng(7).standard_normal((500, 33))
    system = Dominant.of(net)
    whole = system.solve(load.copy(), 1e-10).x
    one = system.solve(load[:, :1].copy(), 1e-10).x
    np.testing.assert_allclose(one, whole[:, :1], rtol=1e-7, atol=1e-9)
    single = system.solve(load.astype(np.float32), 1e-3).x
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, whole, atol=5e-3 * np.abs(whole).max())


@pytest.mark.usefixtures("by_one_thread_and_by_two")
@pytest.mark.parametrize("columns", [1, 2, 32])
@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_the_product_and_its_sums(columns, real):
    net = network(700, density=0.03)  # more rows than a chunk
    csr = net.csr
    x = np.random.default_rng(11).standard_normal((700, columns)).astype(real)
    y = np.empty_like(x)
    sums = kernels.product(csr.indptr, csr.indices, csr.data, net.leak, x, y)
    expected = -net.dense_drift() @ x.astype(float)
    tolerance = 1e-5 if real == np.float32 else 1e-12
    np.testing.assert_allclose(y, expected, atol=tolerance * np.abs(expected).max())
    np.testing.assert_allclose(sums, np.sum(x * expected, axis=0), rtol=100 * tolerance)


@pytest.mark.usefixtures("by_one_thread_and_by_two")
@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_a_step_of_conjugate_gradients(real):
    """x += alpha p, r -= alpha q, and the sums of r^2 / diagonal; p <- r / diagonal + beta p."""
    rng = np.random.default_rng(19)
    x, r, p, q = rng.standard_normal((4, 700, 3)).astype(real)  # more rows than a chunk
    alpha, beta = rng.standard_normal((2, 3)).astype(real)
    inverse = rng.random(700)
    tolerance = 1e-5 if real == np.float32 else 1e-13
    expected = x + alpha * p, r - alpha * q
    sums = kernels.advance(alpha, inverse, p, q, x, r)
    np.testing.assert_allclose((x, r), expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(sums, inverse @ r.astype(float) ** 2, rtol=1e-12)
    expected = r * inverse[:, None] + beta * p
    kernels.turn(beta, inverse, r, p)
    np.testing.assert_allclose(p, expected, rtol=tolerance, atol=tolerance)


def test_directed_networks_give_their_symmetric_part():
    net = network(symmetric=False)
    drift = -net.dense_drift()
    x = np.random.default_rng(13).standard_normal((60, 2))
    np.testing.assert_allclose(Dominant.of(net).product(x), 0.5 * (drift + drift.T) @ x)


def test_the_excess_is_what_the_leak_leaves():
    net = network()
    np.testing.assert_allclose(
        Dominant.of(net).excess, net.leak - np.abs(net.dense_weights()).sum(axis=1)
    )


def test_easy_networks_keep_the_diagonal_and_hard_ones_change_it():
    easy = Dominant.of(network()).with_preconditioner("auto")
    assert easy.name == "diagonal"
    assert easy.steps <= solvers.TRIAL_STEPS
    hard = Dominant.of(sheet(60, 1e-6))
    chosen = hard.with_preconditioner("auto")
    assert chosen.name in preconditioners.MAKERS
    load = np.random.default_rng(1).standard_normal((3600, 2))
    few, many = chosen.solve(load.copy(), 1e-6), hard.solve(load.copy(), 1e-6)
    assert few.steps < many.steps / 5
    np.testing.assert_allclose(few.x, many.x, atol=1e-4 * np.abs(many.x).max())


def test_without_other_packages_the_diagonal_has_to_do(monkeypatch):
    monkeypatch.setattr(preconditioners, "find_spec", lambda name: None)
    hard = Dominant.of(sheet(60, 1e-6)).with_preconditioner("auto")
    assert hard.name == "diagonal"
    monkeypatch.setattr(solvers.dominant, "MAX_STEPS", 70)
    with pytest.raises(ConvergenceError, match=r"70 steps.*noiseprune\[scale\]"):
        hard.solve(np.random.default_rng(1).standard_normal((3600, 1)))
    with pytest.raises(ImportError, match=r"noiseprune\[scale\]"):
        hard.with_preconditioner("multigrid")


@pytest.mark.parametrize("name", NAMES)
def test_a_system_survives_the_way_to_another_process(name):
    system = Dominant.of(sheet(20, 1e-3)).with_preconditioner(name)
    load = np.random.default_rng(3).standard_normal((400, 3))
    copy = pickle.loads(pickle.dumps(system))
    assert copy.name == name
    np.testing.assert_array_equal(copy.solve(load.copy()).x, system.solve(load.copy()).x)


def test_wrong_requests_are_refused():
    weak = RateNetwork(network().weights, leak=0.1)
    with pytest.raises(OptionError, match="--leak dominant"):
        Dominant.of(weak)
    with pytest.raises(OptionError, match=r"unknown solver 'multi'.*'multigrid'"):
        Dominant.of(network()).with_preconditioner("multi")


@pytest.mark.parametrize("margin", [0.5, 0.01])
def test_shifted_systems(margin):
    net = network(symmetric=False, margin=margin)
    rng = np.random.default_rng(17)
    load = rng.standard_normal((60, 5)) + 1j * rng.standard_normal((60, 5))
    shifts = np.array([0.0, 1e-3, 1.0, 30.0, 1e4])
    found, steps = solve_shifted(net.csr, net.leak, shifts, load.copy(), 1e-9)
    assert 0 < steps < 200
    for column, shift in enumerate(shifts):
        matrix = -net.dense_drift() + 1j * shift * np.eye(60)
        exact = np.linalg.solve(matrix, load[:, column])
        np.testing.assert_allclose(found[:, column], exact, atol=1e-6 * np.abs(exact).max())


def test_shifted_systems_that_do_not_converge_say_so(monkeypatch):
    from noiseprune.solvers import shifted

    monkeypatch.setattr(shifted, "MAX_STEPS", 2)
    net = network(symmetric=False, margin=0.01)
    with pytest.raises(ConvergenceError, match="2 steps"):
        solve_shifted(net.csr, net.leak, np.zeros(1), np.ones((60, 1), complex), 1e-9)
