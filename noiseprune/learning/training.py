"""The one harness that trains every model: epochs, checkpoints, logs, many runs at once.

    options -> experiment(options) -> train -> Training (log, result, seconds)

A system that can be trained is a module with two names, which the command line reads:

    class Options(TrainOptions): ...                   # a frozen dataclass, keyword-only
    def experiment(options: Options) -> Experiment

and, if it likes, two more, which draw what the learning curve does not show, and list a grid of
settings for --sweep:

    def pictures(runs: Sequence[Training]) -> Mapping[str, Figure]
    def sweep(options: Options) -> Sequence[Options]

`--seeds COUNT` trains one run for every seed; where Options has a field `seeds`, that gets the
count instead, and one experiment trains all of them at once.

`noiseprune train MODEL --help` imports the module, so it must be quick to import: torch and
scikit-learn are imported inside `experiment` (by `extra.required`, which names what is missing),
and so is a module that needs Options: the class then stands in a third module, of its own.

An epoch is the unit of the log and of the checkpoints: a pass over the data, a block of steps of a
simulation, an update of fifty networks at once. The same options give the same log on any machine
with the same libraries, also if the run was interrupted and resumed.
"""

from __future__ import annotations

import csv
import io
import json
import math
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from noiseprune.checks import count, fraction
from noiseprune.errors import ConvergenceError, FileError, OptionError
from noiseprune.learning.watchers import watching
from noiseprune.progress import Progress, part, silent
from noiseprune.records import json_text, plain
from noiseprune.work import Worker, digest, in_order, serial

Row = Mapping[str, float]
"""Numbers of one epoch by the name of their column: train_loss, test_loss, test_error, ..."""

CHECKPOINT_SECONDS, SHOWN_SECONDS = 30.0, 0.1
CHECKPOINT, LOG, RESULT = "checkpoint.npz", "log.csv", "result.json"
AFTERWARDS = ("prune", "rule", "variance", "fine_tune")
"""Options that the training itself does not depend on: a run in a folder can be given others."""
OF_THE_PRUNED = ("pruned.pt", "pruned.npz", "tuned.pt", "tuned.npz")


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What every model can be told. A model derives its own and adds fields with defaults.

    Each field is an option of the command line: `weight_decay` is --weight-decay, and the text of
    its annotation is the help. Types: int, float, str, bool, Path, and these or None. By custom
    `task` (made here), `dataset` (read) and `data` (the folder of its files), `batch`, `lr`,
    `optimizer`, `weight_decay`, `hidden`, and `prune` where the model can be pruned.
    Values are checked in `experiment`, which raises OptionError.

    seed : of everything random in the run
    epochs : how many; an interrupted or finished run can be taken further with more
    log_every : epochs between rows of the log; the first row is epoch 0, before any learning
    """

    seed: int = 0
    epochs: Annotated[int, "Epochs to train."] = 100
    log_every: Annotated[int, "Epochs between rows of the log."] = 1


O = TypeVar("O", bound=TrainOptions)  # noqa: E741


class Experiment(ABC):
    """One model with its data, ready to learn; made by `experiment(options)`.

    What happens in `train_epoch` depends on `state` alone: all generators are the experiment's
    own, and their states belong to it.
    """

    @abstractmethod
    def train_epoch(self) -> Row:
        """Learn for one epoch; what was measured on the way, such as train_loss."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All that `train_epoch` and `measure` depend on, as `save_checkpoint` takes it."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""

    def measure(self) -> Row:
        """More columns for a row of the log, such as test_loss; before learning, the only ones."""
        return {}

    def finished(self) -> bool:
        """Whether more epochs are of no use, by a stopping criterion of the model's own."""
        return False

    def result(self) -> Mapping[str, Any]:
        """What to report when the training is over, beside the last row of the log: numbers,
        texts, lists of these; `pruned`, `success_rate`, ..."""
        return {}

    def save(self, folder: Path) -> Sequence[Path]:
        """Write the trained model into the folder of the run; the files written."""
        return ()


@dataclass(frozen=True)
class Training:
    """A finished run.

    options : of the model, by name
    epochs : trained; less than asked for if the model's stopping criterion was met
    log : rows with `epoch`, from epoch 0 to the last
    result : the last row, and what the experiment reported
    seconds : of training, those of earlier sessions included
    resumed_from : epoch of the checkpoint that the run went on from, or None
    """

    options: Mapping[str, Any]
    epochs: int
    log: Sequence[Row]
    result: Mapping[str, Any]
    seconds: float
    resumed_from: int | None

    def column(self, name: str) -> tuple[list[float], list[float]]:
        """Epochs and values of a column of the log, where it has a value."""
        pairs = [(row["epoch"], row[name]) for row in self.log if row.get(name) is not None]
        return [epoch for epoch, _ in pairs], [value for _, value in pairs]


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
    the last bit as one that was never interrupted; it may ask for more epochs, and for another
    pruning, whose files then replace those of the last.

    Parameters
    ----------
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
    from noiseprune.learning.checkpoint import load_checkpoint, save_checkpoint

    epochs = count("epochs", options.epochs, at_least=0)
    every = count("log_every", options.log_every)
    running = experiment(options)
    name = experiment.__module__
    given = asdict(replace(options, epochs=0))
    identity = plain({"model": name, **{key: given[key] for key in given if key not in AFTERWARDS}})
    rows: list[dict[str, float]] = []
    last: Row = {}
    done, earlier, resumed_from = 0, 0.0, None
    if folder is not None:
        made_folder(folder)
        path = folder / CHECKPOINT
        if path.exists():
            stored = load_checkpoint(path)
            _check_identity(folder, stored["identity"], identity)
            running.restore(stored["state"])
            rows, done, earlier = stored["rows"], stored["epoch"], stored["seconds"]
            last = stored["last"]
            resumed_from = done
            if done > epochs:
                raise FileError(
                    f"{folder} holds a run of {done} epochs, but {epochs} were asked for: ask for "
                    "at least as many, or name an empty folder"
                )
    if not rows:
        rows.append({"epoch": 0, **running.measure()})
    start = written = shown = time.perf_counter()

    def keep() -> None:
        if folder is None:
            return
        seconds = earlier + time.perf_counter() - start
        state = {"state": running.state(), "rows": rows, "last": dict(last), "epoch": done}
        document = {"identity": identity, **state, "seconds": seconds}
        save_checkpoint(folder / CHECKPOINT, document)
        write_log(folder / LOG, rows)

    logged = False

    def log() -> None:
        nonlocal logged
        rows.append(_checked({"epoch": done, **last, **running.measure()}))
        watchers(rows[-1])
        logged = True

    with ExitStack() as stack:
        watchers = stack.enter_context(watching(watch, folder, identity, done))
        if resumed_from is None:
            watchers(rows[-1])
        progress(done, epochs)
        interrupted = stack.enter_context(_interruptions())
        if folder is not None:  # what led to a loss that is not finite can be read
            stack.callback(lambda: write_log(folder / LOG, rows))
        while done < epochs and not running.finished():
            last = running.train_epoch()
            done += 1
            _checked({"epoch": done, **last})
            if done % every == 0:
                log()
            now = time.perf_counter()
            if interrupted():
                keep()
                kept = f"kept after {done} epochs: the same command goes on from there"
                raise KeyboardInterrupt("" if folder is None else kept)
            if now - written > CHECKPOINT_SECONDS:
                keep()
                written = time.perf_counter()
            if now - shown > SHOWN_SECONDS:
                progress(done, epochs)
                shown = now
        progress(epochs, epochs)
        if rows[-1]["epoch"] < done:  # between two rows; maybe since an interruption
            log()
    if done != resumed_from or logged:
        keep()
    try:
        reported = running.result()
    finally:  # what was learnt is not lost with it
        if folder is not None:
            for old in OF_THE_PRUNED:
                (folder / old).unlink(missing_ok=True)
            running.save(folder)
    training = Training(
        options=plain(asdict(options)),
        epochs=done,
        log=tuple(rows),
        result=plain({**_without(rows[-1], "epoch"), **reported}),
        seconds=earlier + time.perf_counter() - start,
        resumed_from=resumed_from,
    )
    if folder is not None:
        _write_text(folder / RESULT, json_text(_without(vars(training), "log")) + "\n")
    return training


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


@dataclass(frozen=True)
class _Runs(Generic[O]):
    """What runs share that are made by a worker."""

    experiment: Callable[[O], Experiment]
    folder: Path | None
    watch: tuple[str, ...]

    def digest(self) -> str:
        return digest(self.experiment.__module__)


def _run(shared: _Runs[O], item: tuple[int, O]) -> tuple[str]:
    """One run, as JSON: results of workers are arrays, numbers and texts."""
    return (json.dumps(plain(vars(_trained(shared, item, silent)))),)


def _trained(shared: _Runs[O], item: tuple[int, O], progress: Progress) -> Training:
    index, options = item
    folder = None if shared.folder is None else shared.folder / f"run-{index:03d}"
    try:
        return train(
            shared.experiment, options, folder=folder, watch=shared.watch, progress=progress
        )
    except (ConvergenceError, OptionError) as error:
        failed = {"error": str(error)}
        return Training(plain(asdict(options)), 0, (), failed, 0.0, None)


def train_all(
    experiment: Callable[[O], Experiment],
    runs: Sequence[O],
    *,
    folder: Path | None = None,
    watch: Sequence[str] = (),
    worker: Worker = serial,
    progress: Progress = silent,
) -> list[Training]:
    """Train the same kind of model with several options, seeds most often, wherever `worker` is.

    Run k is kept in FOLDER/run-00k, which all workers must see. Returns and raises as `train`, but
    a run whose options have no meaning, or whose loss is no longer finite, has `error` in its
    result, and stops no other.
    """
    if folder is not None:
        made_folder(folder)
    shared = _Runs(experiment, folder, tuple(watch))
    items = list(enumerate(runs))
    if worker is serial:  # which can tell how far it is within a run
        return [_trained(shared, item, part(progress, item[0], len(items))) for item in items]
    found: list[Training] = []
    progress(0, len(items))
    for (text,) in in_order(worker(_run, shared, items)):
        found.append(Training(**json.loads(str(text))))
        progress(len(found), len(items))
    return found


@contextmanager
def torch_threads(number: int | None) -> Iterator[None]:
    """Let torch, if it is installed and `number` is not None, use so many threads meanwhile."""
    if number is None or find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def write_log(path: Path, rows: Sequence[Row]) -> None:
    """Rows as CSV, one column for each name; a cell without a value is empty."""
    columns = dict.fromkeys(name for row in rows for name in row)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    _write_text(path, text.getvalue())


def _write_text(path: Path, text: str) -> None:
    # Here, so that the options of a model are read without the libraries that read networks.
    from noiseprune.files.atomic import write_atomically

    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def made_folder(folder: Path) -> Path:
    """The folder of a run, made if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"{folder} cannot be the folder of a run ({error.strerror}): give another"
        ) from error
    return folder


def _checked(row: Row) -> dict[str, float]:
    """The row, if its losses are finite."""
    if lost := _not_finite(row):
        raise ConvergenceError(
            f"{lost} after {row['epoch']:.0f} epochs: learn more slowly (smaller lr)"
        )
    return dict(row)


def _not_finite(row: Row) -> str | None:
    """The first loss that is not finite, in words."""
    for name, value in row.items():
        if name.endswith("loss") and not math.isfinite(value):
            return f"{name} is {value}"
    return None


def _check_identity(folder: Path, stored: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Refuse to go on with a run of other options."""
    for name in dict.fromkeys([*asked, *stored]):
        if stored.get(name) != asked.get(name):
            raise FileError(
                f"{folder} holds a run with {name} = {stored.get(name)!r}, but "
                f"{asked.get(name)!r} was asked for: name an empty folder, or repeat that run's "
                "options"
            )


def tuned_scores(row: Row, epochs: int) -> Row:
    """Scores after training a pruned model further, if its loss is finite.

    Raises
    ------
    ConvergenceError
        With what can be done; the trained and the pruned model are kept all the same.
    """
    if lost := _not_finite(row):
        raise ConvergenceError(
            f"{lost} after fine-tuning by {epochs}: keep more synapses, fine-tune less, or train "
            "with a smaller lr"
        )
    return row


def check_pruning(prune: float | None, fine_tune: int) -> None:
    """Refuse a fraction that is none, and fine-tuning of what is not pruned.

    Raises
    ------
    OptionError
        With what was found, and what to do.
    """
    count("fine_tune", fine_tune, at_least=0)
    if prune is not None:
        fraction("prune", prune)
    elif fine_tune:
        raise OptionError("fine_tune follows pruning: give --prune, or leave --fine-tune out")


def with_defaults(kind: type[O], options: TrainOptions) -> O:
    """What was given, as options of a kind whose own defaults stand where there is None."""
    return kind(**{name: value for name, value in vars(options).items() if value is not None})


def differing(runs: Sequence[Training]) -> list[str]:
    """Options that are not the same in all runs."""
    first = runs[0].options
    return [name for name in first if any(run.options[name] != first[name] for run in runs)]


def _without(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}
