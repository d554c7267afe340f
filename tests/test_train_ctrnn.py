"""`noiseprune train ctrnn`: what a user types, reads, and can take up again."""

import csv
import json
import shlex

import pytest
import torch
from typer.testing import CliRunner

from noiseprune.cli import app
from noiseprune.learning import CTRNN

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
    from noiseprune.learning.ctrnn import running

    short = running.SinePrediction(n_samples=30)
    monkeypatch.setattr(running, "SinePrediction", lambda: short)
    found = run("train ctrnn --task sine --hidden 5 --epochs 1 --steps 2 --json")
    assert found["test_loss"] > 0
    assert "test_error" not in found


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--task sin", "did you mean 'sine'"),
        ("--rule magic", "unknown rule"),
        ("--prune 1.5", "keep is 1.5"),
        ("--fine-tune 3", "give --prune"),
        ("--budget 3", "give --growth"),
        ("--growth 2", "probability"),
        ("--lr 0", "lr is 0"),
        ("--optimizer adm", "did you mean 'adam'"),
        ("--hidden 0", "hidden is 0"),
        ("--excitatory 2", "fraction"),
        ("--density 2", "fraction"),
        ("--dt 200", "give a shorter step"),
        ("--weight-decay -1", "weight_decay is -1"),
        ("--init-state keep", "choose one of zero, learn"),
    ],
)
def test_bad_options_are_one_line(options, said):
    output = run(f"train ctrnn --epochs 1 {options}", expected=1)
    assert said in output
    assert len(output.strip().splitlines()) == 1
