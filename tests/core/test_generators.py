"""The clustered networks of the paper: their law, exact counts, and what is refused.

Every statistical bound is five standard errors wide, and each is shown to refuse a law that is
wrong by a few percent.
"""

from functools import lru_cache

import numpy as np
import pytest
from scipy import stats

from noiseprune import OptionError, clustered_network, generators
from noiseprune.generators import paper_long_range, paper_sizes

SIZES = (150, 40, 30, 20)
ROOM = 240**2 - 150**2 - 40**2 - 30**2 - 20**2  # entries of W between clusters
CLUSTER = np.repeat(np.arange(4), SIZES)
WITHIN = CLUSTER[:, None] == CLUSTER
NORMAL_BELOW_ZERO = stats.norm.cdf(-1)


@lru_cache
def network_of(directed, density=0.6, long_range=600, seed=71):
    return clustered_network(SIZES, density, long_range, directed, seed=seed)


def weights_of(directed, **choices):
    return network_of(directed, **choices).dense_weights()


def unscaled(weights):
    """The drawn weights, N(1, 1) and U(0, 1), up to the error of the estimated scale.

    The division by 1.1 max Re lambda(W) loses the scale; the largest eigenvalue of the drawn
    weights is not known, so the scale is taken from the standard deviation being 1.
    """
    return weights / np.std(weights[WITHIN & (weights != 0)])


def drawn(weights, directed):
    """True at the entries that were drawn one by one: all, or the upper triangle."""
    places = ~np.eye(len(weights), dtype=bool)
    return places if directed else np.triu(places)


def is_binomial(successes, trials, p):
    return abs(successes - p * trials) < 5 * np.sqrt(p * (1 - p) * trials)


def is_normal_1_1(values):
    """Mean and standard deviation agree, as N(1, 1) has them, and 16 % are below zero."""
    n = len(values)
    ratio = np.mean(values) / np.std(values)
    return abs(ratio - 1) < 5 * np.sqrt(1.5 / n) and is_binomial(
        np.sum(values < 0), n, NORMAL_BELOW_ZERO
    )


@pytest.fixture(params=[False, True], ids=["symmetric", "directed"])
def directed(request):
    return request.param


# ------------------------------------------------------------------------------------- law


def test_symmetry_is_exact_and_the_directed_variant_has_none(directed):
    net = network_of(directed)
    assert net.n_neurons == 240
    assert net.is_symmetric is not directed
    weights = net.dense_weights()
    reciprocal = np.mean((weights != 0) & (weights.T != 0) & WITHIN) / np.mean(WITHIN)
    assert reciprocal == pytest.approx(0.36 if directed else 0.6, abs=0.03)


@pytest.mark.parametrize("density", [0.0, 0.07, 0.6, 1.0])
def test_density_within_clusters(directed, density):
    weights = weights_of(directed, density=density)
    places = drawn(weights, directed) & WITHIN
    connected, trials = np.count_nonzero(weights[places]), np.count_nonzero(places)
    assert is_binomial(connected, trials, density) or connected == density * trials
    assert not is_binomial(connected, trials, abs(density - 0.03))


@pytest.mark.parametrize("cluster", range(4))
def test_every_cluster_has_the_density(directed, cluster):
    weights = weights_of(directed)
    inside = drawn(weights, directed) & (CLUSTER[:, None] == cluster) & (cluster == CLUSTER)
    assert is_binomial(np.count_nonzero(weights[inside]), np.count_nonzero(inside), 0.6)


def test_weights_within_clusters_are_normal_with_one_sixth_inhibitory(directed):
    weights = weights_of(directed)
    values = weights[drawn(weights, directed) & WITHIN & (weights != 0)]
    assert is_normal_1_1(values)
    assert not is_normal_1_1(values + 0.1 * np.std(values))
    ks = stats.kstest(values / np.std(values), "norm", args=(1, 1))
    assert ks.pvalue > 1e-4


def test_the_spectral_abscissa_of_the_weights_is_1_over_1_1(directed):
    """Undoes the scaling: this fixes the one number that the moments leave open."""
    weights = weights_of(directed)
    assert np.linalg.eigvals(weights).real.max() == pytest.approx(1 / 1.1, rel=1e-9)


@pytest.mark.parametrize("long_range", [0, 2, 600, 10_000, ROOM - 2, ROOM])
def test_long_range_entries_are_counted_exactly_and_excite(directed, long_range):
    weights = weights_of(directed, long_range=long_range)
    between = weights[~WITHIN]
    assert np.count_nonzero(between) == long_range
    assert np.all(between >= 0)


def test_long_range_weights_are_uniform(directed):
    weights = unscaled(weights_of(directed, long_range=10_000))
    values = weights[drawn(weights, directed) & ~WITHIN & (weights != 0)]
    assert stats.kstest(values, "uniform").pvalue > 1e-4
    assert stats.kstest(values * 1.1, "uniform").pvalue < 1e-4


@pytest.mark.parametrize("long_range", [10_000, 20_000], ids=["rejection", "permutation"])
def test_long_range_places_are_uniform(directed, long_range):
    """Per pair of clusters the count is hypergeometric; 10 % too many in the largest is seen."""
    weights = weights_of(directed, long_range=long_range)
    share = long_range / ROOM
    pairs = [(post, pre) for post in range(4) for pre in range(4) if post < pre or directed]
    places = np.array([SIZES[i] * SIZES[j] for i, j in pairs if i != j])
    filled = np.array(
        [np.count_nonzero(weights[np.ix_(i == CLUSTER, j == CLUSTER)]) for i, j in pairs if i != j]
    )

    error = 5 * np.sqrt(share * (1 - share) * places * (1 - places / places.sum()))
    assert filled.sum() == share * places.sum()
    assert np.all(np.abs(filled - share * places) < error)
    assert np.any(np.abs(1.1 * filled - share * places) > error)


@pytest.mark.parametrize("block", [1, 999, 7000])
def test_the_block_size_does_not_change_the_law(directed, block, monkeypatch):
    monkeypatch.setattr(generators, "_BLOCK_ENTRIES", block)
    weights = weights_of(directed, seed=5)
    places = drawn(weights, directed) & WITHIN
    values = weights[places & (weights != 0)]
    assert is_binomial(len(values), np.count_nonzero(places), 0.6)
    assert is_normal_1_1(values)
    assert np.count_nonzero(weights[~WITHIN]) == 600
    assert np.array_equal(weights, weights.T) is not directed
    rows = np.count_nonzero((weights != 0) & WITHIN, axis=1)[:150]
    assert stats.chisquare(rows, np.full(150, rows.mean())).pvalue > 1e-4


def test_a_single_cluster_has_no_long_range(directed):
    net = clustered_network((77,), long_range=0, directed=directed, seed=9)
    assert net.n_neurons == 77
    assert np.count_nonzero(net.dense_weights()) == net.n_synapses > 0.5 * 77 * 76


def test_clusters_of_one_neuron_have_long_range_only(directed):
    net = clustered_network((1,) * 30, long_range=200, directed=directed, seed=9)
    assert net.n_synapses == 200
    assert np.all(net.synapse_weights > 0)


def test_a_network_without_synapses_is_a_network(directed):
    net = clustered_network((5, 5), density=0.0, long_range=0, directed=directed, seed=9)
    assert net.n_synapses == 0


@pytest.mark.parametrize("seed", range(1, 60, 2))
def test_small_directed_networks_are_never_divided_by_rounding(seed):
    """Loops that only oscillate, or none, have abscissa 0: their weights stay as drawn."""
    net = clustered_network((4,), 0.4, 0, directed=True, seed=seed)
    assert np.max(np.abs(net.synapse_weights), initial=0.0) < 1e3


# -------------------------------------------------------------------------------- the rest


def test_the_leak_of_the_paper_is_dominant_without_margin(directed):
    net = network_of(directed)
    weights = np.abs(net.dense_weights())
    np.testing.assert_allclose(net.leak, np.maximum(weights.sum(0), weights.sum(1)), rtol=1e-13)
    assert net.is_diagonally_dominant
    assert net.spectral_abscissa() < 0


def test_the_leak_can_be_chosen(directed):
    def leak(**choice):
        return clustered_network((40, 20), 0.6, 30, directed, seed=3, **choice).leak

    np.testing.assert_allclose(leak(leak_margin=0.3), 1.3 * leak(), rtol=1e-13)
    np.testing.assert_array_equal(leak(leak=2.5), 2.5)


def test_an_all_excitatory_network_without_margin_is_singular():
    """Long-range only: a graph Laplacian, with abscissa 0 to rounding."""
    net = clustered_network((1,) * 60, long_range=1800, seed=13)
    assert abs(net.spectral_abscissa()) < 1e-12
    assert clustered_network((1,) * 60, long_range=1800, leak_margin=0.1, seed=13).leak.min() > 0


def test_the_same_seed_gives_the_same_network(directed):
    one, same, other = (
        clustered_network((40, 20), long_range=30, directed=directed, seed=seed)
        for seed in (83, 83, 85)
    )
    np.testing.assert_array_equal(one.dense_weights(), same.dense_weights())
    assert not np.array_equal(one.dense_weights(), other.dense_weights())


def test_a_seed_may_be_a_sequence_or_a_generator():
    def made(seed):
        return clustered_network((40, 20), long_range=30, seed=seed).dense_weights()

    np.testing.assert_array_equal(made(83), made(np.random.SeedSequence(83)))
    rng = np.random.default_rng(83)
    np.testing.assert_array_equal(made(83), made(rng))
    assert not np.array_equal(made(rng), made(83))


def test_no_global_random_state_is_touched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    clustered_network((40, 20), long_range=30)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"sizes": (30, 20), "n": 60}, r"sum to 50, but n is 60: change"),
        ({"sizes": ()}, r"no cluster sizes: give at least one"),
        ({"sizes": (30, 0)}, r"cluster size is 0, but must be"),
        ({"sizes": (30, -3)}, r"cluster size is -3"),
        ({"sizes": (30, 2.5)}, r"cluster size is 2\.5"),
        ({"sizes": 300}, r"sizes is 300: give a sequence"),
        ({"sizes": "30,20"}, r"sizes is '30,20': give a sequence"),
        ({"density": -0.1}, r"density is -0\.1, but must be"),
        ({"density": 1.1}, r"density is 1\.1"),
        ({"density": float("nan")}, r"density is nan"),
        ({"density": "0.6"}, r"density is '0\.6'"),
        ({"long_range": -2}, r"long_range is -2"),
        ({"long_range": 2.0}, r"long_range is 2\.0"),
        ({"long_range": 1201}, r"1201 long-range entries do not fit: there are 1200 .*lower"),
        ({"long_range": 1202, "directed": True}, r"1202 .* do not fit: there are 1200"),
        ({"long_range": 31}, r"long_range is 31, but in a symmetric .*give an even number"),
        ({"sizes": (30,)}, r"5000 long-range entries do not fit: there are 0 places .*lower"),
        ({"seed": -1}, r"seed is -1: give a whole number"),
        ({"seed": 0.5}, r"seed is 0\.5: give a whole number"),
        ({"seed": "odd"}, r"seed is 'odd': give a whole number"),
        ({"leak": -1.0, "long_range": 30}, r"leak\[0\] is -1"),
    ],
)
def test_what_cannot_be_generated_is_refused(arguments, said):
    expected = ValueError if "leak" in arguments else OptionError
    with pytest.raises(expected, match=said):
        clustered_network(**({"sizes": (30, 20), "seed": 3} | arguments))


def test_odd_long_range_is_fine_when_directed():
    net = clustered_network((30, 20), 0.0, 31, directed=True, n=50, seed=3)
    assert net.n_synapses == 31


# ------------------------------------------------------------------------------ paper's sizes


@pytest.mark.parametrize(
    ("n", "sizes"),
    [
        (3000, (2700, 100, 100, 100)),
        (10_000, (9000, *(100,) * 10)),
        (300, (270, 10, 10, 10)),
        (30_000, (27_000, 1000, 1000, 1000)),
        (4, (1, 1, 1, 1)),
    ],
)
def test_paper_sizes(n, sizes):
    assert paper_sizes(n) == sizes


@pytest.mark.parametrize("n", [*range(4, 120, 5), 1501, 9999, 10_001])
def test_other_sizes_are_nine_tenths_in_one_and_the_rest_in_three(n):
    large, *small = paper_sizes(n)
    assert large + sum(small) == n
    assert len(small) == 3
    assert len(set(small)) == 1
    assert abs(large - 0.9 * n) <= 1.5 + 3 * (n < 15)


@pytest.mark.parametrize("n", [3, 0, -7, 300.0, "300"])
def test_paper_sizes_needs_four_neurons(n):
    with pytest.raises(OptionError, match=r"n is .* whole number of at least 4"):
        paper_sizes(n)


@pytest.mark.parametrize(("n", "entries"), [(1500, 2500), (3000, 5000), (10_000, 5000)])
def test_paper_long_range(n, entries):
    assert paper_long_range(paper_sizes(n)) == entries


@pytest.mark.parametrize("n", [4, 5, 7, 30, 61, 121])
def test_paper_long_range_always_fits(n, directed):
    entries = paper_long_range(paper_sizes(n))
    assert entries % 2 == 0
    net = clustered_network(paper_sizes(n), long_range=entries, directed=directed, n=n, seed=3)
    cluster = np.repeat(np.arange(4), paper_sizes(n))
    between = cluster[:, None] != cluster
    assert np.count_nonzero(net.dense_weights()[between]) == entries <= between.sum() / 4


def test_hardly_any_synapses_are_no_overflow():
    net = clustered_network([300, 300], density=1e-17, long_range=6, leak=1.0, seed=3)
    assert net.n_synapses == 6
