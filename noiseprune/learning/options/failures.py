"""What `noiseprune train failures` can be told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from noiseprune.checks import count, not_negative, positive
from noiseprune.errors import OptionError
from noiseprune.learning.options import names
from noiseprune.learning.options.base import CHANGEABLE, PruneOptions, at_least_0


@dataclass(frozen=True, kw_only=True)
class FailuresOptions(PruneOptions):
    """A network whose synapses fail at random: linear regression, or images."""

    MODEL: ClassVar[str] = "failures"

    log_every: Annotated[int, "Epochs between rows of the log.", count] = 5
    task: Annotated[names.FailuresTask | None, "What is learned (default: semantics)."] = None
    dataset: Annotated[names.Images | None, "Images to classify, instead of a task."] = None
    data: Annotated[Path | None, "Folder with the files of mnist or cifar10.", CHANGEABLE] = None
    recurrent: Annotated[bool, "A recurrent network, which reads an image row by row."] = False
    hidden: Annotated[int, "Units of each hidden layer.", count] = 100
    layers: Annotated[int | None, "Layers of synapses (2; an RNN has its own three).", count] = None
    activation: Annotated[
        names.FailuresActivation | None,
        "Of the hidden layers (default: linear for tasks, relu for images, tanh in an RNN).",
    ] = None
    scaling: Annotated[
        str, "Initial weights: lin, lin+, sqrt, const, const+, or a number; by layer with commas."
    ] = "sqrt"
    drop_p: Annotated[float, "Probability that a synapse fails."] = 0.5
    drop_layers: Annotated[
        str | None, "Layers that fail: all (default), or numbers such as 1,3 (RNN: 2)."
    ] = None
    path: Annotated[
        names.Path, "How: masks, or moments (Gaussian with their mean and variance)."
    ] = "masks"
    failures: Annotated[
        names.FailuresLast, "Of a recurrent network: anew in every step, or trial."
    ] = "step"
    averaged: Annotated[bool, "Descend the loss averaged over failures and inputs, exactly."] = (
        False
    )
    loss: Annotated[names.Loss | None, "Of classifiers (default: mse)."] = None
    optimizer: Annotated[names.Optimizer, "What follows the gradient."] = "sgd"
    lr: Annotated[
        float | None, "Learning rate (sgd: tasks 0.05, images 0.5; adam, adamw: 0.001).", positive
    ] = None
    momentum: Annotated[float, "Of sgd.", not_negative] = 0.0
    weight_decay: Annotated[float, "Of the optimizer.", not_negative] = 0.0
    batch: Annotated[int | None, "Samples of a batch (tasks 1000, images 100).", count] = None
    samples: Annotated[
        int | None, "Samples of a task to train with, and as many to test (10,000).", count
    ] = None
    inputs: Annotated[int | None, "Inputs of the regression (100).", count] = None
    singular_values: Annotated[str | None, "Of the teacher of the regression (1,0.2)."] = None
    validation: Annotated[float, "Fraction of the training images set aside, scored too."] = 0.0
    standardise: Annotated[bool, "Standardise the images."] = False
    test_draws: Annotated[
        int, "Draws averaged in a test; 0 tests without failures.", at_least_0
    ] = 1
    keep_weights: Annotated[bool, "Keep the weights of every row of the log."] = False
    rule: Annotated[names.Rule | None, "To prune by (default: noise).", CHANGEABLE] = None
    dtype: Annotated[names.DType, "Precision."] = "float32"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.task is not None and self.dataset is not None:
            raise OptionError("a task and a data set were given: leave one of them out")
        if self.recurrent:
            if self.prune is not None:
                raise OptionError(
                    "recurrent networks of failing synapses work in steps and cannot be pruned: "
                    "the rule needs a drift in continuous time; leave --prune out, or use train "
                    "ctrnn"
                )
            self.refuse_idle(("layers",), "is not for a recurrent network, which has three:")
        else:
            self.refuse_idle(("failures",), "is of a recurrent network: give --recurrent, or")
        if self.task != "regression":
            own = ("inputs", "singular_values")
            self.refuse_idle(own, "is of the regression: give --task regression, or")
        if self.dataset is None:
            of_images = ("recurrent", "standardise", "validation", "data", "loss")
            self.refuse_idle(of_images, "is an option of images: give --dataset, or")
        else:
            self.refuse_idle(("samples",), "is of a task, and images are all used:")
            self.refuse_idle(
                ("averaged",), "is of a linear task, whose loss alone can be averaged:"
            )
        if self.averaged:
            self.refuse_idle(("path",), "does nothing: the averaged loss draws no failures, its "
                                        "tests draw masks:")  # fmt: skip
        if self.optimizer != "sgd":
            self.refuse_idle(("momentum",), "is an option of sgd:")

    @property
    def learning_rate(self) -> float:
        """As given, or the default of the optimizer."""
        if self.lr is not None:
            return self.lr
        if self.optimizer != "sgd":
            return 1e-3
        return 0.5 if self.dataset else 0.05

    def sweep(self) -> list[FailuresOptions]:
        """The published grid of the linear-regression experiment, 60 settings; the rest as here.

        Scaling sqrt, const; activation linear, relu; 128, 512, 2048 units; without failures weight
        decay 0, 1e-4, 1e-2, and with drop_p 0.5 failures in all layers or the second.
        """
        if self.dataset is not None:
            raise OptionError("the grid is that of a task: leave --dataset out")
        own = ("scaling", "activation", "hidden", "drop_p", "drop_layers", "weight_decay")
        self.refuse_idle(own, "has values of its own in the grid:")
        cases: list[dict[str, Any]] = [
            {"drop_p": 0.0, "weight_decay": decay} for decay in (0.0, 1e-4, 1e-2)
        ]
        cases += [{"drop_p": 0.5, "drop_layers": layers} for layers in ("all", "2")]
        return [
            replace(self, scaling=scaling, activation=activation, hidden=hidden, **case)
            for scaling in ("sqrt", "const")
            for activation in ("linear", "relu")
            for hidden in (128, 512, 2048)
            for case in cases
        ]
