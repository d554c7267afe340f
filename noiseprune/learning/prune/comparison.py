"""A trained network pruned by every recipe, at several densities, as it is and trained further."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from noiseprune.checks import Seed, count, seed_sequence, substream
from noiseprune.comparison import Item, each_way
from noiseprune.learning.data.trials import Task
from noiseprune.learning.models.ctrnn.network import CTRNN
from noiseprune.learning.models.ctrnn.objective import Batch, Score, score, training_step
from noiseprune.learning.options.names import RecurrentRule
from noiseprune.learning.prune.recurrent import RecurrentPruning, prune_recurrent
from noiseprune.pruning import Recipe

Way = RecurrentRule | Recipe
RIVALS: dict[str, Way] = {
    "noise": Recipe(),
    "noise, largest": Recipe(sampling="largest"),
    "weight": Recipe(rule="weight"),
    "uniform": Recipe(rule="uniform"),
    "magnitude": Recipe(rule="magnitude"),
    "surgeon": Recipe(rule="surgeon"),
    "random": "random",
}
"""Ways to prune a trained network, by names for tables."""
UNPRUNED, LEARNING_RATE = "unpruned", 1e-3


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


def compare_recurrent(
    model: CTRNN,
    task: Task,
    fractions: Sequence[float],
    rivals: Mapping[str, Way] = RIVALS,
    *,
    fine_tune: int = 0,
    batch: int = 64,
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
    rivals : recipes or rules by their names
    fine_tune : steps of Adam, each on `batch` new trials
    n_trials : for the working point and the activity; n_test : for the scores

    Raises
    ------
    As `prune_recurrent`.
    """
    root, fine_tune = seed_sequence(seed), count("fine_tune", fine_tune, at_least=0)

    def drawn(what: str, number: int, key: int) -> Batch:
        trials = task.trials(count(what, number), np.random.default_rng(substream(root, key)))
        return Batch.of(trials, model.readout.theta)

    test, inputs = drawn("n_test", n_test, 0), drawn("n_trials", n_trials, 1).inputs

    def scores(found: CTRNN) -> tuple[Score, Score | None]:
        if not fine_tune:
            return score(found, test), None
        further = copy.deepcopy(found)
        optimizer = torch.optim.Adam(further.parameters(), lr=LEARNING_RATE)
        rng = np.random.default_rng(substream(root, 2))
        for _ in range(fine_tune):
            training_step(further, optimizer, task, count("batch", batch), rng)
        return score(found, test), score(further, test)

    def trial(ways: Sequence[Way], item: Item) -> tuple[RecurrentPruning, Score, Score | None]:
        level, way, _ = item
        found = prune_recurrent(model, fractions[level], ways[way], inputs=inputs, seed=root)
        return found, *scores(found.model)

    whole = prune_recurrent(model, 1.0, "magnitude", inputs=inputs, seed=root)
    yield Trial(UNPRUNED, 1.0, whole, *scores(model))
    names, ways = list(rivals), list(rivals.values())
    for (level, way), ((pruning, pruned, tuned),) in each_way(
        trial, ways, len(fractions), len(ways)
    ):
        yield Trial(names[way], fractions[level], pruning, pruned, tuned)
