"""Comparisons of ways to prune at one count."""

import json

import numpy as np
import pytest

import noiseprune as npr
from noiseprune import OptionError, Recipe, spectrum, variance
from noiseprune.cluster import resumed
from noiseprune.comparison import compare
from noiseprune.pruning import RIVALS
from noiseprune.work import serial

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
    assert [row.rule for row in found.rows] == [recipe.rule for recipe in RIVALS]
    assert found.epsilon_norm == ("pencil" if net is SYMMETRIC else "symmetric-part")
    for row in found.rows:
        if row.sampling in ("systematic", "balanced"):  # the others only in expectation, or clipped
            assert row.kept_fraction == pytest.approx(0.5, abs=2 / net.n_synapses)
        assert 0 < row.epsilon <= row.epsilon_max * (1 + 1e-12)
        assert row.stable == (row.n_stable == row.draws == 3)
        assert (row.eigenvalue_error is None) == (net is DIRECTED)


def test_a_row_is_the_mean_over_its_draws():
    """Repeated by hand for a rule without variances, whose draws are all there is."""
    (row,) = compare(
        SYMMETRIC, 0.5, draws=3, recipes=[Recipe(rule="uniform", balance="none")], seed=5
    ).rows
    again = compare(
        SYMMETRIC, 0.5, draws=1, recipes=[Recipe(rule="uniform", balance="none")], seed=5
    ).rows[0]
    assert row.epsilon_max >= again.epsilon  # its first draw is the same
    (certain,) = compare(SYMMETRIC, 20, draws=2, recipes=[Recipe(rule="magnitude")], seed=5).rows
    pruned = npr.prune(SYMMETRIC, 20, "magnitude").network
    assert certain.epsilon == certain.epsilon_max == spectrum.epsilon(SYMMETRIC, pruned).epsilon
    before, after = (np.linalg.eigvalsh(x.dense_drift()) for x in (SYMMETRIC, pruned))
    assert certain.eigenvalue_error == pytest.approx(np.median(np.abs(after / before - 1)))
    assert certain.kept_fraction == 20 / SYMMETRIC.n_synapses


@pytest.mark.parametrize("method", ["exact", "probe", "simulation"])
def test_same_seed_same_rows(method):
    recipes = [Recipe(), Recipe(rule="paper")]
    net = network() if method == "simulation" else SYMMETRIC

    def rows(seed):
        return compare(net, 0.5, draws=2, method=method, recipes=recipes, seed=seed).rows

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
    recipes = [Recipe()]
    compare(SYMMETRIC, 0.5, draws=3, method="probe", recipes=recipes, seed=5)
    assert len(keys) >= 3
    assert len(set(keys)) == len(keys)


def backwards(function, shared, items):
    """A worker that makes the last piece first."""
    for index in reversed(range(len(items))):
        yield index, function(shared, items[index])


def test_several_keeps_are_comparisons_one_after_the_other():
    recipes = [Recipe(), Recipe(rule="magnitude"), Recipe(rule="uniform", balance="none")]
    keeps = [0.3, 0.6, 20]
    options = {"draws": 2, "recipes": recipes, "seed": 5}
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
    options = {"draws": 2, "method": method, "recipes": RIVALS[:2], "seed": 5}
    assert compare(net, [0.4, 0.8], worker=watched, **options) == compare(
        net, [0.4, 0.8], **options
    )
    assert len(made) == 2


def test_a_folder_of_finished_draws_is_that_of_its_recipe(tmp_path):
    recipes = [Recipe(), Recipe(effort="refit"), Recipe(max_factor=1.01)]
    for recipe in recipes:
        fresh = compare(SYMMETRIC, 0.5, draws=1, recipes=[recipe], seed=5)
        folder = tmp_path / str(recipes.index(recipe))
        for _ in range(2):
            worker = resumed(serial, folder)
            again = compare(SYMMETRIC, 0.5, draws=1, recipes=[recipe], seed=5, worker=worker)
            assert again.rows == fresh.rows
    worker = resumed(serial, tmp_path / "0")
    with pytest.raises(npr.FileError, match="holds another run"):
        compare(SYMMETRIC, 0.5, draws=1, recipes=recipes[1:2], seed=5, worker=worker)


def test_noise_changes_no_row():
    """The variances scale with sigma^2, and K with its inverse."""
    one, other = (compare(SYMMETRIC, 0.5, draws=1, noise=x, seed=5).rows for x in (1.0, 0.01))
    for left, right in zip(one, other):
        assert left.epsilon == pytest.approx(right.epsilon, rel=1e-9)


def test_a_comparison_is_json():
    found = compare(SYMMETRIC, 0.5, draws=1, seed=5)
    read = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(read["rows"]) == len(RIVALS)
    assert read["rows"][0].keys() >= {
        "rule", "sampling", "balance", "keep", "kept_fraction", "epsilon", "epsilon_max",
        "eigenvalue_error", "stable",
    }  # fmt: skip


def test_progress_counts_every_draw():
    calls = []
    recipes = RIVALS[:2]
    compare(SYMMETRIC, 0.5, draws=2, recipes=recipes, seed=5, progress=lambda *x: calls.append(x))
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
        ({"recipes": []}, "give one Recipe"),
        ({"recipes": [("noise", None, None)]}, "give one Recipe"),
    ):
        with pytest.raises(npr.OptionError, match=words):
            compare(SYMMETRIC, **options)


def test_no_variance_is_measured_for_rules_without_one(monkeypatch):
    monkeypatch.setattr(variance.Exact, "measure", None)
    net, recipes = network(), [Recipe(rule="uniform"), Recipe(rule="magnitude")]
    assert len(compare(net, 0.5, draws=1, recipes=recipes, seed=3).rows) == 2
    with pytest.raises(OptionError, match="noise is 0"):
        compare(net, 0.5, noise=0, recipes=recipes)
    with pytest.raises(TypeError):
        compare(net, 0.5, draws=1, recipes=[Recipe()])


def test_one_synapse_is_not_all_of_them():
    """1 and 1.0 are equal as numbers, but two levels of a comparison."""
    found = npr.compare(npr.datasets.load("mushroom-body"), (1, 1.0), draws=1, seed=3)
    assert [len(level) for level in found.levels] == [len(found.rows) // 2] * 2
    kept = [row.kept_fraction for row in found.winners["epsilon"]]
    assert kept[0] < 0.01
    assert kept[1] == 1.0
