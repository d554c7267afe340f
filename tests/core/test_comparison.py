"""Comparisons at one count, and simulations held against their exact law."""

import json

import numpy as np
import pytest
from noiseprune.experiments import CHOICES, compare, simulate_with_statistics

import noiseprune as npr
from noiseprune import experiments, lyapunov, spectrum

SYMMETRIC = npr.clustered_network((14, 3, 3), 0.6, 20, leak_margin=0.3, seed=7)
DIRECTED = npr.clustered_network((14, 3, 3), 0.6, 21, directed=True, leak_margin=0.3, seed=7)
NETWORKS = pytest.mark.parametrize("net", [SYMMETRIC, DIRECTED], ids=["symmetric", "directed"])


def network(n=12):
    """Fast enough for a short stationary run: leak 3, and weights that matter."""
    weights = np.random.default_rng(3).normal(0.0, 0.3, (n, n))
    np.fill_diagonal(weights, 0.0)
    return npr.RateNetwork(weights, leak=3.0)


# --------------------------------------------------------------------------------- compare


@NETWORKS
def test_one_row_a_choice_and_one_count(net):
    found = compare(net, 0.5, draws=3, seed=5)
    assert [row.rule for row in found.rows] == [rule for rule, _, _ in CHOICES]
    assert found.epsilon_norm == ("pencil" if net is SYMMETRIC else "symmetric-part")
    for row in found.rows:
        if row.sampling in ("systematic", "balanced"):  # the others only in expectation, or clipped
            assert row.kept_fraction == pytest.approx(0.5, abs=2 / net.n_synapses)
        assert 0 < row.epsilon <= row.epsilon_max * (1 + 1e-12)
        assert row.stable == (row.n_stable == row.draws == 3)
        assert (row.eigenvalue_error is None) == (net is DIRECTED)


def test_a_row_is_the_mean_over_its_draws():
    """Repeated by hand for a rule without variances, whose draws are all there is."""
    (row,) = compare(SYMMETRIC, 0.5, draws=3, choices=[("uniform", None, "none")], seed=5).rows
    again = compare(SYMMETRIC, 0.5, draws=1, choices=[("uniform", None, "none")], seed=5).rows[0]
    assert row.epsilon_max >= again.epsilon  # its first draw is the same
    (certain,) = compare(SYMMETRIC, 20, draws=2, choices=[("magnitude", None, None)], seed=5).rows
    pruned = npr.prune(SYMMETRIC, 20, "magnitude").network
    assert certain.epsilon == certain.epsilon_max == spectrum.epsilon(SYMMETRIC, pruned).epsilon
    before, after = (np.linalg.eigvalsh(x.dense_drift()) for x in (SYMMETRIC, pruned))
    assert certain.eigenvalue_error == pytest.approx(np.median(np.abs(after / before - 1)))
    assert certain.kept_fraction == 20 / SYMMETRIC.n_synapses


@pytest.mark.parametrize("method", ["exact", "probe", "simulation"])
def test_same_seed_same_rows(method):
    choices = [("noise", None, None), ("paper", None, None)]
    net = network() if method == "simulation" else SYMMETRIC

    def rows(seed):
        return compare(net, 0.5, draws=2, method=method, choices=choices, seed=seed).rows

    sequence = np.random.SeedSequence(5)
    assert rows(5) == rows(5) == rows(sequence) == rows(sequence)
    assert rows(np.random.default_rng(5)) == rows(np.random.default_rng(5))
    assert rows(5) != rows(7)
    assert rows(None) != rows(None)


def test_draws_and_probes_share_no_stream(monkeypatch):
    """Every stream that is made of one seed has a key of its own."""
    keys = []

    class Watched(np.random.SeedSequence):
        def generate_state(self, *arguments):
            keys.append(self.spawn_key)
            return super().generate_state(*arguments)

    monkeypatch.setattr(np.random, "SeedSequence", Watched)
    choices = [("noise", None, None)]
    compare(SYMMETRIC, 0.5, draws=3, method="probe", choices=choices, seed=5)
    assert len(keys) >= 3
    assert len(set(keys)) == len(keys)


def backwards(function, shared, items):
    """A worker that makes the last piece first."""
    for index in reversed(range(len(items))):
        yield index, function(shared, items[index])


def test_several_keeps_are_comparisons_one_after_the_other():
    choices = [("noise", None, None), ("magnitude", None, None), ("uniform", None, "none")]
    keeps = [0.3, 0.6, 20]
    options = {"draws": 2, "choices": choices, "seed": 5}
    calls = []
    sweep = compare(SYMMETRIC, keeps, progress=lambda *x: calls.append(x), **options)
    alone = [compare(SYMMETRIC, keep, **options) for keep in keeps]
    assert sweep.rows == sum((found.rows for found in alone), ())
    assert [row.keep for row in sweep.rows] == [0.3] * 3 + [0.6] * 3 + [20] * 3
    assert (sweep.keep, alone[2].keep) == ((0.3, 0.6, 20), 20)
    assert calls[-1] == (18, 18)
    fractions = np.array([0.3, 0.6])
    assert compare(SYMMETRIC, fractions, **options).rows == sweep.rows[:6]
    assert compare(SYMMETRIC, (0.3,), **options) == alone[0]


@pytest.mark.parametrize("method", ["probe", "simulation"])
def test_variances_and_draws_do_not_depend_on_the_worker(method):
    made = set()

    def watched(function, shared, items):
        made.add(function.__name__)
        yield from backwards(function, shared, items)

    net = network() if method == "simulation" else SYMMETRIC
    options = {"draws": 2, "method": method, "choices": CHOICES[:2], "seed": 5}
    assert compare(net, [0.4, 0.8], worker=watched, **options) == compare(
        net, [0.4, 0.8], **options
    )
    assert len(made) == 2


def test_noise_changes_no_row():
    """The variances scale with sigma^2, and K with its inverse."""
    one, other = (compare(SYMMETRIC, 0.5, draws=1, noise=x, seed=5).rows for x in (1.0, 0.01))
    for left, right in zip(one, other):
        assert left.epsilon == pytest.approx(right.epsilon, rel=1e-9)


def test_a_comparison_is_json():
    found = compare(SYMMETRIC, 0.5, draws=1, seed=5)
    read = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(read["rows"]) == len(CHOICES)
    assert read["rows"][0].keys() >= {
        "rule", "sampling", "balance", "keep", "kept_fraction", "epsilon", "epsilon_max",
        "eigenvalue_error", "stable",
    }  # fmt: skip


def test_progress_counts_every_draw():
    calls = []
    choices = CHOICES[:2]
    compare(SYMMETRIC, 0.5, draws=2, choices=choices, seed=5, progress=lambda *x: calls.append(x))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_what_compare_refuses():
    for options, words in (
        ({"draws": 0}, "draws is 0"),
        ({"keep": 0.0}, "keep is 0"),
        ({"keep": [0.5, 2.0]}, "keep is 2"),
        ({"keep": []}, "empty sequence"),
        ({"keep": [[0.5]]}, r"keep is \[0.5\]"),
        ({"keep": "0.5"}, "keep is '0.5'"),
        ({"keep": np.array(0.5)}, "keep is array"),
        ({"noise": -1.0}, "noise is -1"),
        ({"method": "exac"}, "did you mean 'exact'"),
        ({"seed": -1}, "seed is -1"),
        ({"choices": [("nois", None, None)]}, "did you mean 'noise'"),
    ):
        with pytest.raises(npr.OptionError, match=words):
            compare(SYMMETRIC, **options)


# -------------------------------------------------------------------------------- simulate

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
        experiments.lyapunov, "discrete_covariance", lambda net, dt, s: lyapunov.covariance(net, s)
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
    monkeypatch.setattr(experiments, "STREAMED_SYMMETRIC", 19)
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
