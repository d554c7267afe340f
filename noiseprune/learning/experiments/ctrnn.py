"""The experiment of `noiseprune train ctrnn`: a constrained rate network on a task."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch

from noiseprune.checks import seed_sequence
from noiseprune.learning.data.trials import DelayedMatch, PerceptualDecision, SinePrediction, Task
from noiseprune.learning.models.ctrnn.constraints import dale_signs
from noiseprune.learning.models.ctrnn.masks import RandomInput
from noiseprune.learning.models.ctrnn.network import CTRNN
from noiseprune.learning.models.ctrnn.objective import Batch, score, training_step
from noiseprune.learning.options.ctrnn import CTRNNOptions
from noiseprune.learning.prune.recurrent import prune_recurrent
from noiseprune.learning.training.experiment import PrunableExperiment, Row
from noiseprune.learning.training.optimizers import make_optimizer

TASKS: dict[str, type[Task]] = {
    "decision": PerceptualDecision, "match": DelayedMatch, "sine": SinePrediction,
}  # fmt: skip


class RateExperiment(PrunableExperiment[CTRNN]):
    """A rate network, its task and its optimizer; see `CTRNNOptions`."""

    def __init__(self, options: CTRNNOptions) -> None:
        self.options = options
        self.task = TASKS[options.task]()
        periodic = options.task == "sine"
        self._batch = options.batch or (1 if periodic else 64)
        model, trials, test, self._pruning_seed = seed_sequence(options.seed).spawn(4)
        self.model = make_model(options, self.task, model)
        self.optimizer = self._optimizer(self.model)
        self._rng = np.random.default_rng(trials)
        number = options.test_trials or (1 if periodic else 500)
        self.test = Batch.of(
            self.task.trials(number, np.random.default_rng(test)), self.model.readout.theta
        )

    def _optimizer(self, model: CTRNN) -> torch.optim.Optimizer:
        o = self.options
        return make_optimizer(o.optimizer, model, o.lr, weight_decay=o.weight_decay)

    def train_epoch(self) -> Row:
        """Some steps on new trials, then a round of growth."""
        losses = [
            training_step(self.model, self.optimizer, self.task, self._batch, self._rng)
            for _ in range(self.options.steps)
        ]
        if self.options.growth > 0:
            self.model.grow(self._rng)
        return {"train_loss": float(np.mean(losses))}

    def measure(self) -> Row:
        """Loss and error on the test trials; the synapses, where they can grow."""
        row = self.scores("test", self.model)
        if self.options.growth > 0:
            row["n_synapses"] = self.model.layers[1].n_synapses
        return row

    def state(self) -> dict[str, Any]:
        return {
            "model": dict(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "trials": self._rng.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._rng.bit_generator.state = state["trials"]

    def save(self, folder: Path) -> None:
        """model.pt: a file that `CTRNN.load` reads, as those of the pruned models are."""
        self.model.save(folder / "model.pt")

    def prune(self) -> tuple[CTRNN, Mapping[str, Any]]:
        """The recurrent weights, at the working point on new trials of the task."""
        o = self.options
        found = prune_recurrent(
            self.model, o.prune or 1.0, o.rule or "noise", task=self.task, seed=self._pruning_seed
        )
        epsilon, norm = found.certificate
        return found.model, {
            "rule": found.rule,
            "method": found.method,
            "n_synapses": found.n_synapses,
            "n_kept": found.n_kept,
            "kept_fraction": found.n_kept / found.n_synapses,
            "spectral_abscissa": list(found.spectral_abscissa),
            "epsilon": epsilon,
            "epsilon_norm": norm,
        }

    def scores(self, part: str, model: CTRNN) -> dict[str, float]:
        """On the test trials."""
        found = score(model, self.test)
        row = {f"{part}_loss": found.loss}
        if found.accuracy is not None:
            row[f"{part}_error"] = 1.0 - found.accuracy
        return row

    def learner(self, model: CTRNN) -> Callable[[], object]:
        """A step of the optimizer, on the trials that would have come."""
        optimizer, rng = self._optimizer(model), copy.deepcopy(self._rng)
        return lambda: training_step(model, optimizer, self.task, self._batch, rng)


def make_model(options: CTRNNOptions, task: Task, seed: np.random.SeedSequence) -> CTRNN:
    """Make the network that the options ask for; what both call alike is handed on."""
    o = options
    dims = (task.n_inputs, o.hidden, task.n_outputs)
    drawn = RandomInput(dims, hidden_spar=o.density, seed=np.random.default_rng(seed))
    signs = None if o.excitatory is None else dale_signs(o.hidden, o.excitatory)
    chances = np.full((o.hidden, o.hidden), o.growth)
    same = {name: getattr(o, name, None) for name in signature(CTRNN).parameters}
    given: dict[str, Any] = {name: value for name, value in same.items() if value is not None}
    given |= {"dt": o.dt or (10.0 if o.task == "sine" else 20.0), "seed": seed}
    return CTRNN(
        dims,
        sparsity_masks=[None, drawn.get_masks()[1], None] if o.density < 1 else None,
        ei_masks=None if signs is None else [None, signs, signs],
        growth_masks=[None, chances, None] if o.growth > 0 else None,
        growth_budgets=[None, o.budget, None],
        **given,
    )
