"""The experiment of `noiseprune train failures`: linear regression, and images.

Tasks: "semantics" (four items told by seven features) and "regression" (a linear teacher with given
singular values). In linear networks under SGD the averaged theory runs beside the training; its
singular values stand in the log as `theory_s1`, ...
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from noiseprune.errors import ConvergenceError, OptionError
from noiseprune.learning.data.datasets import (
    LinearRegressionDataset,
    SemanticsDataset,
    classification,
    linear_teacher,
)
from noiseprune.learning.models.failures.dropout import failures_as
from noiseprune.learning.models.failures.networks import RNN, DeepNet, Net
from noiseprune.learning.models.failures.statistics import participation_ratio, run_statistics
from noiseprune.learning.models.failures.theory import LinearTheory, product_singular_values
from noiseprune.learning.models.streams import DTYPES, new_generator, spread
from noiseprune.learning.options.failures import FailuresOptions
from noiseprune.learning.prune.feedforward import prune_layers
from noiseprune.learning.training.experiment import PrunableExperiment, Row, Training
from noiseprune.learning.training.optimizers import make_optimizer
from noiseprune.learning.training.supervised import (
    TEST_BATCH,
    Batches,
    batches_of,
    test_classifier,
    test_regressor,
    train_classifier,
    train_regressor,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from noiseprune.weights import FloatArray

PRUNING_SAMPLES, PRUNING = 1000, 2**32 - 1
"""For the working point; the stream of its draws, beyond those of epochs."""
MODES, LARGEST_SVD = 4, 1024
"""Singular values of a row of the log; the largest layer whose own are found for every row."""


class FailuresExperiment(PrunableExperiment[Net]):
    """A network of failing synapses, its data and its optimizer; see `FailuresOptions`."""

    def __init__(self, options: FailuresOptions) -> None:
        self.options = options
        self.n_classes: int | None = None
        self.batch = options.batch or (100 if options.dataset else 1000)
        self.loss = options.loss or "mse"
        self.depth = options.layers or 2
        self._seeds = spread(options.seed, 4)
        self.teacher: LinearRegressionDataset | None = None
        sizes = self._load()
        self.model = self._network(*sizes)
        self.optimizer = self._optimizer(self.model)
        self.theory = self._theory()
        self._theory_weights = self.model.weights() if self.theory else []
        self._epoch, self._theory_epoch = 0, 0
        self._kept: list[tuple[int, list[FloatArray]]] = []

    def _load(self) -> tuple[int, int]:
        """Make or read the data; numbers of inputs (of a step) and outputs."""
        o = self.options
        dtype, order = DTYPES[o.dtype], new_generator(self._seeds[0])
        if o.dataset is not None:
            found = classification(
                o.dataset, o.data, validation=o.validation, standardise=o.standardise, seed=o.seed
            )
            self.n_classes = found.n_classes
            shaped = found.rows if o.recurrent else np.asarray
            made = batches_of(found, self.batch, order, dtype, shaped)
            self.training, self.test, self.validation = made
            return int(self.training.x.shape[-1]), found.n_classes
        teachers = [self._teacher(seed) for seed in self._seeds[1:3]]
        (x, y), (x_test, y_test) = (
            [torch.from_numpy(a).to(dtype) for a in (each.data, each.targets)] for each in teachers
        )
        self.teacher = teachers[0]
        self.training = Batches(x, y, self.batch, order)
        self.test = Batches(x_test, y_test, TEST_BATCH)
        self.validation = Batches(x_test[:0], y_test[:0], TEST_BATCH)
        outputs, inputs = self.teacher.w.shape
        return inputs, outputs

    def _teacher(self, seed: int) -> LinearRegressionDataset:
        o = self.options
        samples = o.samples or 10_000
        if o.task in (None, "semantics"):
            return SemanticsDataset(samples, seed=seed)
        text = o.singular_values or "1,0.2"
        try:
            values = [float(value) for value in text.split(",")]
        except ValueError:
            values = [np.nan]
        if not np.isfinite(values).all():
            raise OptionError(f"the singular values are {text!r}: give numbers such as 1,0.2")
        return LinearRegressionDataset(linear_teacher(values, o.inputs or 100), samples, seed=seed)

    def _network(self, inputs: int, outputs: int) -> Net:
        o = self.options
        common: dict[str, Any] = {
            name: getattr(o, name) for name in ("drop_p", "scaling", "path", "dtype")
        }
        common |= {"seed": self._seeds[3], "bias": o.dataset is not None}
        if o.recurrent:
            return RNN(
                inputs,
                outputs,
                o.hidden,
                nonlinearity=o.activation or "tanh",
                drop_layers=o.drop_layers or "2",
                failures=o.failures,
                **common,
            )
        return DeepNet(
            inputs,
            outputs,
            [o.hidden] * (self.depth - 1),
            activation=o.activation or ("relu" if o.dataset else "linear"),
            drop_layers=o.drop_layers or "all",
            **common,
        )

    def _optimizer(self, model: Net) -> torch.optim.Optimizer:
        o = self.options
        return make_optimizer(
            o.optimizer, model, o.learning_rate, weight_decay=o.weight_decay, momentum=o.momentum
        )

    def _theory(self) -> LinearTheory | None:
        """The theory of a linear network under plain SGD, for the covariance of the samples."""
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
            self.depth,
            drop_p=o.drop_p,
            drop_layers=o.drop_layers or "all",
            covariance=self.teacher.cov if o.averaged else x.T @ x / len(x),
            weight_decay=o.weight_decay,
        )

    def train_epoch(self) -> Row:
        self._epoch += 1
        return self._pass(self.model, self.optimizer, self.training)

    def _pass(self, model: Net, optimizer: torch.optim.Optimizer, training: Batches) -> Row:
        if self.options.averaged and self.theory is not None:
            return {"train_loss": self._averaged_pass(model, optimizer, self.theory)}
        if self.n_classes is None:
            return train_regressor(model, training, optimizer).named("train")
        network = output_of(model)
        scores = train_classifier(network, training, optimizer, self.n_classes, self.loss)
        return scores.named("train")

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
        """How many the optimizer takes in an epoch."""
        return -(-len(self.training.x) // self.batch)

    def scores(self, part: str, model: Net) -> dict[str, float]:
        """On the test data."""
        return self._scores(part, model, self.test)

    def _scores(self, part: str, model: Net, batches: Batches) -> dict[str, float]:
        network = averaged(output_of(model), self.options.test_draws)
        with self._failures_of_tests(model):
            if self.n_classes is None:
                return test_regressor(network, batches).named(part)
            return test_classifier(network, batches, self.n_classes, self.loss).named(part)

    def measure(self) -> Row:
        row = self.scores("test", self.model)
        if len(self.validation.x):
            row |= self._scores("validation", self.model, self.validation)
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
        """Draw failures by generators of this epoch: tests do not change the training."""
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
        self._theory_weights = theory.steps(self._theory_weights, steps, self.options.learning_rate)
        self._theory_epoch = self._epoch

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
        if self.theory is not None and self.depth == 2:
            ideal = LinearTheory.of(
                self.theory.teacher,
                drop_p=o.drop_p,
                drop_layers=o.drop_layers or "all",
                weight_decay=o.weight_decay,
            ).fixed_point(o.hidden)
            found["fixed_point"] = ideal.singular_values[:MODES].tolist()
            found["fixed_point_loss"] = ideal.loss
        return found

    def save(self, folder: Path) -> None:
        """network.pt, and statistics.npz of the weights that were kept."""
        self.model.save(folder / "network.pt")
        if self._kept:
            statistics = run_statistics([weights for _, weights in self._kept])
            statistics.save(folder / "statistics.npz", [epoch for epoch, _ in self._kept])

    def prune(self) -> tuple[Net, Mapping[str, Any]]:
        """Every layer to the same fraction."""
        o = self.options
        if not isinstance(self.model, DeepNet):
            raise OptionError("recurrent networks of failing synapses cannot be pruned")
        found = prune_layers(
            self.model, o.prune or 1.0, o.rule or "noise", x=self.training.x[:PRUNING_SAMPLES],
            seed=np.random.SeedSequence([self._seeds[3], PRUNING]),
        )  # fmt: skip
        return found.network, found.counts()

    def learner(self, model: Net) -> Callable[[], object]:
        """A pass over the training data, in the order that would have come."""
        optimizer = self._optimizer(model)
        training = replace(self.training, generator=copy.deepcopy(self.training.generator))
        return lambda: self._pass(model, optimizer, training)

    @staticmethod
    def pictures(runs: Sequence[Training]) -> Mapping[str, Figure]:
        """Singular values over epochs beside the theory (linear tasks), and sizes of the layers."""
        from noiseprune.learning.pictures.failures import layer_sizes, modes

        drawn = {"layers": layer_sizes(runs)}
        if any("s1" in row for run in runs for row in run.log):
            drawn["modes"] = modes(runs)
        return drawn


def output_of(model: Net) -> Callable[[Tensor], Tensor]:
    """A network as a function; what a recurrent one says counts after the last step."""
    return (lambda x: model(x)[0][:, -1]) if isinstance(model, RNN) else model


def averaged(network: Callable[[Tensor], Tensor], draws: int) -> Callable[[Tensor], Tensor]:
    """The mean of the outputs of several draws of a whole network."""

    def mean(x: Tensor) -> Tensor:
        total = network(x)
        for _ in range(draws - 1):
            total = total + network(x)
        return total / draws

    return mean if draws > 1 else network


def columns(prefix: str, values: FloatArray) -> dict[str, float]:
    return {f"{prefix}{k}": float(value) for k, value in enumerate(values[:MODES], start=1)}
