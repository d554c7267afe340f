"""Fitting and regrowing: the gradient, its laws, and what they gain."""

import json

import naive
import numpy as np
import pytest
from scipy import linalg
from typer.testing import CliRunner

import noiseprune as npr
from noiseprune import kernels, similarity, spectrum
from noiseprune.cli import app
from noiseprune.cluster import Kept
from noiseprune.pruning import Recipe, change, prune_network, search
from noiseprune.simulation import Simulation
from noiseprune.solvers import kernels as blocks

BALANCES = ("leak", "none", "homeostatic")


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


class UnitVectors:
    """In place of a generator: probes by which every mean over probes is exact."""

    def standard_normal(self, shape, dtype):
        return np.eye(*shape, dtype=dtype)


@pytest.mark.parametrize("balance", BALANCES)
@pytest.mark.parametrize("name", ["symmetric", "directed", "indefinite"])
def test_objective_and_gradient_are_those_of_the_naive_twin(name, balance, monkeypatch):
    """Singular values of E, and differences, in double precision."""
    net = NETWORKS[name]
    monkeypatch.setattr(change, "COLUMNS", net.n_neurons)
    found = change.Change(net, balance)
    rng = np.random.default_rng(9)
    x = rng.uniform(0.2, 2.0, found.on_units(net.synapse_weights).size)
    x *= rng.random(x.size) < 0.7

    def terms(x, q):
        weights = net.csr.copy()
        weights.data = weights.data * found.on_entries(x)
        return naive.relative_change(net, weights.toarray(), q, balance)

    for q in (1, 2, 3, 9):
        slope = found.slope(x.astype(np.float32), q, UnitVectors())
        assert (slope.log_norm, slope.log_activity) == pytest.approx(terms(x, q), abs=1e-4)
        size = float(np.max(np.abs(slope.gradient)))
        for e in range(0, x.size, 17):
            step = np.zeros_like(x)
            step[e] = 1e-5
            lower = x - step if x[e] > 0 else x  # below 0 the leak would follow |x|
            upper = np.array(terms(x + step, q))
            norm, activity = (upper - terms(lower, q)) / np.sum(x + step - lower)
            gradient = norm + change.ACTIVITY * activity
            assert slope.gradient[e] == pytest.approx(gradient, abs=2e-3 * size)


def test_random_probes_estimate_the_norm():
    found = change.Change(NETWORKS["celegans"], "none")
    x = np.random.default_rng(9).random(2386, np.float32)
    values = [found.slope(x, 3, np.random.default_rng(seed)).log_norm for seed in range(40)]
    weights = NETWORKS["celegans"].csr.copy()
    weights.data = weights.data * x
    exact, _ = naive.relative_change(NETWORKS["celegans"], weights.toarray(), 3, "none")
    assert np.mean(values) == pytest.approx(exact, abs=4 * np.std(values) / np.sqrt(40) + 0.01)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("columns", [3, 8, 19])
def test_on_synapses_is_its_naive_twin(columns, symmetric):
    net, rng = network(symmetric, n=12), np.random.default_rng(8)
    a, b = rng.standard_normal((2, 12, columns))
    starts = kernels.pair_starts(net.csr.indptr, net.csr.indices) if symmetric else net.csr.indptr
    csr = net.csr.indptr, net.csr.indices, net.csr.data
    found = blocks.on_synapses(*csr, starts, a, b, 0.3, 0.6, symmetric)
    p, w = a @ b.T, net.dense_weights()
    own = np.diag(p)
    each = np.abs(w) * (0.3 * own[:, None] + 0.6 * own - np.sign(w) * p)
    if symmetric:
        each = np.triu(each + each.T)
    np.testing.assert_allclose(found, each[np.nonzero(np.triu(w) if symmetric else w)])


@pytest.mark.parametrize("size", [4000, 39])
def test_a_symmetric_network_need_not_be_dominant(size, monkeypatch):
    """Its response comes from the factor where it is not solved densely."""
    rng = np.random.default_rng(6)
    weights = np.triu(rng.standard_normal((40, 40)), 1)
    weights += weights.T
    net = npr.RateNetwork(weights, leak=1.1 * np.max(np.linalg.eigvalsh(weights)))
    assert not net.is_diagonally_dominant
    monkeypatch.setattr(change, "DENSE_EIGENVALUES", size)
    states = change.Change(net, "none")._own
    response = np.linalg.solve(-net.dense_drift(), np.ones(40))
    size = np.sqrt(response @ -net.dense_drift() @ response)
    np.testing.assert_allclose(states[:, 1], response / size, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("symmetric", [True, False])
def test_iterated_solves_are_those_of_the_factor(symmetric, monkeypatch):
    net = network(symmetric=symmetric, leak="dominant", leak_margin=0.2)
    dense = change.Change(net, "none")._white
    monkeypatch.setattr(change, "DENSE", 39)
    monkeypatch.setattr(change, "_SOLVE_ERROR", 1e-5)
    sparse = change.Change(net, "none")._white
    load = np.random.default_rng(3).standard_normal((40, 5), np.float32)
    np.testing.assert_allclose(sparse.left(load), dense.left(load), rtol=1e-3, atol=1e-5)
    rng = np.random.default_rng(4)
    draws = np.concatenate(
        [sparse.draw(np.empty((40, 32), np.float32), rng) for _ in range(200)], 1
    )
    h = np.diag(net.leak) - 0.5 * (net.dense_weights() + net.dense_weights().T)
    error = draws @ draws.T / draws.shape[1] - linalg.inv(h)
    assert np.linalg.norm(error) < 0.1 * np.linalg.norm(linalg.inv(h))


@pytest.mark.parametrize("effort", ["refit", "regrow"])
@pytest.mark.parametrize("balance", BALANCES)
@pytest.mark.parametrize("name", NETWORKS)
def test_epsilon_falls_and_the_laws_are_kept(name, balance, effort):
    net = NETWORKS[name]
    before = npr.prune(net, 0.4, balance=balance, seed=3)
    after = npr.prune(net, 0.4, balance=balance, seed=3, effort=effort)
    measured = [spectrum.epsilon(net, x.network).epsilon for x in (before, after)]
    assert measured[1] < 0.9 * measured[0]
    assert measured[1] <= 1.02 * after.fit.norm_after
    if effort == "refit":
        np.testing.assert_array_equal(after.kept, before.kept)
    else:
        assert after.fit.swaps > 0
        units = 2 if net.is_symmetric else 1
        assert after.n_kept == units * round(0.4 * net.n_synapses / units)
    assert after.n_kept == np.count_nonzero(after.kept)
    assert after.network.is_symmetric == net.is_symmetric
    weights = net.synapse_weights[after.kept]
    np.testing.assert_array_equal(np.sign(after.network.synapse_weights), np.sign(weights))
    if after.balance == "none":
        np.testing.assert_array_equal(after.network.leak, net.leak)
    elif after.balance == "leak":
        matched = net.leak - net.input_strength + after.network.input_strength
        np.testing.assert_allclose(after.network.leak, matched, rtol=1e-9)
    else:
        excess = after.network.dominance_excess - net.dominance_excess
        np.testing.assert_allclose(excess, 0, atol=1e-9 * np.max(net.leak))


def test_regrowing_is_better_than_every_draw_in_every_measure():
    net = NETWORKS["celegans"]
    found = {}
    for name, choices in {
        "draw": {},
        "largest weights": {"rule": "magnitude"},
        "refit": {"effort": "refit"},
        "regrow": {"effort": "regrow"},
    }.items():
        pruned = npr.prune(net, 0.5, seed=3, **choices).network
        report = npr.spectral_similarity(net, pruned)
        error = similarity.dynamics_error(net, pruned, Simulation(replicas=4, seed=5)).mean
        found[name] = report.epsilon, report.covariance_error, np.max(error), error[-1]
    best = np.min([found[name] for name in list(found)[:3]], axis=0)
    assert np.all(np.array(found["regrow"]) < 0.9 * best)


def test_a_fit_is_that_of_its_seed():
    one, same, other = (
        npr.prune(NETWORKS["directed"], 0.3, effort="regrow", seed=seed).network.synapse_weights
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("unit", [1e-7, 1e7])
def test_the_unit_of_time_does_not_matter(unit):
    net = NETWORKS["symmetric"]
    other = npr.RateNetwork(unit * net.weights, unit * net.leak)
    first, second = (npr.prune(x, 0.5, seed=3, refit=True).fit for x in (net, other))
    assert first.norm_after == pytest.approx(second.norm_after, rel=1e-2)


@pytest.mark.parametrize("effort", ["refit", "regrow"])
def test_a_network_kept_whole_is_left_alone(effort):
    net = NETWORKS["directed"]
    pruning = npr.prune(net, 1.0, seed=5, effort=effort)
    np.testing.assert_allclose(pruning.network.dense_weights(), net.dense_weights(), rtol=1e-12)


def test_a_promise_of_epsilon_gives_the_number_that_regrows():
    net = npr.clustered_network((30, 10), long_range=20, seed=3)
    drawn = npr.prune(net, epsilon=1.0, seed=3)
    grown = npr.prune(net, epsilon=1.0, seed=3, effort="regrow")
    assert grown.n_kept == pytest.approx(np.sum(drawn.keep_probability), abs=1)
    assert grown.promised_epsilon is None


def test_rules_and_samplings_may_start_it():
    for choices in ({"rule": "magnitude"}, {"rule": "weight"}, {"sampling": "systematic"}):
        pruning = npr.prune(NETWORKS["directed"], 0.3, seed=3, effort="regrow", **choices)
        assert pruning.fit.norm_after < pruning.fit.norm_before


def test_what_contradicts_itself_is_refused():
    net = NETWORKS["directed"]
    with pytest.raises(npr.OptionError, match="rule 'paper' is the paper's own draw"):
        npr.prune(net, 0.3, rule="paper", effort="regrow")
    with pytest.raises(npr.OptionError, match="refit means effort 'refit'"):
        npr.prune(net, 0.3, refit=True, effort="regrow")
    with pytest.raises(npr.OptionError, match="unknown effort 'grow'"):
        npr.prune(net, 0.3, effort="grow")
    assert Recipe.of(effort="regrow").balance == "none"


def test_a_large_network_that_cannot_be_iterated_is_refused_before_the_work(monkeypatch):
    monkeypatch.setattr(search, "DENSE", 29)
    with pytest.raises(npr.OptionError, match="needs a diagonally dominant drift"):
        npr.prune(indefinite(), 0.3, effort="refit")


def test_an_unstable_network_is_refused():
    weights = 2.0 - 2.0 * np.eye(5)
    with pytest.raises(npr.UnstableError, match="spectral abscissa"):
        npr.prune(npr.RateNetwork(weights, leak=1.0), 0.5, rule="weight", refit=True)


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("step", [1, 9, 10, 239, 399])
def test_an_interrupted_search_ends_as_if_it_had_not_been(step, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "_KEEP_EVERY", -1.0)
    net, recipe = NETWORKS["directed"], Recipe(effort="regrow")
    variance = npr.synapse_variance(net)
    whole = prune_network(net, variance.variance, 0.3, recipe, seed=5)

    def stop(done, total):
        if done == step:
            raise Interrupted

    def again(seed=5, **options):
        memory = Kept(tmp_path)
        return prune_network(
            net, variance.variance, 0.3, recipe, seed=seed, memory=memory, **options
        )

    with pytest.raises(Interrupted):
        again(progress=stop)
    with pytest.raises(npr.FileError, match="holds another run, of another network, seed"):
        again(seed=6)
    seen = []
    found = again(progress=lambda done, total: seen.append(done))
    assert seen[0] == step + 1 if step < 399 else seen == [400]
    assert found.network.csr.data.tobytes() == whole.network.csr.data.tobytes()
    assert found.network.csr.indices.tobytes() == whole.network.csr.indices.tobytes()
    assert found.fit == whole.fit


def test_progress_is_told():
    seen = []
    net = NETWORKS["directed"]
    npr.prune(net, 0.3, rule="weight", refit=True, progress=lambda *x: seen.append(x))
    assert [done for done, _ in seen] == list(range(1, len(seen) + 1))
    assert 10 < len(seen) == seen[-1][1]


def test_on_the_command_line():
    arguments = ["prune", "dataset:mushroom-body", "--keep", "0.3", "--json", "--quiet"]
    plain, fitted, grown = (
        json.loads(CliRunner().invoke(app, [*arguments, *more]).stdout)
        for more in ([], ["--refit"], ["--effort", "regrow"])
    )
    assert plain["refit"] is None
    assert (plain["effort"], fitted["effort"], grown["effort"]) == ("draw", "refit", "regrow")
    assert grown["epsilon"] < 0.9 * fitted["epsilon"] < 0.9 * plain["epsilon"]
    assert grown["refit"]["swaps"] > 0


@pytest.mark.parametrize("effort", ["refit", "regrow"])
def test_what_is_fitted_stays_stable(effort):
    """Gap junctions lose their stability without a balance: the leak then follows."""
    net = NETWORKS["celegans-gap"]
    found = npr.prune(net, 0.1, effort=effort, seed=1)
    assert found.balance == "leak"
    assert found.network.spectral_abscissa() < 0
    assert found.n_kept == npr.prune(net, 0.1, seed=1).n_kept


@pytest.mark.parametrize("size", [1e-46, 1e40])
def test_units_do_not_matter(size):
    net = NETWORKS["celegans"]
    scaled = npr.RateNetwork(net.csr * size, leak=net.leak * size)
    plain, found = (npr.prune(x, 0.2, effort="regrow", seed=1) for x in (net, scaled))
    assert found.fit.norm_after == pytest.approx(plain.fit.norm_after, rel=0.05)
