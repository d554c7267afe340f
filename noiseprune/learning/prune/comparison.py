"""A trained network pruned by every recipe, at several densities, as it is and trained further."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from noiseprune.checks import Seed, count, positive, seed_sequence, substream
from noiseprune.comparison import Item, each_way
from noiseprune.learning.data.trials import Task
from noiseprune.learning.models.ctrnn.network import CTRNN
from noiseprune.learning.models.ctrnn.objective import Batch, Score, score, training_step
from noiseprune.learning.prune.draw import RANDOM
from noiseprune.learning.prune.recurrent import RecurrentPruning, prune_recurrent
from noiseprune.pruning import Recipe

RIVALS = {
    "noise": Recipe(),
    "noise, largest": Recipe(sampling="largest"),
    "weight": Recipe(rule="weight"),
    "uniform": Recipe(rule="uniform"),
    "magnitude": Recipe(rule="magnitude"),
    "random": RANDOM,
}
"""Ways to prune a trained network, by names for tables."""
UNPRUNED = "unpruned"


@dataclass(frozen=True)
class FineTuning:
    """steps of Adam with learning rate lr, each on `batch` new trials"""

    steps: int = 0
    lr: float = 1e-3
    batch: int = 64

    def __post_init__(self) -> None:
        count("steps", self.steps, at_least=0)
        positive("lr", self.lr)
        count("batch", self.batch)


@dataclass(frozen=True)
class Trial:
    """A rival at one density.

    rival, keep : what was asked for
    pruning : what came out, with its evidence
    pruned, tuned : `Score` on test trials, as it is and trained further (None if it was not)
    """

    rival: str
    keep: float
    pruning: RecurrentPruning
    pruned: Score
    tuned: Score | None


@dataclass(frozen=True)
class _Shared:
    """What all prunings of a comparison have in common."""

    model: CTRNN
    task: Task
    keeps: tuple[float, ...]
    recipes: tuple[Recipe, ...]
    fine_tuning: FineTuning
    n_trials: int
    n_test: int
    root: np.random.SeedSequence

    @cached_property
    def test(self) -> Batch:
        return self._batch(self.n_test, 0)

    @cached_property
    def inputs(self) -> torch.Tensor:
        return self._batch(self.n_trials, 1).inputs

    def _batch(self, number: int, key: int) -> Batch:
        rng = np.random.default_rng(substream(self.root, key))
        return Batch.of(self.task.trials(number, rng), self.model.readout.theta)

    def scores(self, model: CTRNN) -> tuple[Score, Score | None]:
        """Scores of a model as it is, and trained further."""
        how = self.fine_tuning
        if not how.steps:
            return score(model, self.test), None
        further = copy.deepcopy(model)
        optimizer = torch.optim.Adam(further.parameters(), lr=how.lr)
        rng = np.random.default_rng(substream(self.root, 2))
        for _ in range(how.steps):
            training_step(further, optimizer, self.task, how.batch, rng)
        return score(model, self.test), score(further, self.test)


def compare_recurrent(
    model: CTRNN,
    task: Task,
    fractions: Sequence[float],
    rivals: dict[str, Recipe] = RIVALS,
    *,
    fine_tuning: FineTuning | None = None,
    n_trials: int = 256,
    n_test: int = 500,
    seed: Seed = None,
) -> Iterator[Trial]:
    """Prune a model by every rival to every fraction, one after the other.

    All see the same trials, and start their steps of Adam from the same further trials. The first
    result is the model as it is, with the name "unpruned" and a keep of 1, trained further for as
    many steps.

    Parameters
    ----------
    rivals : recipes by their names
    n_trials : for the working point and the activity; n_test : for the scores

    Raises
    ------
    As `prune_recurrent`.
    """
    shared = _Shared(
        model=model,
        task=task,
        keeps=tuple(fractions),
        recipes=tuple(rivals.values()),
        fine_tuning=fine_tuning or FineTuning(),
        n_trials=count("n_trials", n_trials),
        n_test=count("n_test", n_test),
        root=seed_sequence(seed),
    )
    whole = prune_recurrent(model, 1.0, "magnitude", inputs=shared.inputs, seed=shared.root)
    yield Trial(UNPRUNED, 1.0, whole, *shared.scores(model))
    names = list(rivals)
    for (level, way), ((pruning, pruned, tuned),) in each_way(
        _prune, shared, len(shared.keeps), len(names)
    ):
        yield Trial(names[way], shared.keeps[level], pruning, pruned, tuned)


def _prune(shared: _Shared, item: Item) -> tuple[RecurrentPruning, Score, Score | None]:
    """One pruning, measured."""
    level, way, _ = item
    found = prune_recurrent(
        shared.model,
        shared.keeps[level],
        shared.recipes[way],
        inputs=shared.inputs,
        seed=shared.root,
    )
    return found, *shared.scores(found.model)
