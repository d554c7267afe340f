"""Regrowing online: the rule of a neuron, what it knows, and the counts and signs that stay."""

import json

import naive
import naive_simulation
import numpy as np
import pytest
from typer.testing import CliRunner

import noiseprune as npr
from noiseprune.cli import app
from noiseprune.online.regrowth import CUT, GROW, LEAST, MOST, Regrowth, delta_rule
from noiseprune.online.synapses import Synapses

BOTH = pytest.mark.parametrize("symmetric", [False, True])
BOUNDS = (LEAST, MOST)


def network(n=20, *, symmetric=False, seed=3):
    weights = naive.signed_weights(n, np.random.default_rng(seed), symmetric=symmetric)
    return npr.RateNetwork(weights / np.abs(weights).sum(axis=1).mean(), leak_margin=0.3)


def pruned_synapses(net, rng, share=0.6):
    synapses = Synapses.of(net)
    synapses.square, synapses.samples = np.exp(rng.standard_normal(synapses.unit.size)), 1.0
    places = Regrowth(synapses, net.is_symmetric), synapses.variance.copy()
    synapses.only(rng.random(synapses.unit.size) < share)
    return synapses, *places


@BOTH
def test_the_delta_rule_is_its_naive_twin(symmetric):
    net, rng = network(8, symmetric=symmetric), np.random.default_rng(5)
    synapses = Synapses.of(net)
    target = synapses.weight
    weight = target * rng.uniform(0.05, 4.0, target.size) * (rng.random(target.size) < 0.6)
    activity, slope = 3.0 * rng.standard_normal((8, 20)), np.zeros(target.size)
    ends = np.stack([synapses.post, synapses.pre])
    rule = *ends, symmetric, target, weight, activity, 0.7, (0.9, 1.1)
    expected = naive_simulation.delta_rule(*rule)
    delta_rule(ends, *rule[2:], slope)
    np.testing.assert_allclose(weight, expected[0], rtol=1e-9)
    np.testing.assert_allclose(slope, expected[1], rtol=1e-9)
    multiplier = weight[weight != 0] / target[weight != 0]
    at_a_bound = np.isclose(multiplier, 0.9) | np.isclose(multiplier, 1.1)
    assert 0 < np.sum(at_a_bound) < multiplier.size


def test_a_copy_of_what_was_pruned_takes_over():
    """Two inputs of the same rates: the one that is left has the strength of both."""
    ends = np.array([[0, 0, 0], [1, 2, 3]])
    target, weight = np.array([1.0, 0.5, -2.0]), np.array([1.0, 0.0, -2.0])
    activity = np.random.default_rng(7).standard_normal((4, 500))
    activity[2] = activity[1]
    delta_rule(ends, False, target, weight, activity, 0.5, BOUNDS, np.zeros(3))
    np.testing.assert_allclose(weight, [1.5, 0.0, -2.0], atol=1e-6)


def test_a_neuron_knows_its_own_inputs_alone():
    """Everything else is changed, activity and weights: its synapses do the same."""
    net, rng = network(14), np.random.default_rng(9)
    synapses = Synapses.of(net)
    ends, target = np.stack([synapses.post, synapses.pre]), synapses.weight
    start = target * (rng.random(target.size) < 0.6)
    activity = rng.standard_normal((14, 15))
    for neuron in range(0, 14, 3):
        own = synapses.post == neuron
        others = ~np.isin(np.arange(14), synapses.pre[own])
        found = []
        for changed in (0.0, 1.0):
            weight = start * np.where(own, 1.0, 1.0 + changed)
            slope = np.zeros(target.size)
            noise = changed * others[:, None] * rng.standard_normal(activity.shape)
            delta_rule(ends, False, target, weight, activity + noise, 0.3, BOUNDS, slope)
            found.append((weight, slope))
        (weight, slope), (weight_2, slope_2) = found
        np.testing.assert_array_equal(weight[own], weight_2[own])
        np.testing.assert_array_equal(slope[own], slope_2[own])
        assert not np.allclose(slope[~own], slope_2[~own])


@BOTH
def test_the_places_that_would_lower_the_error_most_grow_back(symmetric):
    net, rng = network(12, symmetric=symmetric), np.random.default_rng(11)
    synapses, regrowth, sensed = pruned_synapses(net, rng)
    before, number = synapses.unit.astype(int), synapses.unit.size
    activity = rng.standard_normal((12, 30))
    for tick in range(GROW):
        regrowth.tick(synapses, activity, sensed, tick, 1.0)
        np.testing.assert_array_equal(synapses.unit, before)
    regrowth.tick(synapses, activity, sensed, GROW, 0.5)
    new = np.setdiff1d(synapses.unit.astype(int), before)
    assert 0 < new.size <= 0.3 * 0.5 * number
    dead = np.setdiff1d(np.arange(regrowth.target.size), synapses.unit.astype(int))
    gain = -regrowth.slope * np.sign(regrowth.target)
    gain /= np.sqrt(np.abs(regrowth.target) * sensed)
    assert np.min(gain[new]) > max(0.0, np.max(gain[dead]))
    where = np.isin(synapses.unit, new)
    np.testing.assert_allclose(synapses.weight[where], LEAST * regrowth.target[new])
    np.testing.assert_allclose(synapses.variance[where], sensed[new])
    for tick in range(GROW + 1, CUT + 1):
        regrowth.tick(synapses, activity, sensed, tick, 0.5)
    assert synapses.unit.size == number
    assert not np.array_equal(synapses.unit, before)


@BOTH
@pytest.mark.parametrize("activation", ["linear", "rectified"])
def test_counts_signs_and_leak_stay(symmetric, activation):
    net = network(symmetric=symmetric)
    found = npr.plasticity(net, 0.4, rounds=3, regrow=True, seed=7, activation=activation)
    unit = 2 if symmetric else 1
    assert found.n_kept == found.kept.sum() == unit * round(0.4 * net.n_synapses / unit)
    assert found.n_left[-1] == found.n_kept
    assert np.all(np.diff(found.n_left) < 0)
    assert found.network.is_symmetric == symmetric
    np.testing.assert_array_equal(found.network.leak, net.leak)
    multiplier = found.network.dense_weights()[net.synapses] / net.synapse_weights
    np.testing.assert_array_equal(multiplier > 0, found.kept)
    assert np.max(multiplier) <= MOST * (1 + 1e-12)
    plain = npr.plasticity(net, 0.4, rounds=3, seed=7, activation=activation)
    np.testing.assert_array_equal(plain.n_left, found.n_left)
    assert np.any(plain.kept != found.kept)
    assert (plain.to_dict()["regrow"], found.to_dict()["regrow"]) == (False, True)


def test_a_seed_repeats_the_run_and_a_whole_network_stays():
    net = network()
    first, again, other = (
        npr.plasticity(net, 0.4, rounds=2, regrow=True, seed=seed).network.dense_weights()
        for seed in (5, 5, 7)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    whole = npr.plasticity(net, 1.0, rounds=2, regrow=True, seed=5).network
    np.testing.assert_allclose(whole.dense_weights(), net.dense_weights(), rtol=1e-9)


def test_the_end_is_nearer_than_without():
    net = npr.datasets.load("mushroom-body")
    errors = [
        npr.plasticity(net, 0.2, rounds=5, interval=0.2, seed=3, **options).epsilon[-1]
        for options in ({"regrow": True}, {"adapt_leak": False})
    ]
    assert errors[0] < 0.95 * errors[1]


def test_continuous_pruning_does_not_regrow():
    with pytest.raises(npr.OptionError, match="synapses regrow in rounds"):
        npr.plasticity(network(), 0.4, continuous=True, regrow=True)


def test_on_the_command_line(tmp_path):
    npr.save(network(), tmp_path / "net.npz")
    options = ["--keep", "0.4", "--rounds", "2", "--interval", "20", "--seed", "5", "--regrow"]
    options += ["--figure", str(tmp_path / "own.svg"), "--json", "--quiet"]
    result = CliRunner().invoke(app, ["plasticity", str(tmp_path / "net.npz"), *options])
    found = json.loads(result.stdout)
    expected = npr.plasticity(
        npr.load(tmp_path / "net.npz"), 0.4, rounds=2, interval=20.0, seed=5, regrow=True
    )
    assert (found["regrow"], found["adapt_leak"]) == (True, False)
    assert found["epsilon"] == pytest.approx(expected.epsilon[-1])
