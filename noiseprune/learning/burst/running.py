"""The experiment behind `noiseprune train burstccn`, `burstprop`, `edn` and `ann`."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noiseprune.checks import seed_sequence, substream
from noiseprune.errors import ConvergenceError
from noiseprune.learning.burst.checks import check, check_rates
from noiseprune.learning.burst.gradients import diagnostics
from noiseprune.learning.burst.models import made_network, own_rates
from noiseprune.learning.burst.network import LocalNetwork
from noiseprune.learning.burst.optimizers import made_optimizer
from noiseprune.learning.burst.options import LocalOptions
from noiseprune.learning.datasets import classification
from noiseprune.learning.feedforward_pruning import (
    FeedforwardPruning,
    check_prunable,
    prune_layers,
)
from noiseprune.learning.streams import new_generator
from noiseprune.learning.supervised import TEST_BATCH, Batches, test_classifier
from noiseprune.learning.training import Experiment, Row, tuned_scores

PADDING = 4
PRUNING_SAMPLES = 1000
ORDER, DIVISION, PRUNING = 1, 2, 3
"""Streams below the seed, which itself is the network's: first weights, and noise."""


class LocalExperiment(Experiment):
    """A network of local rules, images and an optimizer; see `LocalOptions`."""

    def __init__(self, options: LocalOptions) -> None:
        check(options)
        self.options = options
        self._streams = seed_sequence(options.seed)
        self._load()
        self.model = made_network(options, self._shape, self.n_classes)
        if options.prune is not None:
            check_prunable(self.model)
        self.optimizer = self._optimizer(self.model)
        self._costly = options.optimizer.lower() == "globalcost"
        self._epoch, self._best = 0, {"epoch": 0, "validation": np.inf, "test": np.nan}
        self._best_model: dict[str, Tensor] | None = None
        self.pruning: FeedforwardPruning[LocalNetwork] | None = None
        self.tuned: LocalNetwork | None = None

    def _load(self) -> None:
        o = self.options
        found = classification(
            o.dataset,
            o.data,
            validation=o.validation,
            standardise=o.standardise,
            seed=substream(self._streams, DIVISION),
        )
        self.n_classes = found.n_classes
        flat = int(np.prod(found.shape))
        images = found.shape if len(found.shape) == 3 else (1, *found.shape)
        self._images = images
        self._shape = images if o.conv else (flat,)
        dtype = torch.float64 if o.dtype == "float64" else torch.float32
        self._codes = torch.eye(self.n_classes, dtype=dtype)
        stream = substream(self._streams, ORDER).generate_state(1, np.uint64)[0]
        self._order = new_generator(seed_sequence(int(stream)))

        def batches(x: Any, y: Any, generator: torch.Generator | None = None) -> Batches:
            size = o.batch if generator else TEST_BATCH
            return Batches(torch.from_numpy(x).to(dtype), torch.from_numpy(y), size, generator)

        self.training = batches(found.x_train, found.y_train, self._order)
        self.test = batches(found.x_test, found.y_test)
        self.validation = batches(found.x_validation, found.y_validation)

    def _optimizer(self, model: LocalNetwork) -> torch.optim.Optimizer:
        o = self.options
        groups = model.groups(o.lr, weight_decay=o.weight_decay, **own_rates(o))
        check_rates(groups, o)
        return made_optimizer(o.optimizer, groups, o.lr, o.momentum)

    # ------------------------------------------------------------------------------ learning

    def train_epoch(self) -> Row:
        """A pass over the training images."""
        self._epoch += 1
        return self._pass(self.model, self.optimizer, self._order)

    def _pass(
        self, model: LocalNetwork, optimizer: torch.optim.Optimizer, order: torch.Generator
    ) -> Row:
        model.train()
        taught = not self.options.no_teaching_signal
        outputs, seen = [], []  # scored at the end, in one go
        for x, classes in replace(self.training, generator=order):
            target = self._codes[classes]
            output = model(self._augmented(x, order))
            model.learn(target if taught else None)
            if self._costly:
                _scale(model, (output - target).square().mean())
            optimizer.step()
            outputs.append(output)
            seen.append(classes)
        output, classes = torch.cat(outputs), torch.cat(seen)
        loss = (output - self._codes[classes]).square().sum(1).double().mean()
        wrong = (output.argmax(1) != classes).double().mean()
        return {"train_loss": float(loss), "train_error": float(wrong)}

    def _augmented(self, x: Tensor, order: torch.Generator) -> Tensor:
        """Each image shifted by up to PADDING pixels, mirrored with probability 1/2."""
        if not self.options.augment:
            return x
        images = x.view(len(x), *self._images)
        height, width = self._images[1:]
        padded = torch.nn.functional.pad(images, (PADDING,) * 4)
        shifts = torch.randint(2 * PADDING + 1, (len(x), 2), generator=order)
        mirrored = torch.rand(len(x), generator=order) < 0.5
        rows = shifts[:, :1] + torch.arange(height)
        columns = shifts[:, 1:] + torch.arange(width)
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
        places = torch.arange(len(x))[:, None, None]
        found = padded.movedim(1, -1)[places, rows[:, :, None], columns[:, None, :]]
        return found.movedim(-1, 1).reshape(len(x), -1)

    def measure(self) -> Row:
        """Scores on test and validation images; angles, alignments and apical potentials."""
        self.model.eval()
        row = _scores("test", self.model, self.test, self.n_classes)
        if len(self.validation.x):
            row |= _scores("validation", self.model, self.validation, self.n_classes)
            if row["validation_error"] < self._best["validation"]:
                self._best = {
                    "epoch": self._epoch,
                    "validation": row["validation_error"],
                    "test": row["test_error"],
                }
                parameters = self.model.state_dict()
                self._best_model = {name: value.clone() for name, value in parameters.items()}
        if not all(bool(torch.isfinite(p).all()) for p in self.model.parameters()):
            raise ConvergenceError(
                "some weights are no longer finite: learn more slowly (smaller lr)"
            )
        number = self.options.diagnostics
        if number:
            x, classes = self.training.x[:number], self.training.y[:number]
            taught = not self.options.no_teaching_signal
            row |= diagnostics(self.model, x, self._codes[classes] if taught else None)
        return row

    def finished(self) -> bool:
        """Whether the validation error has not fallen for too long."""
        most = self.options.max_stagnant_epochs
        return most is not None and self._epoch - self._best["epoch"] >= most

    # --------------------------------------------------------------------------- what is kept

    def state(self) -> dict[str, Any]:
        """Network, optimizer, generators, and the best epoch."""
        return {
            "epoch": self._epoch,
            "best": dict(self._best),
            "best_model": self._best_model,
            "model": dict(self.model.state_dict()),
            "noise": self.model.generator.get_state(),
            "optimizer": self.optimizer.state_dict(),
            "order": self._order.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        self._epoch, self._best = state["epoch"], state["best"]
        self._best_model = state["best_model"]
        self.model.restore(state["model"])
        self.model.generator.set_state(state["noise"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._order.set_state(state["order"])

    def result(self) -> Mapping[str, Any]:
        """Scores at the epoch with the smallest validation error; what pruning did."""
        o = self.options
        self.model.eval()  # as `measure` leaves it, which a run without new epochs does not call
        found: dict[str, Any] = {}
        if len(self.validation.x):
            found["best_epoch"] = self._best["epoch"]
            found["best_validation_error"] = self._best["validation"]
            found["best_test_error"] = self._best["test"]
        if o.prune is None:
            return found
        sample = self.training.x[:PRUNING_SAMPLES]
        self.pruning = prune_layers(
            self.model,
            o.prune,
            o.rule or "noise",
            x=sample,
            variance=o.variance or "noise",
            seed=substream(self._streams, PRUNING),
        )
        found["n_synapses"] = sum(self.pruning.n_synapses)
        found["n_kept"] = sum(self.pruning.n_kept)
        found["kept_fraction"] = found["n_kept"] / found["n_synapses"]
        found |= _scores("pruned", self.pruning.network, self.test, self.n_classes)
        if not o.fine_tune:
            return found
        tuned = copy.deepcopy(self.pruning.network)
        optimizer, order = self._optimizer(tuned), copy.deepcopy(self._order)
        for _ in range(o.fine_tune):
            self._pass(tuned, optimizer, order)
        scores = _scores("tuned", tuned.eval(), self.test, self.n_classes)
        found |= tuned_scores(scores, o.fine_tune)
        self.tuned = tuned
        return found

    def save(self, folder: Path) -> Sequence[Path]:
        """Files that the class of the network loads.

        network.pt, after the last epoch; best.pt, where the validation error was smallest (the
        first of these epochs), if there are validation images; pruned.pt, network.pt pruned;
        tuned.pt, that trained further.
        """
        found = {"network.pt": self.model}
        if self._best_model is not None:
            found["best.pt"] = copy.deepcopy(self.model)
            found["best.pt"].restore(self._best_model)
        if self.pruning is not None:
            found["pruned.pt"] = self.pruning.network
        if self.tuned is not None:
            found["tuned.pt"] = self.tuned
        for name, network in found.items():
            network.save(folder / name)
        return [folder / name for name in found]


def _scale(model: LocalNetwork, cost: Tensor) -> None:
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad *= cost


def _scores(part: str, model: LocalNetwork, batches: Batches, n_classes: int) -> dict[str, float]:
    found = test_classifier(model, batches, n_classes, "mse")
    return {f"{part}_loss": found.loss, f"{part}_error": float(found.error or 0.0)}
