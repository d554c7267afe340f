"""BurstCCN in continuous time: the kernel, convergence in dt, cancellation, the schedule."""

import dataclasses
import itertools

import numpy as np
import pytest
from naive_burst import advance

from noiseprune import FileError, OptionError
from noiseprune.learning import ContinuousBurstCCN, train
from noiseprune.learning.experiments.continuous import ContinuousExperiment as experiment
from noiseprune.learning.models.continuous.model import Task
from noiseprune.learning.options.continuous import ContinuousOptions as Options

TASK = Task.drawn(1)
STILL = TASK._replace(frequency=np.zeros(3))
QUICK = {"block": 4.0, "hidden": 4, "epochs": 2, "tau_w": 5.0}
SYMMETRIC = {"q_mode": "symmetric_init"}
OWN = {"q_mode": "random_init", "q_scale": 0.3}


def made(**options):
    seed = options.pop("seed", 3)
    return ContinuousBurstCCN.drawn(Options(**{"hidden": 5, **options}), seed)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("Y_mode", ["tied", "random_init", "symmetric_init"])
@pytest.mark.parametrize("Q_mode", ["tied", "random_init", "symmetric_init", "W_symmetric_init"])
@pytest.mark.parametrize(("teacher", "learn"), [(True, True), (True, False), (False, False)])
def test_the_kernel_is_its_twin(layers, Y_mode, Q_mode, teacher, learn):
    p_b = 0.3 if layers == 1 else 0.95
    learnt = {} if Q_mode == "tied" else {"tau_q": 3.0, "q_learning": True}
    model = made(
        layers=layers, y_mode=Y_mode, q_mode=Q_mode, dt=0.05, tau_z=0.2, tau_w=2.0,
        p_baseline=p_b, **learnt,
    )  # fmt: skip
    model.step = 1234
    learning = {"learn": learn, "learn_Q": Q_mode != "tied" and not (teacher and not learn)}
    (z, u, c, w, q), errors, apical = advance(model, TASK, 60, teacher=teacher, **learning)
    first_w, first_q = model.w.copy(), model.q.copy()
    found = model.advance(TASK, 60, teacher=teacher, **learning, trace=True)
    for k in range(layers + 1):
        post, pre = model.sizes[k + 1], model.sizes[k]
        np.testing.assert_allclose(model.z[k, :post], z[k], rtol=1e-10)
        np.testing.assert_allclose(model.u[k, :post], u[k], rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(model.c[k, :post], c[k], rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(model.w[k, :post, :pre], w[k], rtol=1e-10)
        if k:
            np.testing.assert_allclose(model.q[k - 1, :post, :pre], q[k - 1], rtol=1e-8, atol=1e-12)
    assert found.error == pytest.approx(errors.mean())
    assert found.apical == pytest.approx(apical.mean(), abs=1e-15)
    np.testing.assert_allclose((found.output[:, 0] - found.output[:, 1]) ** 2, errors, atol=1e-12)
    assert np.array_equal(first_w, model.w) == (not learn)
    same = "symmetric" in Q_mode and not teacher and (Q_mode[0] != "W" or Y_mode != "random_init")
    assert np.array_equal(first_q, model.q) == (not learning["learn_Q"] or same)
    assert model.step == 1294


def test_the_steps_converge_to_the_equations():
    """Halving dt halves the difference to a fine solution."""
    ends = []
    for dt in (0.05, 0.025, 0.0125, 0.00625):
        model = made(dt=dt, tau_w=1.0)
        model.advance(TASK, round(2 / dt), teacher=True, learn=True)
        ends.append(np.concatenate([model.z.ravel(), model.u.ravel(), model.w.ravel()]))
    gaps = [np.linalg.norm(a - b) for a, b in itertools.pairwise(ends)]
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=0.15)
    assert gaps[1] / gaps[2] == pytest.approx(2, rel=0.1)


def test_without_a_teacher_the_dendrites_rest():
    model = made(layers=2, y_mode="random_init")
    model.advance(TASK, 100, teacher=False, learn=True)
    assert not model.u.any()
    assert np.array_equal(model.w, made(layers=2, y_mode="random_init").w)


def test_own_values_of_q_that_are_p_b_y_change_nothing():
    ends = [made(layers=2, q_mode=mode) for mode in ("tied", "symmetric_init", "W_symmetric_init")]
    for model in ends:
        model.advance(TASK, 80, teacher=True, learn=False)
        np.testing.assert_allclose(model.Q, 0.5 * model.Y, rtol=1e-15)
        np.testing.assert_allclose(model.u, ends[0].u, rtol=1e-9, atol=1e-16)
    assert np.array_equal(made(**OWN).w, made().w)  # what Q draws shifts no other draw
    double = made(y_mode="random_init", q_mode="symmetric_init", q_scale=2.0)
    np.testing.assert_allclose(double.Q, double.Y)
    large = made(hidden=500, q_mode="random_init", q_scale=2.0)
    drawn = large.Q[0, 0]
    assert drawn.size == 500
    assert abs((drawn**2).mean() / 4 - 1) < 4 * np.sqrt(2 / 500)
    assert abs(drawn.mean()) < 4 * 2 / np.sqrt(500)


def test_cancellation_is_learnt_at_its_rate():
    """Inputs and W at rest: D = p_b Y - Q and u are linear, two by two, in every unit."""
    model = made(dt=0.05, tau_u=0.2, q_learning=True, tau_q=4.0, p_baseline=0.3, **OWN)
    model.advance(STILL, 1000, teacher=False, learn=False)
    e, own = 1 / (1 + np.exp(-model.z[1, 0])), 1 - 1 / (1 + np.exp(-model.z[0, :5]))
    d = 0.3 * model.Y[0, 0, :5] - model.Q[0, 0, :5]
    np.testing.assert_allclose(model.u[0, :5], e * own * d, rtol=1e-9)
    start = np.stack([model.u[0, :5], d], axis=1)
    steps = 1200
    model.advance(STILL, steps, teacher=False, learn=False, learn_Q=True)
    for unit in range(5):
        change = np.array([[-5.0, 5.0 * e * own[unit]], [-e / 4.0, 0.0]])
        power = np.linalg.matrix_power(np.eye(2) + 0.05 * change, steps)
        u, rest = power @ start[unit]
        assert model.u[0, unit] == pytest.approx(u, rel=1e-9)
        # 0.3 Y - Q is a difference of numbers of the size of 0.1, to 1e-16
        assert 0.3 * model.Y[0, 0, unit] - model.Q[0, 0, unit] == pytest.approx(rest, abs=1e-13)
        rate = np.log(np.abs(start[unit, 0] / u)) / (0.05 * steps)
        assert rate == pytest.approx(e**2 * own[unit] / 4.0, rel=0.1)
    assert np.abs(model.u).max() < 0.5 * np.abs(start[:, 0]).max()


def test_moving_inputs_are_cancelled_as_well():
    """The slower Q, the nearer its rate is to the mean of e^2 (1 - e_j) / tau_Q."""
    gaps = []
    for tau_Q in (4.0, 40.0):
        model = made(hidden=3, q_learning=True, tau_q=tau_Q, **OWN)
        d, steps = 0.5 * model.Y - model.Q, round(10 * tau_Q)
        rate = np.zeros(3)
        for _ in range(steps):
            e = 1 / (1 + np.exp(-model.z))
            rate += e[1, 0] ** 2 * (1 - e[0]) * model.options.dt / tau_Q
            model.advance(TASK, 1, teacher=False, learn=False, learn_Q=True)
        found = -np.log((0.5 * model.Y - model.Q)[0, 0] / d[0, 0])
        gaps.append(np.abs(found / rate - 1).max())
    assert gaps[0] < 0.1
    assert gaps[1] < 0.2 * gaps[0]


def test_without_a_teacher_a_learnt_q_ends_at_zero():
    """Two hidden layers, a false Q, inputs at rest: |u| falls at least as the slowest rate says,
    and with it what W would learn from no teacher at all."""
    model = made(
        layers=2, q_learning=True, tau_q=1.0, tau_w=1.0, y_mode="random_init", y_scale=0.3, **OWN
    )
    model.advance(STILL, 100, teacher=False, learn=False)
    first = model.copy()
    slowest = 1.0
    for k in (0, 1):
        e, above = (1 / (1 + np.exp(-model.z[i, : model.sizes[i + 1]])) for i in (k, k + 1))
        slowest = min(slowest, (above @ above) * (1 - e).min())
    for _ in range(3):
        before = np.abs(model.u).max()
        model.advance(STILL, 300, teacher=False, learn=False, learn_Q=True)
        assert np.abs(model.u).max() < 1.1 * np.exp(-30 * slowest) * before + 1e-15
    assert np.abs(model.u).max() < 0.01 * np.abs(first.u).max()
    drifts = []
    for each in (first, model):
        w = each.w.copy()
        each.advance(STILL, 10, teacher=False, learn=True)
        drifts.append(np.linalg.norm(each.w - w))
    assert drifts[1] < 0.01 * drifts[0]
    with pytest.raises(OptionError, match="cannot learn"):
        made().advance(TASK, 1, teacher=False, learn=False, learn_Q=True)


def test_slow_inputs_are_taught_as_by_backprop():
    slow = TASK._replace(frequency=TASK.frequency / 1000)
    model = made()
    model.advance(slow, 50, teacher=True, learn=False)
    found = model.advance(slow, 400, teacher=True, learn=False, compare=True)
    assert found.angle < 1
    assert np.linalg.norm(found.ours) == pytest.approx(0.5 * np.linalg.norm(found.theirs), rel=0.02)
    random = made(y_mode="random_init")
    random.advance(slow, 50, teacher=True, learn=False)
    assert random.advance(slow, 400, teacher=True, learn=False, compare=True).angle > 10
    assert np.isnan(random.advance(slow, 4, teacher=False, learn=False).angle)


def test_the_task():
    """The kernel's target is the task's; seeds make tasks."""
    found = made().advance(TASK, 40, teacher=False, learn=False, trace=True)
    np.testing.assert_allclose(found.output[:, 0], TASK.target(0.1 * np.arange(40)), rtol=1e-12)
    assert np.array_equal(Task.drawn(1).weights, TASK.weights)
    assert not np.array_equal(Task.drawn(2).weights, TASK.weights)
    assert np.all((TASK.frequency >= 0) & (np.pi / 2 >= TASK.frequency))


def test_the_schedule():
    run = train(experiment, Options(**QUICK, dt=0.05, before=2, after=3, q_mode="symmetric_init"))
    model = made(hidden=4, seed=np.random.SeedSequence(0), dt=0.05, tau_w=5.0, **SYMMETRIC)
    errors, apical = [], []
    for block in range(7):
        taught = 2 <= block < 4
        found = model.advance(TASK, 80, teacher=taught, learn=taught)
        errors.append(found.error)
        apical.append(found.apical)
    assert run.result["blocks_before"] == [[-1, 0], pytest.approx(errors[:2])]
    assert run.column("train_loss") == ([1, 2], pytest.approx(errors[2:4]))
    assert run.result["blocks_after"] == [[3, 4, 5], pytest.approx(errors[4:])]
    for name, values in (("error", errors), ("apical", apical)):
        assert run.result[f"{name}_before"] == pytest.approx(np.mean(values[:2]))
        assert run.result[f"{name}_during"] == pytest.approx(values[3])
        assert run.result[f"{name}_after"] == pytest.approx(np.mean(values[4:]))
    assert len(run.column("test_loss")[1]) == len(run.column("silent_apical")[1]) == 3
    for name, end in (("before", 8.0), ("after", 28.0)):
        times, target, output = run.result[f"trace_{name}"]
        assert len(target) == len(output) == 40
        assert times[0] == pytest.approx(end - 4)
        assert times[-1] == pytest.approx(end - 0.1)
        np.testing.assert_allclose(target, TASK.target(np.array(times)), atol=1e-6)
    error, *traces = experiment.pictures([run])["schedule"].axes
    assert error.lines[0].get_xdata().tolist() == [-1, 0, 1, 2, 3, 4, 5]
    assert error.lines[0].get_ydata().tolist() == pytest.approx(errors)
    assert [axes.get_title() for axes in traces] == [
        "before",
        "after 2 blocks of learning, no teacher",
    ]


def test_without_epochs_nothing_is_said_of_learning():
    run = train(experiment, Options(**{**QUICK, "epochs": 0}))
    assert run.result.keys() >= {"error_before", "error_after", "apical_before", "apical_after"}
    assert not any(name.endswith("during") for name in run.result)
    error, *traces = experiment.pictures([run])["schedule"].axes
    assert error.lines[0].get_xdata().tolist() == [0, 1]
    assert not error.patches
    assert traces[1].get_title() == "after 0 blocks of learning, no teacher"


def test_q_learns_before_the_teacher_comes():
    own = {"q_mode": "random_init", "q_scale": 0.3, "before": 60}
    runs = [train(experiment, Options(**QUICK, **own, **more))
            for more in ({}, {"q_learning": True, "tau_q": 1.0})]  # fmt: skip
    first, learnt = (run.log[0]["silent_apical"] for run in runs)
    assert learnt < 0.05 * first
    assert learnt < runs[1].result["apical_before"]  # which is the mean of all that time


def test_probes_change_nothing_but_the_log():
    runs = [train(experiment, Options(**QUICK, probe=probe)) for probe in (0.0, 0.5, 1.0)]
    assert runs[0].column("train_loss") == runs[1].column("train_loss")
    assert runs[0].column("train_loss") == runs[2].column("train_loss")
    assert not runs[0].log[0].keys() & {"test_loss", "angle_bp"}
    # Of the last block's continuation, a probe of a whole block is the block after.
    assert runs[2].result["test_loss"] == pytest.approx(runs[2].result["error_after"])
    assert runs[1].result["test_loss"] != pytest.approx(runs[2].result["test_loss"])


def test_it_learns():
    model = made(hidden=20, tau_w=5.0)
    steps = 300
    before = model.copy().advance(TASK, steps, teacher=False, learn=False).error
    model.advance(TASK, 10 * steps, teacher=True, learn=True)
    assert model.advance(TASK, steps, teacher=False, learn=False).error < 0.75 * before


def test_an_interrupted_run_is_the_same(tmp_path):
    options = Options(**{**QUICK, "epochs": 3}, q_mode="random_init", q_learning=True)
    whole = train(experiment, options, folder=tmp_path / "whole")
    for epochs in (0, 2):
        train(experiment, dataclasses.replace(options, epochs=epochs), folder=tmp_path)
    resumed = train(experiment, options, folder=tmp_path)
    assert resumed.resumed_from == 2
    assert resumed.log == whole.log
    assert resumed.result == whole.result
    stored, other = (np.load(path / "weights.npz") for path in (tmp_path, tmp_path / "whole"))
    assert stored["w"].shape == (2, 4, 4)
    assert stored["y"].shape == stored["q"].shape == (1, 4, 4)
    assert np.array_equal(stored["y"][0], stored["w"][1])
    for name in ("w", "c", "q"):
        assert stored[name].any()
        assert np.array_equal(stored[name], other[name])
    with pytest.raises(FileError, match="tau_w"):
        train(experiment, dataclasses.replace(options, tau_w=6.0), folder=tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dt": 0.2}, "dt is 0.2, longer than tau_z = 0.1"),
        ({"tau_u": 0.05}, "longer than tau_u = 0.05"),
        ({"tau_w": 0.001}, "longer than tau_w = 0.001"),
        (
            {"tau_q": 0.001, "q_learning": True, "q_mode": "random_init"},
            "longer than tau_q = 0.001",
        ),
        ({"tau_q": 50.0}, "give --q-learning"),
        ({"dt": 0.0}, "dt is 0"),
        ({"tau_w": -1.0}, "tau_w is -1"),
        ({"p_baseline": 1.0}, "p_baseline is 1.0"),
        ({"y_mode": "ties"}, "did you mean 'tied'"),
        ({"y_scale": 2.0}, "tied Y is W itself, leave it out"),
        ({"y_mode": "random_init", "y_scale": -1.0}, "y_scale|Y_scale"),
        ({"hidden": 0}, "hidden is 0"),
        ({"block": 0.01}, "shorter than dt"),
        ({"before": 0}, "before is 0"),
        ({"after": 0}, "after is 0"),
        ({"probe": 1.5}, "probe is 1.5"),
        ({"probe": float("nan")}, "probe is nan"),
        ({"q_mode": "W_symmetric"}, "did you mean 'W_symmetric_init'"),
        ({"q_mode": "random_init", "q_scale": float("nan")}, "q_scale is nan"),
        ({"q_scale": 2.0}, "tied Q is p_b Y itself, leave it out"),
        ({"q_learning": True}, "cannot learn: choose another Q mode"),
    ],
)
def test_options_without_a_meaning_are_refused(options, said):
    with pytest.raises(OptionError, match=said):
        experiment(Options(**{**QUICK, **options}))
