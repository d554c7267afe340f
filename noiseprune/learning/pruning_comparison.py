"""A trained network pruned by every rule, at several densities, as it is and trained further."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from noiseprune.checks import Seed, count, positive, seed_sequence, substream
from noiseprune.errors import NoisePruneError
from noiseprune.learning.ctrnn.network import CTRNN
from noiseprune.learning.ctrnn.objective import Batch, Score, score, training_step
from noiseprune.learning.recurrent_pruning import RecurrentPruning, prune_recurrent
from noiseprune.learning.tasks.trials import Task


@dataclass(frozen=True)
class RecurrentRival:
    """A way to prune; None takes the rule's own choice. The name is for tables."""

    name: str
    rule: str
    sampling: str | None = None
    balance: str | None = None
    method: str = "auto"


RIVALS = (
    RecurrentRival("noise", "noise"),
    RecurrentRival("noise, largest", "noise", "largest"),
    RecurrentRival("weight", "weight"),
    RecurrentRival("uniform", "uniform"),
    RecurrentRival("magnitude", "magnitude"),
    RecurrentRival("random", "random"),
)


@dataclass(frozen=True)
class ComparisonRow:
    """One way at one density.

    rival, keep : what was asked for; kept_fraction, density : what came out
    epsilon, epsilon_norm : change of the drift; None where it has no certificate
    abscissa : spectral abscissa of the pruned drift
    pruned, tuned : `Score` on test trials, as it is and trained further (None if it was not)
    """

    rival: str
    keep: float
    kept_fraction: float
    density: float
    epsilon: float | None
    epsilon_norm: str | None
    abscissa: float
    pruned: Score
    tuned: Score | None


def compare_recurrent(
    model: CTRNN,
    task: Task,
    fractions: Sequence[float],
    rivals: Sequence[RecurrentRival] = RIVALS,
    *,
    fine_tune: int = 0,
    lr: float = 1e-3,
    batch: int = 64,
    n_trials: int = 256,
    n_test: int = 500,
    seed: Seed = None,
) -> Iterator[ComparisonRow]:
    """Prune a model by every rival to every fraction, one after the other.

    All see the same trials, and start their `fine_tune` steps of Adam from the same further trials.
    The first row is the model as it is, with the name "unpruned" and a keep of 1, trained further
    for as many steps.

    n_trials : for the working point and the activity; n_test : for the scores
    """
    count("fine_tune", fine_tune, at_least=0)
    positive("lr", lr)
    root = seed_sequence(seed)
    like = model.readout.theta
    test = Batch.of(
        task.trials(count("n_test", n_test), np.random.default_rng(substream(root, 0))), like
    )
    seen = task.trials(count("n_trials", n_trials), np.random.default_rng(substream(root, 1)))
    inputs = Batch.of(seen, like).inputs

    def tuned(found: CTRNN) -> Score | None:
        if not fine_tune:
            return None
        further = copy.deepcopy(found)
        optimizer = torch.optim.Adam(further.parameters(), lr=lr)
        rng = np.random.default_rng(substream(root, 2))
        for _ in range(fine_tune):
            training_step(further, optimizer, task, count("batch", batch), rng)
        return score(further, test)

    whole = prune_recurrent(model, 1.0, "magnitude", inputs=inputs, seed=root)
    yield _row("unpruned", 1.0, whole, score(model, test), tuned(model))
    for keep in fractions:
        for rival in rivals:
            found = prune_recurrent(
                model,
                keep,
                rival.rule,
                inputs=inputs,
                sampling=rival.sampling,
                balance=rival.balance,
                method=rival.method,
                seed=root,
            )
            yield _row(rival.name, keep, found, score(found.model, test), tuned(found.model))


def _row(
    name: str, keep: float, found: RecurrentPruning, pruned: Score, tuned: Score | None
) -> ComparisonRow:
    epsilon = norm = None
    try:
        change = found.epsilon()
        epsilon, norm = change.epsilon, change.norm
    except NoisePruneError:  # a singular drift has no certificate
        pass
    return ComparisonRow(
        rival=name,
        keep=keep,
        kept_fraction=found.n_kept / found.n_synapses,
        density=found.density[1],
        epsilon=epsilon,
        epsilon_norm=norm,
        abscissa=found.spectral_abscissa[1],
        pruned=pruned,
        tuned=tuned,
    )
