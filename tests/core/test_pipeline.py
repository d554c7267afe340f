"""The whole way in one call: where the variance comes from makes no difference to pruning."""

import numpy as np
import pytest

import noiseprune as npr
from noiseprune import variance
from noiseprune.choices import NEED_ACTIVITY, NEED_VARIANCE, UNDRAWN
from noiseprune.pruning.recipe import RULES

SYMMETRIC = npr.clustered_network((24, 3, 3), 0.5, 40, leak_margin=0.3, seed=7)
DIRECTED = npr.clustered_network((24, 3, 3), 0.5, 41, directed=True, leak_margin=0.3, seed=7)
NETWORKS = pytest.mark.parametrize("net", [SYMMETRIC, DIRECTED], ids=["symmetric", "directed"])


def same(one, other, rtol=0.0):
    assert (one.n_kept, one.rule, one.sampling, one.balance) == (
        other.n_kept, other.rule, other.sampling, other.balance
    )  # fmt: skip
    np.testing.assert_array_equal(one.kept, other.kept)
    for values, others in (
        (one.keep_probability, other.keep_probability),
        (one.network.synapse_weights, other.network.synapse_weights),
        (one.network.leak, other.network.leak),
    ):
        np.testing.assert_allclose(values, others, rtol=rtol, atol=0)


@pytest.mark.parametrize(
    ("net", "method"),
    [
        (SYMMETRIC, "exact"),
        (SYMMETRIC, "probe"),
        (SYMMETRIC, "simulation"),
        (DIRECTED, "exact"),
        (DIRECTED, "simulation"),
    ],
)
@pytest.mark.parametrize("rule", NEED_VARIANCE)
def test_a_given_variance_is_as_good_as_one_that_is_solved(net, method, rule):
    options = {"rule": rule, "keep": 0.4, "seed": 5}
    solved = npr.prune(net, method=method, n_probes=3, **options)
    found = npr.synapse_variance(net, 1.0, method, n_probes=3, seed=5)
    same(solved, npr.prune(net, variance=found, **options))
    same(solved, npr.prune(net, variance=found.variance, **options))


@NETWORKS
def test_a_record_brings_its_own_noise(net):
    """An array is taken for measured under `noise`; a record says under which it was."""
    quiet = npr.synapse_variance(net, noise=0.01)
    one = npr.prune(net, epsilon=1.0, seed=5)
    same(one, npr.prune(net, epsilon=1.0, variance=quiet, seed=5), rtol=1e-12)
    by_array = npr.prune(net, epsilon=1.0, variance=quiet.variance, noise=0.01, seed=5)
    same(one, by_array, rtol=1e-12)
    assert npr.prune(net, 0.4, variance=quiet, seed=5).gain == pytest.approx(
        1e4 * npr.prune(net, 0.4, seed=5).gain
    )


@NETWORKS
def test_the_default_keeps_a_tenth(net):
    same(npr.prune(net, seed=5), npr.prune(net, 0.1, seed=5))
    assert npr.prune(net, seed=5).n_kept == pytest.approx(0.1 * net.n_synapses, abs=2)


@NETWORKS
@pytest.mark.parametrize("rule", RULES)
def test_every_kind_of_seed(net, rule):
    def pruned(seed):
        return npr.prune(net, 0.4, rule, "independent", seed=seed)

    sequence = np.random.SeedSequence(5)
    same(pruned(5), pruned(5))
    same(pruned(5), pruned(sequence))
    same(pruned(5), pruned(sequence))  # it was not used up
    same(pruned(np.random.default_rng(5)), pruned(np.random.default_rng(5)))
    assert pruned(None).n_kept > 0
    if rule not in UNDRAWN:
        assert not np.array_equal(pruned(5).kept, pruned(9).kept)


def test_a_generator_moves_on():
    rng = np.random.default_rng(5)
    one, two = (npr.prune(SYMMETRIC, 0.4, method="probe", seed=rng) for _ in range(2))
    assert not np.array_equal(one.importance, two.importance)
    assert not np.array_equal(one.kept, two.kept)


def test_global_random_state_is_left_alone():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    npr.prune(SYMMETRIC, method="probe", n_probes=3)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule not in NEED_VARIANCE + NEED_ACTIVITY]
)
def test_rules_without_variance_need_no_stationary_state(rule):
    unstable = npr.RateNetwork(SYMMETRIC.weights, leak=1e-3)
    assert npr.prune(unstable, 0.5, rule, seed=5).n_kept > 0
    with pytest.raises(npr.UnstableError):
        npr.prune(unstable, 0.5, "noise")


REFUSED = (
    ({"keep": 0}, "keep is 0"),
    ({"keep": 1.5}, "keep is 1.5"),
    ({"keep": float("nan")}, "keep is nan"),
    ({"keep": True}, "keep is True"),
    ({"keep": 10**6}, "between 1 and"),
    ({"epsilon": 0}, "epsilon is 0"),
    ({"epsilon": 1.01}, "epsilon is 1.01"),
    ({"keep": 0.5, "epsilon": 0.5}, "both"),
    ({"rule": "nois"}, "did you mean 'noise'"),
    ({"sampling": "even"}, "unknown sampling"),
    ({"balance": "lek"}, "did you mean 'leak'"),
    ({"method": "exac"}, "did you mean 'exact'"),
    ({"method": "exac", "rule": "weight"}, "did you mean 'exact'"),
    ({"noise": 0}, "noise is 0"),
    ({"rule": "paper", "balance": "none"}, "rule 'paper'"),
)


@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_what_cannot_be_done_is_refused_before_any_long_work(options, words, monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("the variances were computed for nothing")

    monkeypatch.setattr(variance.Exact, "measure", never)
    with pytest.raises(npr.OptionError, match=words):
        npr.prune(SYMMETRIC, **options)


@pytest.mark.parametrize("thing", [np.eye(3), npr.prune(SYMMETRIC, 0.5, seed=1), "net.npz", None])
def test_what_is_no_network_is_refused(thing):
    with pytest.raises(npr.NetworkError, match="expected a RateNetwork, found"):
        npr.prune(thing, 0.5)


@pytest.mark.parametrize(
    "choice", [{"sampling": "own"}, {"sampling": "largest"}, {"balance": "own"}]
)
def test_what_stands_for_a_choice_inside_is_none_at_the_door(choice):
    with pytest.raises(npr.OptionError, match="unknown"):
        npr.prune(SYMMETRIC, 0.5, **choice)


def test_a_network_without_synapses_is_refused():
    with pytest.raises(npr.OptionError, match="no synapses"):
        npr.prune(npr.RateNetwork(np.zeros((3, 3))))


@NETWORKS
def test_inputs_stay_as_they_are(net):
    found = npr.synapse_variance(net)
    parts = (net.dense_weights(), net.leak, found.variance)
    before = [part.copy() for part in parts]
    npr.prune(net, 0.3, variance=found, seed=5)
    for part, old in zip(parts, before):
        np.testing.assert_array_equal(part, old)


def test_progress_is_of_the_variances():
    calls = []
    npr.prune(SYMMETRIC, method="probe", n_probes=70, progress=lambda *x: calls.append(x))
    assert calls == [(1, 3), (2, 3), (3, 3)]
