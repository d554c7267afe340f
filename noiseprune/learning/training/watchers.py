"""Rows of a log sent on to TensorBoard or Weights & Biases; neither is needed, nor any network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from noiseprune._lazy import required
from noiseprune.checks import one_of
from noiseprune.errors import OptionError

WATCHERS = ("tensorboard", "wandb")


@contextmanager
def watching(
    names: Sequence[str], folder: Path | None, options: Mapping[str, Any], epoch: int
) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """A callable that takes each row of a log, which has its `epoch`.

    "tensorboard" writes to FOLDER/tensorboard, "wandb" offline to FOLDER/wandb, from where
    `wandb sync` sends it if one likes. `epoch` is where a resumed run goes on.
    """
    for name in names:
        one_of("watcher", name, WATCHERS)
        if folder is None:
            raise OptionError(f"{name} writes into the folder of the run: give one with -o")
    with ExitStack() as stack:
        opened = {"tensorboard": _tensorboard, "wandb": _wandb}
        sinks = [
            stack.enter_context(opened[name](folder or Path(), options, epoch))
            for name in dict.fromkeys(names)
        ]

        def watch(row: Mapping[str, float]) -> None:
            values = {name: value for name, value in row.items() if name != "epoch"}
            for sink in sinks:
                sink(int(row["epoch"]), values)

        yield watch


Sink = Callable[[int, Mapping[str, float]], None]


@contextmanager
def _tensorboard(folder: Path, options: Mapping[str, Any], epoch: int) -> Iterator[Sink]:
    required("torch", "TensorBoard logs")
    required("tensorboard", "TensorBoard logs")
    from torch.utils.tensorboard import SummaryWriter

    # What was written after the checkpoint that the run goes on from is written again.
    purge = epoch + 1 if epoch else None
    with SummaryWriter(str(folder / "tensorboard"), purge_step=purge) as writer:

        def sink(step: int, values: Mapping[str, float]) -> None:
            for name, value in values.items():
                writer.add_scalar(name, value, step)

        yield sink


@contextmanager
def _wandb(folder: Path, options: Mapping[str, Any], epoch: int) -> Iterator[Sink]:
    wandb = required("wandb", "Weights & Biases logs")
    run = wandb.init(
        project="noiseprune",
        mode="offline",
        dir=str(folder),
        config=dict(options),
        settings=wandb.Settings(silent=True),
    )
    try:
        yield lambda step, values: run.log(dict(values), step=step)
    finally:
        run.finish()
