"""Simulation: the exact laws of the scheme, its noise, its statistics and its refusals."""

import os
import subprocess
import sys
import threading
from itertools import pairwise

import naive_simulation as naive
import numpy as np
import pytest
from scipy import linalg, sparse, stats
from threadpoolctl import threadpool_limits

import noiseprune as npr
from noiseprune import kernels, simulation
from noiseprune.progress import silent
from noiseprune.simulation import (
    Simulation,
    default_step,
    engine,
    largest_stable_step,
    parts,
    simulate,
    stability,
    trajectory,
)
from noiseprune.simulation import kernels as simulation_kernels
from noiseprune.work import serial

NOISELESS = 1e-300
"""Above zero, as noise must be, and lost beside any rate."""


def network(n, *, directed=False, density=0.6, margin=0.1, seed=41):
    """Random signed network of mean leak 1."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(0.3, 1.0, (n, n)) * (rng.random((n, n)) < density)
    weights = weights if directed else np.triu(weights, 1) + np.triu(weights, 1).T
    np.fill_diagonal(weights, 0.0)
    weights /= np.abs(weights).sum(axis=1).mean()
    return npr.RateNetwork(weights, leak_margin=margin)


def streaming_covariance(net, *, burn_in=10.0, progress=silent, worker=serial, **asked):
    options = {"burn_in": burn_in, "progress": progress, "worker": worker}
    return simulation.streaming_covariance(net, Simulation(**asked), **options)


def streaming_synapse_variance(net, *, burn_in=10.0, progress=silent, worker=serial, **asked):
    options = {"burn_in": burn_in, "progress": progress, "worker": worker}
    return simulation.streaming_synapse_variance(net, Simulation(**asked), **options)


def discrete_law(net, dt, noise):
    """C_h = P C_h P^T + h sigma^2 I."""
    n = net.n_neurons
    step = np.eye(n) + dt * net.dense_drift()
    return linalg.solve_discrete_lyapunov(step, dt * noise**2 * np.eye(n))


def continuous_law(net, noise):
    return linalg.solve_continuous_lyapunov(net.dense_drift(), -(noise**2) * np.eye(net.n_neurons))


# ----------------------------------------------------------------------------- the dynamics


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("density", [0.05, 0.7])  # over synapses, as a dense product
def test_without_noise_the_state_is_a_power_of_the_step(density, dtype):
    net = network(40, directed=True, density=density)
    x0 = np.random.default_rng(3).random((3, 40))
    run = simulate(
        net, duration=2.0, dt=0.05, noise=NOISELESS, drive=0.0, x0=x0, replicas=3, record_every=8,
        dtype=dtype, seed=1,
    )  # fmt: skip
    step = np.eye(40) + 0.05 * net.dense_drift()
    expected = [(np.linalg.matrix_power(step, 8 * k) @ x0.T).T for k in range(6)]
    assert run.rates.dtype == dtype
    assert np.allclose(run.rates, expected, rtol=0, atol=1e-14 if dtype == "float64" else 1e-6)
    assert np.allclose(run.times, 0.4 * np.arange(6), rtol=1e-15)


def test_a_drive_moves_the_fixed_point():
    net, drive = network(20), np.linspace(-1.0, 2.0, 20)
    run = simulate(net, duration=200.0, dt=0.2, noise=NOISELESS, drive=drive, x0="zero", seed=1)
    assert np.allclose(net.dense_drift() @ run.rates[-1, 0], -drive, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize(("density", "height"), [(0.05, 1), (0.7, 4)])
@pytest.mark.parametrize("replicas", [1, 17, 50])  # a vector cut short, and several panels
def test_steps_agree_with_their_naive_twin(replicas, density, height, rectified, dtype):
    net, drive = network(75, directed=True, density=density), np.linspace(-1.0, 1.0, 75)
    activation = "rectified" if rectified else "linear"
    options = {"duration": 0.15, "dt": 0.05, "noise": 0.3, "drive": drive, "replicas": replicas}
    run = simulate(net, record_every=1, activation=activation, dtype=dtype, seed=7, **options)
    request = Simulation(record_every=1, activation=activation, dtype=dtype, seed=7, **options).of(
        net
    )
    assert engine._tiles(request).blocksize == (height, 1)
    key = np.random.SeedSequence(7, spawn_key=(1,)).generate_state(2)
    xi = naive.standard_noise([int(word) for word in key], 3, 75, replicas)
    expected = naive.rate_steps(
        0.05 * net.dense_weights(), 1 - 0.05 * net.leak, 0.05 * drive, rectified,
        run.rates[0].T.astype(float), 0.3 * np.sqrt(0.05) * xi,
    ).transpose(0, 2, 1)  # fmt: skip
    # small radii of the transform lose digits, in one derivation as in the other
    atol = 1e-12 if dtype == "float64" else 1e-6
    assert np.allclose(run.rates[1:], expected, rtol=0, atol=atol)


def test_sums_of_outer_products_agree_with_their_naive_twin():
    samples = np.random.default_rng(7).normal(size=(530, 11))  # three chunks, the last cut short
    total = np.ones((530, 530))
    kernels.add_outer_products(samples, total)
    assert np.allclose(np.tril(total), np.tril(1.0 + naive.outer_products(samples)), atol=1e-13)


def test_rectified_is_linear_where_every_input_is_positive():
    net = npr.RateNetwork(np.abs(network(30).dense_weights()))
    options = {"duration": 5.0, "dt": 0.05, "noise": 0.01, "drive": 1.0, "replicas": 2, "seed": 11}
    linear = simulate(net, **options)
    rectified = simulate(net, activation="rectified", **options)
    assert np.min(linear.rates) > 0
    assert np.allclose(linear.rates, rectified.rates, rtol=1e-13)
    # and not where inputs are inhibitory
    options["drive"] = -1.0
    assert not np.allclose(
        simulate(net, **options).rates, simulate(net, activation="rectified", **options).rates
    )


def test_initial_states():
    net = network(10)
    uniform = simulate(net, duration=0.1, replicas=50, seed=3).rates[0]
    assert uniform.shape == (50, 10)
    assert np.unique(uniform).size == 500
    assert 0 <= uniform.min() < 0.05 < 0.95 < uniform.max() < 1
    assert not simulate(net, duration=0.1, x0="zero", seed=3).rates[0].any()
    one = np.arange(10.0)
    assert np.array_equal(simulate(net, duration=0.1, x0=one, replicas=2).rates[0], [one, one])


# -------------------------------------------------------------------------------- the noise


def increments(net, run):
    """xi_n recovered from a run in which every step is recorded and the drive is 0."""
    moved = run.rates[:-1] + run.dt * run.rates[:-1] @ net.dense_drift().T
    return (run.rates[1:] - moved) / (run.noise * np.sqrt(run.dt))


def test_noise_is_white_standard_and_the_same_for_every_network():
    options = {
        "duration": 10.0,
        "dt": 0.02,
        "noise": 0.7,
        "drive": 0.0,
        "replicas": 4,
        "record_every": 1,
        "seed": 19,
    }
    net, other = network(30), network(30, directed=True, density=0.05, seed=43)
    run, other_run = simulate(net, **options), simulate(other, **options)
    xi = increments(net, run)
    assert np.allclose(xi, increments(other, other_run), atol=1e-12)
    assert np.array_equal(run.rates[0], other_run.rates[0])
    size = np.sqrt(xi.size)
    assert abs(xi.mean()) < 4 / size
    assert abs(np.mean(xi**2) - 1) < 4 * np.sqrt(2) / size
    assert abs(np.mean(xi**4) - 3) < 4 * np.sqrt(96) / size
    for lagged in (xi[1:] * xi[:-1], xi[:, 1:] * xi[:, :-1], xi[:, :, 1:] * xi[:, :, :-1]):
        assert abs(lagged.mean()) < 4 / np.sqrt(lagged.size)


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [  # known answers of Random123
        ("00000000 " * 4, "00000000 " * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            "243f6a88 85a308d3 13198a2e 03707344",
            "a4093822 299f31d0",
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_the_known_answers(counter, key, words):
    counter, key, words = ([int(w, 16) for w in text.split()] for text in (counter, key, words))
    assert naive.philox(counter, key) == words
    given = [np.uint64(word) for word in counter + key]
    assert list(simulation_kernels.philox(*given)) == words


def test_normal_numbers_of_extreme_words():
    low, high = np.uint64(0), np.uint64(2**32 - 1)
    for words in np.ndindex(2, 2, 2, 2):
        given = [(low, high)[word] for word in words]
        expected = naive.normal_pair([int(word) for word in given])
        assert np.allclose(simulation_kernels.normal_pair(*given), expected, rtol=0, atol=1e-7)


def test_law_of_the_noise():
    n, replicas = 1000, 500
    key, xi = np.array([3, 5], np.uint64), np.empty((n, replicas))
    for pair in range(n // 2):
        rows = xi[2 * pair : 2 * pair + 2]
        simulation_kernels.noise_of_two(key, np.uint64(11), np.uint64(pair), np.uint64(0), rows)
    assert stats.kstest(xi.ravel(), "norm").pvalue > 0.01
    assert stats.kstest(1.02 * xi.ravel(), "norm").pvalue < 1e-3  # the power: 2 % would show
    size = np.sqrt(xi.size)
    for power, moment, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert abs(np.mean(xi**power) - moment) < 4 * np.sqrt(spread) / size
    for bound in (3.0, 4.0):
        expected = xi.size * 2 * stats.norm.sf(bound)
        assert abs(np.sum(np.abs(xi) > bound) - expected) < 4 * np.sqrt(expected)
    # neurons that share a draw, neurons that do not, and replicas
    for a, b in ((xi[::2], xi[1::2]), (xi[2:], xi[:-2]), (xi[:, 1:], xi[:, :-1])):
        for f in (lambda x: x, lambda x: (x**2 - 1) / np.sqrt(2)):
            assert abs(np.mean(f(a) * f(b))) < 4 / np.sqrt(a.size)
    # and another key has other numbers
    other = np.empty((2, replicas))
    simulation_kernels.noise_of_two(
        np.array([3, 6], np.uint64), np.uint64(11), np.uint64(0), np.uint64(0), other
    )
    assert abs(np.mean(other * xi[:2])) < 4 / np.sqrt(other.size)


@pytest.mark.parametrize("density", [0.05, 0.7])
def test_a_replica_does_not_depend_on_how_many_there_are(density):
    net = network(40, density=density)
    options = {"duration": 0.5, "dt": 0.05, "record_every": 1, "x0": "zero", "seed": 23}
    many = simulate(net, replicas=30, **options).rates
    for replicas in (1, 5, 12):
        assert np.array_equal(simulate(net, replicas=replicas, **options).rates, many[:, :replicas])
    single = simulate(net, replicas=30, dtype="float32", **options).rates
    assert np.allclose(single, many, rtol=0, atol=1e-6 * np.max(np.abs(many)))


# ------------------------------------------------------------------------- parts of replicas


def backwards(function, shared, items):
    """A worker that makes the last piece first."""
    for index in reversed(range(len(items))):
        yield index, function(shared, items[index])


LONELY = {"duration": 0.5, "dt": 0.05, "noise": 0.3, "drive": 2.0, "record_every": 1, "seed": 23}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("activation", engine.ACTIVATIONS)
@pytest.mark.parametrize("density", [0.05, 0.7])
def test_any_cut_of_the_replicas_gives_the_same_rates(density, activation, dtype):
    net = network(41, directed=True, density=density)
    options = {**LONELY, "activation": activation, "dtype": dtype, "replicas": 31}
    request = Simulation(**options).of(net)
    whole = simulate(net, **options).rates
    for cuts in ((0, 1, 2, 15, 31), (0, 13, 30, 31)):
        pieces = [trajectory.rates_of_replicas(request, piece)[0] for piece in pairwise(cuts)]
        assert np.array_equal(np.concatenate(pieces, axis=1), whole)
    # a part of a part, and the pieces that a worker is given
    nested = request.part(5, 25).part(7, 9)
    assert np.array_equal(trajectory.rates_of_replicas(nested, (0, 2))[0], whole[:, 12:14])
    calls = []
    given = simulate(net, worker=backwards, progress=lambda *call: calls.append(call), **options)
    assert np.array_equal(given.rates, whole)
    assert calls == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(("replicas", "cut"), [(1, 1), (5, 2), (65, 2), (100, 3)])
@pytest.mark.parametrize("activation", engine.ACTIVATIONS)
def test_streams_do_not_depend_on_the_worker(activation, replicas, cut, monkeypatch):
    monkeypatch.setattr(parts, "_BATCH", 900)  # some batches, the last cut short
    monkeypatch.setattr(parts, "_ROWS", 7)
    net = network(30)
    options = {**LONELY, "activation": activation, "replicas": replicas, "burn_in": 0.1}
    calls = []
    here = streaming_covariance(net, **options)
    there = streaming_covariance(
        net, worker=backwards, progress=lambda *call: calls.append(call), **options
    )
    assert calls == [(k + 1, cut) for k in range(cut)]
    for name in ("covariance", "mean", "sampling_error", "n_samples"):
        assert np.array_equal(getattr(here, name), getattr(there, name))
    del options["burn_in"]
    run = simulate(net, **options)
    options["burn_in"] = 0.1
    if activation == "rectified":
        samples = run.rates[run.times > 0.1 + 1e-9].reshape(-1, 30)
        assert np.allclose(here.mean, samples.mean(axis=0), rtol=1e-12)
        assert np.allclose(here.covariance, np.cov(samples.T, bias=True), rtol=0, atol=1e-13)
        assert np.array_equal(here.covariance, here.covariance.T)
        return
    for name in ("activation", "drive"):
        del options[name]
    one = streaming_synapse_variance(net, **options)
    two = streaming_synapse_variance(net, worker=backwards, **options)
    assert np.array_equal(one.variance, two.variance)
    assert one.sampling_error == two.sampling_error
    post, pre = net.synapses
    diagonal, signs = np.diag(here.covariance), np.sign(net.synapse_weights)
    expected = diagonal[post] + diagonal[pre] - 2 * signs * here.covariance[post, pre]
    assert np.allclose(one.variance, expected, rtol=1e-11)


def test_the_error_of_many_parts_is_that_of_two_groups_of_replicas():
    net = network(25)
    options = {"duration": 0.5, "dt": 0.05, "replicas": 150, "record_every": 1, "seed": 13}
    run = simulate(net, drive=0.0, x0="zero", **options)
    states = run.rates[run.times > 0.2 + 1e-9]
    first, second = (s.reshape(-1, 25) for s in (states[:, :96], states[:, 96:]))
    gap = np.linalg.norm(first.T @ first / len(first) - second.T @ second / len(second))
    streamed = streaming_covariance(net, burn_in=0.2, **options)
    assert parts.parts_of(150) == [(0, 48), (48, 96), (96, 144), (144, 150)]
    assert streamed.sampling_error == pytest.approx(np.sqrt(0.64 * 0.36) * gap)
    calls = []
    streaming_covariance(net, burn_in=0.2, progress=lambda *call: calls.append(call), **options)
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})
    assert calls[-1] == (40, 40)


def test_a_diverging_piece_is_named_as_the_whole_run_is():
    net = npr.RateNetwork(np.abs(network(20).dense_weights()), leak=0.1)
    options = {"duration": 1000.0, "dt": 0.05, "activation": "rectified", "seed": 1, "replicas": 13}
    x0 = np.zeros((13, 20))
    x0[0] = 1e3  # what counts as divergence depends on all replicas
    said = []
    for worker in (serial, backwards):
        with pytest.raises(npr.UnstableError, match=r"at t = \d+\.\d+ s") as raised:
            simulate(net, x0=x0, worker=worker, **options)
        said.append(str(raised.value).split(" at t")[0])
    assert said[0] == said[1]


def test_digests_of_runs_differ_where_their_rates_do():
    net = network(6)
    plain = {
        "duration": 1.0, "dt": 0.01, "noise": 0.1, "drive": 0.0, "x0": "uniform",
        "replicas": 2, "record_every": 1, "activation": "linear", "dtype": "float64", "seed": 1,
    }  # fmt: skip
    others = [
        {"duration": 2.0}, {"dt": 0.02, "duration": 2.0}, {"noise": 0.2}, {"drive": 1.0},
        {"x0": "zero"}, {"replicas": 3}, {"record_every": 2}, {"activation": "rectified"},
        {"dtype": "float32"}, {"seed": 2}, {"x0": np.zeros(6), "dtype": "float32"},
    ]  # fmt: skip
    nets = network(6, seed=43), npr.RateNetwork(net.weights, leak_margin=0.2)
    runs = [Simulation(**{**plain, **other}).of(net) for other in ({}, *others)]
    runs += [Simulation(**plain).of(other) for other in nets]
    texts = [run.digest() for run in (*runs, runs[0].part(1, 2), runs[0].part(0, 1))]
    assert len(set(texts)) == len(texts)
    assert Simulation(**plain).of(net).digest() == texts[0]
    shared = [
        parts.streaming(runs[0], kind, burn_in).digest()
        for kind in (parts.Products, parts.Squares)
        for burn_in in (0.1, 0.2)
    ]
    assert len(set(shared)) == 4


def test_seeds_and_the_length_of_a_run():
    net = network(15)
    run = simulate(net, duration=2.0, seed=7)
    assert run.seed == 7
    assert np.array_equal(run.rates, simulate(net, duration=2.0, seed=7).rates)
    assert not np.allclose(run.rates, simulate(net, duration=2.0, seed=8).rates)
    longer = simulate(net, duration=3.0, seed=7)
    assert np.array_equal(longer.rates[: len(run.rates)], run.rates)
    root = np.random.SeedSequence(7)
    for _ in range(2):  # a seed sequence is not used up
        assert np.array_equal(run.rates, simulate(net, duration=2.0, seed=root).rates)
    unseeded = simulate(net, duration=2.0)
    assert np.array_equal(unseeded.rates, simulate(net, duration=2.0, seed=unseeded.seed).rates)


def test_blocks_join(monkeypatch):
    net = network(12)
    monkeypatch.setattr(engine, "_BLOCK", 12 * 2 * 7)  # 7 steps, so no multiple of 10
    monkeypatch.setattr(parts, "_BATCH", 12 * 3)
    options = {"duration": 1.0, "drive": 0.0, "x0": "zero", "replicas": 2, "seed": 5}
    every = simulate(net, record_every=1, **options)
    assert np.max(np.abs(increments(net, every))) < 6
    assert np.array_equal(simulate(net, record_every=10, **options).rates, every.rates[::10])
    streamed = streaming_covariance(net, burn_in=0.2, record_every=10, **options)
    samples = every.rates[50::10].reshape(-1, 12)
    assert streamed.n_samples == len(samples) == 32
    assert np.allclose(streamed.covariance, samples.T @ samples / 32, rtol=1e-12)


@pytest.mark.parametrize("density", [0.05, 0.7])
def test_number_of_threads_does_not_matter(density, loops_of):
    net = network(300, density=density)
    options = {"duration": 0.5, "dt": 0.05, "replicas": 5, "record_every": 2, "seed": 23}
    results = []
    for threads in (1, 2):
        with loops_of(threads), threadpool_limits(threads):
            results.append(
                (
                    simulate(net, **options).rates,
                    streaming_covariance(net, burn_in=0.1, **options).covariance,
                    streaming_synapse_variance(net, burn_in=0.1, **options).variance,
                )
            )
    for one, two in zip(*results):
        assert np.array_equal(one, two)


def test_number_of_threads_does_not_matter_to_a_fresh_process():
    # of a size at which the threads of BLAS would tell, were it not limited before it is loaded
    script = (
        "import hashlib, numpy as np, noiseprune as npr;"
        "w = np.random.default_rng(3).random((1000, 1000)) * (1 - np.eye(1000));"
        "run = npr.simulate(npr.RateNetwork(w), duration=2e-3, dt=1e-4, replicas=20, seed=5);"
        "print(hashlib.sha256(run.rates.tobytes()).hexdigest())"
    )
    digests = set()
    for threads in ("1", "2"):
        limits = {"NUMBA_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        ran = subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | limits,
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(ran.stdout)
    assert len(digests) == 1


# --------------------------------------------------------------------------- the statistics


def excess(estimate, law, n_samples):
    """(tr(C^-1 C_est) / N - 1) in its standard errors: chi-squared for independent samples."""
    n = len(law)
    return (np.trace(np.linalg.solve(law, estimate)) / n - 1) / np.sqrt(2 / (n * n_samples))


@pytest.mark.parametrize("directed", [False, True])
def test_covariance_is_that_of_the_discrete_scheme(directed):
    net = network(50, directed=directed, margin=0.5)
    dt = 0.25 * largest_stable_step(net)
    run = streaming_covariance(
        net, duration=40 * dt, burn_in=39 * dt, dt=dt, noise=0.3, replicas=3000, record_every=40,
        seed=29,
    )  # fmt: skip
    law = discrete_law(net, dt, 0.3)
    assert run.n_samples == 3000  # one state a replica, so independent ones
    assert abs(excess(run.covariance, law, 3000)) < 3
    assert abs(excess(1.02 * run.covariance, law, 3000)) > 3  # the power: 2 % would show
    assert abs(excess(run.covariance, continuous_law(net, 0.3), 3000)) > 30
    spread = np.sqrt((np.outer(np.diag(law), np.diag(law)) + law**2) / 3000)
    assert np.max(np.abs(run.covariance - law) / spread) < 5
    error = np.linalg.norm(run.covariance - law)
    assert 0.8 < run.sampling_error / error < 1.25


def test_time_averages_of_one_neuron():
    net = npr.RateNetwork([[0.0]], leak=2.0)
    run = streaming_covariance(net, duration=2000.0, dt=0.1, noise=0.5, record_every=5, seed=31)
    exact = 0.25 / (2 * 2.0 - 0.1 * 2.0**2)
    # samples 0.5 s apart have correlation 0.8^5, their squares 0.8^10
    effective = run.n_samples * (1 - 0.8**10) / (1 + 0.8**10)
    assert abs(run.covariance[0, 0] / exact - 1) < 3 * np.sqrt(2 / effective)
    assert run.sampling_error is None


@pytest.mark.parametrize("directed", [False, True])
def test_covariance_converges_at_first_order(directed):
    net = network(20, directed=directed)
    exact = continuous_law(net, 1.0)
    steps = 0.1 / 2.0 ** np.arange(5)
    errors = []
    for dt in steps:
        # the map of one step of the package itself, from the columns of the identity
        one = simulate(
            net, duration=dt, dt=dt, noise=NOISELESS, drive=0.0, x0=np.eye(20), replicas=20,
            record_every=1,
        ).rates[1].T  # fmt: skip
        law = linalg.solve_discrete_lyapunov(one, dt * np.eye(20))
        errors.append(np.linalg.norm(law - exact))
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert 0.95 < slope < 1.1


@pytest.mark.parametrize("replicas", [1, 2, 5])
def test_streams_equal_the_statistics_of_a_stored_run(replicas):
    net = network(25)
    options = {"duration": 3.0, "dt": 0.01, "replicas": replicas, "record_every": 3, "seed": 13}
    run = simulate(net, drive=0.0, x0="zero", **options)
    samples = run.rates[run.times > 1.0 + 1e-9].reshape(-1, 25)
    batch = samples.T @ samples / len(samples)
    # drive and x0 leave the fluctuations of a linear network as they are
    streamed = streaming_covariance(net, burn_in=1.0, drive=3.0, x0="uniform", **options)
    assert streamed.n_samples == len(samples)
    assert np.allclose(streamed.covariance, batch, rtol=1e-11, atol=1e-18)
    assert np.array_equal(streamed.covariance, streamed.covariance.T)
    post, pre = net.synapses
    difference = samples[:, post] - np.sign(net.synapse_weights) * samples[:, pre]
    variance = streaming_synapse_variance(net, burn_in=1.0, **options)
    assert np.allclose(variance.variance, np.mean(difference**2, axis=0), rtol=1e-12)
    pairs = sparse.csr_array((variance.variance, (post, pre)), shape=(25, 25)).toarray()
    assert np.array_equal(pairs, pairs.T)
    for result in (streamed, variance):
        assert (result.sampling_error is None) == (replicas == 1)
    if replicas == 5:
        states = run.rates[run.times > 1.0 + 1e-9]
        first, second = (s.reshape(-1, 25) for s in (states[:, :2], states[:, 2:]))
        gap = np.linalg.norm(first.T @ first / len(first) - second.T @ second / len(second))
        assert np.isclose(streamed.sampling_error, np.sqrt(0.4 * 0.6) * gap)


def test_linear_covariance_is_around_the_exact_mean():
    net = network(25)
    options = {
        "duration": 3.0,
        "dt": 0.01,
        "drive": 2.0,
        "replicas": 4,
        "record_every": 3,
        "seed": 13,
    }
    noisy = simulate(net, noise=0.1, **options)
    mean = simulate(net, noise=NOISELESS, **options)
    samples = (noisy.rates - mean.rates)[noisy.times > 1.0 + 1e-9].reshape(-1, 25)
    streamed = streaming_covariance(net, noise=0.1, burn_in=1.0, **options)
    assert np.allclose(streamed.covariance, samples.T @ samples / len(samples), rtol=1e-9)
    assert not streamed.mean.any()


def test_rectified_covariance_is_around_the_mean_of_the_samples():
    net = network(25)
    options = {
        "duration": 3.0,
        "dt": 0.01,
        "drive": 300.0,
        "replicas": 3,
        "record_every": 3,
        "activation": "rectified",
        "seed": 13,
    }
    run = simulate(net, noise=0.1, **options)
    samples = run.rates[run.times > 1.0 + 1e-9].reshape(-1, 25)
    streamed = streaming_covariance(net, noise=0.1, burn_in=1.0, **options)
    assert np.allclose(streamed.mean, samples.mean(axis=0), rtol=1e-12)
    expected = np.cov(samples.T, bias=True)
    assert np.allclose(streamed.covariance, expected, rtol=0, atol=1e-11 * expected.max())


# -------------------------------------------------------------------------------- stability


@pytest.mark.parametrize("directed", [False, True])
def test_largest_stable_step_is_where_the_spectral_radius_is_one(directed):
    rng = np.random.default_rng(17)
    weights = rng.normal(size=(40, 40)) * (1 - np.eye(40))
    weights = weights if directed else weights + weights.T
    net = npr.RateNetwork.from_connectome(weights, gain=0.8)
    largest = largest_stable_step(net)
    for factor in (0.999, 1.001):
        step = np.eye(40) + factor * largest * net.dense_drift()
        assert (np.max(np.abs(np.linalg.eigvals(step))) < 1) == (factor < 1)
    simulate(net, duration=10 * largest, dt=0.999 * largest, seed=1)
    with pytest.raises(npr.OptionError, match=f"{largest:.4g}"):
        simulate(net, duration=10 * largest, dt=1.001 * largest, seed=1)


@pytest.mark.parametrize("directed", [False, True])
def test_large_networks_use_arnoldi(directed, monkeypatch):
    net = network(200, directed=directed, density=0.1)
    exact = largest_stable_step(net)
    monkeypatch.setattr(stability, "DENSE_EIGENVALUES", 50)
    assert np.isclose(largest_stable_step(net), exact, rtol=1e-4)


@pytest.mark.parametrize("activation", ["linear", "rectified"])
@pytest.mark.parametrize("name", ["celegans", "celegans-gap", "mushroom-body"])
def test_the_default_step_is_stable_for_connectomes(name, activation):
    """The paper's 0.005 s is too long for all of them."""
    net = npr.datasets.load(name)
    run = simulate(net, duration=0.5, record_every=1, activation=activation, x0="zero", seed=1)
    assert run.dt == default_step(net) < 0.005
    assert np.abs(run.rates).max() < 0.1


def test_the_default_step_is_the_papers_or_half_of_a_stable_one():
    slow = npr.RateNetwork([[0.0, 0.5], [0.5, 0.0]], leak=3.0)
    assert simulate(slow, duration=0.1, seed=1).dt == 0.005
    # No dominance: the eigenvalues -100 +- 300 i decide, and of a rectified network the leak.
    turning = npr.RateNetwork([[0.0, 300.0], [-300.0, 0.0]], leak=100.0)
    assert default_step(turning) == pytest.approx(100.0 / (100.0**2 + 300.0**2))
    fast = npr.RateNetwork([[0.0, 300.0], [-300.0, 0.0]], leak=290.0)
    assert default_step(fast, activation="rectified") == pytest.approx(1 / 290.0)
    assert streaming_covariance(turning, duration=0.1, burn_in=0.05, seed=1).dt == default_step(
        turning
    )


def test_unstable_and_singular_networks():
    weights = np.abs(network(20).dense_weights())
    singular = npr.RateNetwork(weights, leak_margin=0.0)
    assert np.isfinite(simulate(singular, duration=1.0, seed=1).rates).all()
    assert np.isfinite(largest_stable_step(singular))
    with pytest.raises(npr.UnstableError, match="spectral abscissa"):
        streaming_covariance(singular, seed=1)
    unstable = npr.RateNetwork(weights, leak=0.1)
    for function in (simulate, streaming_covariance, streaming_synapse_variance):
        with pytest.raises(npr.UnstableError, match=r"is unstable.*add \S+ to the leak"):
            function(unstable, seed=1)


def test_a_rectified_run_that_diverges_says_when():
    net = npr.RateNetwork(np.abs(network(20).dense_weights()), leak=0.1)
    with pytest.raises(npr.UnstableError, match=r"at t = \d+\.\d+ s"):
        simulate(net, duration=1000.0, dt=0.05, activation="rectified", seed=1)
    with pytest.raises(npr.OptionError, match="below 20 s"):
        simulate(net, duration=1000.0, dt=25.0, activation="rectified", seed=1)


# ----------------------------------------------------------------------------- the outside


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dt": 0.0}, "dt is 0"),
        ({"dt": -0.1}, "dt is -0.1"),
        ({"dt": np.nan}, "dt is nan"),
        ({"noise": 0.0}, "noise is 0"),
        ({"noise": -1.0}, "noise is -1"),
        ({"duration": 0.001}, "shorter than one step"),
        ({"replicas": 0}, "replicas is 0"),
        ({"replicas": 1.5}, "replicas is 1.5"),
        ({"record_every": 0}, "record_every is 0"),
        ({"record_every": 201}, "only 200 steps"),
        ({"activation": "rectifed"}, "did you mean 'rectified'"),
        ({"dtype": "float23"}, "did you mean 'float32'"),
        ({"dtype": "int32"}, "unknown dtype"),
        ({"x0": "uniforn"}, "did you mean 'uniform'"),
        ({"x0": np.zeros(7)}, r"x0 has shape \(7,\)"),
        ({"x0": np.full(6, np.inf)}, "x0 is inf, but must be finite"),
        ({"drive": np.zeros(3)}, r"drive has shape \(3,\)"),
        ({"drive": "much"}, "not numbers"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(npr.OptionError, match=message):
        simulate(network(6), **{"duration": 1.0, **options})


@pytest.mark.parametrize("burn_in", [-1.0, 1.0, np.nan])
def test_burn_in_must_leave_samples(burn_in):
    with pytest.raises(npr.OptionError, match="burn_in"):
        streaming_covariance(network(6), duration=1.0, burn_in=burn_in)


def test_inputs_stay_as_they_are():
    net = network(20)
    before = [net.dense_weights().copy(), net.leak.copy()]
    x0, drive = np.random.default_rng(1).random(20), np.ones(20)
    for activation in engine.ACTIVATIONS:
        options = {"duration": 1.0, "x0": x0, "drive": drive, "activation": activation, "seed": 1}
        rates = simulate(net, **options).rates
        streaming_covariance(net, burn_in=0.5, **options)
        rates[:] = np.nan
    for now, then in zip([net.dense_weights(), net.leak], before):
        assert np.array_equal(now, then)
    assert np.array_equal(x0, np.random.default_rng(1).random(20))
    assert np.array_equal(drive, np.ones(20))


def test_progress_and_interruption(monkeypatch):
    monkeypatch.setattr(engine, "_BLOCK", 10 * 30 * 20)  # 20 steps
    net, threads = network(30), threading.active_count()
    calls = []
    simulate(net, duration=0.5, replicas=10, progress=lambda *call: calls.append(call))
    assert calls[-1] == (100, 100)
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})
    assert len(calls) == 5

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(net, duration=0.5, replicas=10, progress=interrupt)
    assert threading.active_count() == threads


@pytest.mark.parametrize("labels", [None, ["AVAL", "AVAR", "PVCL"]])
def test_export_to_neo(labels):
    net = npr.RateNetwork(network(3, density=1.0).weights, labels=labels)
    run = simulate(net, duration=1.0, dt=0.01, replicas=2, record_every=5, seed=1)
    block = run.to_neo()
    assert len(block.segments) == 2
    assert block.annotations["seed"] == "1"
    for replica, segment in enumerate(block.segments):
        (signal,) = segment.analogsignals
        assert signal.shape == (21, 3)
        assert signal.dimensionality.string == "dimensionless"
        assert float(signal.sampling_period.rescale("ms")) == pytest.approx(50.0)
        assert np.array_equal(signal.magnitude, run.rates[:, replica])
        assert np.allclose(signal.times.rescale("s").magnitude, run.times, rtol=1e-12)
        assert list(signal.array_annotations["labels"]) == (labels or ["0", "1", "2"])
