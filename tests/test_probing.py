"""Noise probes: unbiased, of known precision, and the same whoever solves for them."""

import naive
import numpy as np
import pytest

from noiseprune import OptionError, RateNetwork, UnstableError, covariance, kernels, probing
from noiseprune.probing import probed_variance


def dominant_network(n=20, seed=3, *, density=0.6, margin=0.1):
    rng = np.random.default_rng(seed)
    weights = naive.signed_weights(n, rng, symmetric=True, density=density)
    return RateNetwork(weights, leak_margin=margin)


@pytest.fixture
def activity(monkeypatch):
    """The probes themselves: every (N, q) activity that a call turned into variances."""
    seen = []
    original = kernels.mean_square_difference

    def spy(indptr, indices, weights, activity):
        seen.append(activity.copy())
        return original(indptr, indices, weights, activity)

    monkeypatch.setattr(kernels, "mean_square_difference", spy)
    return seen


def test_estimates_are_unbiased_with_the_promised_precision(activity):
    """Mean v_ij, relative standard deviation sqrt(2 / q)."""
    net, noise, probes, q = dominant_network(30), 0.3, 16_000, 4
    weights = net.dense_weights()
    estimate = probed_variance(net, noise, probes, 5)
    (post, pre), sign = net.synapses, np.sign(net.synapse_weights)
    squares = (activity[0][post] - sign[:, None] * activity[0][pre]) ** 2
    np.testing.assert_allclose(np.mean(squares, axis=1), estimate, rtol=1e-12)
    batched = np.mean(squares.reshape(len(post), -1, q), axis=2).T  # 4,000 estimates of 4 probes

    exact = naive.synapse_variance(weights, covariance(net, noise).covariance)
    ratio = batched / exact
    # Weighted by leverage the synapses count as nearly N independent estimates.
    leverage = np.abs(net.synapse_weights) * exact / np.sum(np.abs(net.synapse_weights) * exact)
    naive.assert_unbiased(ratio @ leverage, 1.0)
    # Two per cent of the standard deviation are four of the variance.
    naive.assert_unbiased((ratio - 1) ** 2 @ leverage * q / 2, 1.0, planted=0.04)
    scores = [naive.z_score(column, 1.0) for column in ratio.T]
    assert np.max(np.abs(scores)) < 5


def test_probes_have_the_stationary_covariance(activity):
    """Cov(x) = (sigma^2 / 2) M^-1: whitened by it, the probes are independent and standard."""
    net, noise, q = dominant_network(30), 0.3, 6000
    probed_variance(net, noise, q, 7)
    factor = np.linalg.cholesky(-net.dense_drift() * 2 / noise**2)
    white = factor.T @ activity[0]
    naive.assert_unbiased(np.mean(white**2, axis=0), 1.0)
    assert np.max(np.abs(white @ white.T / q - np.eye(30))) < 6 * np.sqrt(2 / q)
    assert np.max(np.abs(np.mean(white, axis=1))) < 5 / np.sqrt(q)
    # one probe tells nothing of the next
    assert abs(naive.z_score(np.sum(white[:, 1:] * white[:, :-1], axis=0), 0.0)) < 4.5


def test_more_probes_begin_with_the_same_probes(activity):
    net = dominant_network()
    probed_variance(net, 1.0, 3, 11)
    probed_variance(net, 1.0, 9, 11)
    few, many = activity
    np.testing.assert_array_equal(few, many[:, :3])
    assert len(np.unique(many[0])) == 9


@pytest.mark.parametrize("density", [0.05, 0.6])
def test_sparse_and_dense_solvers_agree(monkeypatch, density):
    net = dominant_network(90, 13, density=density)
    dense = probed_variance(net, 2.0, 5, 17)
    monkeypatch.setattr(probing, "_DENSE", 0)
    np.testing.assert_allclose(probed_variance(net, 2.0, 5, 17), dense, rtol=1e-8)


def test_estimates_scale_with_the_noise_squared():
    net = dominant_network()
    one, three = (probed_variance(net, noise, 4, 19) for noise in (1.0, 3.0))
    np.testing.assert_allclose(three, 9 * one, rtol=1e-12)


def test_both_synapses_of_a_pair_have_one_estimate():
    net = dominant_network()
    variance = np.zeros((20, 20))
    variance[net.synapses] = probed_variance(net, 1.0, 4, 23)
    np.testing.assert_array_equal(variance, variance.T)


def test_the_same_seed_gives_the_same_estimates():
    net = dominant_network()
    sequence = np.random.SeedSequence(29, spawn_key=(3,))
    first = probed_variance(net, 1.0, 4, sequence)
    np.testing.assert_array_equal(probed_variance(net, 1.0, 4, sequence), first)
    assert sequence.n_children_spawned == 0  # inputs are never modified
    root = np.random.SeedSequence(29)
    np.testing.assert_array_equal(
        probed_variance(net, 1.0, 4, root), probed_variance(net, 1.0, 4, 29)
    )
    generators = (np.random.default_rng(31) for _ in range(2))
    one, other = (probed_variance(net, 1.0, 4, rng) for rng in generators)
    np.testing.assert_array_equal(one, other)
    assert np.all(first != one)


def test_progress_is_told_of_every_probe():
    told = []
    probed_variance(dominant_network(), 1.0, 3, 1, progress=lambda *x: told.append(x))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("solver", ["dense", "sparse"])
@pytest.mark.parametrize("n", [2, 3, 17, 60, 150])
@pytest.mark.parametrize("signed", [False, True])
def test_a_singular_drift_is_refused(monkeypatch, n, signed, solver):
    """A Laplacian, also one whose signs can be flipped away neuron by neuron (balanced)."""
    weights = np.random.default_rng(n).random((n, n))
    weights = np.triu(weights, 1) + np.triu(weights, 1).T
    if signed:
        flip = np.where(np.arange(n) % 2, 1.0, -1.0)
        weights *= np.outer(flip, flip)
    if solver == "sparse":
        monkeypatch.setattr(probing, "_DENSE", 0)
    net = RateNetwork(weights, leak_margin=0.0)
    with pytest.raises(UnstableError, match=r"abscissa.*--leak-margin 0\.1"):
        probed_variance(net, 1.0, 4, 1)
    # One part in 10^9 of margin is enough.
    barely = RateNetwork(weights, leak_margin=1e-9)
    assert np.all(np.isfinite(probed_variance(barely, 1.0, 4, 1)))


def test_other_networks_are_refused():
    net = dominant_network()
    weak = RateNetwork(net.weights, leak=0.9 * net.input_strength)
    directed = RateNetwork(naive.signed_weights(9, np.random.default_rng(3), symmetric=False))
    for refused, why in ((weak, "diagonally dominant"), (directed, "symmetric")):
        with pytest.raises(OptionError, match=rf"'probe' needs a {why}.*'simulation'"):
            probed_variance(refused, 1.0, 4, 1)
    for probes in (0, -1, 1.5, True, np.nan):
        with pytest.raises(OptionError, match="n_probes"):
            probed_variance(net, 1.0, probes, 1)
    with pytest.raises(OptionError, match="noise"):
        probed_variance(net, 0.0)
    with pytest.raises(OptionError, match="seed"):
        probed_variance(net, 1.0, 4, -1)
