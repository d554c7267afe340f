"""Training of one model: epochs, a log, checkpoints, the report, and pruning at the end.

    options -> experiment(options) -> train -> Training (log, result, seconds)

The same options give the same log on any machine with the same libraries, also if the run was
interrupted and resumed.
"""

from __future__ import annotations

import copy
import csv
import io
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from noiseprune.errors import ConvergenceError, FileError
from noiseprune.files.atomic import make_folder, write_atomically
from noiseprune.learning.options.base import PruneOptions, TrainOptions
from noiseprune.learning.options.table import MODELS
from noiseprune.learning.training.checkpoint import load_checkpoint, save_checkpoint
from noiseprune.learning.training.experiment import (
    Experiment,
    PrunableExperiment,
    Row,
    Saved,
    Training,
)
from noiseprune.learning.training.watchers import watching
from noiseprune.progress import Progress, silent
from noiseprune.records import json_text, plain

CHECKPOINT_SECONDS, SHOWN_SECONDS = 30.0, 0.1
CHECKPOINT, LOG, RESULT = "checkpoint.npz", "log.csv", "result.json"
PRUNED, TUNED = "pruned", "tuned"
"""The files of these models, and what their scores are called by."""

O = TypeVar("O", bound=TrainOptions)  # noqa: E741


def train(
    experiment: Callable[[O], Experiment],
    options: O,
    *,
    folder: Path | None = None,
    watch: Sequence[str] = (),
    progress: Progress = silent,
) -> Training:
    """Train one model.

    With `folder` the run is kept there: a checkpoint twice a minute and when it is interrupted (at
    the end of that epoch; a second Ctrl-C does not wait), log.csv, result.json, and the model. If
    the folder holds a run of the same options, that is taken up where it was, and is the same to
    the last bit as one that was never interrupted. It may ask for more epochs, and for another
    value of any option that the training does not depend on, such as those of its pruning, whose
    files then replace those of the last.

    Parameters
    ----------
    experiment : a class of experiments, or a function that makes one
    watch : "tensorboard", "wandb" (offline): rows are written there, too, inside the folder

    Raises
    ------
    OptionError
        If an option has no meaning.
    FileError
        If the folder cannot be written, or holds another run.
    ConvergenceError
        If a loss is no longer finite.
    MissingExtraError
        If a library is not installed.
    """
    run = _Run(experiment(options), options, options.MODEL or experiment.__module__, folder)
    run.take_up()
    run.learn(watch, progress)
    reported = run.report()
    training = Training(
        options=plain(asdict(options)),
        epochs=run.done,
        log=tuple(run.rows),
        result=plain({**_without(run.rows[-1], "epoch"), **reported}),
        seconds=run.seconds,
        resumed_from=run.resumed_from,
    )
    if folder is not None:
        _write_text(folder / RESULT, json_text(_without(vars(training), "log")) + "\n")
    return training


class _Run:
    """A run under way: an experiment, its log, and the folder that keeps it."""

    def __init__(
        self, running: Experiment, options: TrainOptions, model: str, folder: Path | None
    ) -> None:
        self.running, self.options, self.folder = running, options, folder
        known = {k: v for k, v in asdict(options).items() if not _free(options, k)}
        self.identity: dict[str, Any] = plain({"model": model, **known})
        self.rows: list[Row] = []
        self.last: Row = {}
        self.done, self.earlier = 0, 0.0
        self.resumed_from: int | None = None
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """How long it has trained, in earlier sessions too."""
        return self.earlier + time.perf_counter() - self._start

    def take_up(self) -> None:
        """Go on from what the folder holds, or begin."""
        if self.folder is not None:
            make_folder(self.folder, "a run")
            path = self.folder / CHECKPOINT
            if path.exists():
                self._restore(load_checkpoint(path), self.folder)
        if not self.rows:
            self.rows.append({"epoch": 0, **self.running.measure()})
        self._start = time.perf_counter()

    def _restore(self, stored: Mapping[str, Any], folder: Path) -> None:
        _check_identity(folder, stored["identity"], self.identity, self.options)
        self.running.restore(stored["state"])
        self.rows, self.last = stored["rows"], stored["last"]
        self.earlier, self.done = stored["seconds"], stored["epoch"]
        self.resumed_from = self.done
        if self.done > self.options.epochs:
            raise FileError(
                f"{folder} holds a run of {self.done} epochs, but {self.options.epochs} were asked "
                "for: ask for at least as many, or name an empty folder"
            )

    def keep(self) -> None:
        """Write a checkpoint and the log, if there is a folder."""
        if self.folder is None:
            return
        document = {
            "identity": self.identity,
            "state": self.running.state(),
            "rows": self.rows,
            "last": dict(self.last),
            "epoch": self.done,
            "seconds": self.seconds,
        }
        save_checkpoint(self.folder / CHECKPOINT, document)
        write_log(self.folder / LOG, self.rows)

    def learn(self, watch: Sequence[str], progress: Progress) -> None:
        """Train up to the epochs asked for, or to the model's own end."""
        epochs, every = self.options.epochs, self.options.log_every
        written = shown = time.perf_counter()
        before = len(self.rows)
        with ExitStack() as stack:
            watcher = stack.enter_context(watching(watch, self.folder, self.identity, self.done))
            if self.resumed_from is None:
                watcher(self.rows[-1])
            progress(self.done, epochs)
            interrupted = stack.enter_context(_interruptions())
            if self.folder is not None:  # what led to a loss that is not finite can be read
                stack.callback(write_log, self.folder / LOG, self.rows)
            while self.done < epochs and not self.running.finished():
                self.last = self.running.train_epoch()
                self.done += 1
                self._checked(self.last)
                if self.done % every == 0:
                    watcher(self._log())
                now = time.perf_counter()
                if interrupted():
                    self.keep()
                    kept = f"kept after {self.done} epochs: the same command goes on from there"
                    raise KeyboardInterrupt("" if self.folder is None else kept)
                if now - written > CHECKPOINT_SECONDS:
                    self.keep()
                    written = time.perf_counter()
                if now - shown > SHOWN_SECONDS:
                    progress(self.done, epochs)
                    shown = now
            progress(epochs, epochs)
            if self.rows[-1]["epoch"] < self.done:  # between two rows; maybe since an interruption
                watcher(self._log())
        if self.done != self.resumed_from or len(self.rows) > before:
            self.keep()

    def _log(self) -> Row:
        row = {"epoch": self.done, **self.last, **self.running.measure()}
        self.rows.append(self._checked(row))
        return row

    def _checked(self, row: Row) -> Row:
        return _finite(row, f"{self.done} epochs: learn more slowly (smaller lr)")

    def report(self) -> dict[str, Any]:
        """What the experiment says, and what its pruning did; what was learnt is saved first."""
        if self.folder is not None:
            for old in (PRUNED, TUNED):
                for suffix in (".pt", ".npz"):
                    (self.folder / f"{old}{suffix}").unlink(missing_ok=True)
            self.running.save(self.folder)
        found = dict(self.running.result())
        if isinstance(self.options, PruneOptions) and self.options.prune is not None:
            found |= self._prune(self.running, self.options.fine_tune)
        return found

    def _prune(self, running: Experiment, fine_tune: int) -> dict[str, Any]:
        if not isinstance(running, PrunableExperiment):
            raise TypeError(f"{type(running).__name__} says nothing of how it is pruned")
        model, facts = running.prune()
        found = {**facts, **running.scores(PRUNED, model)}
        self._save(model, PRUNED + running.SUFFIX)
        if fine_tune:
            model = copy.deepcopy(model)
            learn = running.learner(model)
            for _ in range(fine_tune):
                learn()
            remedy = "keep more synapses, fine-tune less, or train with a smaller lr"
            scores = running.scores(TUNED, model)
            found |= _finite(scores, f"fine-tuning by {fine_tune}: {remedy}")
            self._save(model, TUNED + running.SUFFIX)
        return found

    def _save(self, model: Saved, name: str) -> None:
        if self.folder is not None:
            model.save(self.folder / name)


@contextmanager
def _interruptions() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed, which meanwhile does nothing else; the second time it does.

    In the main thread; elsewhere, as in a worker's, signals do not arrive.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    pressed = False

    def note(*_: object) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


def write_log(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV, one column for each name; a cell without a value is empty."""
    columns = dict.fromkeys(name for row in rows for name in row)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    _write_text(path, text.getvalue())


def _write_text(path: Path, text: str) -> None:
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _finite(row: Row, remedy: str) -> Row:
    """The row, if its losses are finite; else what can be done."""
    for name, value in row.items():
        if name.endswith("loss") and not math.isfinite(value):
            raise ConvergenceError(f"{name} is {value} after {remedy}")
    return row


def _free(options: TrainOptions, name: str) -> bool:
    """Whether a kept run can be given another value: its length, and what it does not depend on."""
    return name == "epochs" or options.can_change(name)


def _check_identity(
    folder: Path, stored: Mapping[str, Any], asked: Mapping[str, Any], options: TrainOptions
) -> None:
    """Refuse to go on with a run of other options."""
    if asked["model"] in MODELS and stored["model"] == MODELS[asked["model"]].kept_as:
        stored = {**stored, "model": asked["model"]}
    for name in dict.fromkeys([*asked, *stored]):
        if stored.get(name) != asked.get(name) and not _free(options, name):
            raise FileError(
                f"{folder} holds a run with {name} = {stored.get(name)!r}, but "
                f"{asked.get(name)!r} was asked for: name an empty folder, or repeat that run's "
                "options"
            )


def _without(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}
