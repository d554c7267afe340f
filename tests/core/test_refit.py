"""The refit: its gradient, its laws, and what it gains."""

import json

import naive
import numpy as np
import pytest
from typer.testing import CliRunner

import noiseprune as npr
from noiseprune import similarity, spectrum
from noiseprune.cli import app
from noiseprune.pruning import refit
from noiseprune.pruning.network import mirrored
from noiseprune.simulation import Simulation


def network(symmetric=True, n=40, seed=3, **options):
    weights = naive.signed_weights(n, np.random.default_rng(seed), symmetric=symmetric)
    return npr.RateNetwork(weights, **options)


def indefinite():
    """A directed network that is stable although the symmetric part of -A is not positive."""
    upper = np.triu(np.random.default_rng(5).standard_normal((30, 30)), 1)
    return npr.RateNetwork(upper, leak=1.5)


NETWORKS = {
    "symmetric": network(),
    "directed": network(symmetric=False),
    "indefinite": indefinite(),
    "celegans": npr.datasets.load("celegans"),
    "celegans-gap": npr.datasets.load("celegans-gap"),
}


def problem(net, pruned, balance):
    mirror = mirrored(pruned.csr) if net.is_symmetric else None
    return refit._Certificate(net, pruned.csr, mirror, balance=balance)


@pytest.mark.parametrize("emphasis", [1.0, 2.5])
@pytest.mark.parametrize("balance", ["leak", "none", "homeostatic"])
@pytest.mark.parametrize("name", ["symmetric", "directed", "indefinite"])
def test_norm_and_gradient_are_those_of_the_naive_twin(name, balance, emphasis):
    """Singular values of E, and central differences, in double precision."""
    net = NETWORKS[name]
    pruned = npr.prune(net, 0.4, balance=balance, seed=7).network
    certificate = problem(net, pruned, balance)
    certificate.prepare(net, emphasis)
    x = np.random.default_rng(9).uniform(0.5, 1.5, certificate.n_units)

    def log_norm(x, q):
        weights = pruned.csr.copy()
        weights.data = weights.data * certificate.on_entries(x)
        return naive.log_schatten(net, weights.toarray(), q, balance, emphasis)

    for squarings in (1, 3, 5):
        value, gradient = certificate.log_schatten(x, squarings)
        q = 1 + 2**squarings
        assert value == pytest.approx(log_norm(x, q), abs=1e-5)
        size = np.max(np.abs(gradient))
        for e in range(0, certificate.n_units, 17):
            step = np.zeros_like(x)
            step[e] = 1e-5
            slope = (log_norm(x + step, q) - log_norm(x - step, q)) / 2e-5
            assert gradient[e] == pytest.approx(slope, abs=1e-3 * size)


@pytest.mark.parametrize("balance", ["leak", "none", "homeostatic"])
@pytest.mark.parametrize("name", NETWORKS)
def test_epsilon_falls_and_is_what_the_certificate_measures(name, balance):
    net = NETWORKS[name]
    before = npr.prune(net, 0.4, balance=balance, seed=3)
    after = npr.prune(net, 0.4, balance=balance, seed=3, refit=True)
    measured = [spectrum.epsilon(net, x.network).epsilon for x in (before, after)]
    assert measured[1] < (0.99 if balance == "none" else 0.9) * measured[0]
    assert after.refit.epsilon_before == pytest.approx(measured[0], rel=2e-3)
    assert after.refit.epsilon_after == pytest.approx(measured[1], rel=2e-3)
    assert before.refit is None
    # Nothing but weights and leak has changed, and what went to zero is gone.
    np.testing.assert_array_equal(after.keep_probability, before.keep_probability)
    assert not np.any(after.kept & ~before.kept)
    assert after.n_kept == np.count_nonzero(after.kept) == before.n_kept - after.refit.n_removed
    assert np.all(after.network.synapse_weights != 0)
    weights = net.synapse_weights[after.kept]
    np.testing.assert_array_equal(np.sign(after.network.synapse_weights), np.sign(weights))
    if balance == "none":
        np.testing.assert_array_equal(after.network.leak, net.leak)
    elif balance == "leak":
        matched = net.leak - net.input_strength + after.network.input_strength
        np.testing.assert_allclose(after.network.leak, matched, rtol=1e-9)
    else:
        excess = after.network.dominance_excess - net.dominance_excess
        np.testing.assert_allclose(excess, 0, atol=1e-9 * np.max(net.leak))


@pytest.mark.parametrize("unit", [1e-7, 1e7])
def test_the_unit_of_time_does_not_matter(unit):
    net = NETWORKS["symmetric"]
    other = npr.RateNetwork(unit * net.weights, unit * net.leak)
    first, second = (npr.prune(x, 0.5, seed=3, refit=True).refit for x in (net, other))
    assert first.epsilon_after == pytest.approx(second.epsilon_after, rel=1e-2)


def test_trajectories_follow_better_for_the_emphasis(monkeypatch):
    """Collective modes decide them: without emphasis epsilon falls further, but they do not."""
    net = npr.clustered_network((270, 10, 10, 10), long_range=500, seed=3)
    found = {}
    for emphasis in (1.0, refit._MAX_EMPHASIS):
        monkeypatch.setattr(refit, "_MAX_EMPHASIS", emphasis)
        pruned = npr.prune(net, 0.4, sampling="systematic", seed=3, refit=True).network
        error = similarity.dynamics_error(
            net, pruned, Simulation(duration=20.0, replicas=4, seed=5)
        )
        found[emphasis] = np.mean(error.mean), spectrum.epsilon(net, pruned).epsilon
    plain, emphasised = found.values()
    assert emphasised[0] < 0.7 * plain[0]
    assert emphasised[1] < 1.15 * plain[1]


def test_the_start_does_not_matter_much():
    """The problem is convex: from either balance the same epsilon, to the optimiser's patience."""
    net = NETWORKS["symmetric"]
    ends = [
        npr.prune(net, 0.3, balance=balance, seed=3, refit=True).refit.epsilon_after
        for balance in ("leak", "homeostatic")
    ]
    assert ends[0] == pytest.approx(ends[1], rel=0.03)


def test_a_symmetric_network_stays_exactly_symmetric():
    pruned = npr.prune(NETWORKS["symmetric"], 0.3, seed=5, refit=True).network
    assert pruned.is_symmetric


def test_a_network_kept_whole_is_left_alone():
    net = NETWORKS["directed"]
    pruning = npr.prune(net, 1.0, seed=5, refit=True)
    np.testing.assert_allclose(pruning.network.dense_weights(), net.dense_weights(), rtol=1e-12)
    assert pruning.refit.evaluations == 0


def test_it_is_refused_before_the_work_where_it_would_take_hours(monkeypatch):
    monkeypatch.setattr(refit, "MAX_NEURONS", 39)
    with pytest.raises(npr.OptionError, match="at most 39 neurons, but the network has 40: leave"):
        npr.prune(NETWORKS["symmetric"], 0.3, refit=True)
    with pytest.raises(npr.OptionError, match="at most 39"):
        npr.prune(NETWORKS["symmetric"], keep=0.3, rule="weight", refit=True)


def test_an_unstable_network_is_refused():
    weights = 2.0 - 2.0 * np.eye(5)
    with pytest.raises(npr.UnstableError, match="spectral abscissa"):
        npr.prune(npr.RateNetwork(weights, leak=1.0), 0.5, rule="weight", refit=True)


def test_progress_is_told():
    seen = []
    net = NETWORKS["directed"]
    npr.prune(net, 0.3, rule="weight", refit=True, progress=lambda *x: seen.append(x))
    assert [done for done, _ in seen] == list(range(1, len(seen) + 1))
    assert 10 < len(seen) <= seen[-1][1]


def test_on_the_command_line():
    arguments = ["prune", "dataset:mushroom-body", "--keep", "0.3", "--json", "--quiet"]
    plain, fitted = (
        json.loads(CliRunner().invoke(app, [*arguments, *more]).stdout)
        for more in ([], ["--refit"])
    )
    assert plain["refit"] is None
    assert fitted["epsilon"] < 0.8 * plain["epsilon"]
    assert fitted["refit"]["epsilon_before"] == pytest.approx(plain["epsilon"], rel=1e-2)
    table = CliRunner().invoke(app, [*arguments[:4], "--refit", "--quiet"]).stdout
    assert "evaluations" in table
