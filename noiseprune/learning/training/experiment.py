"""What the harness trains, and what comes of it.

A model that can be trained is a record of options (`options.base`) and an experiment that is made
of them. `noiseprune train` reads both from `options.table`.

An epoch is the unit of the log and of the checkpoints: a pass over the data, a block of steps of a
simulation, an update of fifty networks at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = Mapping[str, float]
"""Numbers of one epoch by the name of their column: train_loss, test_loss, test_error, ..."""


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


class Experiment(ABC):
    """One model with its data, ready to learn; made as `experiment(options)`.

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
        texts, lists of these; `success_rate`, ..."""
        return {}

    def save(self, folder: Path) -> None:
        """Write the trained model into the folder of the run."""
        return

    @staticmethod
    def pictures(runs: Sequence[Training]) -> Mapping[str, Figure]:
        """What the learning curve does not show, drawn from the runs alone, by name."""
        return {}


class Saved(Protocol):
    """A model that writes itself into a file."""

    def save(self, path: Path, /) -> object: ...


M = TypeVar("M", bound=Saved)


class PrunableExperiment(Experiment, Generic[M]):
    """An experiment whose trained model can be pruned, and trained further then.

    The harness does both if the options have `prune`. Neither may touch the training itself.
    """

    SUFFIX: ClassVar[str] = ".pt"
    """Ending of the files that a model is saved in."""

    @abstractmethod
    def prune(self) -> tuple[M, Mapping[str, Any]]:
        """A pruned copy of the trained model, and what to report of its pruning."""

    @abstractmethod
    def scores(self, part: str, model: M) -> Row:
        """What a model is worth on the test data, as PART_loss, PART_error, ..."""

    @abstractmethod
    def learner(self, model: M) -> Callable[[], object]:
        """What trains a pruned model by one epoch (`ctrnn`: one step), as the training would."""
