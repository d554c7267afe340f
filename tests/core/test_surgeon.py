"""The surgeon: paths, counts, what is mended, and where the second moment comes from."""

import naive
import numpy as np
import pytest
from scipy import sparse

import noiseprune as npr
from noiseprune import OptionError, RateNetwork, Recipe
from noiseprune.pruning import Activity, kernels, prune_weights, surgeon
from noiseprune.pruning.kernels import LEAST
from noiseprune.variance import Exact, Probes

either_symmetry = pytest.mark.parametrize("symmetric", [True, False])
SURGEON = Recipe(rule="surgeon")


def random_network(n, seed, *, symmetric, density=0.5):
    rng = np.random.default_rng(seed)
    return RateNetwork(naive.signed_weights(n, rng, symmetric=symmetric, density=density))


def dense(net, values):
    matrix = np.zeros(net.weights.shape)
    matrix[net.synapses] = values
    return matrix


def pruned_matrix(weights, activity, keep, seed=3, **options):
    rng = np.random.default_rng(seed)
    return prune_weights(sparse.csr_array(weights), None, keep, SURGEON, rng, activity=activity)


def correlated(n, seed, samples=None):
    """States (samples, n) whose inputs share much: weights mended by them change their signs."""
    rng = np.random.default_rng(seed)
    samples = 5 * n if samples is None else samples
    common = rng.normal(size=(samples, 2)) @ rng.normal(size=(2, n))
    return common + 0.3 * rng.normal(size=(samples, n))


# ------------------------------------------------------------------------------------ the path


@pytest.mark.parametrize("keep", [0.1, 0.5, 40])
@either_symmetry
def test_losses_and_choice_are_those_of_the_twin(symmetric, keep):
    net = random_network(25, 5, symmetric=symmetric)
    moment = naive.exact_moment(net.dense_weights(), net.leak)
    expected = np.zeros((25, 25))
    for i, row in enumerate(net.dense_weights()):
        inputs = np.flatnonzero(row)
        expected[i, inputs] = naive.surgeon(row[inputs], moment[np.ix_(inputs, inputs)])
    if symmetric:
        expected = expected + expected.T
    found = npr.prune(net, keep, "surgeon", seed=3)
    np.testing.assert_allclose(found.importance, expected[net.synapses], rtol=1e-5)
    number = keep if isinstance(keep, int) else round(keep * net.n_synapses)
    assert abs(found.n_kept - number) <= (1 if symmetric else 0)
    np.testing.assert_array_equal(found.network.leak, net.leak)
    lost, kept = found.importance[~found.kept], found.importance[found.kept]
    assert np.max(lost) <= np.min(kept)


def test_many_at_a_time_are_as_good_as_one():
    """Of 150 inputs four go at once, at first; what is lost in all is the same within 1 %."""
    rng = np.random.default_rng(7)
    states, w = correlated(150, 5) * rng.lognormal(size=150), rng.normal(size=150)
    moment = states.T @ states / len(states)
    moment += 0.01 * np.trace(moment) / 150 * np.eye(150)
    slow = naive.surgeon(w, moment)
    fast = pruned_matrix(w[None], Activity(moment, True, 0.0), 1).loss
    assert np.any(np.abs(fast / slow - 1) > 1e-6)

    def lost(order, number):
        kept = np.sort(order[number:])
        x = np.linalg.solve(moment[np.ix_(kept, kept)], moment[kept] @ w)
        change = -w.copy()
        change[kept] += x
        return change @ moment @ change

    for number in (30, 75, 120):
        assert lost(np.argsort(fast), number) <= 1.01 * lost(np.argsort(slow), number)
        assert lost(np.argsort(np.abs(w)), number) > 1.2 * lost(np.argsort(slow), number)


def test_where_inputs_are_independent_it_is_magnitude_by_variance():
    rng = np.random.default_rng(3)
    weights, variance = rng.normal(size=(7, 40)), rng.lognormal(size=40)
    found = pruned_matrix(weights, Activity(np.diag(variance), True, 0.0), 90)
    loss = weights**2 * variance
    np.testing.assert_allclose(found.loss, loss.ravel(), rtol=1e-9)
    expected = np.where(loss >= np.sort(loss.ravel())[-90], weights, 0.0)
    np.testing.assert_allclose(found.weights.toarray(), expected, rtol=1e-12)


def test_equal_inputs_go_by_the_seed():
    activity = Activity(np.eye(12), True, 0.0)
    kept = {
        tuple(pruned_matrix(np.ones((3, 12)), activity, 18, seed).kept) for seed in (1, 3, 5, 7)
    }
    assert len(kept) == 4
    one, again = (pruned_matrix(np.ones((3, 12)), activity, 18, 9).kept for _ in range(2))
    np.testing.assert_array_equal(one, again)


# ------------------------------------------------------------------------------ what is mended


@pytest.mark.parametrize("whole", [True, False])
def test_the_rest_is_the_least_squares_solution(whole):
    rng = np.random.default_rng(5)
    weights = rng.normal(size=(6, 30)) * (rng.random((6, 30)) < 0.8)
    states = rng.normal(size=(200, 30)) @ (np.eye(30) + 0.1 * rng.normal(size=(30, 30)))
    activity = Activity.of_states(states)
    if not whole:
        activity = Activity(states.T / np.sqrt(200), False, activity.dampening)
    moment = states.T @ states / 200
    found = pruned_matrix(weights, activity, 0.6).weights.toarray()
    for w, x in zip(weights, found):
        inputs, kept = np.flatnonzero(w), np.flatnonzero(x)
        damped = moment + 0.01 * np.mean(np.diagonal(moment)[inputs]) * np.eye(30)
        expected = np.linalg.solve(damped[np.ix_(kept, kept)], damped[kept] @ w)
        np.testing.assert_allclose(x[kept], expected, rtol=1e-9)
        plain = np.where(x != 0, w, 0.0)
        assert (x - w) @ moment @ (x - w) < 0.95 * (plain - w) @ moment @ (plain - w)


def test_signs_stay_and_the_others_mend_what_is_held():
    """Of any support, for what the path itself keeps hardly ever changes its sign."""
    rng = np.random.default_rng(5)
    weights, kept = np.abs(rng.normal(size=(4, 24))), rng.random((4, 24)) < 0.4
    activity = Activity.of_states(correlated(24, 9))
    damped = activity.values + 0.01 * np.mean(np.diagonal(activity.values)) * np.eye(24)
    mended = surgeon.mended(sparse.csr_array(weights), kept.ravel(), activity, symmetric=False)
    flipped = 0
    for w, x, k in zip(weights, mended.reshape(4, 24), kept):
        free = np.linalg.solve(damped[np.ix_(k, k)], damped[k] @ w)
        flipped += np.count_nonzero(free < 0)
        held = k & (x <= LEAST * w * (1 + 1e-12))
        np.testing.assert_allclose(x[held], LEAST * w[held])
        np.testing.assert_array_equal(x > 0, k)
        # the rest is where the loss has no slope
        np.testing.assert_allclose((damped @ (x - w))[k & ~held], 0.0, atol=1e-9)
    assert flipped > 0


@pytest.mark.parametrize("method", ["exact", "probe"])
@either_symmetry
def test_laws_of_every_pruning(symmetric, method):
    net = random_network(33, 7, symmetric=symmetric)
    before = net.dense_weights().copy()
    found = npr.prune(net, 0.3, "surgeon", method=method, seed=5)
    pruned = found.network.dense_weights()
    np.testing.assert_array_equal(net.dense_weights(), before)
    np.testing.assert_array_equal(pruned != 0, dense(net, found.kept) != 0)
    np.testing.assert_array_equal(np.sign(pruned), np.sign(before) * (pruned != 0))
    np.testing.assert_array_equal(found.keep_probability, found.kept)
    assert (found.sampling, found.balance, found.guarantee) == ("none", "none", "none")
    assert found.to_dict()["method"] == method
    assert found.evidence.activity is None
    if symmetric:
        np.testing.assert_array_equal(pruned, pruned.T)
    again = npr.prune(net, 0.3, "surgeon", method=method, seed=5).network.dense_weights()
    np.testing.assert_array_equal(pruned, again)


@either_symmetry
def test_relabelling_neurons_relabels_the_pruned_network(symmetric):
    net = random_network(41, 3, symmetric=symmetric)
    order = np.random.default_rng(5).permutation(41)
    relabelled = RateNetwork(net.dense_weights()[np.ix_(order, order)], net.leak[order])
    first, second = (
        npr.prune(x, 0.3, "surgeon", seed=1).network.dense_weights() for x in (net, relabelled)
    )
    np.testing.assert_allclose(second, first[np.ix_(order, order)], rtol=1e-5)


@either_symmetry
def test_all_kept_is_the_network_itself(symmetric):
    net = random_network(15, 3, symmetric=symmetric)
    np.testing.assert_array_equal(
        npr.prune(net, 1.0, "surgeon").network.dense_weights(), net.dense_weights()
    )


def test_it_keeps_the_covariance_where_magnitude_loses_it():
    net = npr.datasets.load("mushroom-body")
    original = npr.covariance(net).covariance
    error = {
        rule: np.linalg.norm(
            npr.covariance(npr.prune(net, 0.5, rule).network).covariance - original
        )
        for rule in ("surgeon", "magnitude")
    }
    assert error["surgeon"] < 0.1 * error["magnitude"]


# --------------------------------------------------------------------------- where it comes from


@either_symmetry
def test_probes_have_the_covariance_and_err_less_the_more_they_are(symmetric):
    net = random_network(20, 3, symmetric=symmetric)
    exact = Exact(keep_activity=True).measure(net)
    moment = naive.exact_moment(net.dense_weights(), net.leak)
    np.testing.assert_allclose(exact.activity.values, moment, rtol=1e-9)
    assert Exact().measure(net).activity is None
    errors = {}
    for n in (30, 3000):
        probed = Probes(n=n, keep_activity=True).measure(net, 0.3, seed=5)
        f = probed.activity.values
        errors[n] = np.linalg.norm(f @ f.T - moment) / np.linalg.norm(moment)
        true = npr.synapse_variance(net, 0.3).variance
        size = np.sqrt(np.mean((probed.variance / true - 1) ** 2))
        assert size < 1.5 * probed.relative_error
    assert errors[3000] < 0.04
    assert errors[3000] < 0.25 * errors[30]


@pytest.mark.parametrize("effort", ["refit", "regrow"])
def test_fits_start_from_it(effort):
    net = random_network(25, 3, symmetric=False)
    found = npr.prune(net, 0.4, "surgeon", effort=effort, seed=3)
    assert found.n_kept == round(0.4 * net.n_synapses)
    first = npr.prune(net, 0.4, "surgeon", seed=3)
    change = [npr.spectral_similarity(net, x.network).epsilon for x in (first, found)]
    assert change[1] < change[0]


@pytest.mark.parametrize("method", ["exact", "probe", "simulation"])
def test_a_comparison_has_its_row(method):
    net = npr.RateNetwork(
        0.3 * np.random.default_rng(3).normal(size=(12, 12)) * (1 - np.eye(12)), 3
    )
    rows = npr.compare(net, [0.4, 0.6], draws=2, method=method, seed=5).rows
    found = [row for row in rows if row.rule == "surgeon"]
    assert [row.kept_fraction for row in found] == pytest.approx([0.4, 0.6], abs=0.01)
    options = {"draws": 2, "method": method, "recipes": [SURGEON], "seed": 5}
    alone = npr.compare(net, [0.4, 0.6], **options).rows
    assert [row.epsilon for row in alone] == [row.epsilon for row in found]
    if method == "exact":
        pruned = npr.prune(net, 0.4, "surgeon", seed=3).network
        assert found[0].epsilon == npr.spectral_similarity(net, pruned).epsilon


def test_a_recording_has_it():
    net = random_network(20, 3, symmetric=False)
    run = npr.simulate(net, duration=400.0 / np.min(net.leak), noise=1.0, drive=0.0, x0="zero",
                       dt=0.02 / np.max(net.leak), record_every=25, replicas=1, seed=3)  # fmt: skip
    recording = npr.recordings.from_trajectory(run)
    source = npr.recordings.Recorded(recording=recording, keep_activity=True)
    seen = source.measure(net)
    covariance = npr.recordings.covariance(recording).covariance
    np.testing.assert_allclose(seen.activity.values, covariance, rtol=1e-9)
    found = npr.prune(net, 0.5, "surgeon", variance=seen, seed=3)
    exact = npr.prune(net, 0.5, "surgeon", seed=3)
    assert np.mean(found.kept == exact.kept) > 0.8
    assert found.to_dict()["recording"] is not None


# ------------------------------------------------------------------------------------ refusals


NET = random_network(12, 3, symmetric=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variance": np.ones(NET.n_synapses)}, "leave variance out"),
        ({"variance": npr.synapse_variance(NET)}, "leave variance out"),
        ({"method": "simulation"}, "use method 'exact' or 'probe'"),
        ({"balance": "homeostatic"}, "leave the balance out"),
        ({"balance": "leak"}, "leave the balance out"),
        ({"method": "probe", "probe_error": 0.1}, "number of probes"),
        ({"epsilon": 0.5}, "epsilon needs rule 'noise'"),
    ],
)
def test_what_it_cannot_do_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        npr.prune(NET, None if "epsilon" in options else 0.5, "surgeon", **options)


def test_an_activity_must_fit_the_weights():
    with pytest.raises(OptionError, match=r"of 5 neurons, but .* from 4"):
        pruned_matrix(np.ones((2, 4)), Activity(np.eye(5), True, 0.0), 3)
    with pytest.raises(OptionError, match="no neuron is active"):
        pruned_matrix(np.ones((2, 4)), Activity.of_states(np.zeros((9, 4))), 3)
    silent = surgeon.Activity.of_states(np.array([[1.0, 0.0, 0.0]] * 9))
    found = pruned_matrix(np.array([[0.0, 1.0, 3.0], [2.0, 1.0, 1.0]]), silent, 2)
    assert list(found.kept) == [False, True, True, False, False]


# ---------------------------------------------------------------------------- compiled loops


def test_the_factor_is_inverted_and_bears_what_rounding_leaves():
    block = naive.exact_moment(NET.dense_weights(), NET.leak)
    expected = np.linalg.inv(np.linalg.cholesky(block))
    np.testing.assert_allclose(kernels.inverse_of_factor(block), expected, atol=1e-9)
    flat = np.ones((3, 3))  # of rank one
    assert np.all(np.isfinite(kernels.inverse_of_factor(flat)))


def test_losses_by_states_are_the_twin_s():
    rng = np.random.default_rng(5)
    csr = sparse.csr_array(rng.normal(size=(9, 20)) * (rng.random((9, 20)) < 0.7))
    states = rng.normal(size=(20, 50))
    level, ties = float(np.mean(states**2)) * 50, rng.random(csr.nnz)
    loss = kernels.removal_losses(
        csr.indptr, csr.indices, csr.data, ties, states, False, 0.1, level
    )
    for i in range(9):
        own = slice(csr.indptr[i], csr.indptr[i + 1])
        f = states[csr.indices[own]]
        moment = f @ f.T
        moment += 0.1 * np.trace(moment) / len(f) * np.eye(len(f))
        np.testing.assert_allclose(loss[own], naive.surgeon(csr.data[own], moment), rtol=1e-9)
        found = kernels.second_moment(states, False, 0.1, level, csr.indices[own])
        np.testing.assert_allclose(found, moment, rtol=1e-12)
