"""Noise probes: of known precision, and the same whoever makes them."""

import naive
import naive_probing
import numpy as np
import pytest
from scipy import sparse

from noiseprune import OptionError, RateNetwork, UnstableError, covariance
from noiseprune.checks import seed_sequence, substream
from noiseprune.kernels import pair_starts
from noiseprune.probing import directed, kernels, probed_variance, symmetric
from noiseprune.solvers import drives
from noiseprune.solvers.preconditioners import MAKERS


def dominant_network(n=20, seed=3, *, density=0.6, margin=0.1, both=True):
    rng = np.random.default_rng(seed)
    weights = naive.signed_weights(n, rng, symmetric=both, density=density)
    return RateNetwork(weights, leak_margin=margin)


def exact_variance(net, noise=1.0):
    return naive.synapse_variance(net.dense_weights(), covariance(net, noise).covariance)


def key(seed):
    return substream(seed_sequence(seed), 0).generate_state(2, np.uint32).astype(np.uint64)


def loads(net, seed, blocks):
    """(N, probes) right-hand sides, as they are drawn."""
    csr, excess = net.csr, np.maximum(net.dominance_excess, 0.0)
    found = []
    for block in range(blocks):
        load = np.empty((net.n_neurons, drives.BLOCK))
        drives.drive(csr.indptr, csr.indices, csr.data, excess, key(seed), block, load)
        found.append(load)
    return np.hstack(found)


def test_drives_have_the_drift_for_their_covariance():
    """Whitened by M they are uncorrelated and standard, and one tells nothing of the next."""
    net = dominant_network(12)
    drives = loads(net, 7, 200)
    white = np.linalg.solve(np.linalg.cholesky(-net.dense_drift()), drives)
    q = drives.shape[1]
    assert np.max(np.abs(white @ white.T / q - np.eye(12))) < 6 * np.sqrt(2 / q)
    assert np.max(np.abs(np.mean(white, axis=1))) < 5 / np.sqrt(q)
    assert abs(naive.z_score(np.sum(white[:, 1:] * white[:, :-1], axis=0), 0.0)) < 4.5
    assert len(np.unique(drives, axis=1).T) > 0.9 * q


def test_a_drive_of_one_pair_is_a_sign_on_both_neurons():
    """b = e_i - sgn(w) e_j: opposite signs across an excitatory synapse, equal ones else."""
    for weight in (4.0, -4.0):
        net = RateNetwork([[0, weight], [weight, 0]], leak_margin=0.0)
        drives = loads(net, 1, 4)
        np.testing.assert_array_equal(np.abs(drives), 2.0)
        np.testing.assert_array_equal(drives[1], -np.sign(weight) * drives[0])
        assert 40 < np.sum(drives[0] > 0) < 88


@pytest.mark.usefixtures("by_one_thread_and_by_two")
@pytest.mark.parametrize("block", [0, 6])
def test_drives_are_those_of_their_twin(block):
    net = dominant_network(9)
    csr, excess = net.csr, np.maximum(net.dominance_excess, 0.0)
    load = np.empty((9, 21))
    drives.drive(csr.indptr, csr.indices, csr.data, excess, key(7), block, load)
    words = [int(word) for word in key(7)]
    expected = naive_probing.drive(net.dense_weights(), excess, words, block, 21)
    np.testing.assert_allclose(load, expected, rtol=1e-14, atol=1e-14)
    drives.draw_signs(key(7), block, load)
    expected = [
        [naive_probing.random_sign(words, block, c, i, i) for c in range(21)] for i in range(9)
    ]
    np.testing.assert_array_equal(load, expected)


@pytest.mark.usefixtures("by_one_thread_and_by_two")
@pytest.mark.parametrize("columns", [1, 21])
def test_sums_over_probes_are_those_of_their_twins(columns):
    rng = np.random.default_rng(41)
    net = dominant_network(9)
    csr, starts = net.csr, pair_starts(net.csr.indptr, net.csr.indices)
    y, z = rng.standard_normal((2, 9, columns))
    for local in (z, z[:0]):
        found = kernels.squares(csr.indptr, csr.indices, csr.data, net.leak, starts, y, local)
        expected = naive_probing.squares(net.dense_weights(), net.leak, y, local)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    net = dominant_network(9, both=False)
    csr = net.csr
    z, local = rng.standard_normal((2, 9, columns)) + 1j * rng.standard_normal((2, 9, columns))
    known = rng.random((9, columns))
    for some in (local, local[:0]):
        sums, spread = np.zeros((2, csr.nnz))
        kernels.add_differences(csr.indptr, csr.indices, csr.data, z, some, known, sums, spread)
        expected = naive_probing.differences(net.dense_weights(), z, some, known)
        np.testing.assert_allclose((sums, spread), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("by_one_thread_and_by_two")
@pytest.mark.parametrize("reduced", [False, True])
def test_estimates_are_those_of_their_twin(reduced):
    net = dominant_network(15)
    csr, starts = net.csr, pair_starts(net.csr.indptr, net.csr.indices)
    pairs = np.array([w for i, j, w in naive.entries(net.dense_weights()) if i < j])
    total = 50 * np.exp(np.random.default_rng(43).normal(0.0, 2.0, pairs.size)) / np.abs(pairs)
    expected = naive_probing.estimates(net.dense_weights(), net.leak, 50, reduced, total)
    spread = kernels.estimates(
        csr.indptr, csr.indices, csr.data, net.leak, starts, 50, reduced, total
    )
    np.testing.assert_allclose(total, expected[0], rtol=1e-12)
    np.testing.assert_allclose(spread, expected[1], rtol=1e-9, atol=1e-12)


def test_a_tight_part_is_one_that_makes_the_matrix_singular():
    rng = np.random.default_rng(47)
    found = []
    for _ in range(300):
        csr = sparse.csr_array(np.sign(naive.signed_weights(7, rng, symmetric=True, density=0.2)))
        leaks = rng.random(7) < 0.4
        found.append(kernels.has_tight_part(csr.indptr, csr.indices, csr.data, leaks))
        assert found[-1] == naive_probing.has_tight_part(csr.toarray(), leaks)
    assert 50 < sum(found) < 250


def test_estimates_are_what_the_drives_give():
    """The sums of one block against dense solves and the formulas."""
    net = dominant_network(15)
    matrix, leak = -net.dense_drift(), net.leak
    y = np.linalg.solve(matrix, loads(net, 11, 2))[:, :50]
    z = loads(net, 11, 2)[:, :50] / leak[:, None]
    plain, reduced = [], []
    for i, j, w in naive.entries(net.dense_weights()):
        a = 1 / leak[i] + 1 / leak[j]
        u = a + 2 * abs(w) / (leak[i] * leak[j])
        yy = np.mean((y[i] - np.sign(w) * y[j]) ** 2)
        zz = np.mean((z[i] - np.sign(w) * z[j]) ** 2)
        low = (leak[i] + leak[j] - 2 * abs(w)) / (leak[i] * leak[j] - w * w)
        plain.append(yy)
        beta = a**2 * (1 - (w * low) ** 2) / (u**2 - w**2 * a**4)
        reduced.append(np.clip(yy - beta * (zz - u), low, 1 / abs(w)))
    for reduction, expected in ((False, plain), (True, reduced)):
        found = probed_variance(net, np.sqrt(2), 50, 11, variance_reduction=reduction)
        np.testing.assert_allclose(found.variance, expected, rtol=5e-3)
        assert found.n_probes == 50
        assert found.solver == "diagonal"


@pytest.mark.parametrize("both", [True, False])
def test_plain_estimates_are_unbiased_with_the_promised_precision(both):
    net = dominant_network(30, both=both)
    exact = exact_variance(net, 0.3)
    q, repeats = 64, 60
    found = [
        probed_variance(net, 0.3, q, seed, variance_reduction=False) for seed in range(repeats)
    ]
    ratio = np.array([probe.variance for probe in found]) / exact
    # The quadrature of directed networks has a bias of up to one part in a thousand.
    leverage = np.abs(net.synapse_weights) * exact / np.sum(np.abs(net.synapse_weights) * exact)
    naive.assert_unbiased(ratio @ leverage, 1.0, planted=0.05)
    spread = np.sqrt(np.mean((ratio - 1) ** 2))
    if both:
        assert spread == pytest.approx(np.sqrt(2 / q), rel=0.15)
    else:
        assert spread < np.sqrt(2 / q)
    stated = np.sqrt(np.mean([probe.relative_error**2 for probe in found]))
    assert stated == pytest.approx(spread, rel=0.12)


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("q", [32, 128])
def test_what_the_pair_explains_lowers_the_error(both, q):
    net = dominant_network(150, both=both, density=0.3)
    exact = exact_variance(net)
    errors = {}
    for reduction in (True, False):
        found = [
            probed_variance(net, 1.0, q, seed, variance_reduction=reduction) for seed in range(8)
        ]
        ratio = np.array([probe.variance for probe in found]) / exact - 1
        errors[reduction] = np.sqrt(np.mean(ratio**2))
        assert abs(np.mean(ratio)) < 0.1 * np.sqrt(2 / q)
        assert errors[reduction] < 1.1 * found[0].relative_error
    assert errors[True] < 0.5 * errors[False]


def test_the_stated_error_falls_with_the_probes():
    for both in (True, False):
        net = dominant_network(80, both=both)
        few, many = (probed_variance(net, 1.0, q, 3).relative_error for q in (32, 512))
        assert few / many == pytest.approx(4, rel=0.1 if both else 0.25)
        wanted = probed_variance(net, 1.0, seed=3, error=0.03)
        assert wanted.relative_error == pytest.approx(0.03, rel=0.15)
        again = probed_variance(net, 1.0, wanted.n_probes, 3)
        np.testing.assert_array_equal(again.variance, wanted.variance)
    with pytest.raises(OptionError, match="probe error"):
        probed_variance(net, error=0.0)


@pytest.mark.parametrize("both", [True, False])
def test_the_stated_error_is_the_true_one_where_probes_are_many(both):
    net = dominant_network(80, both=both)
    found = [probed_variance(net, 1.0, 512, seed) for seed in range(1, 13, 2)]
    ratio = np.array([probe.variance for probe in found]) / exact_variance(net)
    error = np.sqrt(np.mean((ratio - 1) ** 2))
    assert found[0].relative_error == pytest.approx(error, rel=0.1)


def test_a_synapse_without_alternatives_is_known_exactly():
    """On a chain with no leak but at one end every synapse has leverage 1."""
    chain = np.diag(np.arange(1.0, 8), 1)
    chain += chain.T
    leak = chain.sum(axis=1)
    leak[0] += 1.0
    net = RateNetwork(chain, leak=leak)
    found = probed_variance(net, np.sqrt(2), 3, 1, variance_reduction=False)
    np.testing.assert_allclose(found.variance, 1 / net.synapse_weights, rtol=1e-3)
    assert found.relative_error < 0.05


def test_more_probes_begin_with_the_same_probes():
    net = dominant_network()
    first = symmetric.Probes.of(net, key(11), 32)
    more = symmetric.Probes.of(net, key(11), 70)
    np.testing.assert_array_equal(
        symmetric.probe_block(first, 0)[0], symmetric.probe_block(more, 0)[0]
    )
    assert list(more.blocks) == [0, 1, 2]
    assert np.all(symmetric.probe_block(more, 1)[0] != symmetric.probe_block(more, 0)[0])


@pytest.mark.parametrize("name", MAKERS)
def test_every_solver_gives_the_same_estimates(name):
    net = dominant_network(90, 13, density=0.05)
    first = probed_variance(net, 2.0, 40, 17, solver="diagonal")
    other = probed_variance(net, 2.0, 40, 17, solver=name)
    assert other.solver == name
    np.testing.assert_allclose(other.variance, first.variance, rtol=0.01)


@pytest.mark.parametrize("both", [True, False])
def test_estimates_scale_with_the_noise_squared(both):
    net = dominant_network(both=both)
    one, three = (probed_variance(net, noise, 4, 19).variance for noise in (1.0, 3.0))
    np.testing.assert_allclose(three, 9 * one, rtol=1e-12)


def test_both_synapses_of_a_pair_have_one_estimate():
    net = dominant_network()
    variance = np.zeros((20, 20))
    variance[net.synapses] = probed_variance(net, 1.0, 4, 23).variance
    np.testing.assert_array_equal(variance, variance.T)


@pytest.mark.parametrize("both", [True, False])
def test_the_same_seed_gives_the_same_estimates(both):
    net = dominant_network(both=both)
    sequence = np.random.SeedSequence(29, spawn_key=(3,))

    def found(seed):
        return probed_variance(net, 1.0, 4, seed).variance

    first = found(sequence)
    np.testing.assert_array_equal(found(sequence), first)
    assert sequence.n_children_spawned == 0  # inputs are never modified
    np.testing.assert_array_equal(found(np.random.SeedSequence(29)), found(29))
    one, other = (found(np.random.default_rng(31)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert np.any(first != one)


def test_progress_is_told_of_every_block():
    told = []
    probed_variance(dominant_network(), 1.0, 70, 1, progress=lambda *x: told.append(x))
    assert told == [(1, 3), (2, 3), (3, 3)]


# ------------------------------------------------------------------------------- directed


@pytest.mark.parametrize("spread", [1.0, 1e2, 1e5])
@pytest.mark.parametrize("angle", [0.0, 60.0])
def test_the_quadrature_integrates_every_mode(spread, angle):
    """1 / (2 Re lambda) = (1 / pi) int_0^inf (|i w + lambda|^-2 + |i w - lambda*|^-2) / 2 dw"""
    nodes, weights = directed.quadrature(1.0, spread, np.pi / 2 - np.radians(angle))
    for size in np.geomspace(1.0, spread, 7):
        mode = size * np.exp(1j * np.radians(angle))
        both = np.abs(1j * nodes + mode) ** -2 + np.abs(1j * nodes + mode.conjugate()) ** -2
        assert weights @ both / 2 == pytest.approx(1 / (2 * mode.real), rel=3e-3)


@pytest.mark.parametrize("gain", [None, 0.8])
def test_the_resolvent_at_all_loads_is_the_covariance(gain):
    """With the identity for the random loads nothing is left but the quadrature."""
    net = dominant_network(25, both=False)
    if gain:
        net = RateNetwork.from_connectome(net.weights, gain=gain)
    shared = directed.Resolvent.of(net, key(1), 64)
    total = np.zeros((25, 25))
    for frequency, weight in zip(shared.nodes, shared.node_weights):
        resolvent = np.linalg.inv(1j * frequency * np.eye(25) - net.dense_drift())
        total += weight * (resolvent @ resolvent.conj().T).real
    expected = covariance(net).covariance
    assert np.max(np.abs(total - expected)) < 3e-3 * np.max(np.abs(expected))


@pytest.mark.parametrize("dense", [True, False])
def test_no_eigenvalue_is_outside_the_strip(dense, monkeypatch):
    """Of dominant, of strongly rotating, and of symmetric networks; the bound is not far off."""
    if not dense:
        monkeypatch.setattr(directed, "DENSE_EIGENVALUES", 10)
    even = dominant_network(60)
    rotating = np.diag(np.full(59, 3.0), 1) - np.diag(np.full(59, 3.0), -1)
    for net, far in (
        (dominant_network(60, both=False), 4),
        (RateNetwork(rotating, leak=1.0), 1.1),
        (RateNetwork.from_connectome(dominant_network(60, 5, both=False).weights, 0.95), 8),
        (RateNetwork(even.weights, leak=0.8 * even.input_strength), 1.1),
    ):
        modes = np.linalg.eigvals(-net.dense_drift())
        slowest, strip = directed.slowest_and_strip(net)
        room = np.pi / 2 - np.max(np.abs(np.angle(modes)))
        assert 0 < slowest <= np.min(modes.real) * (1 + 1e-6)
        assert room / far < strip <= room * (1 + 1e-6)


def test_a_narrow_strip_is_told_as_a_bias():
    """Two neurons that turn 100 times as fast as they decay: more nodes than anyone would make."""
    turning = RateNetwork(np.array([[0.0, 100.0], [-100.0, 0.0]]), leak=1.0)
    found = directed.Resolvent.of(turning, key(1), 64)
    assert 0.1 < found.bias <= 1
    mode = 1 + 100j
    both = np.abs(1j * found.nodes + mode) ** -2 + np.abs(1j * found.nodes + mode.conjugate()) ** -2
    error = abs(found.node_weights @ both - 1)
    assert 0.01 < error <= found.bias


def test_networks_that_are_not_dominant_are_probed_too():
    """Symmetric ones by the resolvent."""
    net = dominant_network(40)
    weak = RateNetwork(net.weights, leak=0.8 * net.input_strength)
    ratio = probed_variance(weak, 1.0, 256, 3).variance / exact_variance(weak)
    assert np.sqrt(np.mean((ratio - 1) ** 2)) < np.sqrt(2 / 256)


# ------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("n", [2, 3, 17, 60, 150])
@pytest.mark.parametrize("signed", [False, True])
def test_a_singular_drift_is_refused(n, signed):
    """A Laplacian, also one whose signs can be flipped away neuron by neuron (balanced)."""
    weights = np.random.default_rng(n).random((n, n))
    weights = np.triu(weights, 1) + np.triu(weights, 1).T
    if signed:
        flip = np.where(np.arange(n) % 2, 1.0, -1.0)
        weights *= np.outer(flip, flip)
    net = RateNetwork(weights, leak_margin=0.0)
    with pytest.raises(UnstableError, match=r"abscissa.*--leak-margin 0\.1"):
        probed_variance(net, 1.0, 4, 1)
    # One part in 10^9 of margin is enough.
    barely = RateNetwork(weights, leak_margin=1e-9)
    assert np.all(np.isfinite(probed_variance(barely, 1.0, 4, 1).variance))


def test_singular_parts_are_found():
    ring = np.roll(np.eye(5), 1, axis=1)
    ring += ring.T
    flipped = ring.copy()
    flipped[0, 1] = flipped[1, 0] = -1.0  # one inhibitory pair: cannot be flipped away
    none, one = np.zeros(10, dtype=bool), np.arange(10) == 7
    for first, second, leaks, expected in (
        (ring, flipped, none, True),
        (flipped, flipped, none, False),
        (ring, ring, one, True),
        (flipped, ring, one, False),
        (ring, ring, ~none, False),
    ):
        both = sparse.csr_array(sparse.block_diag([first, second]))
        both.eliminate_zeros()
        assert symmetric.is_singular(both, leaks) == expected
        matrix = np.diag(np.abs(both.toarray()).sum(axis=1) + leaks) - both.toarray()
        assert (np.linalg.eigvalsh(matrix)[0] < 1e-12) == expected


def test_other_networks_are_refused():
    net = dominant_network()
    unstable = RateNetwork(net.weights, leak=1e-3)
    with pytest.raises(UnstableError, match="abscissa"):
        probed_variance(unstable, 1.0, 4, 1)
    for probes in (0, -1, 1.5, True, np.nan):
        with pytest.raises(OptionError, match="n_probes"):
            probed_variance(net, 1.0, probes, 1)
    with pytest.raises(OptionError, match="noise"):
        probed_variance(net, 0.0)
    with pytest.raises(OptionError, match="seed"):
        probed_variance(net, 1.0, 4, -1)
