"""Directed equilibrium propagation: its equations, its draws, its stability, and its pruning."""

from typing import get_args

import numpy as np
import pytest
from scipy import linalg

from noiseprune import OptionError
from noiseprune.learning import DirectedEP, prune_equilibrium
from noiseprune.learning.data.logic import answers_of, logic_task
from noiseprune.learning.models.equilibrium import kernels
from noiseprune.learning.models.equilibrium.settings import (
    Dynamics,
    Learning,
    Topology,
    layer_sizes,
)
from noiseprune.learning.models.equilibrium.sparsification import Sparsification
from noiseprune.learning.models.equilibrium.stability import stability
from noiseprune.learning.models.equilibrium.working_point import working_points
from noiseprune.learning.options.names import EquilibriumRule
from noiseprune.learning.prune import equilibrium as pruning

XOR = logic_task("xor")
SHORT = {"free_steps": 30, "nudged_steps": 25}


def networks(seeds=(3, 4), hidden=(2,), kind="complete", outputs=1, **choices):
    choices.setdefault("dynamics", Dynamics(**SHORT))
    choices.setdefault("scale", 0.5)
    return DirectedEP(Topology(3, hidden, outputs, kind), seeds=seeds, **choices)


# ------------------------------------------------------------------- the equations, one by one


def naive_epoch(w, b, start, task, d, r):
    """Weights and biases (N, N), (n,) after an epoch, by nothing but loops over single numbers."""
    x, y = task.inputs, task.targets
    first, n_all = x.shape[1], len(w)
    dw, db = np.zeros_like(w), np.zeros_like(b)
    out = n_all - y.shape[1]

    def step(s, sample, beta):
        new = s.copy()
        for i in range(first, n_all):
            size = {"signed": w, "absolute": abs(w), "none": 0 * w}[d.leak]
            leak = d.constant + sum(size[k, i] for k in range(n_all))
            rate = sum(w[i, j] * s[j] for j in range(n_all)) + b[i - first] - leak * s[i]
            if i >= out:
                rate += beta * (y[sample, i - out] - s[i])
            new[i] = min(1.0, max(0.0, s[i] + d.dt * rate))
        return new

    for sample in range(len(x)):
        free = np.concatenate([x[sample], start[sample]])
        for _ in range(d.free_steps):
            free = step(free, sample, 0.0)
        for sign in (1, -1) if r.centred else (1,):
            share = sign / (2 if r.centred else 1) / len(x)
            s = free
            for _ in range(d.nudged_steps):
                before, s = s, step(s, sample, sign * r.beta)
                if r.rule == "stdp":
                    for i in range(first, n_all):
                        for j in range(n_all):
                            timing = (s[i] - before[i]) * s[j]
                            both = r.beta_0 * s[i] * s[j] + r.beta_1 * timing
                            dw[i, j] += share * both / d.nudged_steps
            if r.rule == "ep":
                dw += share / r.beta * np.outer(s - free, free)
                db += share / r.beta * (s - free)[first:]
    allowed = np.ones_like(w)
    np.fill_diagonal(allowed, 0)
    allowed[:first] = 0
    if r.sign:
        dw, db = np.sign(dw), np.sign(db)
    return (w + r.lr * dw - r.l1 * np.sign(w)) * allowed, b + r.lr * db


@pytest.mark.parametrize(
    ("dynamics", "learning"),
    [
        ({}, {}),
        ({"leak": "absolute", "constant": 0.3}, {"beta_0": 0.4, "beta_1": 0.7, "l1": 0.01}),
        ({"leak": "none", "constant": 1.0}, {"centred": True, "lr": 7.0}),
        ({"leak": "none", "constant": 1.0}, {"rule": "ep", "lr": 1.0}),
        ({"leak": "none", "constant": 1.0}, {"rule": "ep", "centred": True, "lr": 2.0}),
        ({}, {"sign": True, "lr": 0.01}),
        ({"leak": "none", "constant": 1.0}, {"rule": "ep", "sign": True, "lr": 0.01}),
    ],
)  # fmt: skip
def test_epochs_are_those_of_the_plain_loops(dynamics, learning):
    made = networks(dynamics=Dynamics(**SHORT, **dynamics), learning=Learning(**learning))
    w, b = made.weights.copy(), made.biases.copy()
    for epoch in (1, 2):
        start = made.starts(4, 1, epoch)
        for k in range(2):
            w[k], b[k] = naive_epoch(w[k], b[k], start[k], XOR, made.dynamics, made.learning)
        lesson = made.learn(XOR.inputs, XOR.targets)
        np.testing.assert_allclose(made.weights, w, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(made.biases, b, rtol=1e-9, atol=1e-12)
        assert lesson.change.min() > 0
    assert not np.array_equal(w[0], w[1])


def naive_phase(jacobian, drive, target, beta, dt, steps, stop, state):
    """s(0), s(1), ... of one sample of one network, until it rests."""
    states = [state]
    for _ in range(steps):
        force = jacobian @ state + drive
        force[-target.size :] += beta * (target - state[-target.size :])
        state = np.clip(state + dt * force, 0, 1)
        states.append(state)
        if np.sum((states[-1] - states[-2]) ** 2) / dt**2 <= stop:
            break
    return np.array(states)


@pytest.mark.usefixtures("by_one_thread_and_by_two")
@pytest.mark.parametrize("stop", [0.0, 1e-3])
def test_phases_are_those_of_the_plain_loops(stop):
    rng = np.random.default_rng(3)
    k, m, n, beta, dt = 3, 4, 5, (2.0, -1.0), 0.05
    jacobian = 0.5 * rng.normal(size=(k, n, n)) - np.eye(n)
    drive, target = rng.normal(size=(k, m, n)), rng.random((m, 2))
    states, trace = np.zeros((3, k, m, n)), np.zeros((2, k, m, n))
    timing, coincidence = np.zeros((2, 2, k, n, n))
    steps, speed = np.zeros((3, k, m), np.int64), np.zeros((3, k, m))
    states[0] = 0.1 * rng.random((k, m, n))
    expected = [np.zeros_like(a) for a in (states, timing, coincidence, trace, steps, speed)]
    for one, sample in np.ndindex(k, m):
        state = states[0, one, sample]
        for p, (strength, longest) in enumerate(zip((0.0, *beta), (300, 200, 200))):
            path = naive_phase(
                jacobian[one], drive[one, sample], target[sample], strength, dt, longest, stop,
                state,
            )  # fmt: skip
            change = np.diff(path, axis=0)
            expected[0][p, one, sample] = path[-1]
            expected[4][p, one, sample] = len(change)
            expected[5][p, one, sample] = np.sum(change[-1] ** 2) / dt**2
            if p == 0:
                state = path[-1]
                continue
            still = [path[-1]] * (longest - len(change))  # the steps left out at rest
            whole = np.array([*path[1:], *still])
            expected[1][p - 1, one] += change.T @ path[1:]
            expected[2][p - 1, one] += whole.T @ whole
            expected[3][p - 1, one, sample] = whole.sum(axis=0)
    way, sums = kernels.Way(dt, 300, 200, stop, True), kernels.Sums(timing, coincidence, trace)
    kernels.phases(jacobian, drive, target, np.array(beta), way, states, sums, steps, speed)
    found = states, timing, coincidence, trace, steps, speed
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)
    assert steps.max() <= 300
    assert steps.min() < 100


def test_a_phase_that_has_come_to_rest_may_end():
    """What is left of the steps counts as if it had been taken, coincidence included."""
    fast = Dynamics(
        leak="none", constant=2.0, dt=0.3, free_steps=4000, nudged_steps=3000, stop=1e-20
    )
    rule = Learning(beta=1.0, beta_0=0.1, lr=1.0)
    made = networks(dynamics=fast, learning=rule, scale=0.1)
    lesson = made.learn(XOR.inputs, XOR.targets)
    assert 0 < lesson.free.steps.max() < 4000
    assert lesson.nudged.speed.max() <= 1e-20
    s = lesson.nudged.states
    expected = 0.1 * s.transpose(0, 2, 1) @ s / 4
    # All but the first few dozens of 3,000 steps are at rest.
    start = networks(dynamics=fast, learning=rule, scale=0.1).weights
    change = (made.weights - start)[:, 3:, 3:]
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(change[:, off], expected[:, off], rtol=0.05, atol=2e-4)


# -------------------------------------------------------------------------------- stability


def test_the_published_leak_leaves_a_direction_without_decay():
    made = networks(range(200), hidden=(5,))
    np.testing.assert_allclose(made.jacobian.sum(axis=1), 0, atol=1e-12)
    report = made.stability()
    assert np.abs(report.eigenvalues).min(axis=1).max() < 1e-11
    assert (report.abscissa < 0).any(), "by rounding"
    assert not report.stable.any()
    assert not report.contracts.any()
    assert (report.columns == 6).all(), "by columns no disc lies left of 0"
    positive = networks(range(4), hidden=(5,))
    np.abs(positive.weights, out=positive.weights)
    assert (positive.stability().columns == 6).all()
    assert (positive.stability().abscissa < 1e-12).all()


@pytest.mark.parametrize(
    ("dynamics", "learning", "norm"),
    [
        ({"leak": "absolute", "constant": 0.3}, {}, -0.3),
        ({"leak": "none", "constant": 1.0}, {"cap": 0.7}, -0.3),
    ],
)
def test_a_contracting_network_forgets_where_it_started(dynamics, learning, norm):
    steps = Dynamics(free_steps=300, nudged_steps=25, **dynamics)
    made = networks(hidden=(4,), dynamics=steps, learning=Learning(**learning), scale=1.0)
    for _ in range(3):
        made.learn(XOR.inputs, XOR.targets)
        report = made.stability()
        assert report.contracts.all()
        np.testing.assert_allclose(report.mu_1, norm, atol=1e-12)
        assert (report.abscissa < norm + 1e-12).all()
        ends = [made.settle(XOR.inputs, start).states for start in (0.0, 1.0)]
        distance = np.abs(ends[0] - ends[1]).sum(axis=2)
        assert (distance <= 5 * (1 + 0.05 * norm) ** 300).all()
    published = networks(hidden=(4,), dynamics=Dynamics(free_steps=300), scale=1.0)
    ends = [published.settle(XOR.inputs, start).states for start in (0.0, 1.0)]
    assert np.abs(ends[0] - ends[1]).sum(axis=2).max() > 5 * (1 + 0.05 * norm) ** 300


def test_the_report_is_that_of_the_textbook():
    j = np.array([[[-2.0, 1.0], [0.5, -1.0]], [[-1.0, 3.0], [0.0, 0.5]]])
    report = stability(j)
    for k in range(2):
        expected = sorted(np.linalg.eigvals(j[k]), key=lambda x: -x.real)
        np.testing.assert_allclose(report.eigenvalues[k], expected)
    assert report.abscissa[1] == 0.5
    assert report.diagonal.tolist() == [True, False]
    assert (report.rows.tolist(), report.columns.tolist()) == ([0, 2], [1, 1])
    np.testing.assert_allclose(report.mu_1, [0.0, 3.5])
    np.testing.assert_allclose(report.mu_inf, [-0.5, 2.0])
    assert report.contracts.tolist() == [True, False]
    assert report.stable.tolist() == [True, False]
    for unit in (1e-6, 1e6):
        assert stability(unit * j).contracts.tolist() == [True, False]


@pytest.mark.parametrize("leak", ["signed", "none"])
def test_the_radius_is_that_of_a_step(leak):
    steps = Dynamics(leak=leak, constant=0.7, dt=0.08)
    made = networks(hidden=(5,), dynamics=steps, scale=0.8)
    euler = np.eye(6) + 0.08 * made.jacobian
    grown = np.array([np.linalg.norm(np.linalg.matrix_power(one, 4096), 2) for one in euler])
    np.testing.assert_allclose(made.stability().radius(0.08), grown ** (1 / 4096), rtol=2e-3)


def test_a_step_that_leaves_nothing_of_a_state_is_the_largest():
    allowed = Dynamics(leak="none", constant=1.5, dt=0.25)
    networks(dynamics=allowed, learning=Learning(beta=2.5))
    with pytest.raises(OptionError, match=r"dt is 0.25, .* overshoot above 0.244"):
        networks(dynamics=allowed, learning=Learning(beta=2.6))
    networks(dynamics=Dynamics(dt=5.0))  # a leak of the weights: no dt is safe for ever


def test_logarithmic_norms_bound_the_spectrum():
    j = np.random.default_rng(5).normal(size=(40, 6, 6))
    report = stability(j)
    assert (report.abscissa <= report.mu_1 + 1e-12).all()
    assert (report.abscissa <= report.mu_inf + 1e-12).all()


# --------------------------------------------------------------------------- sparsification


def test_weak_synapses_go_with_the_probability_of_boltzmann():
    k = 6000
    made = networks(
        range(k), sparsification=Sparsification(tolerance=0.2, temperature=0.4), scale=0.3
    )
    before = made.weights[0].copy()
    made.weights[:] = before
    made._sparsify(made.sparsification)
    size = np.abs(before)
    odds = np.exp(-size / 0.4)
    expected = np.where(size <= 0.2, odds / odds.sum(axis=1, keepdims=True), 0.0)
    expected[before == 0] = 0.0
    share = (made.weights != before).mean(axis=0)
    assert (share[expected == 0] == 0).all()
    drawn = expected > 0
    assert 4 < drawn.sum() < (before != 0).sum()
    spread = np.sqrt(expected * (1 - expected) / k)[drawn]
    z = (share - expected)[drawn] / spread
    assert np.abs(z).max() < 4
    assert (np.abs(share - 1.2 * expected)[drawn] / spread).max() > 4
    assert np.array_equal(np.unique(made.weights), np.unique([0, *before.ravel()]))


def test_probabilities_of_permanent_draws_are_shared_by_what_is_left():
    weights = np.array([[0.0, 0.1, 0.2, 0.0], [0.0, 0.0, 0.0, 0.0]])
    present = np.array([[False, True, True, False], [False] * 4])
    chance = Sparsification(tolerance=1.0, permanent=True).probability(weights, present, 1)
    odds = np.exp([-0.1 / 5, -0.2 / 5])
    np.testing.assert_allclose(chance, [[0, *odds / odds.sum(), 0], [0] * 4])
    both = Sparsification(tolerance=1.0).probability(weights, present, 1)
    assert both[0, 1] == pytest.approx(odds[0] / (2 + odds.sum()))


def test_the_schedule_is_linear_and_geometric():
    way = Sparsification(0.1, 8.0, schedule=4, final_temperature=0.5)
    np.testing.assert_allclose([way.at(e) for e in (1, 2, 4, 9)],
                               [(0.025, 4.0), (0.05, 2.0), (0.1, 0.5), (0.1, 0.5)])  # fmt: skip
    assert Sparsification(0.1, 8.0, schedule=2).at(1) == (0.05, 8.0)


@pytest.mark.parametrize("permanent", [False, True])
def test_only_permanent_draws_are_for_ever(permanent):
    way = Sparsification(tolerance=10.0, permanent=permanent)
    made = networks(range(8), sparsification=way)
    made.learn(XOR.inputs, XOR.targets)
    gone = made.topology.allowed & (made.weights == 0)
    assert gone.any()
    np.testing.assert_allclose(made.sparsity, gone.sum(axis=(1, 2)) / made.topology.allowed.sum())
    for _ in range(3):
        made.learn(XOR.inputs, XOR.targets)
    assert (made.weights[gone] == 0).all() == permanent


def test_l1_makes_weights_smaller_and_bounds_hold():
    plain, small = (networks(learning=Learning(l1=l1, lr=1e-9)) for l1 in (0.0, 0.01))
    for made in (plain, small):
        made.learn(XOR.inputs, XOR.targets)
    there = plain.weights != 0
    lost = np.abs(plain.weights) - np.abs(small.weights)
    large = there & (np.abs(plain.weights) > 0.02)
    np.testing.assert_allclose(lost[large], 0.01, atol=1e-6)
    bounded = networks(learning=Learning(bound=0.3, lr=1000.0))
    bounded.learn(XOR.inputs, XOR.targets)
    assert np.abs(bounded.weights).max() == 0.3


# ------------------------------------------------------------------------ topologies, tasks


def test_what_may_be_connected():
    complete = Topology(3, (2, 2), 1).allowed
    assert complete.sum() == 5 * 8 - 5
    assert not complete[:3].any()
    layered = Topology(3, (2, 2), 1, "layered").allowed
    expected = np.zeros((8, 8), dtype=bool)
    expected[3:5, [0, 1, 5, 6]] = True  # the first hidden layer hears inputs and the second
    expected[5:7, [3, 4, 7]] = True
    expected[7, [5, 6]] = True
    expected[3:, 2] = True  # the bias
    assert np.array_equal(layered, expected)
    made = networks(kind="layered")
    made.learn(XOR.inputs, XOR.targets)
    assert (made.weights[:, ~made.topology.allowed] == 0).all()
    assert made.topology.labels == ("x0", "x1", "1", "h0", "h1", "y0")


def test_truth_tables():
    for name, function in (
        ("xor", np.logical_xor), ("and", np.logical_and), ("or", np.logical_or)
    ):  # fmt: skip
        task = logic_task(name)
        assert np.array_equal(task.targets[:, 0], function(*task.inputs[:, :2].T))
        assert len({tuple(row) for row in task.inputs}) == 4
        assert (task.inputs[:, 2] == 1).all()
    assert logic_task("not").inputs.tolist() == [[0, 1], [1, 1]]
    assert logic_task("not").targets.ravel().tolist() == [1, 0]
    assert logic_task("identity", one_hot=True).targets.tolist() == [[1, 0], [0, 1]]
    assert answers_of(np.array([[0.5], [0.49]])).ravel().tolist() == [1, 0]
    assert answers_of(np.array([[0.2, 0.1]])).tolist() == [[1, 0]]


@pytest.mark.parametrize("rule", ["stdp", "ep"])
def test_networks_learn_to_say_no(rule):
    task = logic_task("not")
    ep = rule == "ep"
    made = DirectedEP(
        Topology(2, (3,), 1),
        dynamics=Dynamics(
            leak="none" if ep else "signed", constant=float(ep), free_steps=300, nudged_steps=100
        ),
        learning=Learning(rule=rule, lr=2.0 if ep else 20.0),
        seeds=range(6),
    )
    for _ in range(60):
        made.learn(task.inputs, task.targets)
    found = made.outputs(made.settle(task.inputs).states)
    assert (answers_of(found) == task.targets).all()


# ------------------------------------------------------------------------------ randomness


def test_a_network_depends_on_its_own_seed_alone():
    way = Sparsification(tolerance=1.0)
    many, one = (networks(seeds, sparsification=way) for seeds in ((3, 9, 4), (9,)))
    for _ in range(2):
        many.learn(XOR.inputs, XOR.targets)
        one.learn(XOR.inputs, XOR.targets)
    np.testing.assert_array_equal(many.weights[1], one.weights[0])


def test_threads_change_nothing(loops_of):
    found = []
    for threads in (1, 2):
        with loops_of(threads):
            made = networks(range(5))
            made.learn(XOR.inputs, XOR.targets)
        found.append(made.weights)
    np.testing.assert_array_equal(*found)


def test_a_state_is_all_there_is():
    one = networks(sparsification=Sparsification(tolerance=1.0, permanent=True))
    one.learn(XOR.inputs, XOR.targets)
    other = networks(sparsification=one.sparsification)
    other.restore(one.state())
    for made in (one, other):
        made.learn(XOR.inputs, XOR.targets)
    np.testing.assert_array_equal(one.weights, other.weights)
    np.testing.assert_array_equal(one.present, other.present)


# ------------------------------------------------------------------------------- refusals


def spoilt(values):
    found = values.copy()
    found[1, 0] = np.nan
    return found


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Topology(3, (5,), 1, "ring"), "unknown kind 'ring'"),
        (lambda: Topology(3, (0,), 1), "hidden is 0"),
        (lambda: layer_sizes("five"), "hidden is 'five'"),
        (lambda: Dynamics(leak="large"), "unknown leak 'large'"),
        (lambda: Dynamics(constant=-1.0), "constant is -1, but must be finite and at least 0"),
        (
            lambda: Dynamics(stop=float("nan")),
            "stop is nan, but must be finite and at least 0",
        ),
        (lambda: Dynamics(stop="fast"), "stop is 'fast', not a number"),
        (lambda: Learning(l1=float("inf")), "l1 is inf"),
        (lambda: Learning(beta=0.0), "beta is 0"),
        (lambda: Learning(rule="ep", beta_0=1.0), "belong to rule 'stdp'"),
        (lambda: Learning(beta_1=float("inf")), "beta_1 is inf"),
        (lambda: Learning(cap=0.0), "cap is 0"),
        (lambda: Sparsification(temperature=0.0), "temperature is 0"),
        (lambda: Sparsification(final_temperature=1.0), "needs a schedule"),
        (lambda: networks(()), "there are no seeds"),
        (lambda: networks((-1,)), "seed is -1"),
        (lambda: networks().settle(np.ones((4, 2))), "the inputs have shape (4, 2)"),
        (lambda: networks().settle(np.ones((0, 3))), "one sample or more"),
        (lambda: networks().settle([[0, 1, 1], [1, 1]]), "inputs is no array"),
        (lambda: networks().settle([["a", "b", "c"]]), "inputs holds <U1, not real numbers"),
        (lambda: networks().settle(XOR.inputs + 1j), "inputs holds complex128"),
        (lambda: networks().settle(spoilt(XOR.inputs)), "inputs is nan at (1, 0): give finite"),
        (
            lambda: networks().settle(XOR.inputs, np.zeros((2, 2))),
            "start has shape (2, 2), but must "
            "be (2, 4, 3) (networks, samples, neurons that are no inputs), or one number for all",
        ),
        (lambda: networks().settle(XOR.inputs, float("nan")), "start is nan: give finite numbers"),
        (lambda: networks().settle(XOR.inputs, "low"), "start holds <U3"),
        (lambda: networks().learn(XOR.inputs, np.ones((4, 2))), "the targets have shape (4, 2)"),
        (lambda: networks().learn(spoilt(XOR.inputs), XOR.targets), "inputs is nan at (1, 0)"),
        (lambda: networks().learn(XOR.inputs, spoilt(XOR.targets)), "targets is nan at (1, 0)"),
        (lambda: networks().learn(XOR.inputs, XOR.targets / 0.0), "targets is nan at (0, 0)"),
        (lambda: logic_task("nand"), "did you mean 'and'"),
    ],
)
def test_one_sentence_says_what_is_wrong(make, said):
    with np.errstate(all="ignore"), pytest.raises(OptionError) as caught:
        make()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_refused_teaches_nothing():
    made = networks()
    before = made.weights.copy()
    with pytest.raises(OptionError):
        made.learn(XOR.inputs, spoilt(XOR.targets))
    assert made.epoch == 0
    np.testing.assert_array_equal(made.weights, before)


def test_a_start_may_be_one_number_or_all_of_them():
    made = networks()
    for start in (0.3, np.full(3, 0.3), np.full((2, 4, 3), 0.3)):
        found = made.settle(XOR.inputs.astype(int).tolist(), start).states
        np.testing.assert_array_equal(found, made.settle(XOR.inputs, 0.3).states)


def test_no_hidden_neurons_are_allowed():
    assert layer_sizes("0") == ()
    assert layer_sizes("4,3") == (4, 3)
    assert Topology(3, (), 1).n_free == 1


# -------------------------------------------------------------------------------- pruning


CONTRACTING = {
    "dynamics": Dynamics(leak="none", constant=1.0, **SHORT),
    "learning": Learning(cap=0.9),
    "scale": 1.0,
    "hidden": (6,),
}


@pytest.mark.parametrize("rule", get_args(EquilibriumRule))
def test_as_many_are_kept_as_were_asked_for(rule):
    made = networks(range(3), **CONTRACTING)
    before = made.weights.copy()
    found = prune_equilibrium(made, XOR.inputs, 0.5, rule, seed=3)
    np.testing.assert_array_equal(made.weights, before)
    assert (found.n_kept == np.round(0.5 * found.n_synapses)).all()
    left = found.network.weights
    assert (left[before == 0] == 0).all()
    assert (np.sign(left[left != 0]) == np.sign(before[left != 0])).all()
    changed = rule in ("noise", "weight", "uniform", "surgeon")
    assert np.allclose(left[left != 0], before[left != 0]) != changed
    assert found.own_leak.all()
    assert (found.epsilon > 0).all()
    assert set(found.epsilon_norm) <= {"pencil", "symmetric-part", "relative"}
    again = prune_equilibrium(made, XOR.inputs, 0.5, rule, seed=3).network.weights
    np.testing.assert_array_equal(left, again)
    found.network.learn(XOR.inputs, XOR.targets)
    assert (found.network.weights[left == 0] == 0).all(), "what was pruned stays so"
    counts = [5, 9, 20]
    for given in (counts, tuple(counts), np.array(counts), np.array(counts, dtype=np.int32)):
        assert prune_equilibrium(made, XOR.inputs, given, rule, seed=3).n_kept.tolist() == counts


@pytest.mark.parametrize("rule", ["noise", "uniform", "random", "boltzmann"])
def test_a_pruned_network_depends_on_its_own_seed_alone(rule):
    many, one = (networks(seeds, **CONTRACTING) for seeds in ((3, 9, 4), (9,)))
    found = [
        prune_equilibrium(made, XOR.inputs, 0.5, rule, seed=5).network.weights
        for made in (many, one)
    ]
    np.testing.assert_array_equal(found[0][1], found[1][0])
    other = prune_equilibrium(one, XOR.inputs, 0.5, rule, seed=6).network.weights
    assert not np.array_equal(found[1], other)


def test_coins_of_pruning_are_not_those_of_the_first_weights(monkeypatch):
    streams = []
    draw = pruning.prune_dense
    monkeypatch.setattr(
        pruning,
        "prune_dense",
        lambda *given, **more: (streams.append(given[-1]), draw(*given, **more))[1],
    )
    made = networks((0, 1), **CONTRACTING)
    first = np.array([rng.random(4) for rng in made._generators(0)])
    prune_equilibrium(made, XOR.inputs, 0.5, "random", seed=0)
    assert len(streams) == 2
    for rng in streams:
        again = type(rng.bit_generator)(rng.bit_generator.seed_seq)
        assert not np.isin(np.random.default_rng(again).random(4), first).any()


@pytest.mark.parametrize("rule", get_args(EquilibriumRule))
def test_keeping_all_changes_nothing(rule):
    made = networks(range(2), **CONTRACTING)
    found = prune_equilibrium(made, XOR.inputs, 1.0, rule, seed=3)
    np.testing.assert_allclose(found.network.weights, made.weights)
    np.testing.assert_allclose(found.epsilon, 0, atol=1e-7)


def test_noise_needs_a_state_of_rest():
    """Where the leak of the network leaves none, the dominant one stands in."""
    published = networks(hidden=(5,), scale=1.0)
    (point, _) = working_points(published, XOR.inputs)
    assert not point.own_leak
    size = np.abs(published.weights[0])
    np.testing.assert_allclose(point.leak, 1.1 * np.maximum(size.sum(0), size.sum(1))[3:])
    assert not prune_equilibrium(published, XOR.inputs, 0.5, seed=3).own_leak.any()
    own = networks(dynamics=Dynamics(leak="absolute", constant=0.2))
    for k, point in enumerate(working_points(own, XOR.inputs)):
        assert point.own_leak
        np.testing.assert_allclose(point.leak, own.leak[k])


def test_noise_runs_where_the_network_rests():
    """Against SciPy's solver, row by row; the inputs are clamped, and carry none."""
    settles = Dynamics(leak="none", constant=1.0, free_steps=2000)
    made = networks(range(5), **{**CONTRACTING, "dynamics": settles})
    made.weights *= 1.5
    made.limit()
    states = made.settle(XOR.inputs).states
    clipped = (states == 0) | (states == 1)
    assert 0.1 < clipped.mean() < 0.9
    for k, point in enumerate(working_points(made, XOR.inputs)):
        among = made.weights[k, 3:, 3:]
        total = np.zeros((10, 10))
        for row in range(4):
            drift = np.where(clipped[k, row][:, None], 0.0, among) - np.eye(7)
            total[3:, 3:] += linalg.solve_continuous_lyapunov(drift, -np.eye(7)) / 4
        for post, pre in np.argwhere(made.weights[k]):
            mixed = 2 * np.sign(made.weights[k, post, pre]) * total[post, pre]
            expected = total[post, post] + total[pre, pre] - mixed
            assert point.variance[post, pre] == pytest.approx(expected, rel=1e-9)
        np.testing.assert_allclose(point.variance[3:, :3], np.diag(total)[3:, None] * np.ones(3))
        np.testing.assert_array_equal(point.gains, ~clipped[k])
        mean = (~clipped[k]).mean(axis=0)[:, None] * among - np.eye(7)
        np.testing.assert_allclose(point.drift(made.weights[k]).dense_drift(), mean)


def test_neurons_at_a_wall_hear_nobody():
    """Where all are held there, each is alone with its leak: v = 1/(2 leak_i) + 1/(2 leak_j)."""
    made = networks((3,), dynamics=Dynamics(leak="none", constant=2.0))
    made.weights[0, 3:, 2] = -50.0  # the bias holds all at 0
    (point,) = working_points(made, XOR.inputs)
    assert not point.gains.any()
    np.testing.assert_allclose(point.variance[3:, 3:], 0.5)
    np.testing.assert_allclose(point.variance[3:, :3], 0.25)


def test_what_strengthens_keeps_the_cap():
    """Without it pruned networks would contract no more, and lose weight in the next epoch."""
    made = networks(range(20), **CONTRACTING)
    for rule in ("noise", "weight", "uniform"):
        found = prune_equilibrium(made, XOR.inputs, 0.4, rule, seed=3).network
        assert np.abs(found.weights[:, 3:, 3:]).sum(axis=1).max() <= 0.9 + 1e-12
        assert found.stability().contracts.all()
        free = networks(range(20), **{**CONTRACTING, "learning": Learning()})
        free.weights[:] = made.weights
        loose = prune_equilibrium(free, XOR.inputs, 0.4, rule, seed=3).network
        assert not loose.stability().contracts.all()


def test_draws_of_boltzmann_spare_the_strong():
    """As published: nothing above the tolerance goes while it reaches; then it rises."""
    made = networks(range(30), **CONTRACTING)
    made.weights[:, 3:, :2] *= 0.01
    size = np.abs(made.weights)
    weak = (size > 0) & (size <= 0.04)
    total = (size > 0).sum(axis=(1, 2))
    keep = total - 4
    assert weak.sum(axis=(1, 2)).min() > 10
    few = prune_equilibrium(made, XOR.inputs, list(keep), "boltzmann", tolerance=0.04, seed=3)
    gone = (few.network.weights == 0) & (size > 0)
    assert (gone.sum(axis=(1, 2)) == 4).all()
    assert (size[gone] <= 0.04 * 3).all()
    any_of_all = prune_equilibrium(
        made, XOR.inputs, list(keep), "boltzmann", tolerance=100.0, seed=3
    )
    assert size[(any_of_all.network.weights == 0) & (size > 0)].max() > 0.5
    # The tolerance rises by as much with every draw, of which each row takes at most a few.
    half = prune_equilibrium(made, XOR.inputs, 0.5, "boltzmann", tolerance=0.01, seed=3)
    left, gone = half.network.weights != 0, (half.network.weights == 0) & (size > 0)
    assert size[gone].mean() < 0.5 * size[left].mean()


def test_draws_of_boltzmann_take_the_weak_where_it_is_cold():
    made = networks(range(4), **CONTRACTING)
    cold = prune_equilibrium(
        made, XOR.inputs, 0.5, "boltzmann", temperature=1e-3, seed=3
    ).network.weights
    for before, after in zip(made.weights, cold, strict=True):
        for was, left in zip(before[3:], after[3:], strict=True):
            gone = (was != 0) & (left == 0)
            if gone.any() and (left != 0).any():
                assert np.abs(was[gone]).max() < np.abs(left[left != 0]).min() + 0.02


def test_pruning_refuses():
    made = networks(**CONTRACTING)
    for given, said in (
        (("0.5",), "keep is '0.5'"), ((2.0,), "keep is 2"),
        ((0.5, "noisy"), "did you mean 'noise'"),
        (([5],), "keep has 1 numbers, but there are 2 networks: give one for each, or a fraction"),
        ((np.array([5, 5, 5]),), "keep has 3 numbers"),
        (([5.9, 5.9],), "keep[0] is 5.9, but must be a whole number"),
        (([5, 0.5],), "keep[1] is 0.5, but must be a whole number"),
        ((np.array([5.0, 5.0]),), "keep[0] is np.float64(5.0), but must be a whole number"),
        (([True, 5],), "keep[0] is True"), (([[5, 5], 5],), "keep[0] is [5, 5]"),
        (([5, 0],), "keep is 0, but the network has"), (([5, 900],), "keep is 900, but"),
        (([5, -1],), "keep[1] is -1"), ((np.array(0.5),), "keep is array(0.5)"),
    ):  # fmt: skip
        with pytest.raises(OptionError) as caught:
            prune_equilibrium(made, XOR.inputs, *given)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)
    made.weights[:] = 0
    with pytest.raises(OptionError, match="no network has a synapse left"):
        prune_equilibrium(made, XOR.inputs, 0.5)


@pytest.mark.parametrize("leak", ["signed", "none"])
@pytest.mark.parametrize("rule", get_args(EquilibriumRule))
def test_a_network_without_synapses_stays_as_it_is(rule, leak):
    dynamics = Dynamics(leak=leak, constant=float(leak == "none"), **SHORT)
    made, alone = (networks(seeds, **{**CONTRACTING, "dynamics": dynamics})
                   for seeds in ((3, 9, 4), (3,)))  # fmt: skip
    made.weights[1] = 0
    found = prune_equilibrium(made, XOR.inputs, 0.5, rule, seed=5)
    other = prune_equilibrium(alone, XOR.inputs, 0.5, rule, seed=5)
    np.testing.assert_array_equal(found.network.weights[0], other.network.weights[0])
    assert found.epsilon[0] == other.epsilon[0]
    assert not found.network.weights[1].any()
    assert (found.n_synapses[1], found.n_kept[1], found.own_leak[1]) == (0, 0, False)
    assert np.isnan([found.kept_fraction[1], found.epsilon[1]]).all()
    assert found.epsilon_norm[1] is None
    assert found.kept_fraction[[0, 2]] == pytest.approx(0.5, abs=0.02)
    for keep in ([5, 0, 9], [5, 7, 9]):
        each = prune_equilibrium(made, XOR.inputs, keep, rule, seed=5)
        assert each.n_kept.tolist() == [5, 0, 9]
    assert prune_equilibrium(made, XOR.inputs, 5, rule, seed=5).n_kept.tolist() == [5, 0, 5]
