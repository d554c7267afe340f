"""Every option of `noiseprune train deep` and `ep` does what it says, and so does every rate."""

import dataclasses
from typing import get_args

import numpy as np
import pytest

from noiseprune.learning import prune_equilibrium
from noiseprune.learning.data.logic import logic_task
from noiseprune.learning.experiments.equilibrium import LogicExperiment
from noiseprune.learning.models.equilibrium.building import network_of
from noiseprune.learning.models.equilibrium.sparsification import Sparsification
from noiseprune.learning.options.equilibrium import DeepOptions, EPOptions
from noiseprune.learning.options.names import EquilibriumRule
from noiseprune.learning.training.harness import train

KINDS = (DeepOptions, EPOptions)
SMALL = {"seeds": 2, "free_steps": 30, "nudged_steps": 20}


def part(of, name):
    return lambda made: getattr(getattr(made.network, of), name)


def network(name):
    return lambda made: getattr(made.network, name)


CASES = [
    # kind of options, those given, what they reach, what it is then
    *[(kind, *case) for kind in KINDS for case in (
        ({"task": "and"}, lambda made: made.task.targets.ravel().tolist(), [0, 0, 0, 1]),
        ({"task": "not"}, part("topology", "inputs"), 2),
        ({"one_hot": True}, part("topology", "outputs"), 2),
        ({"one_hot": True}, lambda made: made.task.targets.shape, (4, 2)),
        ({"hidden": "4,3"}, part("topology", "hidden"), (4, 3)),
        ({}, part("topology", "hidden"), (5,)),
        ({"topology": "layered"}, part("topology", "kind"), "layered"),
        *[({name: value}, part("dynamics", name), value)
          for name, value in (("dt", 0.03), ("free_steps", 31), ("nudged_steps", 21),
                              ("stop", 1e-4))],
        *[({name: value}, part("learning", name), value)
          for name, value in (("centred", True), ("sign", True), ("l1", 0.02), ("beta", 2.0),
                              ("lr", 3.0))],
        ({}, network("sparsification"), None),
        ({"sparse": True}, network("sparsification"), Sparsification()),
        *[({"sparse": True, name: value}, part("sparsification", reached), value)
          for name, reached, value in (("tol_w", "tolerance", 0.2), ("temp", "temperature", 3.0),
                                       ("permanent", "permanent", True),
                                       ("sparse_schedule", "schedule", 7))],
        ({"sparse": True, "sparse_schedule": 7, "temp_end": 2.0},
         part("sparsification", "final_temperature"), 2.0),
        ({"seed": 5}, network("seeds"), (5, 6)),
        ({"seeds": 3}, network("seeds"), (0, 1, 2)),
        ({"scale": 0.3}, network("scale"), 0.3),
    )],
    (EPOptions, {"one_hot": True}, part("topology", "hidden"), (5,)),
    *[(EPOptions, {}, part(of, name), value)
      for of, name, value in (("dynamics", "leak", "none"), ("dynamics", "constant", 1.0),
                              ("learning", "rule", "ep"), ("learning", "lr", 1.0),
                              ("learning", "cap", None), ("learning", "bound", None))],
    (DeepOptions, {}, part("learning", "rule"), "stdp"),
    (DeepOptions, {"one_hot": True}, part("topology", "hidden"), (2,)),
    (DeepOptions, {"one_hot": True, "hidden": "4"}, part("topology", "hidden"), (4,)),
    (DeepOptions, {"leakage": "absolute"}, part("dynamics", "leak"), "absolute"),
    (DeepOptions, {"leak_constant": 0.4}, part("dynamics", "constant"), 0.4),
    *[(DeepOptions, {"preset": preset, **given}, part("learning", name), value)
      for preset in ("published", "improved")
      for given, name, value in (({"beta_0": 0.3}, "beta_0", 0.3), ({"beta_1": 0.6}, "beta_1", 0.6),
                                 ({"bound": 0.7}, "bound", 0.7), ({"cap": 0.5}, "cap", 0.5),
                                 ({"bound": float("inf")}, "bound", None),
                                 ({"cap": float("inf")}, "cap", None))],
    *[(DeepOptions, {"preset": "improved"}, part(of, name), value)
      for of, name, value in (("dynamics", "leak", "none"), ("dynamics", "constant", 1.0),
                              ("learning", "cap", 0.9), ("learning", "bound", None))],
    (DeepOptions, {"preset": "improved"}, network("scale"), 1.0),
]  # fmt: skip
TESTED_BELOW = {"epochs", "log_every", "prune", "rule", "fine_tune"}


@pytest.mark.parametrize(
    ("kind", "given", "reached", "wanted"),
    CASES,
    ids=[f"{kind.__name__[:-7]}-{'-'.join(given)}" for kind, given, _, _ in CASES],
)
def test_an_option_reaches_what_it_is_said_of(kind, given, reached, wanted):
    assert reached(LogicExperiment(kind(**{**SMALL, **given}))) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_no_option_is_left_out_of_these_tests(kind):
    tested = {name for each, given, _, _ in CASES if each is kind for name in given}
    assert {field.name for field in dataclasses.fields(kind)} == tested | TESTED_BELOW


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", [None, *get_args(EquilibriumRule)])
def test_rule_and_its_options_reach_the_pruning(kind, rule):
    drawn = {"temp": 0.3, "tol_w": 0.05} if rule == "boltzmann" else {}
    made = LogicExperiment(kind(**SMALL, scale=0.5, prune=0.4, rule=rule, **drawn))
    left, found = made.prune()
    more = {"temperature": 0.3, "tolerance": 0.05} if drawn else {}
    wanted = prune_equilibrium(
        made.network, made.task.inputs, 0.4, rule or "noise", seed=0, **more
    )  # fmt: skip
    assert found["rule"] == wanted.rule == (rule or "noise")
    np.testing.assert_array_equal(left.weights, wanted.network.weights)
    if drawn:
        hot = LogicExperiment(kind(**SMALL, scale=0.5, prune=0.4, rule=rule, temp=50.0))
        assert not np.array_equal(hot.prune()[0].weights, left.weights)


# ------------------------------------------------------------------ rates, from the networks

MIXED = DeepOptions(
    task="and", hidden="3", epochs=8, log_every=5, seeds=16, seed=3, free_steps=150,
    nudged_steps=60, dt=0.08, leakage="signed", leak_constant=0.5, scale=0.3, lr=50.0, beta=5.0,
    prune=0.5, rule="weight", fine_tune=4, sparse=True, tol_w=0.1,
)  # fmt: skip
"""Networks of which some, not all, are right, rest, are stable, contract, ..."""
TASK = logic_task("and")


@pytest.fixture(scope="module")
def found():
    return train(LogicExperiment, MIXED).result


@pytest.fixture(scope="module")
def learnt():
    """The same networks, taught by hand; of each the epoch in which it was first right."""
    return taught(MIXED)


def taught(options):
    made, first = network_of(options), np.zeros(options.seeds, dtype=int)
    for epoch in range(1, options.epochs + 1):
        before = made.weights.copy()
        lesson = made.learn(TASK.inputs, TASK.targets)
        right = correct(lesson.free.states).all(axis=1)
        first[right & (first == 0)] = epoch
    return made, first, lesson, before


def correct(states):
    """(K, m) of networks with one output, the last neuron."""
    return (states[:, :, -1] >= 0.5) == (TASK.targets[:, 0] == 1)


def loss(states):
    """(K,)"""
    return ((states[:, :, -1] - TASK.targets[:, 0]) ** 2).mean(axis=1) / 2


def at_rest(made):
    return made.settle(TASK.inputs, made.starts(4, 3, made.epoch))


def column(found, name):
    return np.array([each[name] for each in found["networks"]])


def test_rates_count_the_networks(found):
    wrong = column(found, "wrong")
    ever = (column(found, "first_solved") > 0) | (wrong == 0)
    lower = np.minimum(column(found, "mu_1"), column(found, "mu_inf"))
    for name, counted in {
        "success_rate": wrong == 0,
        "close_success_rate": column(found, "largest_error") <= 0.25,
        "robust_success_rate": column(found, "robust"),
        "ever_success_rate": ever,
        "resting_rate": column(found, "rests"),
        "stable_rate": column(found, "abscissa") < 0,
        "contracting_rate": lower < 0,
        "test_error": wrong / 4,
        "sparsity": column(found, "sparsity"),
        "test_loss": column(found, "loss"),
    }.items():
        assert found[name] == pytest.approx(counted.mean()), name
        assert 0 < found[name] < 1, f"{name} tells nothing here"
    assert found["ever_success_rate"] > found["success_rate"]
    assert found["largest_radius"] == column(found, "radius").max()
    assert column(found, "seed").tolist() == list(range(3, 19))
    assert found["best"]["index"] == column(found, "loss").argmin()


def test_columns_are_those_of_the_networks(found, learnt):
    made, first, _, _ = learnt
    end = at_rest(made)
    said = end.states[:, :, -1]
    among = made.jacobian
    spectrum = np.linalg.eigvals(among)
    size = np.abs(made.weights[:, 3:, 3:])
    allowed = 4 * 6  # whom each of three hidden neurons and the output may hear
    for name, wanted in {
        "loss": loss(end.states),
        "wrong": (~correct(end.states)).sum(axis=1),
        "largest_error": np.abs(said - TASK.targets[:, 0]).max(axis=1),
        "first_solved": first,
        "rests": (end.speed <= 1e-10).all(axis=1),
        "sparsity": 1 - (made.weights != 0).sum(axis=(1, 2)) / allowed,
        "abscissa": spectrum.real.max(axis=1),
        "radius": np.abs(1 + 0.08 * spectrum).max(axis=1),
        "diagonal": (made.leak > 0).all(axis=1),
        "mu_1": (size.sum(axis=1) - made.leak).max(axis=1),
        "mu_inf": (size.sum(axis=2) - made.leak).max(axis=1),
        "rows": (size.sum(axis=2) >= made.leak - 1e-12).sum(axis=1),
        "columns": (size.sum(axis=1) >= made.leak - 1e-12).sum(axis=1),
    }.items():
        np.testing.assert_allclose(column(found, name), wanted, atol=1e-12, err_msg=name)
        assert len(set(wanted.tolist())) > 1, f"{name} tells nothing here"
    best = found["best"]["index"]
    np.testing.assert_array_equal(found["best"]["weights"], made.weights[best])


def test_the_last_row_of_the_log_is_of_the_last_epoch(found, learnt):
    made, _, lesson, _ = learnt
    end = at_rest(made)
    losses = loss(end.states)
    for name, wanted in {
        "train_loss": loss(lesson.free.states).mean(),
        "nudged_loss": loss(lesson.nudged.states).mean(),
        "weight_change": lesson.change.mean(),
        "speed": end.speed.mean(),
        **{f"loss_q{k}": np.percentile(losses, k) for k in (0, 25, 50, 75, 100)},
    }.items():
        assert found[name] == pytest.approx(wanted), name
        assert wanted > 0 or name == "loss_q0"
    assert found["nudged_loss"] < 0.5 * found["train_loss"]


@pytest.mark.parametrize("sign", [False, True])
def test_the_change_is_that_of_the_weights(sign):
    options = dataclasses.replace(MIXED, sparse=False, tol_w=None, epochs=1, sign=sign)
    made, _, lesson, before = taught(options)
    wanted = np.abs(made.weights - before).mean(axis=(1, 2))
    np.testing.assert_allclose(lesson.change, wanted)


def test_a_robust_network_is_right_from_every_start():
    """What is right from one start alone: the published leak forgets none."""
    options = dataclasses.replace(MIXED, scale=0.5, leak_constant=0.0, prune=None, rule=None,
                                  fine_tune=0)  # fmt: skip
    found = train(LogicExperiment, options).result
    made = taught(options)[0]
    robust = correct(at_rest(made).states).all(axis=1)
    for start in range(20):
        ends = made.settle(TASK.inputs, made.starts(4, 4, start))
        robust &= correct(ends.states).all(axis=1)
    assert column(found, "robust").tolist() == robust.tolist()
    assert 0 < found["robust_success_rate"] == robust.mean() < found["success_rate"]


def test_pruned_networks_and_those_trained_further_are_tested_alike(found, learnt):
    pruned = prune_equilibrium(learnt[0], TASK.inputs, 0.5, "weight", seed=0)
    left = pruned.network
    rates = {"pruned_success_rate": correct(at_rest(left).states).all(axis=1).mean()}
    spectrum = np.linalg.eigvals(left.jacobian).real.max(axis=1)
    size = np.abs(left.weights[:, 3:, 3:])
    norms = [(size.sum(axis=axis) - left.leak).max(axis=1) for axis in (1, 2)]
    rates["pruned_stable_rate"] = (spectrum < 0).mean()
    rates["pruned_contracting_rate"] = (np.minimum(*norms) < 0).mean()
    rates["own_leak_rate"] = pruned.own_leak.mean()
    rates["kept_fraction"] = (pruned.n_kept / pruned.n_synapses).mean()
    for _ in range(4):
        left.learn(TASK.inputs, TASK.targets)
    rates["tuned_success_rate"] = correct(at_rest(left).states).all(axis=1).mean()
    for name, wanted in rates.items():
        assert found[name] == pytest.approx(wanted), name
        assert 0 < wanted < 1, f"{name} tells nothing here"
    assert len({found[f"{when}success_rate"] for when in ("", "pruned_", "tuned_")}) == 3
    for name in ("stable_rate", "contracting_rate"):
        assert found[name] != found[f"pruned_{name}"]
    np.testing.assert_allclose(found["epsilon"], pruned.epsilon)
    assert found["epsilon_norm"] == list(pruned.epsilon_norm)


def test_asymmetric_networks_are_trained_alike():
    options = EPOptions(**SMALL, task="and", hidden="3", epochs=3, scale=0.5)
    made = taught(options)[0]
    found = train(LogicExperiment, options).result
    np.testing.assert_array_equal(found["best"]["biases"], made.biases[found["best"]["index"]])
    np.testing.assert_allclose(column(found, "loss"), loss(at_rest(made).states))
