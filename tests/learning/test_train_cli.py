"""`noiseprune train`: its keys, its folder, many runs, and what it refuses."""

import json
import sys
from dataclasses import dataclass, fields
from typing import Annotated

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from noiseprune import cli
from noiseprune.cli import train as command
from noiseprune.learning import (
    RNN,
    DeepNet,
    LinearRegressionDataset,
    SemanticsDataset,
    load_statistics,
    train,
)
from noiseprune.learning.experiments.failures import FailuresExperiment
from noiseprune.learning.options.base import options_of
from noiseprune.learning.options.failures import FailuresOptions as Options

IMAGES = ("--hidden", 8, "--batch", 50, "--epochs", 4, "--log-every", 2)
pytestmark = pytest.mark.usefixtures("digits_are_read_once")

SMALL = (*IMAGES, "--samples", 100)
KEYS = {"model", "task", "epochs", "train_loss", "test_loss", "seconds", "seed"}


def invoke(*arguments):
    return CliRunner().invoke(cli.app, ["train", *map(str, arguments)])


def asked(*arguments):
    result = invoke("failures", *arguments, "--json")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return json.loads(result.stdout)


def refused(*arguments):
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("noiseprune: ")
    return line


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --------------------------------------------------------------------------------- one run


def test_json_has_the_keys_of_the_contract():
    found = asked(*SMALL, "--seed", 3)
    assert found.keys() >= KEYS
    assert (found["model"], found["task"], found["epochs"], found["seed"]) == (
        "failures", "semantics", 4, 3,
    )  # fmt: skip
    images = asked("--dataset", "digits", "--epochs", 1, "--hidden", 8, "--path", "moments")
    assert images.keys() >= {"dataset", "test_error"}
    assert 0 < images["test_error"] < 1
    assert "task" not in images


def test_the_folder_has_all_there_is(folder):
    found = asked(*SMALL, "-o", "run", "--keep-weights")
    names = {path.name for path in (folder / "run").iterdir()}
    assert names == {
        "checkpoint.npz", "log.csv", "result.json", "network.pt", "statistics.npz",
        "learning.png", "layers.png", "modes.png",
    }  # fmt: skip
    assert load_statistics("run/statistics.npz").norms.shape == (3, 2)
    written = json.loads((folder / "run" / "result.json").read_text())
    assert written["result"]["train_loss"] == found["train_loss"]
    assert len(DeepNet.load("run/network.pt")) == 2
    again = asked(*SMALL, "-o", "run", "--keep-weights")
    assert again["resumed_from"] == 4
    assert again["train_loss"] == found["train_loss"]


@pytest.mark.usefixtures("without_pictures")
def test_further_epochs_are_those_of_a_longer_run():
    asked(*SMALL, "-o", "run")
    longer = (*SMALL, "--epochs", 9)
    found, whole = asked(*longer, "-o", "run"), asked(*longer)
    assert found["resumed_from"] == 4
    for name in ("train_loss", "test_loss", "s1", "layer1_norm"):
        assert found[name] == whole[name]
    assert found["theory_s1"] == whole["theory_s1"]


@pytest.mark.parametrize("other", [("--log-every", 3), ("--test-draws", 4)])
def test_tests_do_not_change_the_training(other):
    names = ("train_loss", "singular_values")
    one, two = (asked(*SMALL, *more) for more in ((), other))
    assert [one[name] for name in names] == [two[name] for name in names]
    assert (one["test_loss"] == two["test_loss"]) == (other[0] == "--log-every")


@pytest.mark.usefixtures("without_pictures")
def test_fewer_units_than_modes_learn_the_strongest(folder):
    found = asked(*SMALL, "--hidden", 3, "-o", "run")
    assert len(found["singular_values"][0]) == 3
    assert found["fixed_point"][0] > found["fixed_point"][3] == 0
    assert (folder / "run" / "network.pt").exists()


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("rule", ["noise", "magnitude"])
def test_trained_networks_are_pruned(folder, rule):
    found = asked(*SMALL, "--prune", 0.5, "--rule", rule, "-o", "run")
    assert found["kept_fraction"] == pytest.approx(0.5, abs=0.02)
    assert np.isfinite(found["pruned_loss"])
    whole, pruned = (DeepNet.load(folder / "run" / name) for name in ("network.pt", "pruned.pt"))
    kept = [w != 0 for w in pruned.weights()]
    assert sum(int(k.sum()) for k in kept) == found["n_kept"]
    if rule == "magnitude":
        assert all((a[k] == b[k]).all() for a, b, k in zip(whole.weights(), pruned.weights(), kept))
    again = asked(*SMALL, "--prune", 0.5, "--rule", rule, "-o", "run")
    assert again["pruned_loss"] == found["pruned_loss"]


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("more", [(), ("--averaged",), ("--optimizer", "adamw"),
                                  ("--weight-decay", 0.01, "--path", "moments")])  # fmt: skip
def test_a_pruned_network_is_trained_further(folder, more):
    given = (*SMALL, "--prune", 0.3, *more, "--lr", 0.05)
    before, found = asked(*given), asked(*given, "--fine-tune", 30, "-o", "run")
    assert found["tuned_loss"] < found["pruned_loss"] == before["pruned_loss"]
    pruned, tuned = (DeepNet.load(folder / "run" / f"{name}.pt") for name in ("pruned", "tuned"))
    kept = [w != 0 for w in pruned.weights()]
    assert sum(int(k.sum()) for k in kept) == found["n_kept"]
    for k, w, before in zip(kept, tuned.weights(), pruned.weights()):
        assert not w[~k].any()
        assert (w != before).any()
    again = asked(*given, "--fine-tune", 30, "-o", "run")  # a finished run, its order kept
    assert again["tuned_loss"] == found["tuned_loss"]
    longer = asked(*given, "--fine-tune", 30, "--epochs", 6, "-o", "run")
    through = asked(*given, "--fine-tune", 30, "--epochs", 6)
    assert longer["tuned_loss"] == through["tuned_loss"]


def test_without_json_there_is_a_table():
    text = invoke("failures", *SMALL).stdout
    for words in ("failures", "semantics", "test loss", "fixed point", "give a folder with -o"):
        assert words in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    "options",
    [
        ("--task", "regression", "--inputs", 6, "--layers", 3, "--activation", "relu"),
        ("--averaged", "--dtype", "float64", "--drop-layers", 2),
        ("--optimizer", "adamw", "--lr", 0.001, "--weight-decay", 0.1, "--test-draws", 0),
        ("--dataset", "digits", "--recurrent", "--failures", "trial", "--validation", 0.2),
        ("--dataset", "digits", "--optimizer", "adam", "--loss", "cross-entropy", "--lr", 1e-3,
         "--standardise"),
    ],
)  # fmt: skip
def test_every_way_to_learn_does(options, folder):
    small = IMAGES if "--dataset" in options else SMALL
    found = asked(*small, *options, "--epochs", 6, "-o", "run")
    log = (folder / "run" / "log.csv").read_text().splitlines()
    first = dict(zip(log[0].split(","), log[1].split(","), strict=True))
    assert found["test_loss"] < float(first["test_loss"])
    assert ("validation_loss" in found) == ("--validation" in options)
    assert ("s1" in found) == ("--averaged" in options or "adamw" in options)


def test_training_follows_the_theory():
    found = asked(
        "--epochs", 60, "--log-every", 60, "--hidden", 16, "--samples", 2000, "--batch", 200,
        "--drop-p", 0.1, "--scaling", "const", "--lr", 0.1,
    )  # fmt: skip
    for k in range(1, 5):
        assert found[f"s{k}"] == pytest.approx(found[f"theory_s{k}"], rel=0.04)
        assert found[f"theory_s{k}"] == pytest.approx(found["fixed_point"][k - 1], rel=0.04)


# -------------------------------------------------------------------------------- many runs


def test_seeds_are_runs_with_their_mean(folder):
    found = asked(*SMALL, "--seeds", 2, "--seed", 5, "-o", "runs")
    assert (found["seeds"], found["task"]) == (2, "semantics")
    assert repr(found["epochs"]) == "4"
    assert [run["seed"] for run in found["runs"]] == [5, 6]
    each = [run["train_loss"] for run in found["runs"]]
    assert each[0] != each[1]
    assert found["train_loss"] == pytest.approx(sum(each) / 2)
    assert each[1] == asked(*SMALL, "--seed", 6)["train_loss"]
    assert (folder / "runs" / "run-001" / "log.csv").exists()
    assert (folder / "runs" / "learning.png").exists()


def test_values_are_varied():
    found = asked(*SMALL, "--vary", "drop-layers=all,2", "--vary", "hidden=4,6")
    varied = [(run["drop_layers"], run["hidden"]) for run in found["runs"]]
    assert varied == [("all", 4), ("all", 6), ("2", 4), ("2", 6)]
    assert "train_loss" not in found
    text = invoke("failures", *SMALL, "--vary", "lr=0.1,900").stdout
    assert "smaller lr" in " ".join(text.split())
    failed = refused("failures", *SMALL, "--vary", "lr=900,901")
    assert "all 2 runs failed" in failed
    assert "smaller lr" in failed
    found = asked(*SMALL, "--vary", "lr=900,0.1")
    assert (found["task"], "error" in found["runs"][0]) == ("semantics", True)
    assert "task" not in asked(*SMALL, "--epochs", 1, "--vary", "task=semantics,regression")


def test_the_published_grid_has_its_settings():
    settings = Options(epochs=7).sweep()
    assert len({str(setting) for setting in settings}) == len(settings) == 60
    assert {setting.epochs for setting in settings} == {7}
    text = refused("failures", "--sweep", "--dataset", "digits")
    assert "the grid is that of a task" in text


def test_a_sweep_runs_its_grid(monkeypatch):
    grid = Options.sweep
    monkeypatch.setattr(Options, "sweep", lambda options: grid(options)[3:5])
    found = asked("--samples", 100, "--epochs", 1, "--sweep")
    assert [run["drop_layers"] for run in found["runs"]] == ["all", "2"]
    assert "hidden has values of its own in the grid" in refused(
        "failures", "--sweep", "--hidden", 4
    )


def test_a_setting_without_a_meaning_stops_no_other():
    found = asked(*SMALL, "--vary", "activation=linear,foo")
    assert "unknown activation 'foo'" in found["runs"][1]["error"]
    assert found["runs"][0]["train_loss"] > 0


def test_tables_of_many_runs_have_room_for_their_numbers():
    text = invoke("deep", "--hidden", 3, "--epochs", 4, "--free-steps", 40, "--nudged-steps", 20,
                  "--prune", 0.5, "--vary", "lr=0.1,0.2").stdout  # fmt: skip
    assert "pruned" in text
    rows = [line.split() for line in text.splitlines() if line.strip()][-2:]
    assert [row[0] for row in rows] == ["0.1", "0.2"]
    assert len({len(row) for row in rows}) == 1
    same = invoke("failures", *SMALL, "--vary", "lr=0.1,0.1").stdout.splitlines()
    *_, mean = [line.split() for line in same if line.strip()]
    assert mean[:2] == ["mean", "4"]


def test_the_job_script_is_printed(folder):
    (folder / "cluster.toml").write_text(
        '[slurm]\nqueue = "gpu"\ncores = 2\nmemory = "4 GB"\nwalltime = "01:00:00"\n'
    )
    result = invoke(
        "failures", "--cluster", "slurm", "--cluster-config", "cluster.toml", "--dry-run"
    )
    assert "#SBATCH -p gpu" in result.stdout


def test_threads_are_limited_meanwhile(monkeypatch):
    seen, once = [], FailuresExperiment.train_epoch

    def train_epoch(self):
        seen.append(torch.get_num_threads())
        return once(self)

    monkeypatch.setattr(FailuresExperiment, "train_epoch", train_epoch)
    asked(*SMALL, "--epochs", 1, "--threads", 1)  # Numba sets the threads of OpenMP at its start
    before = torch.get_num_threads()
    asked(*SMALL, "--epochs", 1, "--threads", 3)
    assert seen == [1, 3]
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("value", "kind", "found"),
    [
        ("3", int | None, 3),
        ("none", int | None, None),
        ("all", str | None, "all"),
        ("0.5", float, 0.5),
        ("true", bool, True),
    ],
)
def test_values_are_read_as_the_type_of_their_option(value, kind, found):
    assert command.parsed("name", value, kind) == found


# ----------------------------------------------------------------------------------- options

TINY = {"hidden": 5, "batch": 10}
TASK, DIGITS = {"samples": 40}, {"dataset": "digits"}
RECURRENT, REGRESSION = {**DIGITS, "recurrent": True}, {**TASK, "task": "regression"}


def network(name):
    return lambda made: made.model.options[name]


def of_layers(name):
    return lambda made: [getattr(layer, name) for layer in made.model.layers]


def group(name):
    return lambda made: made.optimizer.param_groups[0][name]


def failures_in_training(made):
    before = made.model.generators()
    made.train_epoch()
    return not all(map(torch.equal, before, made.model.generators()))


def losses(made):
    return [made.train_epoch()["train_loss"], made.measure()["test_loss"]]


def modes_of_tests(made):
    modes = []
    made.model.register_forward_hook(lambda net, x, y: modes.append(net.layers[0].mode))
    made.measure()
    return modes


def singular_values(made):
    return np.linalg.svd(made.teacher.w, compute_uv=False).tolist()


def pruning(name):
    def found(made):
        return dict(train(lambda _: made, made.options).result, rule=made.options.rule or "noise")[
            name
        ]

    return found


START = {**DIGITS, "scaling": "const", "lr": 1e-6}  # outputs of about 0
OPTIONS = [
    # given, what they reach, what it is then
    (TASK, lambda made: type(made.teacher), SemanticsDataset),
    (REGRESSION, lambda made: type(made.teacher), LinearRegressionDataset),
    (DIGITS, lambda made: made.n_classes, 10),
    (RECURRENT, lambda made: type(made.model), RNN),
    ({**TASK, "hidden": 7}, of_layers("out_features"), [7, 4]),
    ({**RECURRENT, "hidden": 7}, of_layers("out_features"), [7, 7, 10]),
    ({**TASK, "layers": 4}, of_layers("in_features"), [7, 5, 5, 5]),
    ({**TASK, "activation": "tanh"}, network("activation"), "tanh"),
    ({**RECURRENT, "activation": "relu"}, network("nonlinearity"), "relu"),
    *[(given, network(name), kind) for given, name, kind in (
        (TASK, "activation", "linear"), (DIGITS, "activation", "relu"),
        (RECURRENT, "nonlinearity", "tanh"))],
    *[({**given, "scaling": "lin"}, network("scaling"), "lin") for given in (TASK, RECURRENT)],
    ({**TASK, "drop_p": 0.3}, of_layers("drop_p"), [0.3, 0.3]),
    ({**RECURRENT, "drop_p": 0.3}, of_layers("drop_p"), [0, 0.3, 0]),
    ({**TASK, "drop_layers": "2"}, of_layers("drop_p"), [0, 0.5]),
    ({**RECURRENT, "drop_layers": "1,3"}, of_layers("drop_p"), [0.5, 0, 0.5]),
    ({**TASK, "drop_p": 0.3, "drop_layers": "1"}, lambda made: made.theory.transmission, (0.7, 1)),
    *[({**given, "path": "moments"}, of_layers("path"), ["moments"] * number)
      for given, number in ((TASK, 2), (RECURRENT, 3))],
    ({**RECURRENT, "failures": "trial"}, lambda made: made.model.failures, "trial"),
    *[({**TASK, "averaged": averaged}, failures_in_training, not averaged)
      for averaged in (True, False)],
    ({**START, "loss": "cross-entropy"}, losses, pytest.approx([np.log(10)] * 2, abs=0.01)),
    (START, losses, pytest.approx([1, 1], abs=0.01)),
    *[({**TASK, "optimizer": name}, lambda made: type(made.optimizer), kind) for name, kind in (
        ("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW))],
    *[({**TASK, "optimizer": name, "lr": 0.02}, group("lr"), 0.02) for name in ("sgd", "adam")],
    *[(given, group("lr"), lr) for given, lr in (
        (TASK, 0.05), (DIGITS, 0.5), ({**DIGITS, "optimizer": "adam"}, 0.001))],
    ({**TASK, "momentum": 0.3}, group("momentum"), 0.3),
    *[({**TASK, "optimizer": name, "weight_decay": 0.02}, group("weight_decay"), 0.02)
      for name in ("sgd", "adamw")],
    ({**TASK, "weight_decay": 0.02}, lambda made: made.theory.weight_decay, 0.02),
    *[({**given, "batch": batch}, lambda made: made.training.size, size)
      for given, batch, size in ((TASK, 7, 7), (TASK, None, 1000), (DIGITS, None, 100))],
    (TASK, lambda made: [len(made.training.x), len(made.test.x)], [40, 40]),
    ({"samples": None}, lambda made: [len(made.training.x), len(made.test.x)], [10_000] * 2),
    ({**REGRESSION, "inputs": 7}, of_layers("in_features"), [7, 5]),
    (REGRESSION, of_layers("in_features"), [100, 5]),
    ({**REGRESSION, "singular_values": "3,2,1"}, singular_values, pytest.approx([3, 2, 1])),
    (REGRESSION, singular_values, pytest.approx([1, 0.2])),
    ({**DIGITS, "validation": 0.2}, lambda made: len(made.validation.x), 288),
    ({**DIGITS, "standardise": True},
     lambda made: bool(made.training.x.mean(0).abs().max() < 1e-5), True),
    ({**TASK, "test_draws": 3}, modes_of_tests, ["sample"] * 3),
    ({**TASK, "test_draws": 0}, modes_of_tests, ["expected"]),
    (TASK, modes_of_tests, ["sample"]),
    ({**TASK, "prune": 0.4}, pruning("kept_fraction"), pytest.approx(0.4, abs=0.02)),
    ({**TASK, "prune": 0.4}, pruning("rule"), "noise"),
    ({**TASK, "prune": 0.4, "rule": "weight"}, pruning("rule"), "weight"),
    ({**TASK, "dtype": "float64"}, lambda made: made.training.x.dtype, torch.float64),
    ({**RECURRENT, "dtype": "float64"}, network("dtype"), "float64"),
]  # fmt: skip
TESTED_ELSEWHERE = {"epochs", "log_every", "data", "keep_weights", "fine_tune", "seed"}


@pytest.mark.parametrize(
    ("given", "reached", "wanted"), OPTIONS, ids=["-".join(given) for given, _, _ in OPTIONS]
)
def test_an_option_reaches_what_it_is_said_of(given, reached, wanted):
    assert reached(FailuresExperiment(Options(**{**TINY, **given}))) == wanted


def test_no_option_is_left_out_of_these_tests():
    tested = {name for given, _, _ in OPTIONS for name in given}
    assert {field.name for field in fields(Options)} == tested | TESTED_ELSEWHERE


# ---------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--task semantic", "unknown task 'semantic': did you mean 'semantics'"),
        ("--task semantics --dataset digits", "leave one of them out"),
        ("--dataset mnist", "nothing is downloaded"),
        ("--dataset mnist --data nowhere", "nowhere is not a folder"),
        ("--lr 0", "lr is 0"),
        ("--prune 0.5 --recurrent --dataset digits", "work in steps and cannot be pruned"),
        ("--prune 1.5", "prune is 1.5"),
        ("--prune 0.5 --rule nois", "did you mean 'noise'"),
        ("--rule weight", "give --prune"),
        ("--fine-tune 2", "give --prune"),
        ("--fine-tune -1 --prune 0.5", "fine_tune is -1"),
        ("--hidden 0", "hidden is 0"),
        ("--batch 0", "batch is 0"),
        ("--epochs -1", "epochs is -1"),
        ("--drop-p 1", "drop_p is 1"),
        ("--drop-layers 3", "there is no layer 3: the layers are 1 to 2"),
        ("--weight-decay -1", "weight_decay is -1"),
        ("--weight-decay nan", "weight_decay is nan"),
        ("--weight-decay inf", "weight_decay is inf"),
        ("--momentum -0.1", "momentum is -0.1"),
        ("--momentum nan", "momentum is nan"),
        ("--scaling nan", "give a number such as 0.5"),
        ("--singular-values 1,inf --task regression", "give numbers such as 1,0.2"),
        ("--optimizer adam --momentum 0.9", "momentum is an option of sgd"),
        ("--optimizer rms", "unknown optimizer"),
        ("--recurrent", "recurrent is an option of images"),
        ("--failures trial", "give --recurrent"),
        ("--dataset digits --averaged", "averaged is of a linear task"),
        ("--averaged --activation relu", "leave --averaged out"),
        ("--averaged --path moments", "path does nothing"),
        ("--loss mse", "loss is an option of images: give --dataset"),
        ("--loss cross-entropy --task regression", "loss is an option of images"),
        ("--dataset digits --loss cross", "did you mean 'cross-entropy'"),
        ("--samples 50 --dataset digits", "samples is of a task"),
        ("--inputs 7", "inputs is of the regression: give --task regression"),
        ("--inputs 7 --dataset digits", "inputs is of the regression"),
        ("--singular-values 2,1 --task semantics", "singular_values is of the regression"),
        ("--layers 3 --recurrent --dataset digits", "layers is not for a recurrent network"),
        ("--layers 0", "layers is 0"),
        ("--samples 0", "samples is 0"),
        ("--inputs 0 --task regression", "inputs is 0"),
        ("--singular-values a,b --task regression", "give numbers such as 1,0.2"),
        ("--seeds 0", "seeds is 0"),
        ("--vary lr", "write it as --vary"),
        ("--vary rl=1", "unknown option to vary 'rl'"),
        ("--vary hidden=1,few", "hidden cannot be 'few'"),
        ("--cluster laptop", "unknown cluster"),
        ("--tensorboard", "tensorboard writes into the folder of the run"),
        ("--wandb", "wandb writes into the folder of the run"),
        ("--lr 1e6 --hidden 4 --samples 50", "smaller lr"),
        ("--threads 0", "threads is 0"),
        ("--dry-run", "give that, too"),
    ],
)
def test_one_line_says_what_is_wrong(options, said):
    assert said in refused("failures", *options.split())


@pytest.mark.usefixtures("without_pictures")
def test_another_run_s_folder_is_refused():
    asked(*SMALL, "-o", "run")
    assert "hidden = 8, but 9 was asked for" in refused(
        "failures", *SMALL, "--hidden", 9, "-o", "run"
    )


def test_without_torch_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for room in ("models", "experiments"):
        for name in [
            name for name in sys.modules if name.startswith(f"noiseprune.learning.{room}")
        ]:
            monkeypatch.delitem(sys.modules, name)
    for arguments in ((), ("failures",)):
        line = refused(*arguments)
        assert line.endswith("pip install 'noiseprune[learn]'")
    assert invoke("failures", "--help").exit_code == 0


def test_alone_it_shows_the_models():
    result = invoke()
    assert result.exit_code == 2
    assert "failures" in result.stdout
    assert "noiseprune[learn]" in result.stdout
    assert invoke("failure").exit_code == 2


def test_an_option_of_a_model_needs_a_default():
    @dataclass
    class Unfinished:
        lr: Annotated[float, "Learning rate."]

    with pytest.raises(TypeError, match="lr of a model has no default"):
        options_of(Unfinished)
