"""BurstCCN in continuous time: the kernel, convergence in dt, the schedule of the teacher."""

import dataclasses
import itertools

import numpy as np
import pytest
from naive_burst import advance

from noiseprune import FileError, OptionError
from noiseprune.learning import ContinuousBurstCCN, train
from noiseprune.learning.burst.continuous.experiment import Options, experiment, pictures
from noiseprune.learning.burst.continuous.model import Task

TASK = Task.drawn(1)
QUICK = {"block": 4.0, "hidden": 4, "learning": 2, "before": 1, "epochs": 4, "tau_w": 5.0}


def made(**options):
    return ContinuousBurstCCN.drawn(**{"hidden": 5, "seed": 3, **options})


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("Y_mode", ["tied", "random_init", "symmetric_init"])
@pytest.mark.parametrize(("teacher", "learn"), [(True, True), (True, False), (False, False)])
def test_the_kernel_is_its_twin(layers, Y_mode, teacher, learn):
    p_b = 0.3 if layers == 1 else 0.95
    model = made(layers=layers, Y_mode=Y_mode, dt=0.05, tau_z=0.2, tau_w=2.0, p_baseline=p_b)
    model.step = 1234
    (z, u, c, w), errors = advance(model, TASK, 60, teacher=teacher, learn=learn)
    first = model.w.copy()
    found = model.advance(TASK, 60, teacher=teacher, learn=learn, trace=True)
    for k in range(layers + 1):
        post, pre = model.sizes[k + 1], model.sizes[k]
        np.testing.assert_allclose(model.z[k, :post], z[k], rtol=1e-10)
        np.testing.assert_allclose(model.u[k, :post], u[k], rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(model.c[k, :post], c[k], rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(model.w[k, :post, :pre], w[k], rtol=1e-10)
    assert found.error == pytest.approx(errors.mean())
    np.testing.assert_allclose((found.output[:, 0] - found.output[:, 1]) ** 2, errors, atol=1e-12)
    assert np.array_equal(first, model.w) == (not learn)
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
    model = made(layers=2, Y_mode="random_init")
    model.advance(TASK, 100, teacher=False, learn=True)
    assert not model.u.any()
    assert np.array_equal(model.w, made(layers=2, Y_mode="random_init").w)


def test_slow_inputs_are_taught_as_by_backprop():
    slow = dataclasses.replace(TASK, frequency=TASK.frequency / 1000)
    model = made()
    model.advance(slow, 50, teacher=True, learn=False)
    found = model.advance(slow, 400, teacher=True, learn=False, compare=True)
    assert found.angle < 1
    assert np.linalg.norm(found.ours) == pytest.approx(0.5 * np.linalg.norm(found.theirs), rel=0.02)
    random = made(Y_mode="random_init")
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
    run = train(experiment, Options(**QUICK, dt=0.05))
    assert run.column("teacher")[1] == [0, 1, 1, 0]
    errors = run.column("train_loss")[1]
    assert run.result["error_before"] == errors[0]
    assert run.result["error_during"] == errors[2]
    assert run.result["error_after"] == errors[3]
    assert len(run.column("test_loss")[1]) == 5
    times, target, output = run.result["trace_after"]
    assert len(times) == len(target) == len(output) == 400
    assert set(pictures([run])) == {"schedule"}


def test_it_learns():
    model = made(hidden=20, tau_w=5.0)
    steps = 300
    before = model.copy().advance(TASK, steps, teacher=False, learn=False).error
    model.advance(TASK, 10 * steps, teacher=True, learn=True)
    assert model.advance(TASK, steps, teacher=False, learn=False).error < 0.75 * before


def test_an_interrupted_run_is_the_same(tmp_path):
    options = Options(**QUICK)
    whole = train(experiment, options)
    train(experiment, dataclasses.replace(options, epochs=2), folder=tmp_path)
    resumed = train(experiment, options, folder=tmp_path)
    assert resumed.resumed_from == 2
    assert resumed.log == whole.log
    assert resumed.result["error_after"] == whole.result["error_after"]
    stored = np.load(tmp_path / "weights.npz")
    assert stored["w"].shape == (2, 4, 4)
    with pytest.raises(FileError, match="tau_w"):
        train(experiment, dataclasses.replace(options, tau_w=6.0), folder=tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dt": 0.2}, "dt is 0.2, longer than the time constant 0.1"),
        ({"tau_u": 0.05}, "longer than the time constant 0.05"),
        ({"dt": 0.0}, "dt is 0"),
        ({"tau_w": -1.0}, "tau_w is -1"),
        ({"p_baseline": 1.0}, "p_baseline is 1.0"),
        ({"y_mode": "ties"}, "did you mean 'tied'"),
        ({"y_scale": 2.0}, "leave its scale out"),
        ({"y_mode": "random_init", "y_scale": -1.0}, "y_scale|Y_scale"),
        ({"hidden": 0}, "hidden is 0"),
        ({"block": 0.01}, "shorter than dt"),
        ({"learning": -1}, "learning is -1"),
    ],
)
def test_options_without_a_meaning_are_refused(options, said):
    with pytest.raises(OptionError, match=said):
        experiment(Options(**{**QUICK, **options}))
