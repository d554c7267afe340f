"""What `noiseprune train failures` can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from noiseprune.learning.training import TrainOptions

TASKS = ("semantics", "regression")


@dataclass(frozen=True, kw_only=True)
class Options(TrainOptions):
    """A network whose synapses fail at random: linear regression, or images."""

    epochs: Annotated[int, "Epochs to train."] = 100
    log_every: Annotated[int, "Epochs between rows of the log."] = 5
    task: Annotated[str | None, "semantics (default) or regression."] = None
    dataset: Annotated[str | None, "Instead: digits, mnist or cifar10."] = None
    data: Annotated[Path | None, "Folder with the files of mnist or cifar10."] = None
    recurrent: Annotated[bool, "A recurrent network, which reads an image row by row."] = False
    hidden: Annotated[int, "Units of each hidden layer."] = 100
    layers: Annotated[int | None, "Layers of synapses (2; an RNN has its own three)."] = None
    activation: Annotated[
        str | None, "linear, relu, sigmoid, tanh (default: linear for tasks, else relu; RNN tanh)."
    ] = None
    scaling: Annotated[
        str, "Initial weights: lin, lin+, sqrt, const, const+, or a number; by layer with commas."
    ] = "sqrt"
    drop_p: Annotated[float, "Probability that a synapse fails."] = 0.5
    drop_layers: Annotated[
        str | None, "Layers that fail: all (default), or numbers such as 1,3 (RNN: 2)."
    ] = None
    path: Annotated[str, "How: masks, or moments (Gaussian with their mean and variance)."] = (
        "masks"
    )
    failures: Annotated[str, "Of a recurrent network: anew in every step, or trial."] = "step"
    averaged: Annotated[bool, "Descend the loss averaged over failures and inputs, exactly."] = (
        False
    )
    loss: Annotated[str | None, "Of classifiers: mse (default) or cross-entropy."] = None
    optimizer: Annotated[str, "sgd, adam or adamw."] = "sgd"
    lr: Annotated[
        float | None, "Learning rate (sgd: tasks 0.05, images 0.5; adam, adamw: 0.001)."
    ] = None
    momentum: Annotated[float, "Of sgd."] = 0.0
    weight_decay: Annotated[float, "Of the optimizer."] = 0.0
    batch: Annotated[int | None, "Samples of a batch (tasks 1000, images 100)."] = None
    samples: Annotated[
        int | None, "Samples of a task to train with, and as many to test (10,000)."
    ] = None
    inputs: Annotated[int | None, "Inputs of the regression (100)."] = None
    singular_values: Annotated[str | None, "Of the teacher of the regression (1,0.2)."] = None
    validation: Annotated[float, "Fraction of the training images set aside, scored too."] = 0.0
    standardise: Annotated[bool, "Standardise the images."] = False
    test_draws: Annotated[int, "Draws averaged in a test; 0 tests without failures."] = 1
    keep_weights: Annotated[bool, "Keep the weights of every row of the log."] = False
    prune: Annotated[float | None, "When trained: fraction of the synapses to keep."] = None
    rule: Annotated[
        str | None, "To prune by: noise (default), paper, weight, uniform or magnitude."
    ] = None
    fine_tune: Annotated[int, "Epochs of training after pruning."] = 0
    dtype: Annotated[str, "float32 or float64."] = "float32"


@dataclass(frozen=True, kw_only=True)
class Effective(Options):
    """Options with values where None says that none was given."""

    layers: int = 2
    loss: str = "mse"
    samples: int = 10_000
    inputs: int = 100
    singular_values: str = "1,0.2"
