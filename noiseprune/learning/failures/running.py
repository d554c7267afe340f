"""The experiment behind `noiseprune train failures`."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from noiseprune.checks import count, not_negative, one_of, positive
from noiseprune.errors import ConvergenceError, OptionError
from noiseprune.learning.datasets import (
    LinearRegressionDataset,
    SemanticsDataset,
    classification,
    linear_teacher,
)
from noiseprune.learning.failures.dropout import failures_as
from noiseprune.learning.failures.networks import DeepNet, Net, spread
from noiseprune.learning.failures.options import TASKS, Effective, Options
from noiseprune.learning.failures.recurrent import RNN
from noiseprune.learning.failures.statistics import participation_ratio, run_statistics
from noiseprune.learning.failures.theory import LinearTheory, product_singular_values
from noiseprune.learning.feedforward_pruning import FeedforwardPruning, prune_layers
from noiseprune.learning.streams import new_generator
from noiseprune.learning.supervised import (
    TEST_BATCH,
    Batches,
    Scores,
    test_classifier,
    test_regressor,
    train_classifier,
    train_regressor,
)
from noiseprune.learning.training import Experiment, Row, check_pruning, tuned_scores, with_defaults
from noiseprune.pruning.recipe import RULES

if TYPE_CHECKING:
    from noiseprune.weights import FloatArray

OPTIMIZERS = ("sgd", "adam", "adamw")
PRUNING_SAMPLES, PRUNING = 1000, 2**32 - 1
"""For the working point; the stream of its draws, beyond those of epochs."""
MODES, LARGEST_SVD = 4, 1024
"""Singular values of a row of the log; the largest layer whose own are found for every row."""


class FailuresExperiment(Experiment):
    """A network of failing synapses, its data and its optimizer; see `Options`."""

    def __init__(self, given: Options) -> None:
        check(given)
        self.options = options = with_defaults(Effective, given)
        self.n_classes: int | None = None
        self.batch = options.batch or (100 if options.dataset else 1000)
        self.lr = learning_rate(options)
        self._seeds = spread(options.seed, 4)
        self.teacher: LinearRegressionDataset | None = None
        sizes = self._load()
        self.model = self._network(*sizes)
        self.optimizer = made_optimizer(options, self.lr, self.model)
        self.theory = self._theory()
        self._theory_weights = self.model.weights() if self.theory else []
        self._epoch, self._theory_epoch = 0, 0
        self._kept: list[tuple[int, list[FloatArray]]] = []
        self.pruning: FeedforwardPruning[DeepNet] | None = None
        self.tuned: DeepNet | None = None

    # ------------------------------------------------------------------------- what there is

    def _load(self) -> tuple[int, int]:
        """Make or read the data; numbers of inputs (of a step) and outputs."""
        o = self.options
        dtype = torch.float64 if o.dtype == "float64" else torch.float32
        order = new_generator(self._seeds[0])
        if o.dataset is not None:
            found = classification(
                o.dataset, o.data, validation=o.validation, standardise=o.standardise, seed=o.seed
            )
            self.n_classes = found.n_classes

            def batches(x: Any, y: Any, generator: torch.Generator | None = None) -> Batches:
                rows = torch.from_numpy(found.rows(x) if o.recurrent else x).to(dtype)
                size = self.batch if generator else TEST_BATCH
                return Batches(rows, torch.from_numpy(y), size, generator)

            self.training = batches(found.x_train, found.y_train, order)
            self.test = batches(found.x_test, found.y_test)
            self.validation = batches(found.x_validation, found.y_validation)
            return int(self.training.x.shape[-1]), found.n_classes
        made = [self._teacher(seed) for seed in self._seeds[1:3]]
        pairs = [
            [torch.from_numpy(a).to(dtype) for a in (each.data, each.targets)] for each in made
        ]
        self.teacher = made[0]
        self.training = Batches(pairs[0][0], pairs[0][1], self.batch, order)
        self.test = Batches(pairs[1][0], pairs[1][1], TEST_BATCH)
        self.validation = Batches(pairs[1][0][:0], pairs[1][1][:0], TEST_BATCH)
        outputs, inputs = made[0].w.shape
        return inputs, outputs

    def _teacher(self, seed: int) -> LinearRegressionDataset:
        o = self.options
        if o.task in (None, "semantics"):
            return SemanticsDataset(o.samples, seed=seed)
        try:
            values = [float(value) for value in o.singular_values.split(",")]
        except ValueError:
            values = [np.nan]
        if not np.isfinite(values).all():
            raise OptionError(
                f"the singular values are {o.singular_values!r}: give numbers such as 1,0.2"
            )
        return LinearRegressionDataset(linear_teacher(values, o.inputs), o.samples, seed=seed)

    def _network(self, inputs: int, outputs: int) -> Net:
        o = self.options
        if o.recurrent:
            return RNN(
                inputs,
                outputs,
                o.hidden,
                nonlinearity=o.activation or "tanh",
                drop_p=o.drop_p,
                drop_layers=o.drop_layers or "2",
                failures=o.failures,
                scaling=o.scaling,
                path=o.path,
                bias=True,
                seed=self._seeds[3],
                dtype=o.dtype,
            )
        return DeepNet(
            inputs,
            outputs,
            [o.hidden] * (o.layers - 1),
            activation=o.activation or ("relu" if o.dataset else "linear"),
            drop_p=o.drop_p,
            drop_layers=o.drop_layers or "all",
            scaling=o.scaling,
            path=o.path,
            bias=o.dataset is not None,
            seed=self._seeds[3],
            dtype=o.dtype,
        )

    def _theory(self) -> LinearTheory | None:
        """Of a linear network under plain SGD; with the covariance of the very samples."""
        o = self.options
        linear = o.activation in (None, "linear") and o.optimizer == "sgd" and not o.momentum
        if self.teacher is None or not linear:
            if o.averaged:
                raise OptionError(
                    "the averaged loss is that of a linear task under sgd without momentum: leave "
                    "--averaged out"
                )
            return None
        x = self.teacher.data
        return LinearTheory.of(
            self.teacher.w,
            o.layers,
            drop_p=o.drop_p,
            drop_layers=o.drop_layers or "all",
            covariance=self.teacher.cov if o.averaged else x.T @ x / len(x),
            weight_decay=o.weight_decay,
        )

    # -------------------------------------------------------------------------- what happens

    def train_epoch(self) -> Row:
        self._epoch += 1
        return self._pass(self.model, self.optimizer, self.training)

    def _pass(self, model: Net, optimizer: torch.optim.Optimizer, training: Batches) -> Row:
        if self.options.averaged and self.theory is not None:
            return {"train_loss": self._averaged_pass(model, optimizer, self.theory)}
        network = Last(model) if isinstance(model, RNN) else model
        if self.n_classes is None:
            scores = train_regressor(network, training, optimizer)
        else:
            scores = train_classifier(
                network, training, optimizer, self.n_classes, self.options.loss
            )
        return self._named("train", scores)

    def _averaged_pass(
        self, model: Net, optimizer: torch.optim.Optimizer, theory: LinearTheory
    ) -> float:
        """As many steps as an epoch has batches, down the averaged loss."""
        for _ in range(self.steps):
            optimizer.zero_grad()
            loss = theory.expected_loss([layer.present() for layer in model.layers])
            (loss / len(theory.teacher)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return float(loss.detach())

    @property
    def steps(self) -> int:
        """Of the optimizer in an epoch."""
        return -(-len(self.training.x) // self.batch)

    def _scores(self, part: str, batches: Batches, model: Net) -> dict[str, float]:
        """As PART_loss and PART_error."""
        network: nn.Module = Last(model) if isinstance(model, RNN) else model
        if self.options.test_draws > 1:
            network = Averaged(network, self.options.test_draws)
        with self._failures_of_tests(model):
            if self.n_classes is None:
                scores = test_regressor(network, batches)
            else:
                scores = test_classifier(network, batches, self.n_classes, self.options.loss)
        return self._named(part, scores)

    def _named(self, part: str, scores: Scores) -> dict[str, float]:
        error = {} if scores.error is None else {f"{part}_error": scores.error}
        return {f"{part}_loss": scores.loss, **error}

    def measure(self) -> Row:
        row = self._scores("test", self.test, self.model)
        if len(self.validation.x):
            row |= self._scores("validation", self.validation, self.model)
        weights = self.model.weights()
        if not all(np.isfinite(weight).all() for weight in weights):
            raise ConvergenceError(
                "some weights are no longer finite: learn more slowly (smaller lr)"
            )
        for number, weight in enumerate(weights, start=1):
            row[f"layer{number}_norm"] = float(np.linalg.norm(weight))
            if min(weight.shape) <= LARGEST_SVD:
                row[f"layer{number}_participation"] = participation_ratio(weight)
        if self.teacher is not None and self.options.activation in (None, "linear"):
            row |= columns("s", product_singular_values(weights))
        if self.theory is not None:
            self._advance(self.theory)
            if not all(np.isfinite(weight).all() for weight in self._theory_weights):
                raise ConvergenceError(
                    "the averaged weights of the theory are no longer finite: learn more slowly "
                    "(smaller lr)"
                )
            row |= columns("theory_s", product_singular_values(self._theory_weights))
            row["theory_loss"] = self.theory.loss(self._theory_weights)
        if self.options.keep_weights and (not self._kept or self._kept[-1][0] < self._epoch):
            self._kept.append((self._epoch, weights))
        return row

    @contextmanager
    def _failures_of_tests(self, model: Net) -> Iterator[None]:
        """Of this epoch, from generators of their own: tests do not change the training."""
        before = model.generators()
        root = np.random.SeedSequence([self._seeds[3], self._epoch])
        for layer, seed in zip(model.layers, spread(root, len(model))):
            layer.generator.manual_seed(seed)
        try:
            with failures_as(model, "sample" if self.options.test_draws else "expected"):
                yield
        finally:
            model.set_generators(before)

    def _advance(self, theory: LinearTheory) -> None:
        """Take the theory to the epoch of the training."""
        steps = (self._epoch - self._theory_epoch) * self.steps
        self._theory_weights = theory.steps(self._theory_weights, steps, self.lr)
        self._theory_epoch = self._epoch

    # --------------------------------------------------------------------------- what is kept

    def state(self) -> dict[str, Any]:
        order = self.training.generator
        return {
            "epoch": self._epoch,
            "theory_epoch": self._theory_epoch,
            "parameters": dict(self.model.state_dict()),
            "generators": self.model.generators(),
            "optimizer": self.optimizer.state_dict(),
            "order": order.get_state() if order else None,
            "theory": list(self._theory_weights),
            "kept": self._kept,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._epoch, self._theory_epoch = state["epoch"], state["theory_epoch"]
        self.model.load_state_dict(state["parameters"])
        self.model.set_generators(state["generators"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.training.generator is not None:
            self.training.generator.set_state(state["order"])
        self._theory_weights = state["theory"]
        self._kept = state["kept"]

    def result(self) -> dict[str, Any]:
        o = self.options
        found: dict[str, Any] = (
            {"dataset": o.dataset} if o.dataset else {"task": o.task or "semantics"}
        )
        found["singular_values"] = [
            np.linalg.svd(weight, compute_uv=False)[:10].tolist()
            for weight in self.model.weights()
            if min(weight.shape) <= LARGEST_SVD
        ]
        if self.theory is not None and o.layers == 2:
            ideal = LinearTheory.of(
                self.theory.teacher,
                drop_p=o.drop_p,
                drop_layers=o.drop_layers or "all",
                weight_decay=o.weight_decay,
            ).fixed_point(o.hidden)
            found["fixed_point"] = ideal.singular_values[:MODES].tolist()
            found["fixed_point_loss"] = ideal.loss
        return found | self._pruned()

    def _pruned(self) -> dict[str, Any]:
        """What pruning did, if it was asked for."""
        o = self.options
        if o.prune is None or not isinstance(self.model, DeepNet):
            return {}
        self.pruning = prune_layers(
            self.model, o.prune, o.rule or "noise", x=self.training.x[:PRUNING_SAMPLES],
            seed=np.random.SeedSequence([self._seeds[3], PRUNING]),
        )  # fmt: skip
        found = {
            "n_synapses": sum(self.pruning.n_synapses),
            "n_kept": sum(self.pruning.n_kept),
            "kept_fraction": self.pruning.density,
            **self._scores("pruned", self.test, self.pruning.network),
        }
        if not o.fine_tune:
            return found
        tuned = copy.deepcopy(self.pruning.network)
        optimizer = made_optimizer(o, self.lr, tuned)
        training = replace(self.training, generator=copy.deepcopy(self.training.generator))
        for _ in range(o.fine_tune):
            self._pass(tuned, optimizer, training)
        found |= tuned_scores(self._scores("tuned", self.test, tuned), o.fine_tune)
        self.tuned = tuned
        return found

    def save(self, folder: Path) -> Sequence[Path]:
        """network.pt, pruned.pt, and tuned.pt after further epochs; statistics.npz."""
        found: dict[str, Net] = {"network.pt": self.model}
        if self.pruning is not None:
            found["pruned.pt"] = self.pruning.network
        if self.tuned is not None:
            found["tuned.pt"] = self.tuned
        for name, network in found.items():
            network.save(folder / name)
        files = [folder / name for name in found]
        if self._kept:
            files.append(folder / "statistics.npz")
            statistics = run_statistics([weights for _, weights in self._kept])
            statistics.save(files[-1], [epoch for epoch, _ in self._kept])
        return files


class Last(nn.Module):
    """A recurrent network as a classifier: what it says after the last step."""

    def __init__(self, network: RNN) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, inputs) to (batch, classes)."""
        outputs: Tensor = self.network(x)[0]
        return outputs[:, -1]


class Averaged(nn.Module):
    """The mean of the outputs of several draws of a whole network."""

    def __init__(self, network: nn.Module, draws: int) -> None:
        super().__init__()
        self.network, self.draws = network, draws

    def forward(self, x: Tensor) -> Tensor:
        """As the network."""
        total: Tensor = self.network(x)
        for _ in range(self.draws - 1):
            total = total + self.network(x)
        return total / self.draws


def columns(prefix: str, values: FloatArray) -> dict[str, float]:
    return {f"{prefix}{k}": float(value) for k, value in enumerate(values[:MODES], start=1)}


def check(options: Options) -> None:
    """Refuse options without a meaning, and those that would do nothing."""
    o = options
    if o.task is not None:
        one_of("task", o.task, TASKS)
        if o.dataset is not None:
            raise OptionError("a task and a data set were given: leave one of them out")
    check_pruning(o.prune, o.fine_tune)
    if o.prune is None and o.rule is not None:
        raise OptionError("a rule is one to prune by: give --prune, too")
    if o.prune is not None:
        one_of("rule", o.rule or "noise", RULES)
        if o.recurrent:
            raise OptionError(
                "recurrent networks of failing synapses work in steps and cannot be pruned: the "
                "rule needs a drift in continuous time; leave --prune out, or use train ctrnn"
            )
    one_of("optimizer", o.optimizer, OPTIMIZERS)
    if o.batch is not None:
        count("batch", o.batch)
    count("hidden", o.hidden)
    for name in ("samples", "inputs", "layers"):
        if getattr(o, name) is not None:
            count(name, getattr(o, name))
    count("test_draws", o.test_draws, at_least=0)
    not_negative("weight_decay", o.weight_decay)
    not_negative("momentum", o.momentum)
    if o.failures != "step" and not o.recurrent:
        raise OptionError("failures that last are those of a recurrent network: give --recurrent")
    if o.recurrent and o.layers is not None:
        raise OptionError("a recurrent network has one hidden layer: leave --layers out")
    if o.averaged and o.path != "masks":
        raise OptionError(
            "the averaged loss draws no failures, and its tests draw masks: leave --path out"
        )
    for name in () if o.task == "regression" else ("inputs", "singular_values"):
        if getattr(o, name) is not None:
            raise OptionError(
                f"--{name.replace('_', '-')} is of the regression: give --task regression, or "
                "leave it out"
            )
    if o.dataset is None:
        if o.loss is not None:
            raise OptionError(
                "a loss is one of classifiers, but tasks are regressions, learned by mse: leave "
                "--loss out"
            )
        for name in ("recurrent", "standardise", "validation", "data"):
            if getattr(o, name):
                raise OptionError(f"{name} is an option of images: give --dataset, too")
    elif o.averaged:
        raise OptionError("only the loss of a linear task can be averaged: leave --averaged out")
    elif o.samples is not None:
        raise OptionError("samples are those of a task, images are all used: leave --samples out")


def learning_rate(options: Options) -> float:
    """As given, or the default of the optimizer."""
    if options.lr is not None:
        return positive("lr", options.lr)
    if options.optimizer != "sgd":
        return 1e-3
    return 0.5 if options.dataset else 0.05


def made_optimizer(options: Options, lr: float, model: nn.Module) -> torch.optim.Optimizer:
    """Of all parameters of the model."""
    o = options
    if o.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(), lr, momentum=o.momentum, weight_decay=o.weight_decay
        )
    if o.momentum:
        raise OptionError("momentum is an option of sgd: leave it out")
    kind = torch.optim.Adam if o.optimizer == "adam" else torch.optim.AdamW
    return kind(model.parameters(), lr, weight_decay=o.weight_decay)
