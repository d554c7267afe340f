"""The tasks in time: what they hand out, and that they can be learned."""

import numpy as np
import pytest
import torch

from noiseprune import OptionError
from noiseprune.learning import CTRNN, DelayedMatch, PerceptualDecision, SinePrediction
from noiseprune.learning.models.ctrnn.objective import (
    Batch,
    accuracy,
    score,
    task_loss,
    training_step,
)


def test_the_sine_is_its_own_next_value():
    trials = SinePrediction().trials(2, np.random.default_rng(3))
    t = np.linspace(0, 10, 1000)
    assert trials.inputs.shape == trials.targets.shape == (2, 999, 1)
    np.testing.assert_allclose(trials.inputs[1, :, 0], np.sin(t[:-1]), atol=1e-6)
    np.testing.assert_allclose(trials.targets[0, :, 0], np.sin(t[1:]), atol=1e-6)
    assert trials.choice is None


@pytest.mark.parametrize("options", [{}, {"coherences": (0.3,), "noise": 1.5, "stimulus": 9}])
def test_an_observer_of_all_evidence_is_as_good_as_stated(options):
    task = PerceptualDecision(**options)
    trials = task.trials(20_000, np.random.default_rng(3))
    evidence = (trials.inputs[:, :, 1] - trials.inputs[:, :, 2]).sum(axis=1)
    right = np.mean((evidence < 0) == trials.choice)
    expected = task.ideal_accuracy
    z = (right - expected) / np.sqrt(expected * (1 - expected) / 20_000)
    assert abs(z) < 3
    assert trials.choice.mean() == pytest.approx(0.5, abs=0.015)


def test_a_decision_has_its_periods():
    task = PerceptualDecision(fixation=3, stimulus=4, response=2, noise=0.5)
    trials = task.trials(5000, np.random.default_rng(3))
    assert trials.inputs.shape == (5000, 9, 3)
    assert trials.response.tolist() == [False] * 7 + [True] * 2
    np.testing.assert_array_equal(trials.inputs[:, :, 0], [[1] * 7 + [0] * 2] * 5000)
    shown = np.abs(trials.inputs[:, :, 1:]).sum(axis=(0, 2)) > 0
    assert shown.tolist() == [False] * 3 + [True] * 4 + [False] * 2
    left = trials.inputs[trials.choice == 0, 3:7, 1]
    assert left.mean() == pytest.approx(0.5 * (1 + np.mean(task.coherences)), abs=0.02)
    expected = 0.5**2 + 0.25 * np.var(task.coherences)
    assert left.var() == pytest.approx(expected, rel=0.05)
    np.testing.assert_array_equal(trials.targets[:, -1].argmax(axis=1), trials.choice)
    assert not trials.targets[:, :7].any()


def test_a_match_is_a_match():
    task = DelayedMatch(n_stimuli=4, noise=0.0, fixation=2, sample=3, delay=4, test=3, response=2)
    trials = task.trials(4000, np.random.default_rng(3))
    assert trials.inputs.shape == (4000, 14, 5)
    first, second = trials.inputs[:, 3, 1:], trials.inputs[:, 10, 1:]
    np.testing.assert_array_equal(first.sum(axis=1), 1)
    np.testing.assert_array_equal((first == second).all(axis=1), trials.choice == 0)
    assert not trials.inputs[:, 5:9, 1:].any()
    assert not trials.inputs[:, 12:].any()
    assert trials.choice.mean() == pytest.approx(0.5, abs=0.04)
    pairs = first.T @ second / 4000  # every pair of stimuli occurs, and no trial tells by one alone
    np.testing.assert_allclose(np.diagonal(pairs), 1 / 8, atol=0.02)
    np.testing.assert_allclose(pairs[~np.eye(4, dtype=bool)], 1 / 24, atol=0.015)


@pytest.mark.parametrize("task", [PerceptualDecision(), DelayedMatch()])
def test_a_seed_gives_the_same_trials(task):
    one, two, other = (task.trials(3, np.random.default_rng(seed)).inputs for seed in (5, 5, 7))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


def test_loss_and_accuracy_look_at_the_response():
    task = PerceptualDecision(fixation=1, stimulus=2, response=2)
    batch = Batch.of(task.trials(50, np.random.default_rng(3)), torch.zeros(1))
    answer = 20 * batch.targets
    answer[:, :3] = torch.randn((50, 3, 2), generator=torch.Generator().manual_seed(3))
    assert accuracy(answer, batch) == 1
    assert float(task_loss(answer, batch)) < 1e-6
    assert accuracy(-answer, batch) == 0
    assert float(task_loss(0 * answer, batch)) == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("task", "number", "rate"),
    [
        (PerceptualDecision(coherences=(0.8,), fixation=1, stimulus=10, response=2), 60, 0.9),
        (DelayedMatch(n_stimuli=2, fixation=1, sample=3, delay=2, test=3, response=2), 150, 0.9),
    ],
)
def test_a_small_network_learns_it(task, number, rate):
    model = CTRNN(
        (task.n_inputs, 30, 2), dt=50.0, activation="relu", spectral_radius=1.0, biases="zero",
        seed=3,
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    rng = np.random.default_rng(3)
    test = Batch.of(task.trials(300, np.random.default_rng(5)), model.readout.theta)
    assert score(model, test).loss > 0.6
    for _ in range(number):
        training_step(model, optimizer, task, 50, rng)
    found = score(model, test)
    assert found.accuracy > rate
    assert found.loss < 0.35


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: PerceptualDecision(coherences=(0.5, 2.0)), r"give numbers in \(0, 1\]"),
        (lambda: PerceptualDecision(noise=0.0), "noise is 0"),
        (lambda: PerceptualDecision(stimulus=0), "stimulus is 0"),
        (lambda: DelayedMatch(n_stimuli=1), "n_stimuli is 1"),
        (lambda: DelayedMatch(noise=-1.0), "noise is -1"),
        (lambda: SinePrediction(n_samples=1), "n_samples is 1"),
        (lambda: SinePrediction(end=0.0), "end is 0"),
    ],
)
def test_bad_tasks_are_refused(make, said):
    with pytest.raises(OptionError, match=said):
        make()
