"""Epsilon: three norms, two methods, and intervals that hold."""

import naive
import numpy as np
import pytest
from scipy import linalg

from noiseprune import OptionError, RateNetwork, UnstableError, prune, spectrum
from noiseprune.spectrum import eigen_errors, epsilon

either_symmetry = pytest.mark.parametrize("symmetric", [True, False])
either_solver = pytest.mark.parametrize("solver", ["factor", "conjugate gradients"])


@pytest.fixture
def solver(request, monkeypatch):
    """The Lanczos solver by a dense factor, or by sparse conjugate gradients."""
    if request.param == "conjugate gradients":
        monkeypatch.setattr(spectrum, "DENSE_FACTOR", 0)


def random_network(n, seed, *, symmetric, density=0.5, margin=0.1):
    rng = np.random.default_rng(seed)
    weights = naive.signed_weights(n, rng, symmetric=symmetric, density=density)
    return RateNetwork(weights, leak_margin=margin)


def pruned_network(net, seed, **options):
    return prune(net, rule="weight", keep=0.5, seed=seed, **options).network


def diagonal(values):
    """A network of unconnected neurons: -A is diag(values)."""
    values = np.array(values, dtype=np.float64)
    return RateNetwork.from_parts(np.zeros((values.size, values.size)), values)


def matrices(net, pruned):
    m, m_s = -net.dense_drift(), -pruned.dense_drift()
    return m, m_s, 0.5 * (m + m.T)


# ------------------------------------------------------------------------------------- dense


@pytest.mark.parametrize("n", [1, 2, 31, 90])
@pytest.mark.parametrize("balance", ["leak", "none", "homeostatic"])
def test_pencil_norm_is_that_of_the_generalised_eigenvalues(n, balance):
    net = random_network(max(n, 2), n, symmetric=True, density=1.0)
    pruned = pruned_network(net, 3, balance=balance)
    m, m_s, _ = matrices(net, pruned)
    values = linalg.eigh(m_s, m, eigvals_only=True) - 1
    result = epsilon(net, pruned)
    assert result.epsilon == pytest.approx(np.max(np.abs(values)), rel=1e-10)
    assert result.interval == pytest.approx((values[0], values[-1]), rel=1e-9)
    assert result.upper_bound == result.epsilon
    assert (result.norm, result.method, result.failure_probability) == ("pencil", "dense", 0.0)


@pytest.mark.parametrize("n", [2, 31, 90])
def test_symmetric_part_norm_is_that_of_its_explicit_products(n):
    net = random_network(n, n, symmetric=False, density=1.0)
    pruned = pruned_network(net, 3)
    m, m_s, h = matrices(net, pruned)
    root = np.linalg.inv(np.real(linalg.sqrtm(h)))
    relative = root @ (m_s - m) @ root
    values = np.linalg.eigvalsh(0.5 * (relative + relative.T))
    result = epsilon(net, pruned)
    assert result.epsilon == pytest.approx(np.linalg.norm(relative, 2), rel=1e-9)
    assert result.interval == pytest.approx((values[0], values[-1]), rel=1e-8)
    assert (result.norm, result.method) == ("symmetric-part", "dense")


def test_relative_norm_is_that_of_its_explicit_product():
    net = random_network(31, 7, symmetric=False)
    pruned = pruned_network(net, 3)
    weak = RateNetwork(net.weights, leak=0.4 * net.leak)
    weak_pruned = RateNetwork.from_parts(pruned.weights, 0.4 * pruned.leak)
    m, m_s, h = matrices(weak, weak_pruned)
    assert np.linalg.eigvalsh(h)[0] < 0
    relative = np.linalg.inv(m) @ (m_s - m)
    values = np.linalg.eigvalsh(0.5 * (relative + relative.T))
    result = epsilon(weak, weak_pruned)
    assert result.norm == "relative"
    assert result.epsilon == pytest.approx(np.linalg.norm(relative, 2), rel=1e-9)
    assert result.interval == pytest.approx((values[0], values[-1]), rel=1e-8)


def test_the_norm_is_the_first_that_exists():
    symmetric = random_network(20, 3, symmetric=True)
    directed = random_network(20, 5, symmetric=False)
    unstable = RateNetwork([[0.0, 2.0], [2.0, 0.0]], leak=1.0)
    assert epsilon(symmetric, symmetric).norm == "pencil"
    assert epsilon(symmetric, directed).norm == "symmetric-part"
    assert epsilon(directed, symmetric).norm == "symmetric-part"
    assert epsilon(unstable, unstable).norm == "relative"


def networks_of_each_norm():
    oscillator = RateNetwork.from_parts(np.array([[0.0, 5.0], [-1.0, 0.0]]), np.array([1.0, 1.0]))
    return {
        "pencil": random_network(20, 3, symmetric=True),
        "symmetric-part": random_network(20, 5, symmetric=False),
        "relative": oscillator,
    }


@pytest.mark.parametrize("norm", ["pencil", "symmetric-part", "relative"])
@pytest.mark.parametrize("change", [0.0, 0.3, -0.2, 1e-9, -3.0])
def test_a_rescaled_network_has_changed_by_exactly_that(norm, change):
    """A_s = (1 + d) A: R is d I in all three norms where M is symmetric; its sign is that of d."""
    net = networks_of_each_norm()[norm]
    scaled = RateNetwork.from_parts(net.weights * (1 + change), net.leak * (1 + change))
    result = epsilon(net, scaled)
    assert result.norm == norm
    if norm == "symmetric-part":  # M is not H: only the symmetric part of R is d I
        m, _, h = matrices(net, net)
        root = np.linalg.inv(np.real(linalg.sqrtm(h)))
        assert result.epsilon == pytest.approx(
            abs(change) * np.linalg.norm(root @ m @ root, 2), rel=1e-6
        )
    else:
        assert result.epsilon == pytest.approx(abs(change), rel=1e-6, abs=1e-15)
    assert result.interval == pytest.approx((change, change), rel=1e-6, abs=1e-14)


@pytest.mark.parametrize("method", ["dense", "lanczos"])
def test_the_interval_has_the_sign_of_what_was_added_to_m(method):
    """By hand: a leak halved is -1/2, a leak raised by 30 % is +0.3."""
    low, high = epsilon(diagonal([1, 2, 4]), diagonal([0.5, 2.6, 4]), method=method).interval
    if method == "dense":
        assert (low, high) == pytest.approx((-0.5, 0.3))
    else:  # an enclosure, wider by about one per cent
        assert -0.52 < low <= -0.5
        assert 0.3 <= high < 0.32


def test_the_interval_of_the_relative_norm_by_hand():
    """M = diag(1, -2): A^-1 (A_s - A) = diag(0.5, -0.5) where M_s = diag(1.5, -1)."""
    result = epsilon(diagonal([1, -2]), diagonal([1.5, -1.0]))
    assert result.norm == "relative"
    assert result.interval == pytest.approx((-0.5, 0.5))


@either_symmetry
def test_above_minus_one_the_pruned_network_is_stable(symmetric):
    net = random_network(30, 11, symmetric=symmetric, margin=0.0)
    stable = []
    for seed in range(1, 40, 2):
        pruned = prune(
            net, rule="weight", sampling="independent", keep=0.05, balance="leak", seed=seed
        ).network
        low, _ = epsilon(net, pruned).interval
        stable.append(pruned.spectral_abscissa() < 0)
        assert stable[-1] or low <= -1 + 1e-12
        if symmetric and abs(low + 1) > 1e-12:  # a pair of neurons left alone is singular
            assert stable[-1] == (low > -1)
    assert not all(stable)


# ----------------------------------------------------------------------------------- Lanczos


@pytest.mark.parametrize("solver", ["factor", "conjugate gradients"], indirect=True)
@pytest.mark.parametrize("width", [0.005, 0.15])
@either_symmetry
def test_lanczos_agrees_within_what_it_states(symmetric, width, solver, monkeypatch):
    """Estimates from below, intervals that enclose, over many networks and starts."""
    for name in ("_WIDTH", "_LARGE_WIDTH"):
        monkeypatch.setattr(spectrum, name, width)
    covered = 0
    for seed in range(1, 20, 2):
        net = random_network(110, seed, symmetric=symmetric, density=0.1)
        pruned = pruned_network(net, seed)
        exact = epsilon(net, pruned, method="dense")
        found = epsilon(net, pruned, method="lanczos", seed=seed)
        assert (found.norm, found.method) == (exact.norm, "lanczos")
        assert found.epsilon <= exact.epsilon * (1 + 1e-5)  # inner iterations have six digits
        (low, high), (exact_low, exact_high) = found.interval, exact.interval
        covered += low <= exact_low and exact_high <= high and exact.epsilon <= found.upper_bound
        spread = exact_high - exact_low
        slack = spectrum._slack(110, spectrum._steps(110, width))
        assert slack <= width
        # Wider than the spectrum by at most s / (1 - 2s) of its width on each side.
        assert max(exact_low - low, high - exact_high) <= slack / (1 - 2 * slack) * spread + 1e-5
        assert found.upper_bound <= exact.epsilon / (1 - 2 * slack) * (1 + 1e-5)
    assert covered == 10  # each fails with a probability of at most 1 %


@pytest.mark.parametrize("solver", ["factor", "conjugate gradients"], indirect=True)
def test_the_widened_interval_holds_where_lanczos_is_slow(solver, monkeypatch):
    """A spectrum dense at its ends, few steps: the Ritz values miss, the interval does not."""
    for name in ("_WIDTH", "_LARGE_WIDTH"):
        monkeypatch.setattr(spectrum, name, 0.2)
    n = 251
    values = np.cos(np.pi * np.arange(n) / (n - 1)) / 2  # Chebyshev points, -1/2 to 1/2
    net, pruned = diagonal(np.full(n, 3.0)), diagonal(3.0 * (1 + values))
    missed, covered = 0, 0
    for seed in range(1, 200, 2):
        found = epsilon(net, pruned, method="lanczos", seed=seed)
        missed += found.epsilon < 0.5 * (1 - 1e-3)
        covered += found.interval[0] <= -0.5 and found.interval[1] >= 0.5
    assert missed > 90  # so the widening is needed
    assert covered >= 97


def test_slack_and_steps_are_those_of_the_theorem():
    """1.648 sqrt(n) exp(-sqrt(s) (2k - 1)), three times, is the failure probability."""
    for n in (10, 5000, 10**6):
        k = spectrum._steps(n, 0.005)
        s = spectrum._slack(n, k)
        failure = 1.648 * np.sqrt(n) * np.exp(-np.sqrt(s) * (2 * k - 1))
        assert 3 * failure == pytest.approx(spectrum._FAILURE)
        assert s <= 0.005 < spectrum._slack(n, k - 1)


@pytest.mark.parametrize("solver", ["factor", "conjugate gradients"], indirect=True)
@either_symmetry
def test_lanczos_of_an_unchanged_network_is_nothing(symmetric, solver):
    net = random_network(40, 3, symmetric=symmetric)
    result = epsilon(net, net, method="lanczos")
    assert (result.epsilon, result.interval, result.upper_bound) == (0.0, (0.0, 0.0), 0.0)


@either_symmetry
def test_lanczos_ends_where_nothing_is_left(symmetric):
    """On fewer neurons than steps it finds the whole spectrum, and counts its steps."""
    net = random_network(12, 3, symmetric=symmetric)
    pruned = pruned_network(net, 5)
    exact, found = (epsilon(net, pruned, method=method) for method in ("dense", "lanczos"))
    assert found.epsilon == pytest.approx(exact.epsilon, rel=1e-9)
    assert found.residual < 1e-7
    assert 0 < found.iterations <= (12 if symmetric else 24)


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@either_symmetry
def test_one_original_serves_many_pruned_networks(symmetric, method):
    net = random_network(60, 3, symmetric=symmetric)
    original = spectrum.Original(net, method=method)
    for seed in (1, 3):
        pruned = pruned_network(net, seed)
        expected = epsilon(net, pruned, method=method, seed=7)
        assert original.epsilon(pruned, seed=7) == expected


@either_symmetry
def test_the_dense_problem_gives_way_where_there_is_a_pencil(symmetric, monkeypatch):
    monkeypatch.setattr(spectrum, "DENSE_PENCIL", 20)
    net = random_network(30, 3, symmetric=symmetric)
    assert epsilon(net, pruned_network(net, 3)).method == "lanczos"
    weak = RateNetwork.from_parts(net.weights, 0.3 * net.leak)
    found = epsilon(weak, pruned_network(net, 3))
    assert (found.norm, found.method) == ("relative", "dense")


def test_the_seed_of_lanczos_is_honoured():
    net = random_network(110, 3, symmetric=True, density=0.1)
    pruned = pruned_network(net, 5)
    one, same, other = (epsilon(net, pruned, method="lanczos", seed=s) for s in (1, 1, 3))
    assert one == same
    assert one != other


# -------------------------------------------------------------------------------- eigenpairs


def test_eigen_errors_agree_with_a_plain_loop():
    net = random_network(31, 13, symmetric=True)
    pruned = pruned_network(net, 5)
    a, a_s = net.dense_drift(), pruned.dense_drift()
    values, vectors = np.linalg.eigh(a)
    changed = np.sort(np.linalg.eigvalsh(a_s))
    errors = eigen_errors(net, pruned)
    for i, (value, v) in enumerate(zip(values, vectors.T)):
        form = v @ a_s @ v
        assert errors.eigenvalue[i] == pytest.approx(abs(changed[i] / value - 1), rel=1e-8)
        assert errors.eigenvector[i] == pytest.approx(abs(form / value - 1), rel=1e-8)
        cosine = abs(form) / np.linalg.norm(a_s @ v)
        assert errors.cosine[i] == pytest.approx(cosine, rel=1e-10)
    assert errors.abscissa == pytest.approx((values[-1], changed[-1]))
    assert errors.abscissa[0] == pytest.approx(net.spectral_abscissa())


def test_eigen_errors_are_bounded_by_epsilon():
    """Courant and Fischer: every eigenvalue moves by a relative factor within 1 +- epsilon."""
    net = random_network(60, 17, symmetric=True)
    for seed in (1, 3, 5):
        pruned = pruned_network(net, seed)
        low, high = epsilon(net, pruned).interval
        errors = eigen_errors(net, pruned)
        bound = max(-low, high) * (1 + 1e-9)
        assert np.max(errors.eigenvalue) <= bound
        assert np.max(errors.eigenvector) <= bound


def test_an_unchanged_network_has_no_eigen_errors():
    net = random_network(31, 13, symmetric=True)
    errors = eigen_errors(net, net)
    np.testing.assert_allclose(errors.eigenvalue, 0, atol=1e-12)
    np.testing.assert_allclose(errors.eigenvector, 0, atol=1e-12)
    np.testing.assert_allclose(errors.cosine, 1, rtol=1e-12)


# ----------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("method", ["auto", "lanczos"])
@pytest.mark.parametrize("n", [2, 3, 17, 60, 150])
def test_a_singular_original_is_refused(n, method):
    weights = np.random.default_rng(n).random((n, n))
    weights = np.triu(weights, 1) + np.triu(weights, 1).T
    net = RateNetwork(weights, leak_margin=0.0)
    changed = RateNetwork(0.5 * weights, leak=net.leak)
    for pruned in (net, changed):
        with pytest.raises(UnstableError, match=r"singular.*margin"):
            epsilon(net, pruned, method=method)


def test_a_singular_directed_original_is_refused():
    net = RateNetwork([[0.0, 2.0], [0.5, 0.0]], leak=1.0)
    with pytest.raises(UnstableError, match="singular"):
        epsilon(net, net)


def test_bad_arguments_are_refused(monkeypatch):
    net, directed = (random_network(9, 3, symmetric=symmetric) for symmetric in (True, False))
    other = random_network(8, 3, symmetric=True)
    for compare in (epsilon, eigen_errors):
        with pytest.raises(OptionError, match="has 9 neurons and the pruned network 8"):
            compare(net, other)
    with pytest.raises(OptionError, match="two symmetric networks"):
        eigen_errors(net, directed)
    with pytest.raises(OptionError, match="did you mean 'lanczos'"):
        epsilon(net, net, method="lanzcos")
    weak = RateNetwork(directed.weights, leak=0.1 * directed.leak)
    with pytest.raises(OptionError, match="leak='dominant'"):
        epsilon(weak, weak, method="lanczos")
    monkeypatch.setattr(spectrum, "DENSE_FACTOR", 0)
    with pytest.raises(OptionError, match="leak margin above 0"):
        epsilon(weak, weak, method="lanczos")


@either_symmetry
def test_inputs_are_unmodified(symmetric):
    net = random_network(40, 3, symmetric=symmetric)
    pruned = pruned_network(net, 5)
    before = [x.copy() for x in (net.dense_weights(), net.leak, pruned.dense_weights())]
    for method in ("dense", "lanczos"):
        epsilon(net, pruned, method=method)
    if symmetric:
        eigen_errors(net, pruned)
    for now, then in zip((net.dense_weights(), net.leak, pruned.dense_weights()), before):
        np.testing.assert_array_equal(now, then)
