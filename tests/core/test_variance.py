"""Synapse variances: every source gives the same quantity, with the error that it states."""

import numpy as np
import pytest
from scipy import linalg

import noiseprune as npr
from noiseprune import variance
from noiseprune.variance import synapse_variance

SYMMETRIC = npr.clustered_network((24, 3, 3), 0.5, 40, leak_margin=0.3, seed=7)
DIRECTED = npr.clustered_network((24, 3, 3), 0.5, 41, directed=True, leak_margin=0.3, seed=7)


def by_definition(net, noise=1.0):
    """Var(x_i - sgn(w_ij) x_j) from A C + C A^T + sigma^2 I = 0."""
    n = net.n_neurons
    covariance = linalg.solve_continuous_lyapunov(net.dense_drift(), -(noise**2) * np.eye(n))
    (post, pre), sign = net.synapses, np.sign(net.synapse_weights)
    own = np.diag(covariance)
    return own[post] + own[pre] - 2 * sign * covariance[post, pre]


def mean_ratio(found, net):
    """Mean over synapses of found / exact: errors of single synapses average out, a bias stays."""
    return float(np.mean(found / by_definition(net)))


@pytest.mark.parametrize("net", [SYMMETRIC, DIRECTED], ids=["symmetric", "directed"])
@pytest.mark.parametrize("noise", [1.0, 0.03])
def test_exact_is_the_definition(net, noise):
    found = synapse_variance(net, noise, "exact")
    np.testing.assert_allclose(found.variance, by_definition(net, noise), rtol=1e-11)
    assert (found.method, found.noise, found.relative_error) == ("exact", noise, 0.0)
    assert found.residual < 1e-13
    assert found.n_probes is None


def test_two_neurons_in_closed_form():
    """Excitation w, leak l: x_1 - x_2 decays at l + w, so its variance is sigma^2 / (l + w)."""
    for weight in (0.5, -0.5):  # inhibition: x_1 + x_2, the same
        net = npr.RateNetwork([[0, weight], [weight, 0]], leak=2.0)
        for noise in (1.0, 3.0):
            found = synapse_variance(net, noise, "exact").variance
            np.testing.assert_allclose(found, noise**2 / 2.5, rtol=1e-14)


@pytest.mark.parametrize("seed", [3, 7, 11])
def test_probes_agree_within_their_error(seed):
    found = synapse_variance(SYMMETRIC, 1.0, "probe", n_probes=4000, seed=seed)
    error = found.variance / by_definition(SYMMETRIC) - 1
    assert found.relative_error < (2 / 4000) ** 0.5
    assert 0.3 < np.sqrt(np.mean(error**2)) / found.relative_error < 1.3
    # The mean has a standard deviation below 0.4 %; a planted 2 % would be seen.
    assert abs(mean_ratio(found.variance, SYMMETRIC) - 1) < 0.013
    assert abs(mean_ratio(1.02 * found.variance, SYMMETRIC) - 1) > 0.007


def test_a_wanted_error_sets_the_number_of_probes():
    found = synapse_variance(SYMMETRIC, 1.0, "probe", probe_error=0.03, seed=3)
    assert found.relative_error == pytest.approx(0.03, rel=0.1)
    assert found.n_probes > 32
    assert found.solver == "diagonal"
    assert found.solver_steps > 2


@pytest.mark.parametrize("net", [SYMMETRIC, DIRECTED], ids=["symmetric", "directed"])
def test_simulation_agrees_within_its_error(net):
    found = synapse_variance(net, 1.0, "simulation", n_probes=60, seed=3)
    error = np.linalg.norm(found.variance - by_definition(net)) / np.linalg.norm(by_definition(net))
    assert found.method == "simulation"
    assert found.residual is None
    assert 0.4 < error / found.relative_error < 2.5
    # 2.5 % of the fastest mode is the bias of the step, as documented; 10 % more would be seen.
    assert abs(mean_ratio(found.variance, net) - 1) < 0.05
    assert abs(mean_ratio(1.1 * found.variance, net) - 1) > 0.05


def test_auto_takes_what_the_size_allows(monkeypatch):
    assert synapse_variance(SYMMETRIC).method == "exact"
    monkeypatch.setattr(variance, "EXACT", 29)
    assert synapse_variance(SYMMETRIC, n_probes=2).method == "probe"
    assert synapse_variance(DIRECTED, n_probes=2, seed=3).method == "probe"


@pytest.mark.parametrize("method", ["probe", "simulation"])
def test_seeds(method):
    def values(seed):
        return synapse_variance(SYMMETRIC, 1.0, method, n_probes=3, seed=seed).variance

    sequence = np.random.SeedSequence(7)
    np.testing.assert_array_equal(values(7), values(7))
    np.testing.assert_array_equal(values(7), values(sequence))
    np.testing.assert_array_equal(values(7), values(sequence))  # it was not used up
    np.testing.assert_array_equal(*(values(np.random.default_rng(7)) for _ in range(2)))
    assert not np.array_equal(values(7), values(9))
    assert not np.array_equal(values(None), values(None))


@pytest.mark.parametrize("method", ["probe", "simulation", "exact"])
def test_noise_scales_the_variance(method):
    one, three = (
        synapse_variance(SYMMETRIC, noise, method, n_probes=3, seed=7).variance for noise in (1, 3)
    )
    np.testing.assert_allclose(three, 9 * one, rtol=1e-12)


def test_progress_reaches_its_end():
    for method in ("exact", "probe", "simulation"):
        seen = {}
        synapse_variance(SYMMETRIC, 1.0, method, n_probes=3, seed=7, progress=seen.__setitem__)
        done, total = list(seen.items())[-1]
        assert done == total


def test_inputs_stay_as_they_are():
    weights, leak = DIRECTED.dense_weights().copy(), DIRECTED.leak.copy()
    for method in ("exact", "probe", "simulation"):
        synapse_variance(DIRECTED, 1.0, method, n_probes=2, seed=3)
    np.testing.assert_array_equal(DIRECTED.dense_weights(), weights)
    np.testing.assert_array_equal(DIRECTED.leak, leak)


def test_what_is_refused():
    unstable = npr.RateNetwork(np.ones((4, 4)) - np.eye(4), leak=2.0)
    for method in ("exact", "probe", "simulation"):
        with pytest.raises(npr.UnstableError, match="spectral abscissa"):
            synapse_variance(unstable, 1.0, method)
    with pytest.raises(npr.OptionError, match="did you mean 'exact'"):
        synapse_variance(DIRECTED, 1.0, "exac")
    with pytest.raises(npr.OptionError, match="n_probes is 0"):
        synapse_variance(DIRECTED, n_probes=0)
    for noise in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(npr.OptionError, match="noise is"):
            synapse_variance(DIRECTED, noise)


def test_a_simulation_that_would_never_end_is_refused():
    stiff = npr.RateNetwork([[0.0, 1e-9], [0.0, 0.0]], leak=[1e-6, 1e3])
    with pytest.raises(npr.OptionError, match=r"steps.*'exact'"):
        synapse_variance(stiff, 1.0, "simulation")


@pytest.mark.parametrize("error", [0.0, -1.0, float("nan"), float("inf")])
def test_an_error_that_no_probes_have_is_refused_at_once(error):
    with pytest.raises(npr.OptionError, match="probe error is"):
        variance.Probes(error=error)
