"""The experiment behind `noiseprune train burstccn`, `burstprop`, `edn` and `ann`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noiseprune.choices import count, one_of, positive
from noiseprune.errors import ConvergenceError, OptionError
from noiseprune.learning.burst.ann import ANN
from noiseprune.learning.burst.burstccn import BurstCCN
from noiseprune.learning.burst.burstprop import Burstprop
from noiseprune.learning.burst.edn import EDN
from noiseprune.learning.burst.gradients import diagnostics
from noiseprune.learning.burst.network import LocalNetwork, new_generator
from noiseprune.learning.burst.optimizers import made_optimizer
from noiseprune.learning.burst.options import (
    ANNOptions,
    BurstCCNOptions,
    BurstpropOptions,
    EDNOptions,
    LocalOptions,
)
from noiseprune.learning.datasets import CLASSIFIED, classification
from noiseprune.learning.feedforward_pruning import (
    VARIANCES,
    FeedforwardPruning,
    check_prunable,
    prune_layers,
)
from noiseprune.learning.images import CIFAR10
from noiseprune.learning.supervised import TEST_BATCH, Batches, test_classifier
from noiseprune.learning.training import Experiment, Row
from noiseprune.pruning import rules

PADDING = 4
PRUNING_SAMPLES = 1000


class LocalExperiment(Experiment):
    """A network of local rules, images and an optimizer; see `LocalOptions`."""

    def __init__(self, options: LocalOptions) -> None:
        _check(options)
        self.options = options
        self._load()
        self.model = made_network(options, self._shape, self.n_classes)
        if options.prune is not None:
            check_prunable(self.model)
        self.optimizer = made_optimizer(
            options.optimizer,
            self.model.groups(options.lr, weight_decay=options.weight_decay, **_rates(options)),
            options.lr,
            options.momentum,
        )
        self._costly = options.optimizer.lower() == "globalcost"
        self._epoch, self._best = 0, {"epoch": 0, "validation": np.inf, "test": np.nan}
        self.pruning: FeedforwardPruning[LocalNetwork] | None = None

    def _load(self) -> None:
        o = self.options
        found = classification(
            o.dataset, o.data, validation=o.validation, standardise=o.standardise, seed=o.seed
        )
        self.n_classes = found.n_classes
        flat = int(np.prod(found.shape))
        images = found.shape if len(found.shape) == 3 else (1, *found.shape)
        self._images = images
        self._shape = images if o.conv else (flat,)
        dtype = torch.float64 if o.dtype == "float64" else torch.float32
        order = new_generator(o.seed)

        def batches(x: Any, y: Any, generator: torch.Generator | None = None) -> Batches:
            size = o.batch if generator else TEST_BATCH
            return Batches(torch.from_numpy(x).to(dtype), torch.from_numpy(y), size, generator)

        self._order = order
        self.training = batches(found.x_train, found.y_train, order)
        self.test = batches(found.x_test, found.y_test)
        self.validation = batches(found.x_validation, found.y_validation)

    # ------------------------------------------------------------------------------ learning

    def train_epoch(self) -> Row:
        """A pass over the training images."""
        self._epoch += 1
        self.model.train()
        taught = not self.options.no_teaching_signal
        total, wrong = 0.0, 0
        for x, classes in self.training:
            target = torch.nn.functional.one_hot(classes, self.n_classes).to(x.dtype)
            output = self.model(self._augmented(x))
            self.model.learn(target if taught else None)
            loss = float((output - target).square().sum())
            if self._costly:
                self._scale(loss / target.numel())
            self.optimizer.step()
            total += loss
            wrong += int((output.argmax(1) != classes).sum())
        number = len(self.training.x)
        return {"train_loss": total / number, "train_error": wrong / number}

    def _scale(self, cost: float) -> None:
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.grad *= cost

    def _augmented(self, x: Tensor) -> Tensor:
        """Each image shifted by up to PADDING pixels, mirrored with probability 1/2."""
        if not self.options.augment:
            return x
        images = x.view(len(x), *self._images)
        height, width = self._images[1:]
        padded = torch.nn.functional.pad(images, (PADDING,) * 4)
        shifts = torch.randint(2 * PADDING + 1, (len(x), 2), generator=self._order)
        mirrored = torch.rand(len(x), generator=self._order) < 0.5
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
        if not all(bool(torch.isfinite(p).all()) for p in self.model.parameters()):
            raise ConvergenceError(
                "some weights are no longer finite: learn more slowly (smaller lr)"
            )
        number = self.options.diagnostics
        if number:
            x, classes = self.training.x[:number], self.training.y[:number]
            target = torch.nn.functional.one_hot(classes, self.n_classes).to(x.dtype)
            row |= diagnostics(self.model, x, target)
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
            "model": dict(self.model.state_dict()),
            "noise": self.model.generator.get_state(),
            "optimizer": self.optimizer.state_dict(),
            "order": self._order.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        self._epoch, self._best = state["epoch"], state["best"]
        self.model.restore(state["model"])
        self.model.generator.set_state(state["noise"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._order.set_state(state["order"])

    def result(self) -> Mapping[str, Any]:
        """Scores at the epoch with the smallest validation error; what pruning did."""
        o = self.options
        found: dict[str, Any] = {}
        if len(self.validation.x):
            found["best_epoch"] = self._best["epoch"]
            found["best_validation_error"] = self._best["validation"]
            found["best_test_error"] = self._best["test"]
        if o.prune is None:
            return found
        sample = self.training.x[:PRUNING_SAMPLES]
        self.pruning = prune_layers(
            self.model, o.prune, o.rule, x=sample, variance=o.variance, seed=o.seed
        )
        found["n_synapses"] = sum(self.pruning.n_synapses)
        found["n_kept"] = sum(self.pruning.n_kept)
        found["kept_fraction"] = found["n_kept"] / found["n_synapses"]
        return found | _scores("pruned", self.pruning.network, self.test, self.n_classes)

    def save(self, folder: Path) -> Sequence[Path]:
        """network.pt, and pruned.pt: files that the class of the network loads."""
        found = {"network.pt": self.model}
        if self.pruning is not None:
            found["pruned.pt"] = self.pruning.network
        for name, network in found.items():
            network.save(folder / name)
        return [folder / name for name in found]


def _scores(part: str, model: LocalNetwork, batches: Batches, n_classes: int) -> dict[str, float]:
    found = test_classifier(model, batches, n_classes, "mse")
    return {f"{part}_loss": found.loss, f"{part}_error": float(found.error or 0.0)}


def made_network(options: LocalOptions, shape: tuple[int, ...], n_classes: int) -> LocalNetwork:
    """The network that the options ask for, for samples of this shape."""
    o = options
    common: dict[str, Any] = {
        "n_hidden_layers": o.layers,
        "n_hidden_units": o.hidden,
        "Y_scale": o.y_scale,
        "Y_learning": o.y_learning,
        "conv": o.conv,
        "gain": o.gain,
        "feedforward_noise": o.feedforward_noise,
        "seed": o.seed,
        "dtype": o.dtype,
    }
    inputs = shape[0] if len(shape) == 1 else shape
    if isinstance(o, BurstCCNOptions):
        return BurstCCN(
            inputs,
            n_classes,
            o.p_baseline,
            Y_mode=o.y_mode,
            Q_mode=o.q_mode,
            Q_scale=o.q_scale,
            Q_learning=o.q_learning,
            Y_rule=o.y_rule,
            activation=o.activation,
            **common,
        )
    if isinstance(o, BurstpropOptions):
        return Burstprop(
            inputs,
            n_classes,
            o.p_baseline,
            Y_mode=o.y_mode,
            recurrent_input=not o.no_recurrent_input,
            recurrent_learning=not o.no_recurrent_learning,
            activation=o.activation,
            **common,
        )
    if isinstance(o, EDNOptions):
        return EDN(
            inputs,
            n_classes,
            Y_mode=o.y_mode,
            lambda_output=o.lambda_output,
            lambda_intn=o.lambda_intn,
            lambda_hidden=o.lambda_hidden,
            intn_mode=o.intn_mode,
            intn_scale=o.intn_scale,
            **common,
        )
    if isinstance(o, ANNOptions):
        return ANN(inputs, n_classes, Y_mode=o.y_mode, activation=o.activation, **common)
    raise TypeError(f"{type(o).__name__} belongs to no model")


def _rates(options: LocalOptions) -> dict[str, float | None]:
    """Learning rates of the parameters that have their own."""
    o = options
    if isinstance(o, BurstCCNOptions):
        apical = 0.001 if o.y_rule == "apical" else None
        return {"y": apical if o.y_lr is None else o.y_lr, "q": o.q_lr}
    if isinstance(o, BurstpropOptions):
        return {"y": o.y_lr, "r": o.recurrent_lr}
    if isinstance(o, EDNOptions):
        own = o.lr * o.intn_lr_scale if o.intn_lr is None else o.intn_lr
        return {"y": o.y_lr, "p": own, "k": own, "g": own}
    return {"y": getattr(o, "y_lr", None)}


def _check(options: LocalOptions) -> None:
    """Refuse options without a meaning, and those that would do nothing."""
    o = options
    one_of("data set", o.dataset, CLASSIFIED)
    count("layers", o.layers, at_least=0)
    count("hidden", o.hidden)
    count("batch", o.batch)
    count("diagnostics", o.diagnostics, at_least=0)
    positive("lr", o.lr)
    at_least_0 = ("weight_decay", "y_lr", "q_lr", "q_scale", "recurrent_lr", "intn_lr_scale")
    for name in (*at_least_0, "intn_lr", "intn_scale"):
        value = getattr(o, name, None)
        if value is not None and not 0 <= value < np.inf:
            raise OptionError(f"{name} is {value}, but is at least 0")
    if getattr(o, "y_lr", None) is not None and not o.y_learning:
        raise OptionError("y_lr is of a Y that learns: give --y-learning, too")
    if o.max_stagnant_epochs is not None:
        count("max_stagnant_epochs", o.max_stagnant_epochs)
        if not o.validation:
            raise OptionError(
                "max_stagnant_epochs watches the validation error: give --validation, too"
            )
    if o.augment and o.dataset != CIFAR10:
        raise OptionError(f"augment is an option of {CIFAR10}: leave it out")
    one_of("rule", o.rule, rules.RULES)
    one_of("variance", o.variance, VARIANCES)
    if o.prune is not None:
        rules.budget(o.prune, 1)
