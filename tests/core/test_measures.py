"""The errors beside epsilon: by their definitions, their reasons where there are none, winners."""

from dataclasses import replace

import numpy as np
import pytest
from naive import covariance_error, mean_square_end, response_error

import noiseprune as npr
from noiseprune import Recipe, comparison, lyapunov, measures
from noiseprune.comparison import compare
from noiseprune.measures import MEASURES, Errors, Reference
from noiseprune.similarity import RUNS, dynamics_error

SYMMETRIC = npr.clustered_network((14, 3, 3), 0.6, 20, leak_margin=0.3, seed=7)
DIRECTED = npr.clustered_network((14, 3, 3), 0.6, 21, directed=True, leak_margin=0.3, seed=7)
NETWORKS = pytest.mark.parametrize("net", [SYMMETRIC, DIRECTED], ids=["symmetric", "directed"])
OTHERS = [measure.key for measure in MEASURES[1:]]


def ring(leak, n=4):
    return npr.RateNetwork(np.roll(np.eye(n), 1, axis=0), leak=leak)


def naive_errors(net, pruned):
    before, after = net.dense_drift(), pruned.dense_drift()
    random = np.random.default_rng(1).standard_normal((net.n_neurons, 64))
    return {
        "covariance_error": covariance_error(before, after),
        "response_error.uniform": response_error(before, after, np.ones((net.n_neurons, 1))),
        "response_error.random": response_error(before, after, random),
    }


@NETWORKS
def test_a_report_and_a_comparison_agree_with_the_definitions(net):
    pruned = npr.prune(net, 0.5, "magnitude").network
    expected = naive_errors(net, pruned)
    found = npr.spectral_similarity(net, pruned)
    (row,) = compare(net, 0.5, draws=2, recipes=[Recipe(rule="magnitude")], seed=5).rows
    for key, value in expected.items():
        assert found.errors.value(key) == pytest.approx(value, rel=1e-9)
        assert row.errors.value(key) == pytest.approx(value, rel=1e-9)
    assert found.response_error == found.to_dict()["response_error"]
    assert min(expected.values()) > 0.01


def test_a_row_is_the_mean_of_its_draws():
    recipe = Recipe(rule="uniform", balance="leak")
    (row,) = compare(SYMMETRIC, 0.6, draws=3, recipes=[recipe], seed=5).rows
    streams = [np.random.SeedSequence(5, spawn_key=(0, 1, draw)) for draw in range(3)]
    drawn = [
        npr.prune(SYMMETRIC, 0.6, "uniform", balance="leak", seed=np.random.default_rng(stream))
        for stream in streams
    ]
    each = [naive_errors(SYMMETRIC, pruning.network) for pruning in drawn]
    for key in each[0]:
        assert row.errors.value(key) == pytest.approx(np.mean([x[key] for x in each]), rel=1e-9)


@NETWORKS
def test_large_steps_follow_small_ones_from_the_same_start(net, monkeypatch):
    """Where noise is next to nothing, over all times; and the report's worst and end are told."""
    monkeypatch.setattr(measures, "_NOISE", 1e-9)
    pruned = npr.prune(net, 0.5, "magnitude").network
    reference = Reference(net, seed=3)
    start = reference._runs[1].T
    asked = replace(RUNS, replicas=len(start), x0=start, noise=1e-9, seed=3)
    small, large = dynamics_error(net, pruned, asked), reference.dynamics_error(pruned)
    times = np.linspace(0.0, 1.0, 101) * measures.five_relaxations(net.spectral_abscissa())
    at_these = np.interp(times[1:], small.times, small.mean)
    np.testing.assert_allclose(large[2:], at_these[2:], rtol=0.02)
    np.testing.assert_allclose(large[:2], at_these[:2], rtol=0.08)
    assert np.max(large) == pytest.approx(small.worst, rel=0.01)
    assert small.worst == np.max(small.mean)
    assert small.end == small.mean[-1]


@NETWORKS
def test_large_steps_have_the_exact_stationary_state(net, monkeypatch):
    """Under common noise the moments of both networks are exact for any step; 2 % would be seen."""
    monkeypatch.setattr(measures, "RUNS", 2000)
    monkeypatch.setattr(measures, "five_relaxations", lambda abscissa: -60.0 / abscissa)
    pruned = npr.prune(net, 0.5, "magnitude").network
    reference = Reference(net, seed=3)
    before, after = reference.rates[0][40:], reference._rates(pruned)[40:]
    found = np.sum((after - before) ** 2) / np.sum(before**2)
    expected = mean_square_end(net.dense_drift(), pruned.dense_drift(), 0.01, 0.0002)
    assert found == pytest.approx(expected, rel=0.007)
    assert found != pytest.approx(1.02 * expected, rel=0.007)


@NETWORKS
def test_a_network_has_no_error_to_itself(net):
    errors = Reference(net).errors(net)
    assert errors == pytest.approx(dict.fromkeys(OTHERS[:-1], 0.0), abs=1e-12)


def test_every_gap_has_its_reason_and_nothing_else_has():
    for net in (SYMMETRIC, DIRECTED):
        pruned = npr.prune(net, 0.5, seed=3).network
        for report in (
            npr.spectral_similarity(net, pruned),
            npr.spectral_similarity(net, pruned).with_dynamics(seed=3),
            npr.spectral_similarity(net, pruned, detail=False),
        ):
            told = report.to_dict()
            gaps = {key.partition(".")[0] for key in OTHERS}
            gaps = {key for key in gaps if told[key] is None}
            assert set(told["not_computed"]) == gaps
            assert all(told["not_computed"].values())
        errors = npr.spectral_similarity(net, pruned).with_dynamics(seed=3).errors
        assert errors.not_computed.keys() == (set() if net is SYMMETRIC else {"eigenvalue_error"})


def test_the_reason_is_the_right_one():
    stable, unstable = ring(1.5), ring(0.5)
    for before, after, which in ((stable, unstable, "pruned"), (unstable, stable, "original")):
        errors = npr.spectral_similarity(before, after).with_dynamics(seed=3).errors
        for key in OTHERS[:-1]:
            assert errors.value(key) is None
            assert errors.reason(key).startswith("unstable")
            assert which in errors.reason(key)
        assert "directed" in errors.reason("eigenvalue_error")
    errors = npr.spectral_similarity(stable, stable, detail=False).errors
    assert "detail=True" in errors.reason("response_error.uniform")
    assert "with_dynamics" in errors.reason("dynamics_error_worst")


def test_a_row_with_an_unstable_draw_has_no_mean_and_cannot_win():
    net = npr.datasets.load("celegans-gap")
    recipes = [Recipe(balance="none"), Recipe(rule="magnitude")]
    found = compare(net, 0.1, draws=1, recipes=recipes, seed=5)
    bad, good = found.rows
    assert (bad.stable, good.stable) == (False, True)
    for key in OTHERS[:-1]:
        assert bad.errors.value(key) is None
        assert bad.errors.reason(key).startswith("unstable")
        assert good.errors.value(key) > 0
    assert bad.eigenvalue_error > 0
    assert all(rows == (good,) for rows in found.winners.values())


@NETWORKS
def test_winners_have_the_least_mean_at_each_count(net):
    found = compare(net, [0.3, 0.7], draws=2, seed=5)
    told = found.to_dict()["winners"]
    for measure in MEASURES:
        winners = found.winners[measure.place]
        if net is DIRECTED and measure.key == "eigenvalue_error":
            assert winners == ()
            continue
        assert [row.keep for row in winners] == [0.3, 0.7]
        for row in winners:
            rivals = [x for x in found.rows if x.keep == row.keep and x.stable]
            assert row.value(measure) == min(rival.value(measure) for rival in rivals)
        assert [x[measure.place] for x in told[measure.place]] == [
            x.value(measure) for x in winners
        ]
        assert told[measure.place][0]["rule"] == winners[0].rule
        assert measure.title in dict(found.best())
    flat = found.rows[0].flat()
    assert set(found.winners) <= flat.keys()
    assert not any(isinstance(value, dict) for value in flat.values())


def test_large_networks_have_reasons_and_no_slow_work(monkeypatch):
    """Also that of the original: no covariance, no factor, no simulation is made."""
    monkeypatch.setattr(comparison, "COMPARED", SYMMETRIC.n_neurons - 1)
    for name in ("covariance_error", "response_error", "dynamics_error"):
        monkeypatch.setattr(Reference, name, None)
    monkeypatch.setattr(lyapunov, "covariance", None)
    recipes = [Recipe(rule="weight"), Recipe(rule="magnitude")]
    found = compare(SYMMETRIC, 0.5, draws=1, recipes=recipes, seed=5)
    for row in found.rows:
        for key in OTHERS[:-1]:
            assert row.errors.value(key) is None
            assert "1,000 neurons" in row.errors.reason(key)
            assert "spectral_similarity" in row.errors.reason(key)
        assert row.errors.eigenvalue_error > 0
        assert "eigenvalue_error" not in row.errors.not_computed
    assert found.winners["covariance_error"] == ()


def test_a_comparison_solves_its_original_once(monkeypatch):
    solved = []
    whole = lyapunov.covariance

    def counted(net, *rest, **options):
        solved.append(net)
        return whole(net, *rest, **options)

    monkeypatch.setattr(lyapunov, "covariance", counted)
    recipes = [Recipe(), Recipe(rule="magnitude"), Recipe(rule="uniform")]
    for ways in (recipes, recipes[1:]):
        solved.clear()
        compare(DIRECTED, 0.7, draws=2, recipes=ways, seed=5, noise=0.3)
        assert sum(net is DIRECTED for net in solved) == 1
        assert len(solved) == 1 + 2 * len(ways)


def test_the_errors_do_not_depend_on_the_noise_of_the_variances():
    rows = [compare(DIRECTED, 0.7, draws=1, noise=x, seed=5).rows for x in (1.0, 1e-60)]
    for one, other in zip(*rows):
        for key in OTHERS[:-1]:
            assert one.errors.value(key) == pytest.approx(other.errors.value(key), rel=1e-6)


def test_numbers_that_are_none_become_reasons():
    found = Errors.of({"covariance_error": np.inf, "dynamics_error_end": 0.5}, {"all": "why"})
    assert found.dynamics_error_end == 0.5
    assert found.value("response_error.random") is None
    assert found.not_computed == dict.fromkeys(
        ("covariance_error", "response_error", "dynamics_error_worst", "eigenvalue_error"), "why"
    )
