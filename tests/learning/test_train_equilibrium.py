"""`noiseprune train deep` and `ep`: keys, folder, pictures, resumption, presets, refusals."""

import csv
import json
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from noiseprune import FileError, cli
from noiseprune.learning.experiments.equilibrium import LogicExperiment as experiment
from noiseprune.learning.experiments.equilibrium import wilson
from noiseprune.learning.options.base import options_of
from noiseprune.learning.options.equilibrium import PRESETS
from noiseprune.learning.options.equilibrium import DeepOptions as Options
from noiseprune.learning.training.harness import train

SMALL = (
    "--seeds", 4, "--hidden", 3, "--epochs", 6, "--log-every", 3,
    "--free-steps", 60, "--nudged-steps", 40,
)  # fmt: skip


def invoke(*arguments):
    return CliRunner().invoke(cli.app, ["train", *map(str, arguments)])


def asked(*arguments):
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("model", ["deep", "ep"])
def test_json_has_the_keys_of_the_contract(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # not needed
    found = asked(model, *SMALL, "--task", "and", "--seed", 3)
    keys = {"model", "task", "epochs", "train_loss", "test_loss", "test_error", "success_rate"}
    assert found.keys() >= keys | {"seconds", "seed", "seeds", "success_interval", "networks"}
    assert (found["model"], found["task"], found["epochs"]) == (model, "and", 6)
    assert (found["seed"], found["seeds"]) == (3, 4)
    assert [network["seed"] for network in found["networks"]] == [3, 4, 5, 6]
    right = [network["wrong"] == 0 for network in found["networks"]]
    assert found["success_rate"] == np.mean(right)
    close = [network["largest_error"] <= 0.25 for network in found["networks"]]
    assert found["close_success_rate"] == np.mean(close) <= found["success_rate"]
    losses = [network["loss"] for network in found["networks"]]
    assert found["test_loss"] == pytest.approx(np.mean(losses))
    assert found["loss_q50"] == pytest.approx(np.median(losses))
    assert found["networks"][found["best"]["index"]]["loss"] == min(losses)


@pytest.mark.usefixtures("without_pictures")
def test_a_network_of_many_is_that_of_its_seed_alone():
    prune = ("--prune", 0.5, "--rule", "boltzmann", "--temp", 2, "--tol-w", 0.02)
    many = asked("deep", *SMALL, *prune, "-o", "many")["networks"][2]
    alone = asked("deep", *SMALL, *prune, "--seeds", 1, "--seed", 2, "-o", "one")["networks"][0]
    assert many == alone
    pruned = [np.load(f"{run}/pruned.npz")["weights"] for run in ("many", "one")]
    np.testing.assert_array_equal(pruned[0][2], pruned[1][0])


def test_right_by_a_hair_is_told_from_close():
    """Asymmetric EP says about 0.5 to every row of XOR: right, where it is, by chance."""
    found = asked("ep", "--seeds", 6, "--epochs", 30, "--log-every", 30, "--free-steps", 300,
                  "--nudged-steps", 100)  # fmt: skip
    assert found["close_success_rate"] == 0
    errors = [network["largest_error"] for network in found["networks"]]
    assert min(errors) > 0.4
    said = asked("ep", *SMALL, "--task", "identity", "--epochs", 60, "--free-steps", 300)
    assert said["close_success_rate"] == 1


def test_help_names_the_presets_there_are():
    options = options_of(Options)
    assert set(options["preset"].names) == set(PRESETS)
    for name in ("bound", "cap"):
        assert f"inf: no {name}" in options[name].help


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("model", ["deep", "ep"])
def test_what_was_interrupted_goes_on_to_the_last_bit(model):
    sparse = ("--sparse", "--permanent", "--tol-w", 0.1, "--l1", 1e-3)
    asked(model, *SMALL, *sparse, "-o", "run")
    longer = asked(model, *SMALL, *sparse, "--epochs", 9, "-o", "run")
    whole = asked(model, *SMALL, *sparse, "--epochs", 9, "-o", "whole")
    assert longer["resumed_from"] == 6
    for name in ("networks", "best", "train_loss", "sparsity"):
        assert longer[name] == whole[name]
    with np.load("run/networks.npz") as one, np.load("whole/networks.npz") as other:
        assert set(one) == set(other) >= {"weights", "leak", "labels", "seeds", "biases"}
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize(
    "options",
    [("ep",), ("deep", "--task", "not"), ("deep", "--one-hot", "--topology", "layered")],
)
def test_a_run_has_its_pictures(options, folder):
    asked(*options, *SMALL, "-o", "run")
    names = {path.name for path in (folder / "run").glob("*.png")}
    drawn = {"quantiles.png", "weights.png", "graph.png", "decisions.png", "learning.png"}
    assert names == drawn
    assert (folder / "run" / "decisions.png").stat().st_size > 5000


def test_what_is_pruned_is_told():
    found = asked("deep", *SMALL, "--preset", "improved", "--prune", 0.5, "--fine-tune", 2)
    assert found["kept_fraction"] == pytest.approx(0.5, abs=0.03)
    assert found["guarantee"] == "none"
    assert found["own_leak_rate"] == found["contracting_rate"] == 1
    assert {"pruned_success_rate", "tuned_success_rate", "pruned_stable_rate"} <= found.keys()
    assert found["pruned_contracting_rate"] == found["pruned_stable_rate"] == 1
    assert len(found["epsilon"]) == len(found["epsilon_norm"]) == 4
    assert set(found["epsilon_norm"]) <= {"pencil", "symmetric-part", "relative"}
    assert all(network["mu_1"] < 0 for network in found["networks"])


@pytest.mark.usefixtures("without_pictures")
def test_what_is_pruned_is_kept():
    found = asked("deep", *SMALL, "--preset", "improved", "--prune", 0.5, "--fine-tune", 2,
                  "-o", "run")  # fmt: skip
    files = ("networks", "pruned", "tuned")
    whole, pruned, tuned = (dict(np.load(f"run/{name}.npz")) for name in files)
    sizes = [(made["weights"] != 0).sum(axis=(1, 2)) for made in (whole, pruned)]
    assert np.mean(sizes[1] / sizes[0]) == pytest.approx(found["kept_fraction"])
    np.testing.assert_array_equal(pruned["present"], pruned["weights"] != 0)
    np.testing.assert_array_equal(pruned["present"], tuned["present"])
    assert (tuned["weights"][~pruned["present"]] == 0).all()
    assert (pruned["epoch"], tuned["epoch"]) == (6, 8)
    assert not np.array_equal(pruned["weights"], tuned["weights"])


EMPTYING = (
    "--hidden", 2, "--free-steps", 60, "--nudged-steps", 40, "--sparse", "--permanent",
    "--tol-w", 100, "--temp", 0.01, "--prune", 0.5,
)  # fmt: skip


def test_networks_that_are_emptied_do_not_lose_the_others(folder):
    options = Options(
        seeds=3, epochs=5, hidden="2", free_steps=60, nudged_steps=40, sparse=True, permanent=True,
        tol_w=100.0, temp=0.01, prune=0.5, fine_tune=1,
    )  # fmt: skip
    made = train(experiment, options, folder=folder).result
    found = json.loads((folder / "result.json").read_text())["result"]
    assert found == made
    assert [network["sparsity"] == 1 for network in found["networks"]] == [False, False, True]
    assert [epsilon is None for epsilon in found["epsilon"]] == [False, False, True]
    assert [norm is None for norm in found["epsilon_norm"]] == [False, False, True]
    sizes = [
        (np.load(folder / f"{name}.npz")["weights"] != 0).sum(axis=(1, 2))[:2]
        for name in ("networks", "pruned")
    ]
    assert found["kept_fraction"] == pytest.approx(np.mean(sizes[1] / sizes[0]))


def test_where_all_are_emptied_the_training_ends_at_once():
    result = invoke("deep", *EMPTYING, "--seeds", 2, "--epochs", 60)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    said, _, rest = line.removeprefix("noiseprune: after ").partition(" ")
    assert int(said) < 20
    assert rest.startswith("epochs no network has a synapse left to prune: sparsify less")
    varied = asked("deep", *EMPTYING, "--seeds", 2, "--epochs", 20, "--vary", "tol_w=100,1e-9")
    assert ["error" in run for run in varied["runs"]] == [True, False]


def test_the_result_tells_what_was_chosen(folder):
    preset = ("--preset", "improved")
    given = asked("deep", *SMALL, *preset, "--vary", "cap=none,0.9,0.5,inf", "--bound", "inf")
    assert [run["cap"] for run in given["runs"]] == [0.9, 0.9, 0.5, None]
    assert {run["bound"] for run in given["runs"]} == {None}
    first, same, *others = (run["networks"] for run in given["runs"])
    assert first == same
    assert others[0] != first != others[1]
    assert max(network["mu_1"] for network in others[1]) > -0.1 >= max(
        network["mu_1"] for network in first
    ) - 1e-12  # fmt: skip
    found = asked("deep", *SMALL, *preset, "--lr", 3)
    chosen = {"hidden": "3", "leakage": "none", "leak_constant": 1, "scale": 1, "beta": 10, "lr": 3,
              "bound": None, "cap": 0.9}  # fmt: skip
    assert {name: found[name] for name in chosen} == chosen
    found = asked("ep", *SMALL)
    assert (found["leakage"], found["leak_constant"], found["lr"]) == ("none", 1, 1)


def test_a_run_without_a_cap_is_not_taken_up_with_one(folder):
    """Infinity, which JSON does not have, is recorded as none."""
    small = {"seeds": 2, "epochs": 2, "free_steps": 30, "nudged_steps": 20}

    def run(**given):
        return train(experiment, Options(**{**small, **given}), folder=folder / given["preset"])

    run(preset="improved", cap=np.inf)
    assert run(preset="improved", cap=np.inf, epochs=3).resumed_from == 2
    with pytest.raises(FileError, match=r"holds a run with cap = None, but 0\.9 was asked for"):
        run(preset="improved", epochs=4)
    run(preset="published")
    assert run(preset="published", cap=np.inf, epochs=3).resumed_from == 2


def test_presets_are_defaults():
    found = Options(preset="improved", lr=3.0).chosen()
    assert (found["leakage"], found["lr"], found["cap"]) == ("none", 3.0, 0.9)
    published = Options().chosen()
    assert (published["leakage"], published["lr"], published["cap"]) == ("signed", 100.0, None)
    assert Options(one_hot=True).chosen()["lr"] == 200.0
    assert Options(one_hot=True, lr=5.0).chosen()["lr"] == 5.0


@pytest.mark.usefixtures("without_pictures")
def test_the_table_and_the_log(folder):
    text = invoke("deep", *SMALL, "-o", "run").stdout
    for words in ("deep, xor", "success rate", "contracting rate", "success interval"):
        assert words in text
    with (folder / "run" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "3", "6"]
    assert float(rows[-1]["loss_q0"]) <= float(rows[-1]["loss_q50"]) <= float(rows[-1]["loss_q100"])


def test_the_interval_of_a_rate():
    low, high = wilson(12, 50)
    for end in (low, high):  # where the score test is at its limit
        assert abs(0.24 - end) == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / 50))
    assert wilson(50, 50)[1] == pytest.approx(1)
    assert wilson(0, 50)[0] == pytest.approx(0, abs=1e-12)


def test_a_step_that_overshoots_is_refused_or_told():
    result = invoke("ep", *SMALL, "--dt", 5)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "at most 1 / (leak + beta)" in result.stderr
    found = asked("deep", *SMALL, "--dt", 5)
    assert found["largest_radius"] == max(network["radius"] for network in found["networks"])
    assert found["largest_radius"] > 1.5
    assert asked("deep", *SMALL, "--preset", "improved")["largest_radius"] < 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--task nand", "unknown task 'nand': did you mean 'and'"),
        ("--hidden few", "hidden is 'few'"),
        ("--leakage big", "unknown leakage 'big'"),
        ("--preset best", "unknown preset"),
        ("--lr 0", "lr is 0"),
        ("--cap -inf", "cap is -inf"),
        ("--bound nan", "bound is nan"),
        ("--hidden=", "hidden is ''"),
        ("--seeds 0", "seeds is 0"),
        ("--fine-tune 3", "give --prune"),
        ("--permanent", "give --sparse"),
        ("--temp-end 2", "give --sparse"),
        ("--prune 1.5", "prune is 1.5"),
        ("--prune 0.5 --rule noisy", "did you mean 'noise'"),
        ("--rule noise", "give --prune"),
        ("--temp 3", "give --sparse"),
        ("--prune 0.5 --tol-w 0.3", "give --sparse"),
        ("--preset contracting", "published, improved"),
        ("--sparse --temp-end 2", "give --sparse-schedule"),
        ("--seed -1", "seed"),
    ],
)
def test_one_line_says_what_is_wrong(options, said):
    result = invoke("deep", *options.split())
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("noiseprune: ")
    assert said in line
