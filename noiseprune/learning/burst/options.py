"""What `noiseprune train burstccn`, `burstprop`, `edn` and `ann` can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from noiseprune.learning.training import TrainOptions

Y_MODE_HELP = "Feedback Y: random_init, symmetric_init or tied (to W)."


@dataclass(frozen=True, kw_only=True)
class LocalOptions(TrainOptions):
    """What all four models share."""

    epochs: Annotated[int, "Epochs to train."] = 50
    dataset: Annotated[str, "digits, mnist or cifar10."] = "digits"
    data: Annotated[Path | None, "Folder with the files of mnist or cifar10."] = None
    validation: Annotated[
        float, "Fraction of the training images set aside; best.pt errs least on them."
    ] = 0.0
    max_stagnant_epochs: Annotated[
        int | None, "Stop after so many epochs without a smaller validation error."
    ] = None
    standardise: Annotated[bool, "Standardise the images."] = False
    augment: Annotated[bool, "Shift and mirror the training images at random (cifar10)."] = False
    layers: Annotated[int, "Dense hidden layers."] = 3
    hidden: Annotated[int, "Units of each."] = 500
    conv: Annotated[
        str | None, "Convolutional layers below: channels, kernel, stride, as 64k5s2,128k3."
    ] = None
    gain: Annotated[float | None, "Of the initial weights (default: by activation)."] = None
    batch: Annotated[int, "Images of a batch."] = 32
    lr: Annotated[float, "Learning rate of W; 0 keeps it as it is."] = 0.1
    optimizer: Annotated[
        str, "sgd, adam, sadagrad, nadagrad, ladagrad, fadagrad or globalcost."
    ] = "sgd"
    momentum: Annotated[float, "Of sgd and globalcost."] = 0.0
    weight_decay: Annotated[float, "Of W; multiplied by the learning rate."] = 0.0
    y_scale: Annotated[float, "Of the initial Y."] = 1.0
    y_learning: Annotated[bool, "Y learns."] = False
    feedforward_noise: Annotated[float, "Standard deviation, in training."] = 0.0
    no_teaching_signal: Annotated[
        bool, "Leave the teacher out, of what the log has of the dendrites, too."
    ] = False
    diagnostics: Annotated[int, "Images for angles and potentials in the log; 0 for none."] = 500
    prune: Annotated[
        float | None, "After the last epoch: fraction of the synapses to keep (pruned.pt)."
    ] = None
    rule: Annotated[
        str | None, "To prune by: noise (the default), paper, weight, uniform or magnitude."
    ] = None
    variance: Annotated[
        str | None, "For noise and paper: noise (propagated, the default) or activity."
    ] = None
    fine_tune: Annotated[int, "Epochs of training after pruning."] = 0
    dtype: Annotated[str, "float32 or float64."] = "float32"


@dataclass(frozen=True, kw_only=True)
class BurstCCNOptions(LocalOptions):
    """Burst-dependent learning in one phase, by cancelling connections."""

    activation: Annotated[str, "sigmoid, tanh, relu, softplus, exponential or linear."] = "sigmoid"
    p_baseline: Annotated[float, "Baseline burst probability."] = 0.5
    y_mode: Annotated[str, Y_MODE_HELP] = "random_init"
    q_mode: Annotated[
        str | None,
        "Q: symmetric_init (p_b Y at first), tied (always p_b Y), random_init or W_symmetric_init "
        "(p_b W at first). Default: tied; symmetric_init where Q has a scale or learns, or Y "
        "learns by apical.",
    ] = None
    q_scale: Annotated[float, "Of the initial Q."] = 1.0
    q_learning: Annotated[bool, "Q learns."] = False
    y_rule: Annotated[str | None, "Of a learned Y: apical (the default) or kolen-pollack."] = None
    y_lr: Annotated[float | None, "Of Y (default: apical 0.001, kolen-pollack that of W)."] = None
    q_lr: Annotated[float | None, "Of a learned Q (default: 0.001)."] = None


@dataclass(frozen=True, kw_only=True)
class BurstpropOptions(LocalOptions):
    """Burst-dependent learning in two phases."""

    activation: Annotated[str, "sigmoid, tanh, relu, softplus, exponential or linear."] = "sigmoid"
    p_baseline: Annotated[float, "Baseline burst probability of the output layer."] = 0.2
    y_mode: Annotated[str, Y_MODE_HELP] = "random_init"
    y_lr: Annotated[float | None, "Learning rate of Y (default: that of W)."] = None
    no_recurrent_input: Annotated[bool, "Leave the recurrent input to the dendrites out."] = False
    no_recurrent_learning: Annotated[bool, "Keep the recurrent weights as they are."] = False
    recurrent_lr: Annotated[float | None, "Of the recurrent weights (default: 0.0032)."] = None


@dataclass(frozen=True, kw_only=True)
class EDNOptions(LocalOptions):
    """Error-encoding dendritic network, with interneurons."""

    y_mode: Annotated[str, Y_MODE_HELP] = "random_init"
    y_lr: Annotated[float | None, "Learning rate of Y (default: that of W)."] = None
    lambda_output: Annotated[float, "How far the target nudges the output."] = 0.1
    lambda_intn: Annotated[float, "How far the layer above nudges the interneurons."] = 0.1
    lambda_hidden: Annotated[float, "How far the apical dendrites nudge the soma."] = 0.1
    intn_mode: Annotated[str, "Interneurons: symmetric_init or random_init."] = "symmetric_init"
    intn_scale: Annotated[float, "Of what the interneurons send to the dendrites."] = 1.0
    intn_lr_scale: Annotated[
        float | None, "Learning rate of the interneurons, in units of lr (default: 2)."
    ] = None
    intn_lr: Annotated[float | None, "The same, in itself."] = None


@dataclass(frozen=True, kw_only=True)
class ANNOptions(LocalOptions):
    """Backprop (tied Y), or feedback alignment, in the same network."""

    activation: Annotated[str, "sigmoid, tanh, relu, softplus, exponential or linear."] = "sigmoid"
    y_mode: Annotated[str, Y_MODE_HELP] = "tied"
    y_lr: Annotated[float | None, "Learning rate of Y (default: that of W)."] = None
