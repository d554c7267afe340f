"""The similarity report: nothing where nothing changed, stability by eigenvalues, JSON keys."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import linalg

import noiseprune as npr
from noiseprune import pair, spectrum
from noiseprune.pair import is_stable
from noiseprune.pruning.network import guarantee_of
from noiseprune.similarity import dynamics_error, spectral_similarity
from noiseprune.simulation import Simulation, record_rates

SYMMETRIC = npr.clustered_network((14, 3, 3), 0.6, 20, leak_margin=0.3, seed=7)
DIRECTED = npr.clustered_network((14, 3, 3), 0.6, 21, directed=True, leak_margin=0.3, seed=7)
NETWORKS = pytest.mark.parametrize("net", [SYMMETRIC, DIRECTED], ids=["symmetric", "directed"])
SHORT = Simulation(duration=2.0, dt=0.02, replicas=3)


def with_leak(net, factor):
    return npr.RateNetwork(net.weights, factor * net.leak)


# ------------------------------------------------------------------------------------ laws


@NETWORKS
def test_a_network_is_like_itself(net):
    report = spectral_similarity(net, net)
    assert report.epsilon < 1e-12
    assert np.allclose(report.epsilon_interval, 0, atol=1e-12)
    assert report.stable
    assert report.covariance_error == 0
    assert report.n_kept == report.n_synapses == net.n_synapses
    original, pruned = report.spectral_abscissa
    assert original == pytest.approx(pruned, rel=1e-12)
    assert original == pytest.approx(net.spectral_abscissa())
    if net is SYMMETRIC:
        assert report.eigenvalue_error.max < 1e-12
        assert report.eigenvector_error.max < 1e-12
        assert report.eigenvector_cosine.min > 1 - 1e-12
    else:
        assert report.eigenvalue_error is report.eigenvector_error is None


@NETWORKS
@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_drift_that_is_scaled(net, factor):
    """A_s = f A: every relative change is f - 1, and the covariance is 1 / f times as large."""
    scaled = npr.RateNetwork(net.dense_weights() * factor, net.leak * factor)
    report = spectral_similarity(net, scaled)
    assert report.covariance_error == pytest.approx(abs(1 / factor - 1))
    assert report.spectral_abscissa[1] == pytest.approx(factor * report.spectral_abscissa[0])
    if net is SYMMETRIC:
        assert report.epsilon == pytest.approx(abs(factor - 1))
        assert report.eigenvalue_error.median == pytest.approx(abs(factor - 1))
        assert report.eigenvector_error.max == pytest.approx(abs(factor - 1))
        assert report.eigenvector_cosine.min == pytest.approx(1)


@NETWORKS
def test_names_of_neurons_do_not_matter(net):
    order = np.random.default_rng(3).permutation(net.n_neurons)

    def renamed(network):
        return npr.RateNetwork.from_parts(
            network.dense_weights()[np.ix_(order, order)], network.leak[order]
        )

    pruned = npr.prune(net, 0.7, seed=5).network
    one, other = (
        spectral_similarity(net, pruned),
        spectral_similarity(renamed(net), renamed(pruned)),
    )
    assert other.epsilon == pytest.approx(one.epsilon, rel=1e-9)
    assert other.covariance_error == pytest.approx(one.covariance_error, rel=1e-9)
    assert (other.stable, other.guarantee) == (one.stable, one.guarantee)


def cases():
    """(norm, original, pruned): pruned networks on both sides of the border of stability."""
    amplifier = npr.RateNetwork([[0.0, 9.0], [0.05, 0.0]], leak=1.0)
    for norm, net in (("pencil", SYMMETRIC), ("symmetric-part", DIRECTED), ("relative", amplifier)):
        for factor in (0.01, 0.4, 0.9, 1.1):
            yield norm, net, with_leak(net, factor)
    edge = -DIRECTED.spectral_abscissa()
    for beyond in (0.99, 1.01):  # stable or not by a hair
        drifted = npr.RateNetwork.from_parts(DIRECTED.weights, DIRECTED.leak - beyond * edge)
        yield "symmetric-part", DIRECTED, drifted


@pytest.mark.parametrize("detail", [False, True])
@pytest.mark.parametrize(("norm", "net", "pruned"), list(cases()))
def test_stable_is_what_the_eigenvalues_say(norm, net, pruned, detail):
    truth = bool(np.max(linalg.eigvals(pruned.dense_drift()).real) < 0)
    change = spectrum.epsilon(net, pruned)
    assert change.norm == norm
    assert is_stable(pruned, change) == truth
    assert spectral_similarity(net, pruned, detail=detail).stable == truth


def test_the_cases_of_stability_are_of_both_kinds():
    seen = {(norm, pruned.spectral_abscissa() < 0) for norm, _, pruned in cases()}
    assert len(seen) == 6


def test_stability_without_dense_eigenvalues(monkeypatch):
    """Above the dense limit, as of a large network: Lanczos intervals, then Arnoldi."""
    monkeypatch.setattr(spectrum, "DENSE_PENCIL", 10)
    monkeypatch.setattr(pair, "DENSE_EIGENVALUES", 10)
    for net in (SYMMETRIC, DIRECTED):
        for factor in (0.4, 0.9):
            report = spectral_similarity(net, with_leak(net, factor), seed=3)
            assert report.change.method == "lanczos"
            assert report.stable == (with_leak(net, factor).spectral_abscissa() < 0)
            assert report.spectral_abscissa is report.covariance_error is None


@NETWORKS
def test_an_unstable_network_has_no_covariance_error(net):
    unstable = with_leak(net, 0.01)
    for one, other in ((net, unstable), (unstable, net)):
        report = spectral_similarity(one, other)
        assert report.covariance_error is None
        assert report.stable == (other is net)


def test_covariance_error_is_the_distance_of_the_covariances():
    pruned = npr.prune(DIRECTED, 0.7, seed=5).network
    before, after = (
        linalg.solve_continuous_lyapunov(x.dense_drift(), -np.eye(20)) for x in (DIRECTED, pruned)
    )
    expected = np.linalg.norm(after - before) / np.linalg.norm(before)
    assert spectral_similarity(DIRECTED, pruned).covariance_error == pytest.approx(expected)


def test_guarantee_is_of_the_class_of_networks():
    weak = with_leak(SYMMETRIC, 0.7)
    assert guarantee_of(SYMMETRIC) == "symmetric-diagonally-dominant"
    assert [guarantee_of(net) for net in (DIRECTED, weak)] == ["none", "none"]
    assert spectral_similarity(weak, weak).guarantee == "none"


# ------------------------------------------------------------------------------------ JSON

KEYS = {
    "n_neurons", "n_synapses", "n_kept", "epsilon", "epsilon_interval", "epsilon_norm", "guarantee",
    "spectral_abscissa", "eigenvalue_error", "eigenvector_error", "eigenvector_cosine",
    "dynamics_error", "covariance_error",
}  # fmt: skip


@NETWORKS
@pytest.mark.parametrize("detail", [True, False])
def test_the_dictionary_has_the_keys_and_is_json(net, detail):
    pruned = npr.prune(net, 0.7, seed=5).network
    report = spectral_similarity(net, pruned, detail=detail)
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found.keys() >= KEYS
    assert found["epsilon_interval"] == list(report.epsilon_interval)
    assert (found["spectral_abscissa"] is None) == (not detail)
    if detail and net is SYMMETRIC:
        assert found["eigenvalue_error"].keys() == {"median", "max", "min"}
        assert found["eigenvalue_error"]["median"] == report.eigenvalue_error.median
    assert found["dynamics_error"] is None
    dynamics = dynamics_error(net, pruned, replace(SHORT, seed=3))
    found = json.loads(
        json.dumps(replace(report, dynamics_error=dynamics).to_dict(), allow_nan=False)
    )
    assert found["dynamics_error"].keys() == {"times", "mean", "std", "worst", "end"}
    assert found["dynamics_error"]["mean"] == dynamics.mean.tolist()
    assert report.dynamics_error is None  # a copy carries it


# -------------------------------------------------------------------------------- dynamics


@NETWORKS
def test_identical_networks_move_identically(net):
    found = dynamics_error(net, net, replace(SHORT, seed=3))
    assert not found.mean.any()
    assert not found.std.any()


@NETWORKS
def test_pruned_networks_drift_away(net):
    pruned = npr.prune(net, 0.5, seed=5).network
    found = dynamics_error(net, pruned, replace(SHORT, seed=3))
    assert found.times[0] == found.mean[0] == 0
    assert found.times[-1] == pytest.approx(2.0)
    assert found.times.shape == found.mean.shape == found.std.shape == (101,)
    assert np.all(found.mean[1:] > 0)
    assert (found.dt, found.replicas) == (0.02, 3)


def test_dynamics_by_their_definition():
    pruned = npr.prune(DIRECTED, 0.5, seed=5).network
    found = dynamics_error(DIRECTED, pruned, replace(SHORT, seed=3))
    before, after = (
        record_rates(x, replace(SHORT, record_every=1, seed=3)) for x in (DIRECTED, pruned)
    )
    ratio = np.linalg.norm(after.rates - before.rates, axis=2) / np.linalg.norm(
        before.rates, axis=2
    )
    np.testing.assert_allclose(found.mean, ratio.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.std, ratio.std(axis=1), rtol=1e-9, atol=1e-15)


def test_every_kind_of_seed():
    pruned = npr.prune(SYMMETRIC, 0.5, seed=5).network

    def mean(seed):
        return dynamics_error(SYMMETRIC, pruned, replace(SHORT, seed=seed)).mean

    np.testing.assert_array_equal(mean(3), mean(3))
    np.testing.assert_array_equal(mean(3), mean(np.random.SeedSequence(3)))
    np.testing.assert_array_equal(*(mean(np.random.default_rng(3)) for _ in range(2)))
    assert not np.array_equal(mean(3), mean(5))
    assert not np.array_equal(mean(None), mean(None))
    # One seed for both networks, also where it is a stream: else identical ones would differ.
    for seed in (None, np.random.default_rng(3)):
        assert not dynamics_error(SYMMETRIC, SYMMETRIC, replace(SHORT, seed=seed)).mean.any()


def test_the_default_step_is_stable_for_both():
    fast = npr.RateNetwork([[0.0, 1.0], [1.0, 0.0]], leak=1000.0)
    slow = npr.RateNetwork([[0.0, 0.5], [0.5, 0.0]], leak=3.0)
    asked = Simulation(duration=0.1, replicas=2, seed=3)
    assert dynamics_error(slow, slow, asked).dt == 0.005
    assert dynamics_error(slow, fast, asked).dt == pytest.approx(1 / 1001)
    assert dynamics_error(fast, slow, asked).dt == pytest.approx(1 / 1001)


def test_progress_covers_both_runs():
    calls = []
    dynamics_error(SYMMETRIC, SYMMETRIC, SHORT, progress=lambda *x: calls.append(x))
    done, totals = zip(*calls)
    assert list(done) == sorted(done)
    assert set(totals) == {200}
    assert done[-1] == 200


def test_what_is_refused():
    other = npr.RateNetwork(np.ones((3, 3)) - np.eye(3))
    for measure in (spectral_similarity, dynamics_error):
        with pytest.raises(npr.OptionError, match="20 neurons and the pruned network 3"):
            measure(SYMMETRIC, other)
    with pytest.raises(npr.UnstableError, match="spectral abscissa"):
        dynamics_error(SYMMETRIC, with_leak(SYMMETRIC, 0.01), SHORT)
    singular = npr.RateNetwork(np.ones((4, 4)) - np.eye(4), leak_margin=0)
    with pytest.raises(npr.UnstableError, match="singular"):
        spectral_similarity(singular, singular)


def test_a_report_has_its_two_networks():
    pruned = npr.prune(SYMMETRIC, 0.5, seed=5).network
    assert spectral_similarity(SYMMETRIC, pruned).networks == (SYMMETRIC, pruned)


def test_results_speak_of_no_option_of_the_command_line():
    pruning = npr.prune(SYMMETRIC, 0.5, seed=5)
    report = spectral_similarity(SYMMETRIC, pruning.network)
    for words in (pruning.in_words(), report.in_words()):
        assert "epsilon" in dict(words)["guarantee"]
        assert not any("--" in value for _, value in words)


def test_a_start_matters_above_the_size_that_is_said():
    sizes = {"4,000", "1,500"}  # of constants, which the docstring names instead
    assert not any(size in spectral_similarity.__doc__ for size in sizes)
    assert "DENSE_PENCIL" in spectral_similarity.__doc__
