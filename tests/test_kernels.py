"""Every compiled loop agrees with its slow twin in naive.py."""

import naive
import numpy as np
import pytest
from scipy import sparse

from noiseprune import RateNetwork, kernels


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
        kernels.synapse_variance(indptr, indices, csr.data, covariance),
        naive.synapse_variance(weights, covariance),
        rtol=1e-13,
        atol=1e-13,
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


def test_rows_are_shuffled_each_on_its_own():
    rng = np.random.default_rng(29)
    starts = np.array([0, 0, 1, 5, 8])
    seen = {}
    for _ in range(6000):
        uniform = rng.random(8)
        order = kernels.shuffled_rows(starts, uniform)
        assert order.tolist() == naive.shuffled_rows(starts, uniform)
        assert order[0] == 0
        assert sorted(order[1:5]) == [1, 2, 3, 4]
        seen[tuple(order[5:])] = seen.get(tuple(order[5:]), 0) + 1
    # The six orders of a row of three are equally likely.
    assert len(seen) == 6
    assert np.ptp(list(seen.values())) < 6 * np.sqrt(1000)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_two_neurons_by_hand(sign):
    """Var(x0 - x1) if the synapse excites, Var(x0 + x1) if it inhibits."""
    net = RateNetwork([[0.0, 3.0 * sign], [0.0, 0.0]])
    covariance = np.array([[5.0, 1.0], [1.0, 2.0]])
    variance = kernels.synapse_variance(net.csr.indptr, net.csr.indices, net.csr.data, covariance)
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
