"""A pair of networks is solved once, whoever asks and however often."""

import pickle
from collections import Counter

import numpy as np
import pytest
from scipy import linalg
from typer.testing import CliRunner

import noiseprune as npr
from noiseprune import cli, lyapunov
from noiseprune.pair import Pair

SYMMETRIC = npr.clustered_network((14, 3, 3), 0.6, 20, leak_margin=0.3, seed=7)
DIRECTED = npr.clustered_network((14, 3, 3), 0.6, 21, directed=True, leak_margin=0.3, seed=7)
NETWORKS = pytest.mark.parametrize("net", [SYMMETRIC, DIRECTED], ids=["symmetric", "directed"])


@pytest.fixture
def solved(monkeypatch):
    """How often each matrix had its covariance and its spectrum solved."""
    counts = {"covariance": Counter(), "spectrum": Counter(), "singular values": Counter()}

    def counting(kind, original, key):
        def counted(first, *rest, **options):
            counts[kind][key(first)] += 1
            return original(first, *rest, **options)

        return counted

    def of_network(net):
        return net.dense_drift().tobytes()

    def of_matrix(matrix):
        return matrix.tobytes()

    covariance = counting("covariance", lyapunov.covariance, of_network)
    monkeypatch.setattr(lyapunov, "covariance", covariance)
    for name in ("eig", "eigh", "eigvals", "eigvalsh"):
        whole = getattr(linalg, name)
        monkeypatch.setattr(linalg, name, counting("spectrum", whole, of_matrix))
    svdvals = counting("singular values", linalg.svdvals, of_matrix)
    monkeypatch.setattr(linalg, "svdvals", svdvals)
    return counts


def drifts(*nets):
    """The matrices whose spectra count, as `solved` names them."""
    return {net.dense_drift().tobytes() for net in nets}


@pytest.mark.parametrize("leak", [[], ["--leak", "900"]], ids=["dominant", "uniform"])
@pytest.mark.parametrize("name", ["celegans", "celegans-gap", "mushroom-body"])
def test_one_command_solves_each_covariance_and_each_spectrum_once(name, leak, solved, tmp_path):
    """Of the first neurons of a connectome: the solutions are counted, whatever their size."""
    page, path, file = (tmp_path / each for each in ("page.html", "pruned.npz", "net.mtx"))
    npr.save(npr.RateNetwork(npr.datasets.load(name).csr[:80, :80]), file)
    command = ["prune", file, "--keep", "0.5", *leak, "-o", path, "--report", page]
    result = CliRunner().invoke(cli.app, [str(word) for word in command])
    assert result.exit_code == 0, result.output
    original = npr.load(file, leak=900.0 if leak else "dominant")
    pruned = npr.load(path)
    both = drifts(original, pruned)
    assert solved["covariance"] == dict.fromkeys(both, 1)
    found = {matrix: solved["spectrum"][matrix] for matrix in both}
    assert found == dict.fromkeys(both, 1)
    if not original.is_symmetric:
        assert solved["singular values"] == dict.fromkeys(both, 1)


@NETWORKS
def test_what_is_read_twice_is_solved_once(net, solved):
    pair = Pair(net, npr.prune(net, 0.5, "weight", seed=3).network)
    for _ in range(2):
        assert pair.change.epsilon > 0
        assert pair.stable
        assert pair.covariance_error > 0
        assert pair.abscissae[0] < 0
        assert len(pair.eigenvalues) == len(pair.singular_values) == 2
    both = drifts(pair.original, pair.pruned)
    assert solved["covariance"] == dict.fromkeys(both, 1)
    assert {matrix: solved["spectrum"][matrix] for matrix in both} == dict.fromkeys(both, 1)


@pytest.mark.parametrize("directed", [False, True])
def test_a_pair_keeps_no_number_a_synapse(directed):
    net = npr.clustered_network((60,), 0.9, 0, directed=directed, seed=7)
    pair = Pair(net, npr.prune(net, 0.5, "weight", seed=3).network)
    assert npr.SpectralReport.of(pair).covariance_error > 0
    assert pair.variance.shape == (net.n_synapses,)
    kept = {name: value for name, value in vars(pair).items() if name not in ("original", "pruned")}
    assert "covariance_error" in kept
    assert len(pickle.dumps(kept)) < 4 * net.n_synapses


@NETWORKS
def test_a_pair_agrees_with_plain_linear_algebra(net):
    pair = Pair(net, npr.prune(net, 0.5, seed=3).network)
    drifts = net.dense_drift(), pair.pruned.dense_drift()
    for drift, values, sizes, abscissa in zip(
        drifts, pair.eigenvalues, pair.singular_values, pair.abscissae
    ):
        expected = np.linalg.eigvals(drift)
        np.testing.assert_allclose(np.sort_complex(values), np.sort_complex(expected), atol=1e-9)
        np.testing.assert_allclose(sizes, np.linalg.svd(drift, compute_uv=False), rtol=1e-9)
        assert abscissa == pytest.approx(np.max(expected.real), rel=1e-9)
    before, after = (linalg.solve_continuous_lyapunov(a, -np.eye(20)) for a in drifts)
    expected = np.linalg.norm(after - before) / np.linalg.norm(before)
    assert pair.covariance_error == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(pair.variance, npr.synapse_variance(net).variance)


@NETWORKS
@pytest.mark.parametrize("noise", [0.3, 1e-90, 1e60])
def test_a_covariance_that_is_known_is_used_whatever_its_noise(net, noise, solved):
    pruned = npr.prune(net, 0.5, "weight", seed=3).network
    known = lyapunov.covariance(net, noise)
    solved["covariance"].clear()
    pair = Pair(net, pruned, covariance=known)
    assert pair.covariance_error == pytest.approx(Pair(net, pruned).covariance_error, rel=1e-9)
    assert solved["covariance"][net.dense_drift().tobytes()] == 1  # of the second pair alone
    np.testing.assert_allclose(pair.variance, npr.synapse_variance(net).variance)


def test_without_a_stationary_state_there_is_no_covariance():
    ring = np.roll(np.eye(4), 1, axis=0)
    stable, unstable = (npr.RateNetwork(ring, leak=leak) for leak in (1.5, 0.5))
    assert Pair(stable, unstable).covariance_error is None
    assert Pair(stable, unstable).variance.shape == (4,)
    assert Pair(unstable, stable).variance is None


def test_details_are_left_out_of_large_networks_or_on_request():
    pair = Pair(SYMMETRIC, SYMMETRIC, detail=False)
    assert pair.eigen_errors is pair.eigenvalues is pair.singular_values is None
    assert pair.covariance_error is pair.variance is None
    assert pair.stable
    with pytest.raises(npr.OptionError, match="compare a network with its own"):
        Pair(SYMMETRIC, npr.RateNetwork(np.zeros((3, 3)), leak=1.0))
