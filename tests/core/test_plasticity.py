"""The rule as plasticity: exact laws of its parts, locality, and nearness to the batch rule."""

import naive_simulation
import numpy as np
import pytest
from naive import assert_unbiased, entries, synapse_variance
from scipy import linalg, stats

import noiseprune as npr
from noiseprune import figures
from noiseprune.figures.protocol import paper_network
from noiseprune.online.homeostasis import Homeostasis
from noiseprune.online.plan import Request
from noiseprune.online.process import Process
from noiseprune.online.synapses import Synapses, threshold_at, uniform
from noiseprune.pruning.recipe import MAX_FACTOR

KEY = np.array([7, 11], dtype=np.uint64)
DEFAULTS = {
    "keep": 0.3,
    "gain": None,
    "rounds": 2,
    "continuous": False,
    "activation": "linear",
    "noise": 1.0,
    "drive": None,
    "interval": None,
    "dt": None,
    "scaling": True,
    "adapt_leak": True,
    "seed": 3,
}


def network(n=24, *, directed=False, density=0.5, margin=0.2, seed=41):
    """Random signed network of mean leak about 1."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(0.3, 1.0, (n, n)) * (rng.random((n, n)) < density)
    weights = weights if directed else np.triu(weights, 1) + np.triu(weights, 1).T
    np.fill_diagonal(weights, 0.0)
    weights /= np.abs(weights).sum(axis=1).mean()
    return npr.RateNetwork(weights, leak_margin=margin)


def process(net, **options):
    return Process(Request(**(DEFAULTS | options)).plan(net))


def with_variance(net, variance):
    """The synapses of a network, as if their traces had found this variance."""
    synapses = Synapses.of(net)
    synapses.square, synapses.samples = np.array(variance), 1.0
    return synapses


def some_variance(net, seed=5):
    return np.exp(np.random.default_rng(seed).standard_normal(Synapses.of(net).unit.size))


BOTH = pytest.mark.parametrize("directed", [False, True])

# -------------------------------------------------------------------------- a synapse's trace


@pytest.mark.parametrize("decay", [1.0, 0.9])
@pytest.mark.parametrize("centred", [False, True])
@BOTH
def test_the_trace_is_the_weighted_variance(directed, centred, decay):
    net = network(9, directed=directed)
    activity = np.random.default_rng(1).standard_normal((9, 25)) + 3.0
    synapses = Synapses.of(net)
    synapses.sense(activity[:, :11], decay, centred=centred)
    synapses.sense(activity[:, 11:], decay, centred=centred)
    ages = decay ** np.arange(24, -1, -1)
    for e in range(synapses.unit.size):
        i, j, w = synapses.post[e], synapses.pre[e], synapses.weight[e]
        difference = activity[i] - np.sign(w) * activity[j]
        mean = np.average(difference, weights=ages) if centred else 0.0
        expected = np.average((difference - mean) ** 2, weights=ages)
        assert synapses.variance[e] == pytest.approx(expected, rel=1e-12)


@BOTH
def test_the_trace_finds_the_variance_of_the_discrete_scheme(directed):
    net = network(12, directed=directed, margin=0.5)
    means = []
    for seed in range(1, 81, 2):
        running = process(net, seed=seed, interval=2000.0, dt=0.2)
        warm_up = running.samples(net, running.state, 0, 1)
        activity = running.samples(net, warm_up[:, -1:], 1, 9)
        running.synapses.sense(activity, 1.0, centred=False)
        means.append(running.synapses.variance)
    step = np.eye(12) + 0.2 * net.dense_drift()
    exact = linalg.solve_discrete_lyapunov(step, 0.2 * np.eye(12))
    variance = synapse_variance(net.dense_weights(), exact)
    if not directed:
        variance = variance[[i < j for i, j, _ in entries(net.dense_weights())]]
    assert_unbiased(np.mean(np.array(means) / variance, axis=1), 1.0)


def test_a_run_in_pieces_is_the_run_in_one():
    running = process(network(10))
    net = running.plan.net
    whole = running.samples(net, running.state, 0, 3)
    state, pieces = running.state, []
    for tick in range(3):
        pieces.append(running.samples(net, state, tick))
        state = pieces[-1][:, -1:]
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), whole)


# ------------------------------------------------------------------------- a synapse's decision


def test_random_numbers_are_those_of_the_counter():
    units = np.array([0, 5, 2**33 + 1], dtype=np.uint64)
    for event in (1, 9):
        for unit, found in zip(units, uniform(KEY, np.uint64(event), units)):
            counter = int(unit) % 2**32, int(unit) >> 32, event, 1
            words = naive_simulation.philox(counter, (7, 11))
            assert found == (((words[0] << 32 | words[1]) >> 12) + 0.5) / 2**52
    many = uniform(KEY, np.uint64(3), np.arange(5000, dtype=np.uint64))
    assert stats.kstest(many, "uniform").pvalue > 1e-3


@BOTH
def test_probabilities_of_rounds_multiply_to_those_of_the_batch_rule(directed):
    """p = min(1, |w| v / theta), and the weight w / p, whatever came before."""
    net = network(14, directed=directed)
    variance = some_variance(net)
    weight = Synapses.of(net).weight
    theta = np.quantile(np.abs(weight) * variance, 0.6)
    probability = np.minimum(1.0, np.abs(weight) * variance / theta)
    kept = []
    for draw in range(300):
        synapses = with_variance(net, variance)
        for event, share in enumerate((0.3, 0.7, 1.0)):
            key = np.array([draw, 1], dtype=np.uint64)
            alive = synapses.decide(synapses.priority(key, event), share * theta)
            synapses.only(alive)
        units = synapses.unit.astype(int)
        np.testing.assert_allclose(synapses.weight, (weight / probability)[units], rtol=1e-12)
        kept.append(np.isin(np.arange(weight.size), units))
    kept = np.array(kept)
    assert np.all(kept[:, probability == 1.0])
    coin = probability < 1.0
    scores = (kept.mean(axis=0) - probability)[coin]
    scores /= np.sqrt(probability * (1 - probability) / 300)[coin]
    assert np.max(np.abs(scores)) < 4.5
    assert 0.7 < np.std(scores) < 1.3


def test_weights_are_unbiased_where_the_count_is_fixed():
    net = network(14)
    variance, weight = some_variance(net), Synapses.of(net).weight
    direction = np.sign(weight)
    sums = []
    for draw in range(600):
        synapses = with_variance(net, variance)
        for event, number in enumerate((44, 41, 38)):
            priority = synapses.priority(np.array([draw, 2], dtype=np.uint64), event)
            synapses.only(synapses.decide(priority, threshold_at(priority, number)))
            assert synapses.unit.size == number
        sums.append(direction[synapses.unit.astype(int)] @ synapses.weight)
    assert_unbiased(sums, direction @ weight)


def test_a_threshold_stops_at_the_count():
    priority = np.random.default_rng(5).random(50)
    for number in (1, 20, 49):
        assert np.count_nonzero(priority > threshold_at(priority, number)) == number
    assert threshold_at(priority, 50) == threshold_at(priority, 60) == 0.0


# ------------------------------------------------------------------------------------ locality


@BOTH
def test_a_decision_depends_on_nothing_but_the_synapse_itself(directed):
    """All other weights and traces are changed, the others even removed: it decides the same."""
    net = network(14, directed=directed)
    variance = some_variance(net)
    before = with_variance(net, variance)
    theta = float(np.median(np.abs(before.weight) * variance))
    alive = before.decide(before.priority(KEY, 1), theta)
    rng = np.random.default_rng(7)
    changed_by_own = 0
    for e in range(0, alive.size, 3):
        other = with_variance(net, variance * np.exp(rng.standard_normal(alive.size)))
        other.weight *= np.exp(rng.standard_normal(alive.size))
        other.mean += rng.standard_normal(alive.size)
        for name in ("weight", "mean", "square"):
            getattr(other, name)[e] = getattr(with_variance(net, variance), name)[e]
        some = rng.random(alive.size) < 0.5
        some[e] = True
        other.only(some)
        found = other.decide(other.priority(KEY, 1), theta)
        place = np.flatnonzero(other.unit == e)[0]
        assert found[place] == alive[e]
        assert other.weight[place] == before.weight[e]
        own = with_variance(net, variance)
        own.square[e] *= 0.1 if alive[e] else 10.0
        changed_by_own += own.decide(own.priority(KEY, 1), theta)[e] != alive[e]
    assert changed_by_own > 5, "this test has no power"


@BOTH
@pytest.mark.parametrize("centred", [False, True])
def test_a_trace_depends_on_its_two_neurons_alone(directed, centred):
    net, rng = network(10, directed=directed), np.random.default_rng(7)
    activity = rng.standard_normal((10, 12))
    one = Synapses.of(net)
    one.sense(activity, 0.9, centred=centred)
    for e in range(0, one.unit.size, 5):
        others = np.ones(10, dtype=bool)
        others[[one.post[e], one.pre[e]]] = False
        changed = activity + others[:, None] * rng.standard_normal(activity.shape)
        two = Synapses.of(net)
        two.weight *= np.where(two.unit == e, 1.0, -3.0)
        two.sense(changed, 0.9, centred=centred)
        assert two.variance[e] == one.variance[e]
        assert np.count_nonzero(two.variance != one.variance) > one.unit.size / 2


@BOTH
def test_a_neuron_scales_by_its_own_synapses_alone(directed):
    net = network(12, directed=directed)
    rng = np.random.default_rng(1)
    factor = np.exp(0.3 * rng.standard_normal(Synapses.of(net).unit.size))
    for neuron in range(0, 12, 3):
        found = []
        for others in (1.0, factor):
            synapses = Synapses.of(net)
            homeostasis = Homeostasis(net, synapses)
            own = (synapses.post == neuron) | (synapses.pre == neuron)
            synapses.weight *= np.where(own, factor, others)
            homeostasis.scale(synapses)
            found.append(homeostasis.factor.reshape(-1, 12))
        np.testing.assert_allclose(found[0][:, neuron], found[1][:, neuron], rtol=1e-12)
        assert not np.allclose(found[0], found[1])


# ---------------------------------------------------------------------------------- homeostasis


@BOTH
def test_excitatory_and_inhibitory_strengths_are_restored(directed):
    net = network(40, directed=directed, density=0.9)
    synapses = Synapses.of(net)
    homeostasis = Homeostasis(net, synapses)
    rng = np.random.default_rng(3)
    synapses.weight *= np.exp(0.2 * rng.standard_normal(synapses.unit.size))
    synapses.only(rng.random(synapses.unit.size) < 0.95)
    assert homeostasis.imbalance(synapses) > 0.05
    for _ in range(200):
        homeostasis.scale(synapses)
    assert np.max(homeostasis.factor) < MAX_FACTOR  # else the others wait for one another
    assert homeostasis.imbalance(synapses) < 1e-8
    np.testing.assert_allclose(homeostasis.adapted_leak(synapses), net.leak, rtol=1e-8)


@BOTH
def test_what_the_bound_leaves_goes_to_the_leak(directed):
    net = network(20, directed=directed)
    found = npr.plasticity(net, 0.15, rounds=2, seed=5)
    np.testing.assert_allclose(found.network.dominance_excess, net.dominance_excess, atol=1e-12)
    assert not np.array_equal(found.network.leak, net.leak)
    synapses = Synapses.of(net)
    homeostasis = Homeostasis(net, synapses)
    synapses.weight /= 100.0
    for _ in range(20):
        homeostasis.scale(synapses)
    assert np.max(homeostasis.factor) == MAX_FACTOR


# ------------------------------------------------------------------------------- the whole run


@BOTH
@pytest.mark.parametrize("continuous", [False, True])
def test_counts_are_met_and_the_record_is_whole(directed, continuous):
    net = network(directed=directed)
    weights = net.dense_weights().copy()
    found = npr.plasticity(net, 0.25, rounds=3, continuous=continuous, seed=7)
    pruned = found.network
    unit = 1 if directed else 2
    assert found.n_kept == pruned.n_synapses == unit * round(0.25 * net.n_synapses / unit)
    assert pruned.is_symmetric == net.is_symmetric
    assert np.all(np.diff(found.n_left) < 0)
    assert (found.n_left[0], found.n_left[-1]) == (net.n_synapses, found.n_kept)
    assert found.kept.sum() == found.n_kept
    post, pre = net.synapses
    np.testing.assert_array_equal(pruned.dense_weights()[post, pre] != 0, found.kept)
    signs = np.sign(net.dense_weights()) * np.sign(pruned.dense_weights())
    assert np.min(signs) == 0
    assert found.times == pytest.approx(found.interval * np.arange(2, 6))
    assert found.n_steps == round(5 * found.interval / found.dt)
    assert np.all(found.variance > 0)
    assert found.epsilon[0] == pytest.approx(0.0, abs=1e-12)
    assert found.trajectory_error[0] == 0.0 < np.min(found.trajectory_error[1:])
    report = npr.spectral_similarity(net, pruned)
    assert found.epsilon[-1] == pytest.approx(report.epsilon, rel=1e-9)
    assert (found.epsilon_norm, found.balance) == (report.epsilon_norm, "homeostatic")
    np.testing.assert_array_equal(net.dense_weights(), weights)


def same(one, two):
    return one.n_kept == two.n_kept and np.array_equal(
        one.network.dense_weights(), two.network.dense_weights()
    )


def test_a_seed_repeats_the_run():
    net = network()
    first, again, other = (npr.plasticity(net, 0.4, rounds=2, seed=s) for s in (5, 5, 7))
    assert same(first, again)
    assert not same(first, other)


def test_the_number_of_threads_changes_nothing(loops_of):
    net = paper_network(90)
    found = []
    for threads in (1, 2):
        with loops_of(threads):
            found.append(npr.plasticity(net, 0.4, rounds=2, seed=5))
    assert same(*found)


def test_keeping_all_changes_nothing():
    net = network()
    found = npr.plasticity(net, 1.0, rounds=2, seed=5)
    np.testing.assert_allclose(found.network.dense_weights(), net.dense_weights(), rtol=1e-12)
    np.testing.assert_allclose(found.network.leak, net.leak, rtol=1e-12)
    assert np.max(found.epsilon) < 1e-12
    assert found.gain == np.inf


def test_a_fixed_gain_keeps_about_as_many_as_the_batch_rule():
    net = network(30)
    batch = npr.prune(net, 0.4, sampling="independent", seed=1)
    counts = [
        npr.plasticity(net, gain=batch.gain, rounds=4, seed=seed).n_kept for seed in (1, 3, 5)
    ]
    assert npr.plasticity(net, gain=batch.gain, rounds=2, seed=1).gain == pytest.approx(batch.gain)
    assert np.mean(counts) == pytest.approx(batch.keep_probability.sum(), rel=0.15)


def test_a_small_gain_leaves_nothing():
    found = npr.plasticity(network(), gain=1e-9, rounds=1, seed=1)
    assert found.n_kept == 0
    assert found.n_left.tolist() == [found.original.n_synapses, 0]
    np.testing.assert_allclose(found.network.leak, found.original.dominance_excess)


def test_without_scaling_weights_are_strengthened_only():
    net = network()
    found = npr.plasticity(net, 0.4, rounds=2, scaling=False, adapt_leak=False, seed=5)
    np.testing.assert_array_equal(found.network.leak, net.leak)
    ratio = found.network.synapse_weights / net.synapse_weights[found.kept]
    assert np.min(ratio) >= 1.0
    assert found.balance == "none"
    adapted = npr.plasticity(net, 0.4, rounds=2, scaling=False, seed=5)
    assert adapted.balance == "leak"
    assert not np.array_equal(adapted.network.leak, net.leak)


@pytest.mark.parametrize("continuous", [False, True])
def test_the_end_is_as_near_the_original_as_by_the_batch_rule(continuous):
    net = paper_network(120)
    found = npr.plasticity(net, 0.3, continuous=continuous, interval=100.0, seed=3)
    batch = [
        npr.spectral_similarity(net, npr.prune(net, found.n_kept, seed=k).network).epsilon
        for k in (1, 3, 5)
    ]
    assert found.epsilon[-1] < 1.25 * np.mean(batch)
    worse = npr.prune(net, found.n_kept, "weight", seed=1).network
    assert npr.spectral_similarity(net, worse).epsilon > 1.25 * np.mean(batch)


def test_a_rectified_network_prunes_itself_by_its_own_noise():
    net = network(30, margin=0.5)
    found = npr.plasticity(net, 0.5, rounds=2, activation="rectified", interval=150.0, seed=5)
    np.testing.assert_array_equal(found.drive, np.sqrt(net.leak / 2))
    assert np.mean(found.rate_original > 0) > 0.9
    assert found.mean_rate[-1] == pytest.approx(
        [found.rate_original.mean(), found.rate_pruned.mean()]
    )
    assert np.corrcoef(found.rate_original, found.rate_pruned)[0, 1] > 0.7
    whole = npr.plasticity(net, 1.0, rounds=1, activation="rectified", interval=600.0, seed=7)
    law = npr.simulation.streaming_covariance(
        net,
        npr.simulation.Simulation(
            activation="rectified",
            noise=1.0,
            drive=found.drive,
            dt=whole.dt,
            duration=600.0,
            replicas=4,
            seed=9,
        ),
    )
    expected = synapse_variance(net.dense_weights(), law.covariance)
    assert np.median(whole.variance / expected) == pytest.approx(1.0, abs=0.06)
    assert np.max(np.abs(np.log(whole.variance / expected))) < 0.7


# --------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"keep": 0.0}, r"keep is 0, but must lie in \(0, 1\]"),
        ({"keep": 10**6}, "give a number between 1 and"),
        ({"keep": 0.5, "gain": 1.0}, "keep and gain were both given"),
        ({"gain": -1.0}, "gain is -1, but must be finite and above 0"),
        ({"rounds": 0}, "rounds is 0, but must be a whole number of at least 1"),
        ({"activation": "rectify"}, "did you mean 'rectified'"),
        ({"noise": 0.0}, "noise is 0, but must be finite and above 0"),
        ({"dt": 50.0}, "too large for a stable step"),
        ({"dt": 0.01, "interval": 0.5}, "interval is 0.5 s, but 100 steps"),
        ({"drive": np.ones(3)}, r"drive has shape \(3,\)"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_bad_options_are_refused(options, says):
    with pytest.raises(npr.OptionError, match=says):
        npr.plasticity(network(), **options)


def test_bad_networks_are_refused():
    with pytest.raises(npr.OptionError, match="no synapses"):
        npr.plasticity(npr.RateNetwork(np.zeros((3, 3))))
    with pytest.raises(npr.NetworkError, match="expected a RateNetwork, found ndarray"):
        npr.plasticity(np.eye(3))
    with pytest.raises(npr.UnstableError, match="spectral abscissa"):
        npr.plasticity(npr.RateNetwork(np.ones((4, 4)) - np.eye(4), leak=2.0))


def test_a_network_that_loses_its_stability_is_named():
    net = npr.RateNetwork(np.ones((30, 30)) - np.eye(30), leak_margin=0.001)
    with pytest.raises(npr.UnstableError, match=r"after round 1 of 1, with 80 synapses left, "):
        npr.plasticity(net, 80, rounds=1, scaling=False, adapt_leak=False, interval=100.0, seed=1)


def test_progress_only_grows_and_ends():
    calls = []
    npr.plasticity(network(), 0.5, rounds=2, seed=1, progress=lambda *x: calls.append(x))
    done, total = zip(*calls)
    assert set(total) == {40}
    assert list(done) == sorted(done)
    assert done[-1] == 40


# ----------------------------------------------------------------------------------- the figure


def test_the_figure_draws_its_numbers():
    run = {
        "activation": "rectified",
        "rounds": 2,
        "times": [2.0, 3.0, 4.0],
        "kept": [1.0, 0.5, 0.25],
        "epsilon": [0.0, None, 0.4],
        "trajectory_error": [0.0, 0.1, 0.2],
        "rate_original": [1.0, 2.0],
        "rate_pruned": [1.5, 2.5],
    }
    about = {"n_neurons": 2, "n_synapses": 8}
    numbers = {"network": about, "runs": [run | {"name": "rectified"}], "batch": {"balanced": 0.3}}
    axes = figures.PICTURES["plasticity"].draw(numbers).axes
    assert axes[0].lines[0].get_ydata().tolist() == [100.0, 50.0, 25.0]
    assert axes[2].lines[0].get_xydata().tolist() == [[2.0, 0.0], [3.0, 0.1], [4.0, 0.2]]
    assert axes[1].lines[1].get_ydata() == [0.3, 0.3]
    assert axes[3].lines[1].get_xydata().tolist() == [[1.0, 1.5], [2.0, 2.5]]
    silent = numbers | {"runs": [run | {"name": "rounds", "rate_original": None}]}
    assert len(figures.PICTURES["plasticity"].draw(silent).axes) == 3
