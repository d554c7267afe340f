"""Networks from recordings alone: recovered drifts, the rate of convergence, honest errors."""

import neo
import numpy as np
import pytest
from scipy import linalg

import noiseprune as npr
from noiseprune import recordings
from noiseprune.errors import OptionError, RecordingError
from noiseprune.figures.inference import network
from noiseprune.recordings import inference

SEED = 7
DIRECTED = network(8, symmetric=False)
SYMMETRIC = network(8, symmetric=True)


def simulated(net, length, seed=SEED, dt=0.05, every=2):
    run = npr.simulate(
        net,
        duration=length + 10,
        dt=dt,
        noise=1.0,
        drive=0.0,
        x0="zero",
        record_every=every,
        seed=seed,
    )
    return recordings.from_trajectory(run, burn_in=10.0)


def sampled(net, n_samples, period, noise=1.0, seed=SEED):
    """Exact samples of the process continuous in time."""
    rng = np.random.default_rng(seed)
    drift, own = net.dense_drift(), npr.covariance(net, noise).covariance
    step = linalg.expm(drift * period)
    root = np.linalg.cholesky(own - step @ own @ step.T)
    kicks = rng.standard_normal((n_samples, len(drift))) @ root.T
    values = np.empty_like(kicks)
    values[0] = np.linalg.cholesky(own) @ rng.standard_normal(len(drift))
    for t in range(1, n_samples):
        values[t] = step @ values[t - 1] + kicks[t]
    return recordings.from_arrays(values, period)


def error(found, net):
    truth = net.dense_drift()
    return np.linalg.norm(found.drift - truth) / np.linalg.norm(truth)


def z_scores(found, net):
    return ((found.drift - net.dense_drift()) / found.standard_error).ravel()


# ------------------------------------------------------------------------------------ recovery


def test_the_error_of_a_directed_drift_falls_as_the_root_of_the_length():
    lengths = (250.0, 1000.0, 4000.0)
    errors = [
        np.mean([error(npr.infer_network(simulated(DIRECTED, t, s), n_bootstrap=10), DIRECTED)
                 for s in (1, 3, 5)])
        for t in lengths
    ]  # fmt: skip
    slope = np.polyfit(np.log(lengths), np.log(errors), 1)[0]
    assert -0.6 < slope < -0.4
    assert errors[-1] < 0.1


@pytest.mark.parametrize("method", ["lagged", "precision"])
def test_errors_are_as_stated(method):
    net = DIRECTED if method == "lagged" else SYMMETRIC
    every = [npr.infer_network(simulated(net, 2000.0, s), method) for s in (3, 5, 7)]
    z = np.concatenate([z_scores(found, net) for found in every])
    assert 0.8 < np.std(z) < 1.25
    assert np.abs(z).max() < 4.5
    found = every[0]
    assert found.noise == pytest.approx(1.0, rel=0.03)
    assert found.n_unstable == found.n_unresolved == 0
    assert found.network.labels == tuple(str(k) for k in range(8))
    np.testing.assert_array_equal(found.network.dense_drift(), found.drift)


def test_the_precision_method_is_symmetric_and_better_where_that_is_right():
    record = simulated(SYMMETRIC, 500.0)
    symmetric, directed = (npr.infer_network(record, m) for m in ("precision", "lagged"))
    assert symmetric.network.is_symmetric
    assert error(symmetric, SYMMETRIC) < 0.8 * error(directed, SYMMETRIC)
    wrong = npr.infer_network(simulated(DIRECTED, 4000.0), "precision")
    assert np.abs(z_scores(wrong, DIRECTED)).max() > 8, "a directed network is not symmetric"


def test_a_process_continuous_in_time_and_one_in_steps():
    """Each needs its own formula: with the other's, the estimate is wrong by h A / 2."""
    record = sampled(DIRECTED, 40000, 0.1)
    assert np.std(z_scores(npr.infer_network(record), DIRECTED)) < 1.3
    as_steps = npr.infer_network(record, step=0.1)
    assert np.std(z_scores(as_steps, DIRECTED)) > 2
    in_steps = simulated(DIRECTED, 4000.0, dt=0.1, every=1)
    assert in_steps.step == 0.1
    assert np.std(z_scores(npr.infer_network(in_steps), DIRECTED)) < 1.3
    from dataclasses import replace

    as_continuous = npr.infer_network(replace(in_steps, step=None))
    assert np.std(z_scores(as_continuous, DIRECTED)) > 2
    for method in ("lagged", "precision"):
        exact = npr.infer_network(sampled(SYMMETRIC, 40000, 0.1, noise=0.3), method)
        assert exact.noise == pytest.approx(0.3, rel=0.03)
        assert error(exact, SYMMETRIC) < 0.1


def test_the_drift_has_no_unit_and_the_noise_that_of_the_recording():
    record = sampled(DIRECTED, 3000, 0.1)
    larger = recordings.from_arrays(50 * record.pieces[0], 0.1, units="Hz")
    one, other = npr.infer_network(record), npr.infer_network(larger)
    np.testing.assert_allclose(one.drift, other.drift, rtol=1e-8)
    np.testing.assert_allclose(one.standard_error, other.standard_error, rtol=1e-6)
    assert other.noise == pytest.approx(50 * one.noise, rel=1e-8)
    told = npr.infer_network(larger, "precision", noise=50.0)
    assert error(told, DIRECTED) < 0.6


def test_the_noise_covariance_is_found():
    """Equal noise: isotropic within error. Common noise: not."""
    found = npr.infer_network(sampled(DIRECTED, 40000, 0.1))
    assert found.anisotropy < 0.05
    rng = np.random.default_rng(SEED)
    values = sampled(DIRECTED, 40000, 0.1).pieces[0]
    common = sampled(npr.RateNetwork(np.zeros((1, 1)), leak=1.0), 40000, 0.1, seed=3).pieces[0]
    mixed = recordings.from_arrays(values + common @ rng.uniform(1, 2, (1, 8)), 0.1)
    assert npr.infer_network(mixed).anisotropy > 0.5


def test_equal_noise_undoes_unequal_units():
    """Channels in other units: the drift changes by a similarity, and back again."""
    record = sampled(DIRECTED, 20000, 0.1)
    scale = np.geomspace(0.1, 20, 8)
    mixed = recordings.from_arrays(record.pieces[0] * scale, 0.1)
    plain, equal = (npr.infer_network(mixed, equal_noise=e) for e in (False, True))
    np.testing.assert_allclose(plain.scale, 1)
    np.testing.assert_allclose(equal.scale, scale, rtol=0.05)
    assert error(equal, DIRECTED) < 0.1 < 1 < error(plain, DIRECTED)
    assert np.std(z_scores(equal, DIRECTED)) < 1.3
    np.testing.assert_allclose(
        np.sort_complex(linalg.eigvals(plain.drift)), np.sort_complex(linalg.eigvals(equal.drift))
    )
    assert equal.noise == pytest.approx(1, rel=1e-9)
    assert equal.anisotropy < 0.1 < plain.anisotropy
    found = recordings.synapse_variance(equal.network, mixed, scale=equal.scale, shrink="none")
    alike = recordings.from_arrays(record.pieces[0] * scale / equal.scale, 0.1)
    expected = recordings.synapse_variance(equal.network, alike, shrink="none")
    np.testing.assert_allclose(found.variance, expected.variance, rtol=1e-9)
    assert found.noise == pytest.approx(expected.noise)


def test_spikes_alone_give_the_drift():
    net = npr.RateNetwork(np.array([[0.0, 0.8, 0.0], [0.0, 0.0, 0.0], [-0.8, 0.0, 0.0]]), leak=1.0)
    run = npr.simulate(
        net, duration=4000.0, dt=0.05, noise=1.0, drive=0.0, x0="zero", record_every=1, seed=SEED
    )
    spikes = recordings.poisson_spikes(run, baseline=60.0, gain=20.0, seed=SEED)
    found = npr.infer_network(recordings.from_neo(spikes, bin=0.2), shrink="none")
    z = z_scores(found, net)
    assert np.abs(z).max() < 4
    assert found.lag == pytest.approx(0.2)
    assert found.standard_error.max() < 0.25, "or the test says nothing"
    assert found.n_significant >= 2


# ----------------------------------------------------------------------------- few, silent, bad


def test_the_precision_method_knows_the_lag_of_spikes():
    """Two coupled neurons, 20 Hz a unit of rate: each lag gives the drift, not a multiple of it."""
    rng = np.random.default_rng(SEED)
    net = npr.RateNetwork([[0.0, 1.0], [1.0, 0.0]], leak=2.0)
    x = sampled(net, 1_000_000, 0.01).pieces[0]
    rate = np.maximum(60 + 20 * x, 0).reshape(-1, 10, 2).sum(axis=1) * 0.01
    trains = [
        neo.SpikeTrain(np.sort(times), units="s", t_stop=10_000.0)
        for times in (
            np.repeat(0.1 * np.arange(len(rate)), counts) + rng.uniform(0, 0.1, counts.sum())
            for counts in rng.poisson(rate).T
        )
    ]
    record = recordings.from_neo(trains, bin=0.1)
    for lag in (None, 0.3):
        found = npr.infer_network(record, "precision", lag=lag, n_bootstrap=10)
        np.testing.assert_allclose(found.drift, net.dense_drift(), atol=0.4)
        assert found.noise == pytest.approx(20.0, rel=0.1)


def test_many_short_trials_need_no_more_memory_than_few(monkeypatch):
    """Blocks are put together, and say the same."""
    record = sampled(DIRECTED, 12000, 0.1)
    trials = recordings.from_arrays(
        [record.pieces[0][k : k + 40] for k in range(0, 12000, 40)], 0.1
    )
    found = npr.infer_network(trials, shrink="none")
    assert found.n_blocks == inference.MOST_PARTS
    monkeypatch.setattr(inference, "MOST_PARTS", 1000)
    every = npr.infer_network(trials, shrink="none")
    assert every.n_blocks == 300
    np.testing.assert_allclose(found.drift, every.drift, rtol=1e-9)
    ratio = found.standard_error / every.standard_error
    assert np.mean(ratio) == pytest.approx(1.0, abs=0.15)


def test_few_samples_are_shrunk_to_neurons_that_decay_alone():
    net = network(30, symmetric=False)
    record = simulated(net, 40.0)
    plain, shrunk = (npr.infer_network(record, shrink=s, n_bootstrap=10) for s in ("none", "auto"))
    assert shrunk.shrinkage > 0.2
    assert error(shrunk, net) < 0.7 * error(plain, net)
    assert any("few" in note for note in shrunk.notes)
    assert shrunk.network.spectral_abscissa() < 0


def test_what_comes_out_unstable_is_repaired_and_said():
    """Random walks: half of their modes come out as growing."""
    rng = np.random.default_rng(SEED)
    growing = np.exp(0.01 * np.arange(400))[:, None] * rng.standard_normal((1, 2))
    values = growing + 0.01 * rng.standard_normal((400, 2))
    found = npr.infer_network(recordings.from_arrays(values, 0.1), shrink="none")
    assert found.n_unstable + found.n_unresolved >= 1
    assert found.network.spectral_abscissa() < 0
    assert any("unstable" in n or "too fast" in n for n in found.notes)
    alternating = np.where(np.arange(400)[:, None] % 2, 1.0, -1.0) + 0.1 * values
    found = npr.infer_network(recordings.from_arrays(alternating, 0.1), shrink="none")
    assert found.n_unresolved >= 1
    assert any("too fast for a lag of 0.1 s" in note for note in found.notes)


def test_silent_channels_are_refused_or_dropped():
    record = sampled(DIRECTED, 2000, 0.1)
    values = np.insert(record.pieces[0], 3, 5.0, axis=1)
    names = [*"abcdefghi"]
    with_silent = recordings.from_arrays(values, 0.1, names)
    with pytest.raises(RecordingError, match=r"channel 'd' is silent.*--drop-silent"):
        npr.infer_network(with_silent)
    found = npr.infer_network(with_silent, silent_channels="drop")
    assert found.dropped == ("d",)
    np.testing.assert_allclose(found.drift, npr.infer_network(record).drift, rtol=1e-9)


def test_the_same_seed_gives_the_same_errors():
    record = sampled(DIRECTED, 1000, 0.1)
    one, again, other = (npr.infer_network(record, seed=s).standard_error for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    np.testing.assert_allclose(one, other, rtol=0.6)


def test_bad_arguments_are_refused():
    record = sampled(DIRECTED, 300, 0.1)
    with pytest.raises(OptionError, match="did you mean 'lagged'"):
        npr.infer_network(record, "laged")
    with pytest.raises(OptionError, match="at least 10"):
        npr.infer_network(record, n_bootstrap=3)
    with pytest.raises(RecordingError, match=r"lag is 0.01 s, but samples are 0.1 s apart"):
        npr.infer_network(record, lag=0.01)
    with pytest.raises(OptionError, match="leave equal noise out"):
        npr.infer_network(record, "precision", equal_noise=True)
    twins = recordings.from_arrays(record.pieces[0][:, [0, 0]], 0.1)
    for method in ("lagged", "precision"):
        with pytest.raises(RecordingError, match="leave out channels that repeat others"):
            npr.infer_network(twins, method, shrink="none")
