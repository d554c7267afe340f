"""Every compiled loop agrees with its slow twin in naive.py."""

import naive
import numpy as np
import pytest
from scipy import sparse

from noiseprune import RateNetwork, kernels

pytestmark = pytest.mark.usefixtures("by_one_thread_and_by_two")


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("density", [0.2, 1.0])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_kernels_agree_with_their_twins(n, symmetric, density, index):
    rng = np.random.default_rng(13)
    weights = naive.signed_weights(n, rng, symmetric=symmetric, density=density)
    csr = sparse.csr_array(weights)
    indptr, indices = csr.indptr.astype(index), csr.indices.astype(index)
    root = rng.standard_normal((n, n))
    covariance, activity = root @ root.T, rng.standard_normal((n, 9))
    post, pre = (x.astype(index) for x in np.nonzero(weights))
    normal = rng.standard_normal(csr.nnz)

    np.testing.assert_allclose(
        kernels.synapse_variance(indptr, indices, csr.data, indptr, covariance),
        naive.synapse_variance(weights, covariance),
        rtol=1e-13,
        atol=1e-13,
    )
    np.testing.assert_array_equal(
        kernels.synapse_variance(
            indptr, indices, csr.data, kernels.pair_starts(indptr, indices), covariance
        ),
        kernels.synapse_variance(indptr, indices, csr.data, indptr, covariance)[post < pre],
    )
    np.testing.assert_allclose(
        kernels.mean_square_difference(indptr, indices, csr.data, activity),
        naive.mean_square_difference(weights, activity),
        rtol=1e-13,
    )
    np.testing.assert_allclose(
        kernels.incidence_noise(post, pre, csr.data, normal, n),
        naive.incidence_noise(post, pre, csr.data, normal, n),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_symmetry_is_seen_and_every_breach_of_it(n):
    rng = np.random.default_rng(31)
    weights = naive.signed_weights(n, rng, symmetric=True, density=0.3)
    for i, j in np.argwhere(rng.random((n, n)) < 0.2):
        for change in (0.0, weights[i, j], 2.0, np.nextafter(weights[i, j], 9.0)):
            changed = weights.copy()
            changed[i, j] = change if i != j else 0.0
            csr = sparse.csr_array(changed)
            found = kernels.is_symmetric(csr.indptr, csr.indices, csr.data)
            assert found == np.array_equal(changed, changed.T)


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_values_above_the_diagonal_and_back_onto_pairs(n):
    weights = naive.signed_weights(n, np.random.default_rng(37), symmetric=True, density=0.3)
    csr = sparse.csr_array(weights)
    above = [(i, w) for i, j, w in naive.entries(weights) if i < j]
    starts, values = kernels.above_diagonal(csr.indptr, csr.indices, csr.data)
    assert starts.tolist() == [sum(i < row for i, _ in above) for row in range(n + 1)]
    assert values.tolist() == [w for _, w in above]
    for chosen in (values, values > 0.5):
        whole = kernels.onto_pairs(csr.indptr, csr.indices, chosen)
        assert whole.dtype == chosen.dtype
        expected = csr.data if chosen.dtype == np.float64 else csr.data > 0.5
        np.testing.assert_array_equal(whole, expected)


def test_the_certain_and_the_rest_are_counted_over_all_chunks():
    importance = np.random.default_rng(41).random(5000)
    for gain in (0.0, 1.0, 1.7, 1e9, 1.0 / importance[7]):
        certain, rest = kernels.certain_and_rest(importance, gain)
        assert certain == np.sum(gain * importance > 1)
        assert rest == pytest.approx(np.sum(importance[gain * importance <= 1]), rel=1e-14)
    assert kernels.certain_and_rest(importance[:0], 1.0) == (0, 0.0)


def test_systematic_draws_agree_with_their_twin():
    rng = np.random.default_rng(43)
    starts = np.array([0, 0, 1, 5, 8, 8, 40])
    for _ in range(50):
        probability = np.minimum(1.0, 1.2 * rng.random(40))
        uniform, offset = rng.random(40), rng.random()
        np.testing.assert_array_equal(
            kernels.systematic(probability, starts, uniform, offset),
            naive.systematic(probability, starts, uniform, offset),
        )


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("surplus", [-4, 0, 1, 4])
@pytest.mark.parametrize("seed", [3, 5, 7])
def test_the_self_balancing_walk_is_its_twin(symmetric, surplus, seed):
    rng = np.random.default_rng(seed)
    n = 9
    weights = naive.signed_weights(n, rng, symmetric=symmetric, density=0.8)
    csr = sparse.csr_array(weights)
    post, pre = np.nonzero(np.triu(weights) if symmetric else weights)
    starts = np.searchsorted(post, np.arange(n + 1))
    m = post.size
    probability = np.minimum(1.0, 1.2 * rng.random(m))
    probability[[4, 11]] = 0.0
    drawn = probability, rng.permutation(m), rng.random(m), int(probability.sum()) + surplus
    target = drawn[-1]
    kept = kernels.self_balancing_walk(csr.indptr, csr.indices, csr.data, starts, *drawn, symmetric)
    twin = naive.self_balancing_walk(post, pre, weights[post, pre], *drawn, n, symmetric)
    assert kept.tolist() == twin
    assert np.count_nonzero(kept) == target
    assert kept[probability == 1].all()
    assert not kept[probability == 0].any()


def test_every_order_of_a_row_is_drawn_equally_often():
    rng = np.random.default_rng(29)
    seen = {}
    for _ in range(6000):
        order = tuple(naive.shuffled_rows([0, 3], rng.random(3)))
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 6
    assert np.ptp(list(seen.values())) < 6 * np.sqrt(1000)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_two_neurons_by_hand(sign):
    """Var(x0 - x1) if the synapse excites, Var(x0 + x1) if it inhibits."""
    net = RateNetwork([[0.0, 3.0 * sign], [0.0, 0.0]])
    covariance = np.array([[5.0, 1.0], [1.0, 2.0]])
    csr = net.csr
    variance = kernels.synapse_variance(csr.indptr, csr.indices, csr.data, csr.indptr, covariance)
    assert variance.tolist() == [7.0 - 2.0 * sign]
    noise = kernels.incidence_noise(*net.synapses, net.csr.data, np.array([2.0]), 2)
    np.testing.assert_allclose(noise, 2.0 * np.sqrt(3.0) * np.array([1.0, -sign]), rtol=1e-15)


def test_incidence_noise_is_a_root_of_the_dominant_part():
    """sum |w| b b^T = diag(sum_j |w_ij|) - W, whatever the signs."""
    weights = naive.signed_weights(12, np.random.default_rng(17), symmetric=True)
    post, pre = np.nonzero(np.triu(weights))
    columns = [
        kernels.incidence_noise(post, pre, weights[post, pre], unit, 12)
        for unit in np.eye(post.size)
    ]
    gram = sum(np.outer(column, column) for column in columns)
    expected = np.diag(np.abs(weights).sum(axis=1)) - weights
    np.testing.assert_allclose(gram, expected, atol=1e-12)
