"""The experiment behind `noiseprune train ctrnn`."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from noiseprune.checks import count, one_of, positive, seed_sequence
from noiseprune.errors import NoisePruneError, OptionError
from noiseprune.learning.ctrnn.constraints import dale_signs
from noiseprune.learning.ctrnn.masks import RandomInput
from noiseprune.learning.ctrnn.network import CTRNN
from noiseprune.learning.ctrnn.objective import Batch, Score, score, training_step
from noiseprune.learning.ctrnn.options import TASKS, Effective, Options
from noiseprune.learning.recurrent_pruning import RULES, RecurrentPruning, prune_recurrent
from noiseprune.learning.tasks.decision import PerceptualDecision
from noiseprune.learning.tasks.match import DelayedMatch
from noiseprune.learning.tasks.sine import SinePrediction
from noiseprune.learning.tasks.trials import Task
from noiseprune.learning.training import Experiment, Row, check_pruning, tuned_scores, with_defaults

OPTIMIZERS: dict[str, Any] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}


class RateExperiment(Experiment):
    """A rate network, its task and its optimizer; see `Options`."""

    def __init__(self, given: Options) -> None:
        _check(given)
        self.options = options = with_defaults(Effective, given)
        self.task = _task(options.task)
        periodic = options.task == "sine"
        self._batch = options.batch or (1 if periodic else 64)
        model, trials, test, self._pruning_seed = seed_sequence(options.seed).spawn(4)
        self.model = _model(options, self.task, model)
        self.optimizer = self._optimizer(self.model)
        self._rng = np.random.default_rng(trials)
        number = options.test_trials or (1 if periodic else 500)
        self.test = Batch.of(
            self.task.trials(number, np.random.default_rng(test)), self.model.readout.theta
        )
        self.pruning: RecurrentPruning | None = None
        self.tuned: CTRNN | None = None

    def _optimizer(self, model: CTRNN) -> torch.optim.Optimizer:
        optimizer: torch.optim.Optimizer = OPTIMIZERS[self.options.optimizer](
            model.parameters(), lr=self.options.lr, weight_decay=self.options.weight_decay
        )
        return optimizer

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
        row = _row("test", score(self.model, self.test))
        if self.options.growth > 0:
            row["n_synapses"] = self.model.layers[1].n_synapses
        return row

    def state(self) -> dict[str, Any]:
        """Model, optimizer and generator."""
        return {
            "model": dict(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "trials": self._rng.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._rng.bit_generator.state = state["trials"]

    def result(self) -> Mapping[str, Any]:
        """What pruning did, if it was asked for; scores on the test trials."""
        options = self.options
        if options.prune is None:
            return {}
        self.pruning = prune_recurrent(
            self.model, options.prune, options.rule, task=self.task, seed=self._pruning_seed
        )
        found = self.pruning
        result: dict[str, Any] = {
            "rule": found.rule,
            "method": found.method,
            "n_synapses": found.n_synapses,
            "n_kept": found.n_kept,
            "kept_fraction": found.n_kept / found.n_synapses,
            "spectral_abscissa": list(found.spectral_abscissa),
            **_row("pruned", score(found.model, self.test)),
        }
        try:
            change = found.epsilon()
            result |= {"epsilon": change.epsilon, "epsilon_norm": change.norm}
        except NoisePruneError:  # a singular drift has no certificate
            result |= {"epsilon": None, "epsilon_norm": None}
        if options.fine_tune:
            tuned = copy.deepcopy(found.model)
            optimizer = self._optimizer(tuned)
            rng = copy.deepcopy(self._rng)  # the result must not change the state
            for _ in range(options.fine_tune):
                training_step(tuned, optimizer, self.task, self._batch, rng)
            result |= tuned_scores(_row("tuned", score(tuned, self.test)), options.fine_tune)
            self.tuned = tuned
        return result

    def save(self, folder: Path) -> Sequence[Path]:
        """model.pt, pruned.pt, and tuned.pt after further steps: files that `CTRNN.load` reads."""
        found = {"model.pt": self.model}
        if self.pruning is not None:
            found["pruned.pt"] = self.pruning.model
        if self.tuned is not None:
            found["tuned.pt"] = self.tuned
        for name, model in found.items():
            model.save(folder / name)
        return [folder / name for name in found]


def _row(what: str, found: Score) -> dict[str, float]:
    row = {f"{what}_loss": found.loss}
    if found.accuracy is not None:
        row[f"{what}_error"] = 1.0 - found.accuracy
    return row


def _task(name: str) -> Task:
    tasks: dict[str, Task] = {
        "decision": PerceptualDecision(),
        "match": DelayedMatch(),
        "sine": SinePrediction(),
    }
    return tasks[name]


def _model(options: Effective, task: Task, seed: np.random.SeedSequence) -> CTRNN:
    dims = (task.n_inputs, options.hidden, task.n_outputs)
    drawn = RandomInput(dims, hidden_spar=options.density, seed=np.random.default_rng(seed))
    sparse = options.density < 1
    signs = None if options.excitatory is None else dale_signs(options.hidden, options.excitatory)
    chances = np.full((options.hidden, options.hidden), options.growth)
    return CTRNN(
        dims,
        activation=options.activation,
        dt=options.dt or (10.0 if options.task == "sine" else 20.0),
        tau=options.tau,
        biases=options.biases,
        sparsity_masks=[None, drawn.get_masks()[1], None] if sparse else None,
        ei_masks=None if signs is None else [None, signs, signs],
        growth_masks=[None, chances, None] if options.growth > 0 else None,
        growth_budgets=[None, options.budget, None],
        dale=options.dale,
        preact_noise=options.preact_noise,
        postact_noise=options.postact_noise,
        noise_scaling=options.noise_scaling,
        init_state=options.init_state,
        learn_alpha=options.learn_alpha,
        spectral_radius=options.spectral_radius,
        seed=seed,
    )


def _check(options: Options) -> None:
    """Refuse options that have no meaning or would do nothing, before anything is made."""
    one_of("task", options.task, TASKS)
    one_of("optimizer", options.optimizer, OPTIMIZERS)
    one_of("init_state", options.init_state, ("zero", "learn"))
    count("hidden", options.hidden)
    count("steps", options.steps)
    check_pruning(options.prune, options.fine_tune)
    for what in ("batch", "test_trials", "budget"):
        if getattr(options, what) is not None:
            count(what, getattr(options, what))
    positive("lr", options.lr)
    if options.dt is not None:
        positive("dt", options.dt)
    if not 0 <= options.weight_decay < np.inf:
        raise OptionError(f"weight_decay is {options.weight_decay!r}, but is at least 0")
    if not 0 <= options.growth <= 1:
        raise OptionError(f"growth is {options.growth!r}, but is a probability in [0, 1]")
    if options.budget is not None and options.growth == 0:
        raise OptionError("a budget is for growth: give --growth, or leave --budget out")
    if options.growth > 0 and options.density == 1:
        raise OptionError(
            "nothing can grow where every synapse is there: give a --density below 1, or leave "
            "--growth out"
        )
    if options.dale is not None and options.excitatory is None:
        raise OptionError(
            "dale is how signs are kept, but here they are free: give --excitatory, or leave "
            "--dale out"
        )
    if options.noise_scaling is not None and options.preact_noise == 0:
        raise OptionError(
            "noise_scaling is of the noise before the activation: give --preact-noise, or leave "
            "--noise-scaling out"
        )
    if options.rule is not None:
        one_of("rule", options.rule, RULES)
        if options.prune is None:
            raise OptionError("a rule is one to prune by: give --prune, or leave --rule out")
