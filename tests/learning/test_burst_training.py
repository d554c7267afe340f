"""`noiseprune train burstccn`, `burstprop`, `edn`, `ann`, `burstccn-continuous`."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from typer.testing import CliRunner

from noiseprune import OptionError, cli
from noiseprune.learning import ANN, EDN, BurstCCN, Burstprop, train
from noiseprune.learning.experiments.burst import LocalExperiment
from noiseprune.learning.experiments.burst import LocalExperiment as experiment
from noiseprune.learning.options.burst import (
    ANNOptions,
    BurstCCNOptions,
    BurstpropOptions,
    EDNOptions,
)

SMALL = {"layers": 1, "hidden": 20, "epochs": 2, "diagnostics": 50}
OPTIONS = {ANN: ANNOptions, BurstCCN: BurstCCNOptions, Burstprop: BurstpropOptions, EDN: EDNOptions}
LR = {ANN: 1.0, BurstCCN: 2.0, Burstprop: 5.0, EDN: 2.0}


def invoke(*arguments):
    return CliRunner().invoke(cli.app, ["train", *map(str, arguments)])


@pytest.mark.parametrize("kind", OPTIONS)
def test_every_model_learns_and_resumes(kind, tmp_path):
    options = OPTIONS[kind](
        **SMALL, lr=LR[kind], validation=0.1, feedforward_noise=0.1, momentum=0.5
    )
    whole = train(experiment, dataclasses.replace(options, epochs=4))
    assert whole.result["test_error"] < 0.75 < whole.log[0]["test_error"]
    assert whole.result["best_validation_error"] == min(whole.column("validation_error")[1])
    train(experiment, options, folder=tmp_path)
    resumed = train(experiment, dataclasses.replace(options, epochs=4), folder=tmp_path)
    assert resumed.resumed_from == 2
    assert resumed.log == whole.log
    assert len(kind.load(tmp_path / "network.pt")) == 2


@pytest.mark.parametrize("options", OPTIONS.values())
def test_the_default_settings_learn(options):
    """Three layers of 500: a rate that is too large for them is seen in the first batches."""
    run = train(experiment, options(epochs=2, diagnostics=0))
    assert run.log[-1]["test_loss"] < run.log[0]["test_loss"]


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("ann", ("--y-mode", "random_init", "--y-learning", "--weight-decay", 1e-4)),
        ("burstccn", ("--q-learning", "--y-learning", "--p-baseline", 0.3, "--optimizer", "Adam",
                      "--lr", 0.003, "--prune", 0.5)),
        ("burstprop", ("--no-recurrent-learning", "--optimizer", "nAdagrad")),
        ("edn", ("--intn-mode", "random_init", "--optimizer", "globalCost")),
        ("burstccn-continuous", ("--block", 2, "--epochs", 2, "--after", 2)),
    ],
)  # fmt: skip
def test_the_commands(model, more, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    size = () if model == "burstccn-continuous" else ("--epochs", 1, "--layers", 1, "--conv",
                                                      "3k3s2")  # fmt: skip
    if "--prune" in more:
        size = (*size[:-2], "--diagnostics", 0)
    result = invoke(model, "--hidden", 6, *size, *more, "-o", "run", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    wanted = {"model", "epochs", "train_loss", "test_loss", "seconds", "seed"}
    assert found.keys() >= wanted
    assert found["model"] == model
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names >= {"checkpoint.npz", "log.csv", "result.json", "learning.png"}
    if "--prune" in more:
        assert found["kept_fraction"] == pytest.approx(0.5, abs=0.01)
        assert 0 <= found["pruned_error"] <= 1
        assert (tmp_path / "run" / "pruned.pt").exists()
    elif model == "burstccn-continuous":
        assert "schedule.png" in names
        assert found.keys() >= {"error_before", "error_during", "error_after"}
    else:
        assert "angles.png" in names


@pytest.mark.parametrize(
    ("more", "panels"),
    [
        ({}, ["angle of the update", "angle of Y", "mean |apical"]),
        ({"layers": 7}, ["angle of the update", "angle of Y", "mean |apical"]),
        ({"no_teaching_signal": True}, ["angle of Y", "mean |apical"]),
        ({"layers": 0, "hidden": 500}, ["angle of the update"]),
        ({"diagnostics": 0}, []),
    ],
)
def test_the_picture_has_every_layer_and_what_was_logged(more, panels):
    options = BurstCCNOptions(**{**SMALL, "epochs": 1, **more})
    runs = [train(experiment, dataclasses.replace(options, seed=seed)) for seed in (1, 3)]
    drawn = experiment.pictures(runs)
    assert list(drawn) == (["angles"] if panels else [])
    axes = drawn["angles"].axes if panels else []
    for place, panel in zip(axes, panels, strict=True):
        assert place.get_ylabel().startswith(panel)
        lines = 2 if "update" in panel else options.layers
        assert len(place.lines) == lines * len(runs)
        assert len({to_hex(line.get_color()) for line in place.lines}) == lines


def test_stagnation_ends_a_run():
    run = train(
        experiment,
        ANNOptions(**{**SMALL, "epochs": 9}, lr=1e-9, validation=0.1, max_stagnant_epochs=2),
    )
    assert run.epochs == 2
    assert run.result["best_epoch"] == 0


def test_cifar_is_read_and_augmented(tmp_path):
    rng = np.random.default_rng(3)
    x = rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    y = rng.integers(0, 10, 40)
    np.savez(tmp_path / "cifar10.npz", x_train=x, y_train=y, x_test=x[:9], y_test=y[:9])
    options = BurstCCNOptions(
        epochs=1, dataset="cifar10", data=tmp_path, augment=True, layers=1, hidden=8, batch=20,
        conv="4k5s2,4k5s2", diagnostics=10, standardise=True,
    )  # fmt: skip
    made = LocalExperiment(options)
    assert made.train_epoch()["train_loss"] > 0
    images = torch.arange(3 * 32 * 32.0).view(1, -1).repeat(200, 1)
    shifted = made._augmented(images, made._order).view(200, 3, 32, 32)
    centre = shifted[:, 0, 16, 16]
    row, column = centre // 32, centre % 32
    assert set((row - 16).int().tolist()) == set(range(-4, 5))
    right = shifted[:, 0, 16, 17] - centre
    assert set(right.tolist()) == {1.0, -1.0}
    assert 60 < int((right < 0).sum()) < 140
    unshifted = (row == 16) & (column == 16) & (right > 0)
    assert all(torch.equal(s, images[0].view(3, 32, 32)) for s in shifted[unshifted])
    mono = shifted[:, 1] - shifted[:, 0]
    assert set(mono[shifted[:, 1] > 0].tolist()) <= {1024.0}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dataset": "digit"}, "did you mean 'digits'"),
        ({"dataset": "mnist"}, "--data"),
        ({"q_lr": -0.1}, "q_lr is -0.1"),
        ({"lr": -1.0}, "lr is -1"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"optimizer": "sdg"}, "did you mean 'sgd'"),
        ({"rule": "nois", "prune": 0.5}, "did you mean 'noise'"),
        ({"prune": 2.0}, "prune is 2"),
        ({"fine_tune": 2}, "give --prune"),
        ({"fine_tune": -2, "prune": 0.5}, "fine_tune is -2"),
        ({"prune": 0.5, "conv": "2k3"}, "only dense layers"),
        ({"batch": 0}, "batch is 0"),
        ({"variance": "other", "prune": 0.5}, "unknown variance"),
        ({"y_rule": "apicle", "y_learning": True}, "did you mean 'apical'"),
        ({"layers": -1}, "layers is -1"),
    ],
)
def test_options_without_a_meaning_are_refused(options, said):
    with pytest.raises(OptionError, match=said):
        experiment(BurstCCNOptions(**{**SMALL, **options}))


def test_a_refusal_is_one_line():
    result = invoke("burstccn", "--y-mode", "random", "--epochs", 1)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert "random_init" in line


def test_what_explodes_is_reported():
    result = invoke("ann", "--activation", "linear", "--lr", 50, "--epochs", 3, "--hidden", 8)
    assert result.exit_code == 1
    assert "smaller lr" in result.stderr
