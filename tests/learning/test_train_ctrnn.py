"""`noiseprune train ctrnn`: what a user types, reads, and can take up again."""

import csv
import dataclasses
import json
import shlex

import pytest
import torch
from typer.testing import CliRunner

from noiseprune import spectrum
from noiseprune.cli import app
from noiseprune.learning import CTRNN
from noiseprune.learning.data.trials import DelayedMatch
from noiseprune.learning.experiments.ctrnn import RateExperiment
from noiseprune.learning.options.ctrnn import CTRNNOptions as Options

SMALL = "train ctrnn --hidden 12 --steps 2 --batch 8 --test-trials 20 --seed 3 --json"


def run(command, expected=0):
    result = CliRunner().invoke(app, shlex.split(command))
    assert result.exit_code == expected, result.output
    return json.loads(result.stdout) if expected == 0 else result.output


@pytest.mark.parametrize("task", ["decision", "match"])
def test_it_trains_prunes_and_writes(task, tmp_path):
    folder = tmp_path / "run"
    options = "--epochs 2 --excitatory 0.75 --prune 0.5 --fine-tune 2 --biases zero"
    found = run(f"{SMALL} --task {task} {options} -o {folder}")
    assert (found["model"], found["task"], found["epochs"], found["seed"]) == ("ctrnn", task, 2, 3)
    assert found["n_kept"] == round(0.5 * found["n_synapses"])
    names = ("train_loss", "test_loss", "test_error", "pruned_error", "tuned_loss", "epsilon")
    assert all(isinstance(found[name], float) for name in names)
    with (folder / "log.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2"]
    whole, *rest = (CTRNN.load(folder / f"{name}.pt") for name in ("model", "pruned", "tuned"))
    for each in rest:  # and 12 of themselves
        assert each.layers[1].n_synapses == whole.layers[1].n_synapses // 2 + 6
    assert not torch.equal(*(each.layers[1].weight for each in rest))
    assert whole.layers[1].sign.tolist() == [1] * 9 + [-1] * 3


@pytest.mark.usefixtures("without_pictures")
def test_a_run_that_is_taken_up_is_the_same_to_the_last_bit(tmp_path):
    options = f"{SMALL} --preact-noise 0.3 --density 0.5 --growth 0.05 --learn-alpha"
    once = run(f"{options} --epochs 4 -o {tmp_path / 'once'}")
    run(f"{options} --epochs 2 -o {tmp_path / 'twice'}")
    twice = run(f"{options} --epochs 4 -o {tmp_path / 'twice'}")
    assert twice["resumed_from"] == 2
    assert once["test_loss"] == twice["test_loss"]
    logs = [(tmp_path / name / "log.csv").read_text() for name in ("once", "twice")]
    assert logs[0] == logs[1]
    assert "n_synapses" in logs[0]


def test_the_sine_is_a_regression(monkeypatch):
    from noiseprune.learning.experiments import ctrnn as running

    short = running.SinePrediction(n_samples=30)
    monkeypatch.setitem(running.TASKS, "sine", lambda: short)
    found = run("train ctrnn --task sine --hidden 5 --epochs 1 --steps 2 --json")
    assert found["test_loss"] > 0
    assert "test_error" not in found


# ---------------------------------------------------------------------------------- options

TINY = {"hidden": 30, "steps": 1, "batch": 2, "test_trials": 3}


def hidden(name):
    return lambda made: getattr(made.model.hidden, name)


def group(name):
    return lambda made: made.optimizer.param_groups[0][name]


def signs(made):
    return [sorted(set(layer.sign.tolist())) for layer in made.model.layers]


def share_excitatory(made):
    return [(layer.sign > 0).double().mean() for layer in made.model.layers]


def share_grown(made):
    layer = made.model.layers[1]
    before = layer.n_synapses
    made.train_epoch()
    return (layer.n_synapses - before) / (30 * 30 - before)


def n_grown_to(made):
    made.train_epoch()
    return made.model.layers[1].n_synapses


def n_steps(made):
    made.train_epoch()
    return next(iter(made.optimizer.state.values()))["step"]


def n_trials(made):
    found, trials = [], made.task.trials

    class Counted:
        def trials(self, number, rng):
            found.append(number)
            return trials(number, rng)

    made.task = Counted()
    made.train_epoch()
    return found


def drawn_biases(made):
    return [isinstance(each.bias, torch.nn.Parameter) and bool(each.bias.any())
            for each in made.model.layers]  # fmt: skip


def radius(made):
    return float(torch.linalg.eigvals(made.model.layers[1].weight.detach()).abs().max())


OPTIONS = [
    # given, what they reach, what it is then
    ({"task": "match"}, lambda made: type(made.task), DelayedMatch),
    ({"steps": 3}, n_steps, 3),
    ({"batch": 5}, n_trials, [5]),
    ({"batch": None}, n_trials, [64]),
    ({"test_trials": 7}, lambda made: len(made.test.inputs), 7),
    ({"test_trials": None}, lambda made: len(made.test.inputs), 500),
    ({"hidden": 7}, lambda made: made.model.dims[1], 7),
    ({"activation": "tanh"}, hidden("activation"), "tanh"),
    ({"dt": 5.0}, hidden("dt"), 5.0),
    ({}, hidden("dt"), 20.0),
    ({"task": "sine", "test_trials": None}, hidden("dt"), 10.0),
    ({"tau": 50.0}, lambda made: made.model.hidden.tau.mean(), pytest.approx(50)),
    ({"learn_alpha": True}, hidden("learn_alpha"), True),
    ({"excitatory": 0.6}, signs, [[0], [-1, 1], [-1, 1]]),
    ({"excitatory": 0.6}, share_excitatory, [0, pytest.approx(0.6), pytest.approx(0.6)]),
    ({"excitatory": 0.6}, lambda made: made.model.layers[1].dale, "parametrisation"),
    ({"excitatory": 0.6, "dale": "projection"}, lambda made: made.model.layers[1].dale,
     "projection"),
    ({"density": 0.3}, lambda made: made.model.layers[1].density, pytest.approx(0.3, abs=0.06)),
    ({}, lambda made: made.model.layers[1].density, 1),
    ({"density": 0.3}, share_grown, 0),
    ({"density": 0.3, "growth": 0.2}, share_grown, pytest.approx(0.2, abs=0.06)),
    ({"density": 0.3, "growth": 1.0, "budget": 500}, n_grown_to, 500),
    ({"preact_noise": 0.3}, hidden("preact_noise"), 0.3),
    ({"postact_noise": 0.3}, hidden("postact_noise"), 0.3),
    ({"preact_noise": 0.3}, hidden("noise_scaling"), "alpha"),
    ({"preact_noise": 0.3, "noise_scaling": "sqrt"}, hidden("noise_scaling"), "sqrt"),
    ({"init_state": "learn"}, hidden("init_state"), "learn"),
    ({"spectral_radius": 0.7}, radius, pytest.approx(0.7)),
    ({"biases": "uniform"}, drawn_biases, [True, True, True]),
    ({}, drawn_biases, [False, False, False]),
    *[({"optimizer": name}, lambda made: type(made.optimizer), kind) for name, kind in (
        ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD))],
    ({"lr": 0.02}, group("lr"), 0.02),
    ({"weight_decay": 0.02}, group("weight_decay"), 0.02),
    ({"prune": 0.4}, lambda made: made.prune()[1]["kept_fraction"], pytest.approx(0.4, abs=0.01)),
    ({"prune": 0.4}, lambda made: made.prune()[1]["rule"], "noise"),
    ({"prune": 0.4, "rule": "weight"}, lambda made: made.prune()[1]["rule"], "weight"),
]  # fmt: skip
TESTED_ELSEWHERE = {"epochs", "log_every", "fine_tune", "seed"}


@pytest.mark.parametrize(
    ("given", "reached", "wanted"), OPTIONS, ids=["-".join(given) for given, _, _ in OPTIONS]
)
def test_an_option_reaches_what_it_is_said_of(given, reached, wanted):
    assert reached(RateExperiment(Options(**{**TINY, **given}))) == wanted


def test_no_option_is_left_out_of_these_tests():
    tested = {name for given, _, _ in OPTIONS for name in given}
    assert {field.name for field in dataclasses.fields(Options)} == tested | TESTED_ELSEWHERE


def test_a_pruning_has_its_epsilon_solved_once(monkeypatch):
    solve, solved = spectrum.epsilon, []
    monkeypatch.setattr(spectrum, "epsilon", lambda *nets: solved.append(nets) or solve(*nets))
    assert RateExperiment(Options(**TINY, prune=0.4)).prune()[1]["epsilon"] > 0
    assert len(solved) == 1


def test_the_seed_decides_weights_and_trials():
    one, other, twin = (RateExperiment(Options(**TINY, seed=seed)) for seed in (3, 5, 3))
    for found in (
        lambda made: made.model.layers[1].weight,
        lambda made: made.test.inputs,
        lambda made: torch.tensor(made.train_epoch()["train_loss"]),
    ):
        first = found(one)
        assert torch.equal(first, found(twin))
        assert not torch.equal(first, found(other))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--task sin", "did you mean 'sine'"),
        ("--rule magic", "unknown rule"),
        ("--rule weight", "give --prune"),
        ("--dale projection", "give --excitatory"),
        ("--dale project --excitatory 0.8", "did you mean 'projection'"),
        ("--noise-scaling sqrt", "give --preact-noise"),
        ("--noise-scaling alpha --postact-noise 0.1", "give --preact-noise"),
        ("--noise-scaling root --preact-noise 0.1", "unknown noise scaling"),
        ("--growth 0.1", "give a --density below 1"),
        ("--prune 1.5", "prune is 1.5"),
        ("--fine-tune 3", "give --prune"),
        ("--budget 3", "give --growth"),
        ("--growth 2", "growth is 2.0"),
        ("--lr 0", "lr is 0"),
        ("--optimizer adm", "did you mean 'adam'"),
        ("--hidden 0", "hidden is 0"),
        ("--excitatory 2", "excitatory is 2.0"),
        ("--density 2", "density is 2.0"),
        ("--dt 200", "give a shorter step"),
        ("--weight-decay -1", "weight_decay is -1"),
        ("--init-state keep", "choose one of zero, learn"),
    ],
)
def test_bad_options_are_one_line(options, said):
    output = run(f"train ctrnn --epochs 1 {options}", expected=1)
    assert said in output
    assert len(output.strip().splitlines()) == 1
