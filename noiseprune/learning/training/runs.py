"""Training of many models of a kind, here or on the workers of a cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Generic

from noiseprune.errors import ConvergenceError, NoisePruneError, OptionError
from noiseprune.files.atomic import make_folder
from noiseprune.learning.training.experiment import Experiment, Training
from noiseprune.learning.training.harness import O, train
from noiseprune.progress import Progress, part, silent
from noiseprune.records import plain
from noiseprune.work import Worker, digest, in_order, serial


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


def _trained(shared: _Runs[O], item: tuple[int, O | Training], progress: Progress) -> Training:
    index, options = item
    if isinstance(options, Training):
        return options
    folder = None if shared.folder is None else shared.folder / f"run-{index:03d}"
    try:
        return train(
            shared.experiment, options, folder=folder, watch=shared.watch, progress=progress
        )
    except (ConvergenceError, OptionError) as error:
        return failed(plain(asdict(options)), error)


def failed(options: dict[str, object], error: NoisePruneError) -> Training:
    """A run of these options that came to nothing; the error is its result."""
    return Training(options, 0, (), {"error": str(error)}, 0.0, None)


def train_all(
    experiment: Callable[[O], Experiment],
    runs: Sequence[O | Training],
    *,
    folder: Path | None = None,
    watch: Sequence[str] = (),
    worker: Worker = serial,
    progress: Progress = silent,
) -> list[Training]:
    """Train the same kind of model with several options, seeds most often, wherever `worker` is.

    Run k is kept in FOLDER/run-00k, which all workers must see. Returns and raises as `train`, but
    a run whose loss is no longer finite has `error` in its result, and stops no other. A `Training`
    in place of options is handed back, such as one that has `failed` for its options have no
    meaning.
    """
    if folder is not None:
        make_folder(folder, "a run")
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


def differing(runs: Sequence[Training]) -> list[str]:
    """Options that are not the same in all runs."""
    first = runs[0].options
    return [name for name in first if any(run.options[name] != first[name] for run in runs)]


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
