"""The problem A = W - diag(leak): what is accepted, how it is kept, and what it says of itself."""

import pickle

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from noiseprune import (
    NetworkError,
    NoisePruneError,
    OptionError,
    RateNetwork,
    eigenvalues,
    network,
)
from noiseprune.errors import ConvergenceError

PAIR = np.array([[0.0, 2.0], [-1.0, 0.0]])
SPARSE_FORMATS = ("csr", "csc", "coo", "lil", "dok", "bsr", "dia")


def random_weights(n=23, density=0.3, *, symmetric=False, seed=31):
    """Signed N x N weights with a zero diagonal."""
    rng = np.random.default_rng(seed)
    weights = np.where(rng.random((n, n)) < density, rng.standard_normal((n, n)), 0.0)
    weights = np.triu(weights, 1) + np.tril(weights, -1)
    return np.triu(weights) + np.triu(weights).T if symmetric else weights


def with_entry(value, *, of=random_weights):
    weights = of().astype(np.result_type(value, float))
    weights[5, 3] = value
    return weights


def assert_refused(make, built_in, *said):
    """The error is ours and the built-in; its one sentence names what was found and what to do."""
    with pytest.raises(NoisePruneError) as caught:
        make()
    assert isinstance(caught.value, built_in)
    message = str(caught.value)
    assert "\n" not in message
    assert all(words in message for words in said), message


# ------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (np.zeros((3, 4)), ("(3, 4)", "square", "give")),
        (np.zeros(7), ("(7,)", "square", "give")),
        (np.zeros((3, 3, 3)), ("(3, 3, 3)", "square")),
        (3.0, ("()", "square")),
        (None, ("()", "square")),
        (sparse.csr_array((3, 5)), ("(3, 5)", "square")),
        (sparse.coo_array(np.ones(3)), ("(3,)", "square")),
        ([], ("empty", "(0,)", "at least one neuron")),
        (np.zeros((0, 0)), ("empty", "at least one neuron")),
        (sparse.csr_array((0, 0)), ("empty", "at least one neuron")),
        ([[0.0, 1.0], [1.0]], ("rectangular", "give an N x N array")),
        (PAIR * 1j, ("complex", "W.real")),
        (sparse.csr_array(PAIR * 1j), ("complex", "W.real")),
        ([["0", "1"], ["1", "0"]], ("<U1", "numbers")),
        (PAIR.astype(object), ("object", "numbers")),
        (np.array([["x", None]] * 2), ("object", "numbers")),
        (PAIR.astype("datetime64[s]"), ("datetime64[s]", "numbers")),
    ],
)
def test_weights_that_are_no_matrix_of_numbers_are_refused(weights, said):
    assert_refused(lambda: RateNetwork(weights), ValueError, *said)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("density", [0.1, 0.9])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_array, sparse.coo_array])
def test_a_weight_that_is_not_finite_is_named(kind, density, value):
    weights = kind(with_entry(value, of=lambda: random_weights(density=density)))
    assert_refused(lambda: RateNetwork(weights), NetworkError, f"W[5, 3] = {value}", "remove")


def test_infinities_of_both_signs_are_counted():
    weights = with_entry(np.inf)
    weights[8, 2] = -np.inf
    assert_refused(lambda: RateNetwork(weights), ValueError, "W[5, 3] = inf", "2 in all")


@pytest.mark.parametrize("density", [0.1, 0.9])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_array])
def test_self_synapses_are_counted_and_can_be_dropped(kind, density):
    clean = random_weights(density=density)
    weights = clean + np.diag(np.r_[np.full(3, 0.7), np.zeros(20)])
    assert_refused(
        lambda: RateNetwork(kind(weights)), ValueError, "3 self-synapses", "--drop-self", "leak"
    )
    dropped = RateNetwork(kind(weights), drop_self=True)
    np.testing.assert_array_equal(dropped.dense_weights(), clean)
    assert type(dropped.weights) is type(RateNetwork(kind(clean)).weights)


def test_storage_is_chosen_after_self_synapses_are_dropped():
    assert sparse.issparse(RateNetwork([[1.0, 1.0], [0.0, 1.0]], drop_self=True).weights)


@pytest.mark.parametrize("labels", [("a",), ("a", "b", "c"), "ab", 2])
def test_labels_that_do_not_fit_are_refused(labels):
    assert_refused(lambda: RateNetwork(PAIR, labels=labels), ValueError, "2", "give")


@pytest.mark.parametrize(
    ("leak", "said"),
    [
        (0.0, ("leak[0] is 0", "above 0")),
        (-1.5, ("leak[0] is -1.5", "above 0")),
        (np.nan, ("leak[0] is nan", "finite")),
        ([1.0, np.inf], ("leak[1] is inf", "finite")),
        ([1.0, 2.0, 3.0], ("(3,)", "2 neurons")),
        ([[1.0, 2.0]], ("(1, 2)", "2 neurons")),
        ([[1.0], 2.0], ("[[1.0], 2.0]", "dominant")),
        ("dominnat", ("dominnat", "dominant")),
        ([1j, 1.0], ("1j", "number")),
        (np.array([1 + 1j, 1.0]), ("1.+1.j", "number")),
        (["1", "2"], ("['1', '2']", "number")),
        (None, ("None", "number")),
        (True, ("True", "number")),
    ],
)
def test_a_bad_leak_is_refused(leak, said):
    assert_refused(lambda: RateNetwork(PAIR, leak=leak), ValueError, *said)


@pytest.mark.parametrize("margin", [-0.1, np.nan, np.inf, "0.1", None])
def test_a_bad_leak_margin_is_refused(margin):
    assert_refused(
        lambda: RateNetwork(PAIR, leak_margin=margin), ValueError, repr(margin), "at least 0"
    )


def test_weights_too_large_to_sum_are_refused():
    huge = 1e308 * (1 - np.eye(3))
    assert_refused(lambda: RateNetwork(huge), ValueError, "overflows", "scale")


# --------------------------------------------------------------------- inputs and storage


@pytest.mark.parametrize("density", [0.1, 0.9])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int8])
def test_an_array_is_neither_modified_nor_shared(dtype, density):
    given_weights = (3 * random_weights(density=density) + np.eye(23)).astype(dtype)
    given_leak = np.full(23, 7.0)
    before = given_weights.copy()
    net = RateNetwork(given_weights, leak=given_leak, drop_self=True)
    kept = net.dense_weights().copy()
    np.testing.assert_array_equal(given_weights, before)
    given_weights[:] = 5
    given_leak[:] = 5
    np.testing.assert_array_equal(net.dense_weights(), kept)
    np.testing.assert_array_equal(net.leak, 7.0)
    assert given_weights.flags.writeable
    assert given_leak.flags.writeable


def test_a_sparse_array_is_neither_modified_nor_shared():
    parts = (np.array([2.0, 3.0, 0.0, 4.0]), np.array([2, 1, 0, 1]), np.array([0, 2, 3, 4]))
    given_weights = sparse.csr_array(tuple(part.copy() for part in parts), shape=(3, 3))
    net = RateNetwork(given_weights, drop_self=True)
    kept = net.dense_weights().copy()
    held = (given_weights.data, given_weights.indices, given_weights.indptr)
    for now, before in zip(held, parts):
        np.testing.assert_array_equal(now, before)
        now[:] = 0
    np.testing.assert_array_equal(net.dense_weights(), kept)


@pytest.mark.parametrize("array_or_matrix", ["array", "matrix"])
@pytest.mark.parametrize("storage", SPARSE_FORMATS)
@pytest.mark.parametrize("density", [0.1, 0.9])
def test_every_sparse_format_becomes_csr(storage, density, array_or_matrix):
    dense = random_weights(density=density)
    made = getattr(sparse, f"{storage}_{array_or_matrix}")(dense)
    net = RateNetwork(made)
    assert isinstance(net.weights, sparse.csr_array)
    assert net.weights.has_canonical_format
    np.testing.assert_array_equal(net.weights.toarray(), dense)


@pytest.mark.parametrize(("n_synapses", "kept"), [(7, sparse.csr_array), (8, np.ndarray)])
def test_an_array_stays_dense_from_half_full(n_synapses, kept):
    weights = np.zeros((4, 4))
    post, pre = np.nonzero(~np.eye(4, dtype=bool))
    weights[post[:n_synapses], pre[:n_synapses]] = 1.3
    net = RateNetwork(weights)
    assert isinstance(net.weights, kept)
    assert isinstance(net.drift, kept)
    assert net.weights.dtype == np.float64


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_csr_is_canonical(index):
    """Duplicates are summed, zeros (also of a sum) removed, rows sorted, indices int32."""
    columns = np.array([3, 1, 1, 2, 2, 0], dtype=index)
    ends = np.array([0, 3, 5, 6, 6], dtype=index)
    values = np.array([5.0, 1.5, 2.0, 0.75, -0.75, 0.0])
    net = RateNetwork(sparse.csr_array((values, columns, ends), shape=(4, 4)), leak=1.0)
    np.testing.assert_array_equal(net.weights.data, [3.5, 5.0])
    np.testing.assert_array_equal(net.weights.indices, [1, 3])
    assert net.weights.indices.dtype == net.weights.indptr.dtype == np.int32
    assert net.n_synapses == 2


@pytest.mark.parametrize("density", [0.0, 0.2, 0.9])
def test_synapses_and_their_weights_are_aligned_in_row_order(density):
    weights = random_weights(density=density)
    net = RateNetwork(weights)
    post, pre = net.synapses
    np.testing.assert_array_equal(np.stack([post, pre]), np.nonzero(weights))
    np.testing.assert_array_equal(net.synapse_weights, weights[post, pre])
    assert post.dtype == pre.dtype == np.int32
    assert net.n_synapses == len(post) == np.count_nonzero(weights)


@pytest.mark.parametrize("density", [0.2, 0.9])
def test_drift_is_weights_less_leak(density):
    weights = random_weights(density=density)
    net = RateNetwork(weights, leak=np.linspace(1, 3, 23))
    drift = net.drift
    assert type(drift) is type(net.weights)
    assert net.n_neurons == 23
    expected = weights - np.diag(net.leak)
    np.testing.assert_array_equal(drift.toarray() if density < 0.5 else drift, expected)
    np.testing.assert_array_equal(net.dense_drift(), expected)
    net.dense_drift()[:] = 0
    np.testing.assert_array_equal(net.dense_weights(), weights)


@pytest.mark.parametrize("density", [0.2, 0.9])
def test_no_array_of_a_network_can_be_written(density):
    net = RateNetwork(random_weights(density=density))
    csr = [net.csr.data, net.csr.indices, net.csr.indptr, net.synapse_weights, net.synapses[1]]
    arrays = [*csr, net.leak, net.input_strength, net.output_strength]
    if density > 0.5:
        arrays.append(net.weights)
    assert not any(array.flags.writeable for array in arrays)


@pytest.mark.parametrize("name", ["weights", "leak", "labels", "bias"])
def test_no_attribute_of_a_network_can_be_set(name):
    with pytest.raises(AttributeError, match=rf"immutable: make a new one to change its {name}"):
        setattr(RateNetwork(PAIR), name, None)


def test_a_network_can_be_pickled():
    net = RateNetwork(random_weights(), labels=map(str, range(23)))
    assert net.is_diagonally_dominant
    back = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(back.dense_drift(), net.dense_drift())
    assert back.labels == net.labels


@settings(max_examples=60, deadline=None)
@given(
    weights=st.integers(1, 6).flatmap(
        lambda n: hnp.arrays(
            np.float64,
            (n, n),
            elements=st.floats(-1e6, 1e6, allow_subnormal=False) | st.just(0.0),
        )
    )
)
def test_any_signed_matrix_is_kept_as_it_is(weights):
    np.fill_diagonal(weights, 0.0)
    dense, csr = RateNetwork(weights), RateNetwork(sparse.coo_array(weights))
    for net in (dense, csr):
        np.testing.assert_array_equal(net.dense_weights(), weights)
        np.testing.assert_array_equal(net.synapse_weights, weights[weights != 0])
        assert net.is_symmetric == np.array_equal(weights, weights.T)
        assert net.is_diagonally_dominant
        assert np.all(net.leak > 0)
    np.testing.assert_array_equal(dense.leak, csr.leak)
    assert sparse.issparse(dense.weights) == (np.count_nonzero(weights) < weights.size / 2)


# ------------------------------------------------------------------------------------ leak


@pytest.mark.parametrize("margin", [0.0, 0.1, 1.7])
@pytest.mark.parametrize("density", [0.3, 0.9])
def test_dominant_leak_of_a_symmetric_network_is_its_row_sums(density, margin):
    weights = random_weights(density=density, symmetric=True)
    net = RateNetwork(weights, leak_margin=margin)
    np.testing.assert_allclose(net.leak, (1 + margin) * np.abs(weights).sum(1), rtol=1e-14)
    np.testing.assert_allclose(net.dominance_excess, margin * np.abs(weights).sum(1), atol=1e-13)


@pytest.mark.parametrize("density", [0.3, 0.9])
def test_dominant_leak_of_a_directed_network_is_the_larger_sum(density):
    weights = random_weights(density=density)
    inputs, outputs = np.abs(weights).sum(1), np.abs(weights).sum(0)
    assert np.any(inputs > outputs)
    assert np.any(outputs > inputs)
    net = RateNetwork(weights)
    np.testing.assert_allclose(net.leak, 1.1 * np.maximum(inputs, outputs), rtol=1e-14)
    np.testing.assert_allclose(net.input_strength, inputs, rtol=1e-14)
    np.testing.assert_allclose(net.output_strength, outputs, rtol=1e-14)
    np.testing.assert_allclose(net.dominance_excess, net.leak - (inputs + outputs) / 2, rtol=1e-12)


@pytest.mark.parametrize("leak", [3, 3.0, np.float32(3), np.full(23, 3), [3.0] * 23])
def test_a_given_leak_is_taken_as_it_is(leak):
    net = RateNetwork(random_weights(), leak=leak, leak_margin=0.7)
    np.testing.assert_array_equal(net.leak, np.full(23, 3.0))


def test_a_neuron_without_synapses_gets_the_mean_leak_of_the_others():
    weights = np.zeros((4, 4))
    weights[0, 1] = weights[1, 0] = 2.0
    weights[2, 1] = -4.0
    np.testing.assert_allclose(RateNetwork(weights).leak, 1.1 * np.array([2, 6, 4, 4]))
    np.testing.assert_allclose(RateNetwork(np.zeros((3, 3))).leak, 1.1)


# ------------------------------------------------------------------------------ properties


@pytest.mark.parametrize("density", [0.2, 0.9])
def test_symmetry_is_exact(density):
    weights = random_weights(density=density, symmetric=True)
    assert RateNetwork(weights).is_symmetric
    post, pre = np.argwhere(weights)[0]
    weights[post, pre] = np.nextafter(weights[post, pre], np.inf)
    assert not RateNetwork(weights).is_symmetric
    weights[post, pre] = 0.0
    assert not RateNetwork(weights).is_symmetric


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("density", [0.2, 0.9])
def test_diagonal_dominance_is_that_of_the_symmetric_part(symmetric, density):
    """The bound is sharp: 0.1 % less leak in one neuron breaks it."""
    weights = random_weights(density=density, symmetric=symmetric)
    sums = np.abs(weights + weights.T).sum(1) / 2
    assert RateNetwork(weights, leak=sums).is_diagonally_dominant
    lower = sums.copy()
    lower[11] *= 0.999
    assert not RateNetwork(weights, leak=lower).is_diagonally_dominant


@pytest.mark.parametrize("dense_limit", [4000, 10])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("density", [0.1, 0.9])
def test_spectral_abscissa_is_that_of_all_eigenvalues(density, symmetric, dense_limit, monkeypatch):
    monkeypatch.setattr(eigenvalues, "DENSE_EIGENVALUES", dense_limit)
    weights = random_weights(120, density, symmetric=symmetric)
    net = RateNetwork(weights, leak=np.linspace(1.0, 9.0, 120))
    expected = np.linalg.eigvals(weights - np.diag(net.leak)).real.max()
    assert net.spectral_abscissa() == pytest.approx(expected, rel=1e-7)
    np.testing.assert_array_equal(net.dense_weights(), weights)


def test_spectral_abscissa_of_one_neuron_is_its_leak():
    assert RateNetwork([[0.0]], leak=3.7).spectral_abscissa() == -3.7


def test_an_iteration_that_does_not_end_says_what_to_do(monkeypatch):
    """The eigenvalues of a long ring crowd on a circle: Arnoldi cannot tell them apart."""
    monkeypatch.setattr(eigenvalues, "DENSE_EIGENVALUES", 10)
    monkeypatch.setattr(eigenvalues, "_RESTARTS", 3)
    net = RateNetwork(np.roll(np.eye(301), 1, axis=0), leak=2.0)
    with pytest.raises(
        ConvergenceError, match=r"301 neurons did not converge.*use at most 10 neurons"
    ):
        net.spectral_abscissa()


@pytest.mark.parametrize("density", [0.2, 0.9])
@pytest.mark.parametrize("symmetric", [False, True])
def test_relabelling_the_neurons_relabels_everything(symmetric, density):
    weights = random_weights(density=density, symmetric=symmetric)
    order = np.random.default_rng(7).permutation(23)
    net = RateNetwork(weights)
    renamed = RateNetwork(weights[np.ix_(order, order)])
    assert renamed.n_synapses == net.n_synapses
    assert renamed.is_symmetric == net.is_symmetric
    np.testing.assert_allclose(renamed.leak, net.leak[order], rtol=1e-14)
    np.testing.assert_allclose(renamed.dominance_excess, net.dominance_excess[order], atol=1e-13)
    assert renamed.spectral_abscissa() == pytest.approx(net.spectral_abscissa(), rel=1e-11)


def test_the_name_of_a_network_tells_its_size_and_kind():
    assert repr(RateNetwork(PAIR)) == "RateNetwork(2 neurons, 2 synapses, directed)"
    assert repr(RateNetwork(np.abs(PAIR) > 0)) == "RateNetwork(2 neurons, 2 synapses, symmetric)"


def test_an_unstable_drift_is_told_with_a_leak_that_would_do():
    net = RateNetwork(random_weights(symmetric=True), leak=0.5)
    abscissa = net.spectral_abscissa()
    assert abscissa > 0
    message = str(network.unstable(net))
    assert f"{abscissa:.3g}" in message
    added = float(message.partition("add ")[2].split()[0])
    assert RateNetwork(net.weights, leak=0.5 + added).spectral_abscissa() < 0


# ------------------------------------------------------------------------------ connectomes


def connectome(n=80, density=0.2, *, symmetric=False, seed=17):
    """Synapse counts: small whole numbers."""
    signed = random_weights(n, density, symmetric=symmetric, seed=seed)
    return np.ceil(3 * np.abs(signed)).astype(int)


DENSE_LIMITS = (500, 60)
"""Neurons up to which the weights' eigenvalues are dense: with 60, the tests' are iterated."""


@pytest.mark.parametrize("dense_limit", DENSE_LIMITS)
@pytest.mark.parametrize("kind", [np.array, sparse.csr_array])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("gain", [0.3, 0.9])
def test_a_connectome_is_scaled_to_its_gain(gain, symmetric, kind, dense_limit, monkeypatch):
    monkeypatch.setattr(eigenvalues, "_DENSE_WEIGHTS", dense_limit)
    counts = connectome(symmetric=symmetric)
    net = RateNetwork.from_connectome(kind(counts), gain=gain)
    np.testing.assert_array_equal(net.leak, 1.0)
    weights = net.dense_weights()
    assert np.linalg.eigvals(weights).real.max() == pytest.approx(gain, rel=1e-12)
    assert net.spectral_abscissa() == pytest.approx(gain - 1, rel=1e-12)
    scale = weights[counts > 0] / counts[counts > 0]
    np.testing.assert_allclose(scale, scale[0], rtol=1e-14)
    assert net.is_symmetric == symmetric


def test_a_connectome_keeps_labels_and_can_drop_self_synapses():
    counts = connectome(5, 0.9)
    labels = list("abcde")
    net = RateNetwork.from_connectome(counts + np.eye(5), labels=labels, drop_self=True)
    assert net.labels == tuple(labels)
    expected = RateNetwork.from_connectome(counts)
    np.testing.assert_array_equal(net.dense_weights(), expected.dense_weights())


def feedforward(n, density=0.1):
    """An acyclic network in a random order of neurons: every eigenvalue is zero."""
    order = np.random.default_rng(n).permutation(n)
    return np.triu(connectome(n, density), 1)[np.ix_(order, order)]


@pytest.mark.parametrize(
    "counts",
    [
        np.zeros((1, 1)),
        np.zeros((90, 90)),
        feedforward(90),
        np.eye(90, k=1),
        PAIR,
    ],
    ids=["one neuron", "no synapse", "acyclic", "chain", "oscillator"],
)
@pytest.mark.parametrize("dense_limit", DENSE_LIMITS)
def test_no_gain_fits_a_network_without_a_growing_loop(dense_limit, counts, monkeypatch):
    monkeypatch.setattr(eigenvalues, "_DENSE_WEIGHTS", dense_limit)
    assert_refused(
        lambda: RateNetwork.from_connectome(counts), ValueError, "abscissa", "is 0", "give", "leak"
    )


@pytest.mark.parametrize("dense_limit", DENSE_LIMITS)
@pytest.mark.parametrize("n_loop", [2, 80])
def test_feedforward_paths_do_not_count_in_the_gain(n_loop, dense_limit, monkeypatch):
    """A strong acyclic part driven by a loop: only the loop has eigenvalues that are not zero."""
    monkeypatch.setattr(eigenvalues, "_DENSE_WEIGHTS", dense_limit)
    loop = 1 - np.eye(n_loop)
    counts = np.zeros((90 + n_loop, 90 + n_loop))
    counts[:90, :90] = 9 * feedforward(90)
    counts[90:, 90:] = loop
    counts[:90:3, 90] = 5
    net = RateNetwork.from_connectome(counts, gain=0.5)
    np.testing.assert_allclose(net.dense_weights(), counts * 0.5 / (n_loop - 1), rtol=1e-12)


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_ring_too_even_for_arnoldi_is_solved_densely(symmetric, monkeypatch):
    monkeypatch.setattr(eigenvalues, "_DENSE_WEIGHTS", 60)
    monkeypatch.setattr(eigenvalues, "_RESTARTS", 3)
    ring = np.roll(np.eye(301), 1, axis=0)
    net = RateNetwork.from_connectome(ring + ring.T if symmetric else ring, gain=0.5)
    np.testing.assert_allclose(net.synapse_weights, 0.25 if symmetric else 0.5, rtol=1e-9)


@pytest.mark.parametrize("gain", [0, -0.5, 1, 1.2, np.nan, np.inf, "0.9", None, True])
def test_a_gain_outside_0_to_1_is_refused(gain):
    with pytest.raises(OptionError, match=r"gain is .*(below 1|between 0 and 1)"):
        RateNetwork.from_connectome(connectome(), gain=gain)


# --------------------------------------------------------------------------------- networkx


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("density", [0.05, 0.9])
def test_networkx_round_trip(symmetric, density):
    """Isolated neurons and the order of neurons survive; the leak travels as a node attribute."""
    weights = random_weights(9, density, symmetric=symmetric)
    weights[4], weights[:, 4] = 0, 0
    labels = [f"cell {k}" for k in range(9, 0, -1)]
    net = RateNetwork(weights, leak=np.linspace(1, 2, 9), labels=labels)
    graph = net.to_networkx()
    assert type(graph) is (nx.Graph if net.is_symmetric else nx.DiGraph)
    leak = [leak for _, leak in graph.nodes(data="leak")]
    back = RateNetwork.from_networkx(graph, leak=leak)
    np.testing.assert_array_equal(back.dense_weights(), weights)
    np.testing.assert_array_equal(back.leak, net.leak)
    assert back.labels == net.labels


@pytest.mark.parametrize("labels", [None, ["same", "same"]])
def test_neurons_without_names_of_their_own_become_numbers(labels):
    graph = RateNetwork(PAIR, labels=labels).to_networkx()
    assert list(graph.nodes) == [0, 1]
    assert RateNetwork.from_networkx(graph).labels == ("0", "1")


def test_an_edge_runs_from_pre_to_post():
    graph = nx.DiGraph()
    graph.add_nodes_from(["post", "pre"])
    graph.add_edge("pre", "post", weight=-2.5)
    net = RateNetwork.from_networkx(graph)
    np.testing.assert_array_equal(net.dense_weights(), [[0.0, -2.5], [0.0, 0.0]])
    assert list(net.to_networkx().edges(data="weight")) == [("pre", "post", -2.5)]


@pytest.mark.parametrize(("kind", "back"), [(nx.MultiGraph, 5.5), (nx.MultiDiGraph, 0.0)])
def test_parallel_edges_add_up_and_a_missing_weight_counts_one(kind, back):
    graph = kind()
    graph.add_edge("a", "b", weight=4.5)
    graph.add_edge("a", "b")
    np.testing.assert_array_equal(
        RateNetwork.from_networkx(graph).dense_weights(), [[0.0, back], [5.5, 0.0]]
    )


def test_the_weight_attribute_can_be_named():
    graph = nx.Graph()
    graph.add_edge(1, 2, count=7, weight=3)
    np.testing.assert_array_equal(
        RateNetwork.from_networkx(graph, weight="count").synapse_weights, [7.0, 7.0]
    )


@pytest.mark.parametrize("value", ["0.5", "strong", None, 1j, np.complex128(1j), [1, 2]])
@pytest.mark.parametrize("kind", [nx.Graph, nx.MultiDiGraph])
def test_an_edge_without_a_number_is_named(kind, value):
    graph = kind()
    graph.add_edge("a", "b", weight=value)
    assert_refused(
        lambda: RateNetwork.from_networkx(graph), ValueError, "('a', 'b')", repr(value), "give"
    )


def test_what_is_no_network_is_refused():
    assert_refused(lambda: RateNetwork.from_networkx(nx.Graph()), ValueError, "no nodes", "give")
    assert_refused(lambda: RateNetwork.from_networkx(PAIR), ValueError, "ndarray", "networkx graph")
    loop = nx.Graph([("a", "a")])
    assert_refused(lambda: RateNetwork.from_networkx(loop), ValueError, "1 self-synapse ", "drop")
    assert RateNetwork.from_networkx(loop, drop_self=True).n_synapses == 0
