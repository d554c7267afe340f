"""Covariance and synapse variances of recordings: closed forms, honest errors, spikes."""

from dataclasses import replace

import naive
import numpy as np
import pytest

import noiseprune as npr
from noiseprune import recordings
from noiseprune.errors import OptionError, RecordingError
from noiseprune.recordings import rates, statistics
from noiseprune.recordings.matching import channels_of

SEED = 7


def random_network(n=7, symmetric=False, seed=SEED, labels=None):
    rng = np.random.default_rng(seed)
    return npr.RateNetwork(naive.signed_weights(n, rng, symmetric=symmetric), labels=labels)


def autoregressive(n_samples, n, memory, rng):
    """(T, N) of independent AR(1) channels with variance 1 and autocorrelation memory^k."""
    noise = rng.standard_normal((n_samples, n)) * np.sqrt(1 - memory**2)
    values = np.empty((n_samples, n))
    values[0] = rng.standard_normal(n)
    for t in range(1, n_samples):
        values[t] = memory * values[t - 1] + noise[t]
    return values


def with_covariance(covariance, n_samples, rng):
    """(T, N) samples whose covariance (over T, about the mean) is exactly the given one."""
    values = rng.standard_normal((n_samples, len(covariance)))
    values -= values.mean(axis=0)
    own = np.linalg.cholesky(values.T @ values / n_samples)
    return np.linalg.solve(own, values.T).T @ np.linalg.cholesky(covariance).T


# ---------------------------------------------------------------------------------- closed forms


def test_covariance_is_that_of_the_definition():
    rng = np.random.default_rng(SEED)
    values = rng.standard_normal((500, 5)) @ rng.standard_normal((5, 5)) + 3
    found = recordings.covariance(recordings.from_arrays(values, 0.1), shrink="none")
    np.testing.assert_allclose(found.covariance, np.cov(values.T, bias=True), rtol=1e-12)
    assert (found.n_samples, found.length, found.shrinkage) == (500, 50.0, 0.0)
    in_pieces = recordings.from_arrays([values[:200], values[200:]], 0.1)
    again = recordings.covariance(in_pieces, shrink="none")
    np.testing.assert_allclose(again.covariance, found.covariance, rtol=1e-12)


@pytest.mark.parametrize("symmetric", [True, False])
def test_synapse_variances_are_those_of_the_covariance(symmetric, monkeypatch):
    monkeypatch.setattr(statistics, "ROWS", 3)
    net = random_network(symmetric=symmetric)
    values = np.random.default_rng(SEED).standard_normal((400, 7)) ** 3
    record = recordings.from_arrays(values, 1.0)
    expected = naive.synapse_variance(net.dense_weights(), np.cov(values.T, bias=True))
    found = recordings.synapse_variance(net, record, shrink="none")
    np.testing.assert_allclose(found.variance, expected, rtol=1e-11)
    both = recordings.covariance(record, shrink="ledoit-wolf")
    shrunk = recordings.synapse_variance(net, record, shrink="ledoit-wolf")
    assert 0 < shrunk.shrinkage == pytest.approx(both.shrinkage, rel=1e-9)
    expected = naive.synapse_variance(net.dense_weights(), both.covariance)
    np.testing.assert_allclose(shrunk.variance, expected, rtol=1e-11)
    if symmetric:
        matrix = np.zeros((7, 7))
        matrix[net.synapses] = found.standard_error
        np.testing.assert_allclose(matrix, matrix.T, rtol=1e-9)


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_trace_of_the_lyapunov_equation_has_the_noise(symmetric):
    """sigma^2 = -(2 / N) tr(A C), whatever the network: exact if the covariance is."""
    net = random_network(symmetric=symmetric)
    exact = npr.covariance(net, noise=0.37).covariance
    values = with_covariance(exact, 300, np.random.default_rng(SEED))
    found = recordings.synapse_variance(net, recordings.from_arrays(values, 1.0), shrink="none")
    assert found.noise_known
    assert found.noise == pytest.approx(0.37, rel=1e-9)
    np.testing.assert_allclose(
        found.variance, npr.synapse_variance(net, noise=0.37).variance, rtol=1e-9
    )
    told = recordings.synapse_variance(net, recordings.from_arrays(values, 1.0), noise=2.0)
    assert told.noise == 2.0


def test_a_network_that_cannot_be_the_recorded_one_has_no_noise():
    net = npr.RateNetwork(np.array([[0.0, 10.0], [10.0, 0.0]]), leak=1.0)
    x = np.random.default_rng(SEED).standard_normal((100, 1))
    found = recordings.synapse_variance(net, recordings.from_arrays(x @ np.ones((1, 2)), 1.0))
    assert (found.noise, found.noise_known) == (1.0, False)


def test_units_do_not_matter_to_a_count():
    net = random_network(9)
    values = np.random.default_rng(SEED).standard_normal((600, 9))
    one, other = (
        npr.prune(net, 0.4, variance=recordings.synapse_variance(net, record), seed=3)
        for record in (
            recordings.from_arrays(values, 1.0, units="V"),
            recordings.from_arrays(1000 * values, 1.0, units="mV"),
        )
    )
    np.testing.assert_array_equal(one.kept, other.kept)
    assert one.gain == pytest.approx(1e6 * other.gain, rel=1e-9)


# --------------------------------------------------------------------------------- honest errors


def z_scores(memory, block=None):
    """Of 40 variances and synapse variances, by their stated errors; true values 1 and 2."""
    rng = np.random.default_rng(11)
    found = recordings.covariance(
        recordings.from_arrays(autoregressive(4000, 40, memory, rng), 1.0),
        shrink="none",
        block=block,
    )
    return (np.diag(found.covariance) - 1) / np.diag(found.standard_error)


def test_error_bars_count_autocorrelation():
    assert 0.75 < np.std(z_scores(0.95)) < 1.4
    assert np.std(z_scores(0.95, block=1.0)) > 2.5, "blocks of one sample must fail this"
    assert 0.75 < np.std(z_scores(0.0)) < 1.3


def test_error_bars_of_independent_normal_samples():
    """Var(C_ij) = (C_ii C_jj + C_ij^2) / n, and 8 / n for a difference of variance 2."""
    values = np.random.default_rng(SEED).standard_normal((20000, 12))
    record = recordings.from_arrays(values, 1.0)
    found = recordings.covariance(record)
    ratio = found.standard_error / np.sqrt((np.ones((12, 12)) + np.eye(12)) / 20000)
    assert np.mean(ratio) == pytest.approx(1, abs=0.03)
    assert np.std(ratio) < 0.15, "64 blocks: 0.09"
    net = random_network(12)
    synapses = recordings.synapse_variance(net, record)
    assert np.mean(synapses.standard_error) == pytest.approx(np.sqrt(8 / 20000), rel=0.04)


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_effective_samples_of_an_autoregression(memory):
    rng = np.random.default_rng(SEED)
    record = recordings.from_arrays(autoregressive(60000, 1, memory, rng), 1.0)
    expected = 60000 * (1 - memory**2) / (1 + memory**2)
    assert recordings.covariance(record).n_effective == pytest.approx(expected, rel=0.08)


def test_too_short_for_its_memory_is_said():
    rng = np.random.default_rng(SEED)
    record = recordings.from_arrays(autoregressive(300, 2, 0.99, rng), 1.0)
    assert any("too slowly" in note for note in recordings.covariance(record).notes)


def test_a_transient_is_said_and_a_burn_in_leaves_it_out():
    rng = np.random.default_rng(SEED)
    values = rng.standard_normal((1000, 3))
    values[:60] += 20
    record = recordings.from_arrays(values, 0.5)
    assert any("burn-in" in note for note in recordings.covariance(record).notes)
    later = record.after(30.0)
    assert later.n_samples == 940
    assert recordings.covariance(later).notes == ()


def test_a_variance_below_its_error_is_raised_to_it(spiking):
    """Half a minute of spikes: some variances come out below zero, and none is lost for that."""
    net, _, block, _ = spiking
    record = recordings.from_neo(block)
    short = replace(record, pieces=(record.pieces[0][:300],))
    cut = statistics.covariance(short, shrink="none").covariance
    plain = naive.synapse_variance(net.dense_weights(), cut)
    found = recordings.synapse_variance(net, short, shrink="none")
    low = plain < found.standard_error
    assert found.n_raised == low.sum() > 0
    expected = np.where(low, found.standard_error, plain)
    np.testing.assert_allclose(found.variance, expected, rtol=1e-9)
    assert np.all(found.variance > 0)


# ------------------------------------------------------------------------------------- shrinkage


def ledoit_wolf(values):
    """The published formula, sample by sample."""
    values = values - values.mean(axis=0)
    n, size = values.shape
    sample = values.T @ values / n
    target = np.trace(sample) / size * np.eye(size)
    spread = sum(np.sum((np.outer(x, x) - sample) ** 2) for x in values) / n**2
    return min(1.0, spread / np.sum((sample - target) ** 2))


@pytest.mark.parametrize(("n_samples", "n"), [(30, 20), (80, 5), (10, 40)])
def test_shrinkage_is_ledoit_and_wolf_s(n_samples, n):
    rng = np.random.default_rng(SEED)
    values = rng.standard_normal((n_samples, n)) @ rng.standard_normal((n, n))
    record = recordings.from_arrays(values, 1.0)
    found = recordings.covariance(record, shrink="ledoit-wolf", block=1.0)
    expected = min(1.0, ledoit_wolf(values) * n_samples / (n_samples - 1))
    assert found.shrinkage == pytest.approx(expected, rel=1e-9)
    peer = pytest.importorskip("sklearn.covariance")
    covariance, amount = peer.ledoit_wolf(values)
    assert ledoit_wolf(values) == pytest.approx(amount, rel=1e-9)
    if expected < 1:
        error = np.linalg.norm(found.covariance - covariance) / np.linalg.norm(covariance)
        assert error < 2 / n_samples


def test_samples_that_repeat_are_not_more_samples():
    """Each value held ten times: ten times the samples, the same shrinkage."""
    rng = np.random.default_rng(SEED)
    values = rng.standard_normal((120, 8)) @ rng.standard_normal((8, 8))
    one = recordings.covariance(recordings.from_arrays(values, 10.0), shrink="ledoit-wolf")
    held = recordings.from_arrays(np.repeat(values, 10, axis=0), 1.0)
    many = recordings.covariance(held, shrink="ledoit-wolf")
    assert many.shrinkage == pytest.approx(one.shrinkage, rel=0.3)
    naive_amount = ledoit_wolf(np.repeat(values, 10, axis=0))
    assert naive_amount < 0.2 * one.shrinkage


def test_auto_shrinks_where_samples_are_few():
    values = np.random.default_rng(SEED).standard_normal((1000, 8)) * np.arange(1, 9)
    few, many = (recordings.from_arrays(values[:n], 1.0) for n in (60, 1000))
    assert recordings.covariance(few).shrinkage > 0
    assert recordings.covariance(many).shrinkage == 0
    with pytest.raises(OptionError, match="did you mean 'ledoit-wolf'"):
        recordings.covariance(few, shrink="ledoit")


# -------------------------------------------------------------------------------------- matching


def test_channels_are_matched_by_name():
    labels = [f"n{k}" for k in range(7)]
    net = random_network(labels=labels)
    values = np.random.default_rng(SEED).standard_normal((300, 7))
    straight = recordings.synapse_variance(net, recordings.from_arrays(values, 1.0, labels))
    order = np.array([3, 1, 6, 0, 2, 5, 4])
    mixed = np.hstack([values[:, order], np.ones((300, 1))])
    names = [*(labels[k] for k in order), "trigger"]
    by_name = recordings.synapse_variance(net, recordings.from_arrays(mixed, 1.0, names))
    np.testing.assert_array_equal(by_name.variance, straight.variance)
    unnamed = recordings.from_arrays(values, 1.0)
    in_order = recordings.synapse_variance(net, unnamed, match="order")
    np.testing.assert_array_equal(in_order.variance, straight.variance)
    with pytest.raises(RecordingError, match=r"7 of 7 neurons have no channel.*--match order"):
        recordings.synapse_variance(net, unnamed)
    with pytest.raises(RecordingError, match="8 channels and the network 7"):
        channels_of(net, recordings.from_arrays(mixed, 1.0, names), "order")
    twice = recordings.from_arrays(values, 1.0, ["n0", *labels[:6]])
    with pytest.raises(RecordingError, match=r"1 of 7 neurons have no channel \(first 'n6'"):
        channels_of(net, twice)
    eight = recordings.from_arrays(mixed, 1.0, [*labels, "n0"])
    with pytest.raises(RecordingError, match="'n0' stands for more than one"):
        channels_of(net, eight)


def test_a_network_without_labels_is_matched_in_order_or_by_number():
    net = random_network()
    values = np.random.default_rng(SEED).standard_normal((50, 8))
    names = [f"cell {k}" for k in range(7)]
    assert list(channels_of(net, recordings.from_arrays(values[:, :7], 1.0, names))) == [*range(7)]
    assert list(channels_of(net, recordings.from_arrays(values, 1.0))) == [*range(7)]


# ---------------------------------------------------------------------------------------- spikes


@pytest.fixture(scope="module")
def spiking():
    """A directed network of 5 neurons, its trajectory of 3,000 s, spikes, and what is true."""
    rng = np.random.default_rng(5)
    weights = 0.5 * rng.standard_normal((5, 5))
    np.fill_diagonal(weights, 0)
    net = npr.RateNetwork(weights, leak=1.5)
    run = npr.simulate(
        net, duration=3000.0, dt=0.02, noise=1.0, drive=0.0, x0="zero", record_every=1, seed=SEED
    )
    block = recordings.poisson_spikes(run, baseline=40.0, gain=9.0, seed=SEED)
    truth = 81.0 * npr.discrete_covariance(net, 0.02).covariance
    return net, run, block, truth


def deviation(found, truth):
    """Mean and largest z-score, and the mean ratio of the variances to the true ones."""
    z = (found.covariance - truth) / found.standard_error
    return np.abs(z).max(), np.mean(np.diag(found.covariance) / np.diag(truth))


@pytest.mark.parametrize(
    ("options", "zero_lag", "bias"),
    [
        ({"bin": 0.1}, "poisson", 0.02),
        ({"bin": 0.1}, "extrapolated", 0.03),
        ({"smoothing": 0.04}, "poisson", 0.04),
    ],
)
def test_spikes_give_back_the_covariance_of_their_rates(spiking, options, zero_lag, bias):
    _, _, block, truth = spiking
    record = recordings.from_neo(block, **options).after(10.0)
    found = recordings.covariance(record, zero_lag=zero_lag, shrink="none")
    worst, ratio = deviation(found, truth)
    assert worst < 4
    error = np.mean(np.diag(found.standard_error) / np.diag(truth))
    assert abs(ratio - 1) < bias + 2 * error / np.sqrt(5)
    raw = replace(record, spikes=None)
    worst, ratio = deviation(recordings.covariance(raw, shrink="none"), truth)
    assert worst > 20, "the spikes' own variance must be seen"
    assert ratio > 2


def test_bins_are_corrected_for_what_they_smooth_away(spiking):
    """Counts without spike noise: the mean rate in bins of 0.4 s, 60 % of a relaxation time."""
    _, run, _, truth = spiking
    mean = 9.0 * run.rates[:-1, 0].reshape(-1, 20, 5).mean(axis=1)
    record = recordings.from_arrays(mean, 0.4, units="Hz")
    plain = recordings.covariance(record)
    noiseless = replace(rates.spike_filter(0.4, smooth=False), noise=0.0)
    found = recordings.covariance(replace(record, spikes=noiseless), shrink="none")
    lost = 1 - np.mean(np.diag(plain.covariance) / np.diag(truth))
    left = abs(1 - np.mean(np.diag(found.covariance) / np.diag(truth)))
    assert lost > 0.12
    assert left < 0.06


def test_spikes_of_constant_rate_have_no_covariance():
    """Beyond their own, which is the mean rate over the bin: 20 Hz / 0.1 s."""
    import quantities as pq
    from elephant.spike_train_generation import StationaryPoissonProcess

    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(SEED)  # noqa: NPY002
    trains = StationaryPoissonProcess(20 * pq.Hz, t_stop=500 * pq.s).generate_n_spiketrains(6)
    np.random.set_state(state)  # noqa: NPY002
    for options in ({"bin": 0.1}, {"smoothing": 0.1}):
        record = recordings.from_neo(trains, **options)
        found = recordings.covariance(record, shrink="none")
        assert np.abs(found.covariance / found.standard_error).max() < 3.5
        raw = recordings.covariance(replace(record, spikes=None), shrink="none")
        expected = 20 * record.spikes.noise
        np.testing.assert_allclose(np.diag(raw.covariance), expected, rtol=0.1)
        shrunk = recordings.covariance(record)
        assert shrunk.shrinkage > 0.5
    with pytest.raises(RecordingError, match="so that nothing is left to learn from"):
        recordings.synapse_variance(random_network(6), record)


def test_the_gain_makes_the_spikes_and_the_seed_repeats_them(spiking):
    _, run, block, _ = spiking
    trains = block.segments[0].spiketrains
    expected = np.maximum(40 + 9 * run.rates[:, 0], 0).sum(axis=0) * 0.02
    z = (np.array([len(train) for train in trains]) - expected) / np.sqrt(expected)
    assert np.abs(z).max() < 3.5
    assert block.annotations["clipped"] == pytest.approx(np.mean(40 + 9 * run.rates < 0))
    assert [train.name for train in trains] == list(run.labels)
    short = replace(run, rates=run.rates[:500])
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    one, again, other = (
        recordings.poisson_spikes(short, seed=seed).segments[0].spiketrains for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert all(np.array_equal(a.magnitude, b.magnitude) for a, b in zip(one, again))
    assert not all(np.array_equal(a.magnitude, b.magnitude) for a, b in zip(one, other))
    fullest = short.rates.std(axis=(0, 1)).max()
    gain = recordings.poisson_spikes(short, seed=1).annotations["gain"]
    assert gain == pytest.approx(20 / (3 * fullest))


def test_rates_below_zero_make_no_spikes(spiking):
    run = replace(spiking[1], rates=np.full((100, 1, 5), -1.0))
    block = recordings.poisson_spikes(run, baseline=1.0, gain=5.0, seed=SEED)
    assert [len(train) for train in block.segments[0].spiketrains] == [0] * 5
    assert block.annotations["clipped"] == 1.0
    with pytest.raises(OptionError, match="give a gain"):
        recordings.poisson_spikes(run)


def test_the_control_knows_nothing_of_the_network():
    net = npr.clustered_network((40, 10, 10), long_range=60, seed=3)
    exact = npr.synapse_variance(net).variance
    control = recordings.independent_poisson(net, duration=200.0, seed=SEED)
    found = recordings.synapse_variance(net, control, shrink="none").variance
    assert abs(np.corrcoef(found, exact)[0, 1]) < 0.1
    assert found.std() < 0.1 * found.mean(), "one number for all synapses"
    again = recordings.independent_poisson(net, duration=200.0, seed=SEED)
    np.testing.assert_array_equal(control.pieces[0], again.pieces[0])


# ------------------------------------------------------------------------------------ bad arrays


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.ones((1, 3)), "1 sample, but"),
        (np.ones((0, 3)), "0 samples, but"),
        (np.ones((20, 0)), "no channels"),
        (np.ones(20), r"shape \(20,\)"),
        (np.full((20, 2), "a"), "real numbers"),
        ([np.ones((20, 2)), np.ones((20, 3))], "of 2 and of 3 channels"),
        (np.where(np.arange(40).reshape(20, 2) == 9, np.nan, 1.0), "'1' is nan at sample 4"),
    ],
)
def test_bad_arrays_are_refused(values, said):
    with pytest.raises(RecordingError, match=said):
        recordings.from_arrays(values, 1.0)


def test_other_bad_arguments_are_refused():
    record = recordings.from_arrays(np.random.default_rng(1).standard_normal((50, 7)), 0.1)
    net = random_network()
    with pytest.raises(RecordingError, match="3 names for 7 channels"):
        recordings.from_arrays(record.pieces[0], 0.1, ["a", "b", "c"])
    with pytest.raises(RecordingError, match=r"burn-in of 4.9 s leaves fewer.*has 5 s"):
        record.after(4.9)
    with pytest.raises(npr.NetworkError, match="expected a RateNetwork"):
        recordings.synapse_variance(record, record)
    with pytest.raises(RecordingError, match="fewer than two blocks"):
        recordings.covariance(record, block=4.0)
    quiet = recordings.from_arrays(record.pieces[0] * np.arange(7), 0.1)
    with pytest.raises(RecordingError, match=r"channel '0' is silent"):
        recordings.synapse_variance(net, quiet)
    flat = replace(record, spikes=rates.spike_filter(0.1, smooth=False), units="Hz")
    steady = replace(flat, pieces=(record.pieces[0] + 100,))
    with pytest.raises(RecordingError, match="nothing is left"):
        recordings.synapse_variance(net, steady)


@pytest.mark.parametrize("noise", [0, -1.0, np.nan, np.inf])
def test_a_strength_of_noise_that_is_none_is_refused(noise):
    net = random_network()
    record = recordings.from_arrays(np.random.default_rng(SEED).standard_normal((500, 7)), 0.1)
    for told in (
        lambda: recordings.synapse_variance(net, record, noise=noise),
        lambda: npr.infer_network(record, "precision", noise=noise),
    ):
        with pytest.raises(OptionError, match="noise is"):
            told()


def test_a_recorded_variance_is_made_and_told_as_before():
    found = recordings.RecordedVariance(
        np.ones(2), 1.0, "recording", None, 0.1, None, None, None, None, np.zeros(2), False, 3
    )
    assert (found.covariance, found.noise_known, found.n_raised) == (None, False, 3)
    assert found.evidence() == found.to_dict()["recording"]
    assert found.evidence()["n_raised"] == 3
