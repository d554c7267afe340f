"""The experiments of `noiseprune train burstccn`, `burstprop`, `edn` and `ann`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from noiseprune.checks import seed_sequence, substream
from noiseprune.errors import ConvergenceError, OptionError
from noiseprune.learning.data.datasets import classification
from noiseprune.learning.models.burst.ann import ANN
from noiseprune.learning.models.burst.burstccn import BurstCCN
from noiseprune.learning.models.burst.burstprop import Burstprop
from noiseprune.learning.models.burst.edn import EDN
from noiseprune.learning.models.burst.gradients import diagnostics
from noiseprune.learning.models.burst.network import LocalNetwork
from noiseprune.learning.models.streams import DTYPES, new_generator
from noiseprune.learning.options.burst import LocalOptions
from noiseprune.learning.prune.feedforward import check_prunable, prune_layers
from noiseprune.learning.training.experiment import PrunableExperiment, Row, Training
from noiseprune.learning.training.optimizers import make_local_optimizer
from noiseprune.learning.training.supervised import batches_of, test_classifier

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NETWORKS: dict[str, type[LocalNetwork]] = {
    "burstccn": BurstCCN, "burstprop": Burstprop, "edn": EDN, "ann": ANN,
}  # fmt: skip
NAMED = {"n_hidden_layers": "layers", "n_hidden_units": "hidden"}
"""Parameters of networks that options call otherwise; others have capitals at most."""
PADDING = 4
PRUNING_SAMPLES = 1000
ORDER, DIVISION, PRUNING = 1, 2, 3
"""Streams below the seed, which itself is the network's: first weights, and noise."""


def make_network(options: LocalOptions, shape: tuple[int, ...], n_classes: int) -> LocalNetwork:
    """Make the network that the options ask for, for samples of this shape."""
    kind: Any = NETWORKS[options.MODEL]
    own = {name: NAMED.get(name, name.lower()) for name in signature(kind).parameters}
    given = {
        name: getattr(options, option) for name, option in own.items() if hasattr(options, option)
    }
    given = {name: value for name, value in given.items() if value is not None}
    for name in ("recurrent_input", "recurrent_learning"):
        if name in own:
            given[name] = not getattr(options, f"no_{name}")
    made: LocalNetwork = kind(shape[0] if len(shape) == 1 else shape, n_classes, **given)
    return made


class LocalExperiment(PrunableExperiment[LocalNetwork]):
    """A network of local rules, images and an optimizer; see `LocalOptions`."""

    def __init__(self, options: LocalOptions) -> None:
        self.options = options
        self._streams = seed_sequence(options.seed)
        self._load()
        self.model = make_network(options, self._shape, self.n_classes)
        if options.prune is not None:
            check_prunable(self.model)
        self.optimizer = self._optimizer(self.model)
        self._costly = options.optimizer.lower() == "globalcost"
        self._epoch, self._best = 0, {"epoch": 0, "validation": np.inf, "test": np.nan}
        self._best_model: dict[str, Tensor] | None = None

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
        self._images = found.shape if len(found.shape) == 3 else (1, *found.shape)
        self._shape = self._images if o.conv else (int(np.prod(found.shape)),)
        dtype = DTYPES[o.dtype]
        self._codes = torch.eye(self.n_classes, dtype=dtype)
        stream = substream(self._streams, ORDER).generate_state(1, np.uint64)[0]
        self._order = new_generator(seed_sequence(int(stream)))
        made = batches_of(found, o.batch, self._order, dtype)
        self.training, self.test, self.validation = made

    def _optimizer(self, model: LocalNetwork) -> torch.optim.Optimizer:
        o = self.options
        groups = model.groups(o.lr, weight_decay=o.weight_decay, **o.own_rates())
        check_rates(groups, o)
        return make_local_optimizer(o.optimizer, groups, o.lr, o.momentum)

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
        row = self.scores("test", self.model)
        if len(self.validation.x):
            found = test_classifier(self.model, self.validation, self.n_classes, "mse")
            row |= found.named("validation")
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
        most = self.options.max_stagnant_epochs
        return most is not None and self._epoch - self._best["epoch"] >= most

    def state(self) -> dict[str, Any]:
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
        self._epoch, self._best = state["epoch"], state["best"]
        self._best_model = state["best_model"]
        self.model.restore(state["model"])
        self.model.generator.set_state(state["noise"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._order.set_state(state["order"])

    def result(self) -> Mapping[str, Any]:
        """Scores at the epoch with the smallest validation error."""
        if not len(self.validation.x):
            return {}
        return {
            "best_epoch": self._best["epoch"],
            "best_validation_error": self._best["validation"],
            "best_test_error": self._best["test"],
        }

    def save(self, folder: Path) -> None:
        """network.pt, after the last epoch; best.pt, where the validation error was smallest (the
        first of these epochs), if there are validation images: the class of the network loads
        both."""
        self.model.save(folder / "network.pt")
        if self._best_model is not None:
            best = copy.deepcopy(self.model)
            best.restore(self._best_model)
            best.save(folder / "best.pt")

    def prune(self) -> tuple[LocalNetwork, Mapping[str, Any]]:
        """Every layer to the same fraction."""
        o = self.options
        self.model.eval()  # as `measure` leaves it, which a run without new epochs does not call
        found = prune_layers(
            self.model,
            o.prune or 1.0,
            o.rule or "noise",
            x=self.training.x[:PRUNING_SAMPLES],
            variance=o.variance or "noise",
            seed=substream(self._streams, PRUNING),
        )
        return found.network, found.counts()

    def scores(self, part: str, model: LocalNetwork) -> dict[str, float]:
        """On the test images."""
        return test_classifier(model.eval(), self.test, self.n_classes, "mse").named(part)

    def learner(self, model: LocalNetwork) -> Callable[[], object]:
        """A pass over the training images, in the order that would have come."""
        optimizer, order = self._optimizer(model), copy.deepcopy(self._order)
        return lambda: self._pass(model, optimizer, order)

    @staticmethod
    def pictures(runs: Sequence[Training]) -> Mapping[str, Figure]:
        """Angles of the updates to backprop and feedback alignment; what is in the dendrites."""
        from noiseprune.learning.pictures.burst import diagnosed

        return diagnosed(runs)


def check_rates(groups: Iterable[dict[str, Any]], options: LocalOptions) -> None:
    """Refuse learning rates, of an optimizer's groups, with which nothing would move."""
    moving = [group for group in groups if group["lr"]]
    if not moving:
        raise OptionError("every learning rate is 0, so that nothing would learn: raise lr")
    if options.weight_decay and not any(group["weight_decay"] for group in moving):
        raise OptionError("weight_decay is multiplied by the learning rate, which is 0: raise lr")


def _scale(model: LocalNetwork, cost: Tensor) -> None:
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad *= cost
