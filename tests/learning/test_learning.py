"""The harness that trains every model: resuming, logs, many runs, what is missing."""

import csv
import dataclasses
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated

import numpy as np
import pytest
import torch

from noiseprune import ConvergenceError, FileError, MissingExtraError, OptionError, learning
from noiseprune.cluster import workers
from noiseprune.learning import Experiment, TrainOptions, train, train_all
from noiseprune.learning.training import harness, runs, watchers
from noiseprune.learning.training.checkpoint import load_checkpoint, save_checkpoint


@dataclass(frozen=True, kw_only=True)
class Options(TrainOptions):
    """A noisy descent in two dimensions."""

    lr: Annotated[float, "How fast."] = 0.1
    stop: Annotated[float, "Loss at which to stop."] = 0.0


class Descent(Experiment):
    """x <- x - lr x + noise, with a generator of its own; `killed_at` interrupts that epoch."""

    killed_at = None

    def __init__(self, options):
        self.options = options
        self.rng = np.random.default_rng(options.seed)
        self.x = np.ones(2)
        self.epoch = 0

    def train_epoch(self):
        self.epoch += 1
        if self.epoch == Descent.killed_at:
            raise KeyboardInterrupt
        self.x += -self.options.lr * self.x + 0.01 * self.rng.standard_normal(2)
        return {"train_loss": float(self.x @ self.x)}

    def measure(self):
        return {"test_loss": 2 * float(self.x @ self.x)}

    def finished(self):
        return bool(self.x @ self.x < self.options.stop)

    def state(self):
        return {"x": self.x, "rng": self.rng.bit_generator.state, "epoch": self.epoch}

    def restore(self, state):
        self.x, self.epoch = state["x"], state["epoch"]
        self.rng.bit_generator.state = state["rng"]

    def result(self):
        return {"x": self.x.tolist()}


def experiment(options):
    return Descent(options)


@pytest.fixture
def always_kept(monkeypatch):
    """A checkpoint after every epoch."""
    monkeypatch.setattr(harness, "CHECKPOINT_SECONDS", -1.0)


# --------------------------------------------------------------------------------- checkpoints


def test_a_state_comes_back_to_the_last_bit(tmp_path):
    rng = np.random.default_rng(3)
    state = {
        "tensor": torch.tensor([1 / 3, -0.0, float("nan")]),
        "bytes": torch.Generator().manual_seed(3).get_state(),
        "array": rng.standard_normal((2, 3)),
        "stream": rng.bit_generator.state,
        7: [None, True, 1.5, np.float64(0.1), ("a", {"b": []})],
        "empty": {},
    }
    path = tmp_path / "state.npz"
    save_checkpoint(path, state)
    found = load_checkpoint(path)
    assert list(found) == list(state)
    assert found["tensor"].numpy().tobytes() == state["tensor"].numpy().tobytes()
    assert torch.equal(found["bytes"], state["bytes"])
    assert found["array"].tobytes() == state["array"].tobytes()
    assert found["stream"] == state["stream"]
    assert found[7] == state[7]
    assert type(found[7][4]) is tuple
    assert found["empty"] == {}


def test_what_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / "state.npz"
    for wrong in (object(), np.array([object()])):
        with pytest.raises(TypeError, match="cannot hold"):
            save_checkpoint(path, {"wrong": wrong})
    assert not path.exists()
    np.savez(path, a=np.ones(2))
    with pytest.raises(FileError, match="not a checkpoint"):
        load_checkpoint(path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FileError, match=r"state\.npz"):
        load_checkpoint(path)


# -------------------------------------------------------------------------------------- one run


def test_rows_stand_at_the_epochs_asked_for(tmp_path):
    found = train(experiment, Options(epochs=7, log_every=3, seed=3), folder=tmp_path / "run")
    assert [row["epoch"] for row in found.log] == [0, 3, 6, 7]
    assert "train_loss" not in found.log[0]
    assert found.column("train_loss")[0] == [3, 6, 7]
    assert found.epochs == 7
    assert found.result["train_loss"] == found.log[-1]["train_loss"]
    assert found.result["test_loss"] == 2 * found.result["train_loss"]
    with (tmp_path / "run" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["train_loss"] == ""
    assert [float(row["test_loss"]) for row in rows] == found.column("test_loss")[1]


@pytest.mark.parametrize("killed_at", [1, 4, 10])
def test_an_interrupted_run_ends_as_one_that_was_not(killed_at, tmp_path, monkeypatch, always_kept):
    options = Options(epochs=10, log_every=2, seed=5)
    whole = train(experiment, options)
    monkeypatch.setattr(Descent, "killed_at", killed_at)
    with pytest.raises(KeyboardInterrupt):
        train(experiment, options, folder=tmp_path)
    monkeypatch.setattr(Descent, "killed_at", None)
    found = train(experiment, options, folder=tmp_path)
    assert found.resumed_from == (killed_at - 1 or None)
    assert (found.log, found.result) == (whole.log, whole.result)
    again = train(experiment, options, folder=tmp_path)
    assert again.resumed_from == 10
    assert (again.log, again.result) == (whole.log, whole.result)


def test_a_finished_run_can_be_taken_further(tmp_path):
    train(experiment, Options(epochs=4, seed=5), folder=tmp_path)
    found = train(experiment, Options(epochs=9, seed=5), folder=tmp_path)
    assert found.result == train(experiment, Options(epochs=9, seed=5)).result
    with pytest.raises(FileError, match="holds a run of 9 epochs, but 4"):
        train(experiment, Options(epochs=4, seed=5), folder=tmp_path)


def test_a_run_that_was_interrupted_between_rows_can_end_there(tmp_path, monkeypatch, always_kept):
    monkeypatch.setattr(Descent, "killed_at", 8)
    with pytest.raises(KeyboardInterrupt):
        train(Descent, Options(epochs=20, log_every=5), folder=tmp_path)
    monkeypatch.setattr(Descent, "killed_at", None)
    found = train(Descent, Options(epochs=7, log_every=5), folder=tmp_path)
    straight = train(Descent, Options(epochs=7, log_every=5))
    assert found.resumed_from == 7
    assert found.log == straight.log
    assert found.result == straight.result
    again = train(Descent, Options(epochs=7, log_every=5), folder=tmp_path)
    assert again.log == straight.log


def test_the_log_can_be_read_while_the_training_runs(tmp_path, monkeypatch, always_kept):
    once, lengths = Descent.train_epoch, []

    def looked_at(self):
        path = tmp_path / "log.csv"
        lengths.append(len(path.read_text().splitlines()) if path.exists() else 0)
        return once(self)

    monkeypatch.setattr(Descent, "train_epoch", looked_at)
    train(Descent, Options(epochs=4), folder=tmp_path)
    assert lengths == [0, 3, 4, 5]  # a header, epoch 0, and those since


def test_ctrl_c_waits_for_the_epoch_and_keeps_it(tmp_path, monkeypatch):
    once = Descent.train_epoch

    def pressed(self):
        row = once(self)
        if self.epoch == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return row

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(Descent, "train_epoch", pressed)
    with pytest.raises(KeyboardInterrupt, match="kept after 4 epochs"):
        train(Descent, Options(epochs=9), folder=tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    with (tmp_path / "log.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2", "3", "4"]
    found = train(Descent, Options(epochs=9), folder=tmp_path)
    assert found.resumed_from == 4
    monkeypatch.undo()
    assert found.log == train(Descent, Options(epochs=9)).log


def test_a_second_ctrl_c_does_not_wait(monkeypatch):
    reached = []

    def pressed(self):
        for times in range(2):
            reached.append(times)
            os.kill(os.getpid(), signal.SIGINT)
        reached.append("beyond")

    monkeypatch.setattr(Descent, "train_epoch", pressed)
    with pytest.raises(KeyboardInterrupt):
        train(Descent, Options(epochs=9))
    assert reached == [0, 1]


@pytest.mark.filterwarnings("ignore:overflow")
def test_the_log_of_a_run_that_fails_is_kept(tmp_path):
    with pytest.raises(ConvergenceError):
        train(Descent, Options(epochs=500, lr=1e9), folder=tmp_path)
    with (tmp_path / "log.csv").open() as file:
        losses = [float(row["test_loss"]) for row in csv.DictReader(file)]
    assert len(losses) > 2
    assert losses[-1] > 1e9 * losses[0]


def test_a_folder_of_another_run_is_left_alone(tmp_path):
    train(experiment, Options(epochs=2, seed=5), folder=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileError, match=r"lr = 0\.1, but 0\.2 was asked for"):
        train(experiment, Options(epochs=2, seed=5, lr=0.2), folder=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    with pytest.raises(FileError, match="cannot be the folder of a run"):
        train(experiment, Options(), folder=tmp_path / "log.csv")


def test_a_criterion_of_the_model_ends_the_run():
    found = train(experiment, Options(epochs=500, log_every=100, stop=0.01, seed=3))
    assert found.epochs < 60
    assert found.log[-1]["epoch"] == found.epochs
    assert found.result["train_loss"] < 0.01


def test_progress_ends_at_the_end(monkeypatch):
    monkeypatch.setattr(harness, "SHOWN_SECONDS", 0.0)
    seen = []
    train(experiment, Options(epochs=3), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3), (3, 3)]


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_loss_that_is_not_finite_is_an_error():
    with pytest.raises(ConvergenceError, match=r"loss is inf after \d+ epochs.*smaller lr"):
        train(experiment, Options(epochs=900, lr=9.0))


def test_the_model_is_kept_if_its_report_fails(tmp_path):
    class Unreported(Descent):
        def result(self):
            raise OptionError("no result")

        def save(self, folder):
            np.save(folder / "x.npy", self.x)
            return [folder / "x.npy"]

    with pytest.raises(OptionError, match="no result"):
        train(Unreported, Options(epochs=1), folder=tmp_path)
    assert np.load(tmp_path / "x.npy").shape == (2,)


def test_numbers_without_meaning_are_refused():
    with pytest.raises(OptionError, match="epochs is -1"):
        train(experiment, Options(epochs=-1))
    with pytest.raises(OptionError, match="log_every is 0"):
        train(experiment, Options(log_every=0))
    assert len(train(experiment, Options(epochs=0)).log) == 1


# ------------------------------------------------------------------------------------ many runs


def test_many_runs_are_those_of_each(tmp_path):
    settings = [Options(epochs=3, seed=seed) for seed in (3, 5, 7)]
    each = [train(experiment, setting) for setting in settings]
    seen = []
    together = train_all(
        experiment, settings, folder=tmp_path, progress=lambda *done: seen.append(done)
    )
    assert [run.log for run in together] == [run.log for run in each]
    assert seen[-1] == (9, 9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run-000", "run-001", "run-002"]


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_run_that_fails_stops_no_other():
    settings = [Options(epochs=900, lr=9.0), Options(epochs=3)]
    failed, well = train_all(experiment, settings)
    assert "smaller lr" in failed.result["error"]
    assert well.result["train_loss"] > 0


def test_workers_elsewhere_make_the_same_runs(tmp_path):
    from noiseprune.learning.experiments.failures import FailuresExperiment as experiment
    from noiseprune.learning.options.failures import FailuresOptions as Options

    settings = [
        Options(epochs=2, log_every=1, samples=50, hidden=5, seed=seed, scaling="const")
        for seed in (3, 5)
    ]
    here = train_all(experiment, settings)
    with workers("local:1", threads=1) as worker:
        there = train_all(experiment, settings, folder=tmp_path, worker=worker)
    for one, other in zip(here, there, strict=True):
        assert [dict(row) for row in other.log] == [dict(row) for row in one.log]
        assert other.result == one.result
    assert (tmp_path / "run-001" / "network.pt").exists()


# ------------------------------------------------------------------------------------- watchers


def test_rows_are_sent_to_wandb_offline(tmp_path, monkeypatch):
    seen = []

    class Run:
        def log(self, values, step):
            seen.append((step, values))

        def finish(self):
            seen.append("finished")

    def init(**options):
        seen.append(options)
        return Run()

    fake = SimpleNamespace(init=init, Settings=lambda **options: options)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    found = train(experiment, Options(epochs=2, lr=0.2), folder=tmp_path, watch=["wandb"])
    start, *rows, end = seen
    assert (start["mode"], start["dir"], start["config"]["lr"]) == ("offline", str(tmp_path), 0.2)
    assert end == "finished"
    assert rows == [
        (row["epoch"], {k: v for k, v in row.items() if k != "epoch"}) for row in found.log
    ]


def test_rows_are_sent_to_tensorboard(tmp_path, monkeypatch):
    seen = []

    class Writer:
        def __init__(self, folder, purge_step):
            seen.append((folder, purge_step))

        __enter__ = lambda self: self  # noqa: E731
        __exit__ = lambda *_: seen.append("closed")  # noqa: E731

        def add_scalar(self, name, value, step):
            seen.append((name, value, step))

    monkeypatch.setitem(sys.modules, "tensorboard", SimpleNamespace())
    fake = SimpleNamespace(SummaryWriter=Writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    options = {"folder": tmp_path, "watch": ["tensorboard"]}
    found = train(experiment, Options(epochs=1), **options)
    first, last = found.log
    assert seen == [
        (str(tmp_path / "tensorboard"), None),
        ("test_loss", first["test_loss"], 0),
        ("train_loss", last["train_loss"], 1),
        ("test_loss", last["test_loss"], 1),
        "closed",
    ]
    train(experiment, Options(epochs=2), **options)
    assert seen[5] == (str(tmp_path / "tensorboard"), 2)


@pytest.mark.parametrize("name", watchers.WATCHERS)
def test_a_watcher_that_is_missing_is_named(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=f"needs the package {name}.*pip install '{name}'"):
        train(experiment, Options(epochs=1), folder=tmp_path, watch=[name])
    with pytest.raises(OptionError, match="give one with -o"):
        train(experiment, Options(epochs=1), watch=[name])
    with pytest.raises(OptionError, match="unknown watcher 'tensorbord': did you mean"):
        train(experiment, Options(epochs=1), folder=tmp_path, watch=["tensorbord"])


# ---------------------------------------------------------------------------------- the package


@pytest.mark.parametrize("name", learning.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(learning, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'DeepNett'"):
        _ = learning.DeepNett
    assert dir(learning) == sorted(learning.__all__)


def test_without_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(vars(learning), "DeepNet", raising=False)
    for name in [name for name in sys.modules if name.startswith("noiseprune.learning.models")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtraError, match=r"DeepNet needs .* pip install 'noiseprune\[learn"):
        _ = learning.DeepNet
    assert learning.SemanticsDataset(3, seed=1).data.shape == (3, 7)


def test_import_of_options_loads_nothing_heavy():
    listing = (
        "import sys; from noiseprune.learning.options.table import MODELS;"
        "[model.options() for model in MODELS.values()];"
        "print(*({'torch', 'sklearn', 'matplotlib', 'numba', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_threads_of_torch_are_put_back():
    before = torch.get_num_threads()
    with runs.torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    assert isinstance(runs.torch_threads(None), type(runs.torch_threads(1)))
    with runs.torch_threads(None), nullcontext():
        assert torch.get_num_threads() == before


def test_options_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Options().seed = 3
