"""Simulations held against their exact law."""

import json

import numpy as np
import pytest

import noiseprune as npr
from noiseprune import fluctuations, lyapunov
from noiseprune.simulation import Simulation
from noiseprune.work import serial

SYMMETRIC = npr.clustered_network((14, 3, 3), 0.6, 20, leak_margin=0.3, seed=7)


def network(n=12):
    """Fast enough for a short stationary run: leak 3, and weights that matter."""
    weights = np.random.default_rng(3).normal(0.0, 0.3, (n, n))
    np.fill_diagonal(weights, 0.0)
    return npr.RateNetwork(weights, leak=3.0)


def simulate_with_statistics(net, *, store=False, worker=serial, replicas=20, **asked):
    asked = Simulation(replicas=replicas, **asked)
    return fluctuations.simulate_with_statistics(net, asked, store=store, worker=worker)


def backwards(function, shared, items):
    """A worker that makes the last piece first."""
    for index in reversed(range(len(items))):
        yield index, function(shared, items[index])


STATIONARY = {"duration": 120.0, "dt": 0.2, "noise": 0.5, "record_every": 1, "replicas": 20}


def test_a_stationary_run_obeys_the_discrete_law():
    net = network()
    run = simulate_with_statistics(net, seed=5, **STATIONARY)
    exact = lyapunov.discrete_covariance(net, 0.2, 0.5).covariance
    assert run.covariance_error < 0.08
    assert 0.5 < run.covariance_error / run.covariance_sampling_error < 2
    assert run.relaxation_time == pytest.approx(-1 / net.spectral_abscissa())
    # The mean variance has a standard deviation below 0.6 %; a planted 2 % would be seen.
    ratio = run.mean_variance / np.mean(np.diag(exact))
    assert ratio == pytest.approx(1, abs=0.01)
    assert ratio * 1.02 != pytest.approx(1, abs=0.01)
    assert ratio / 1.02 != pytest.approx(1, abs=0.01)


def test_a_wrong_law_would_be_seen(monkeypatch):
    """The continuous covariance is another one: with h = 0.2 s it lies some 40 % off."""
    monkeypatch.setattr(
        fluctuations.lyapunov, "discrete_covariance", lambda net, dt, s: lyapunov.covariance(net, s)
    )
    run = simulate_with_statistics(network(), seed=5, **STATIONARY)
    assert run.covariance_error > 4 * run.covariance_sampling_error


def test_the_error_falls_with_the_root_of_the_replicas():
    net = network()
    options = {**STATIONARY, "duration": 20.0}
    errors = [
        np.mean(
            [
                simulate_with_statistics(
                    net, seed=seed, **{**options, "replicas": replicas}
                ).covariance_error
                for seed in (3, 5, 7)
            ]
        )
        for replicas in (4, 64)
    ]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.4)


@pytest.mark.parametrize(
    ("net", "options", "note"),
    [
        (SYMMETRIC, {"duration": 1.0}, "transient"),
        (SYMMETRIC, {"duration": 1.0, "activation": "rectified"}, "only linear"),
        (npr.RateNetwork(np.ones((4, 4)) - np.eye(4), leak_margin=0), {}, "no stationary"),
    ],
)
def test_no_error_but_a_note(net, options, note):
    run = simulate_with_statistics(net, replicas=2, seed=5, **options)
    assert run.covariance_error is run.covariance_sampling_error is None
    assert note in run.note
    assert run.trajectory is None


def test_one_replica_has_no_sampling_error():
    run = simulate_with_statistics(network(), seed=5, **{**STATIONARY, "replicas": 1})
    assert run.covariance_error is not None
    assert run.covariance_sampling_error is None


def test_above_the_limit_no_covariance_is_formed(monkeypatch):
    monkeypatch.setattr(fluctuations, "STREAMED_SYMMETRIC", 19)
    run = simulate_with_statistics(SYMMETRIC, duration=1.0, replicas=2, seed=5)
    assert "above 19 neurons" in run.note
    assert (run.n_steps, run.mean_variance) == (200, None)


def test_a_stored_run_is_that_of_simulate():
    options = {"duration": 1.0, "dt": 0.02, "replicas": 2, "record_every": 5, "seed": 5}
    run = simulate_with_statistics(SYMMETRIC, store=True, **options)
    np.testing.assert_array_equal(run.trajectory.rates, npr.simulate(SYMMETRIC, **options).rates)
    # The statistics are the same with and without it.
    assert run.mean_variance == simulate_with_statistics(SYMMETRIC, **options).mean_variance


@pytest.mark.parametrize("activation", ["linear", "rectified"])
def test_statistics_do_not_depend_on_the_worker(activation):
    options = {**STATIONARY, "duration": 20.0, "activation": activation, "store": True, "seed": 5}
    here = simulate_with_statistics(network(), **options)
    there = simulate_with_statistics(network(), worker=backwards, **options)
    assert here.to_dict() == there.to_dict()
    np.testing.assert_array_equal(here.trajectory.rates, there.trajectory.rates)


def test_every_kind_of_seed():
    def spread(seed):
        return simulate_with_statistics(
            SYMMETRIC, duration=1.0, replicas=2, seed=seed
        ).mean_variance

    sequence = np.random.SeedSequence(5)
    assert spread(5) == spread(5) == spread(sequence) == spread(sequence)
    assert spread(np.random.default_rng(5)) == spread(np.random.default_rng(5))
    assert len({spread(5), spread(7), spread(None), spread(None)}) == 4


def test_a_run_is_json_without_its_trajectory():
    run = simulate_with_statistics(SYMMETRIC, duration=1.0, replicas=2, store=True, seed=5)
    found = json.loads(json.dumps(run.to_dict(), allow_nan=False))
    assert found.keys() >= {"n_neurons", "n_steps", "replicas", "dt", "covariance_error"}
    assert "trajectory" not in found
    assert run.stepping_seconds > 0


def test_what_a_run_refuses():
    with pytest.raises(npr.OptionError, match="too large for a stable step"):
        simulate_with_statistics(network(), duration=20.0, dt=1.0)
    unstable = npr.RateNetwork(np.ones((4, 4)) - np.eye(4), leak=2.0)
    with pytest.raises(npr.UnstableError, match="is 1 1/s"):
        simulate_with_statistics(unstable, duration=1.0)
    with pytest.raises(npr.OptionError, match="unknown activation"):
        simulate_with_statistics(network(), duration=1.0, activation="relu")
