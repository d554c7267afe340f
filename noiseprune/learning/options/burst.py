"""What `noiseprune train burstccn`, `burstprop`, `edn` and `ann` can be told.

Modes, scales and strengths that have to fit one another are checked by the networks themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, get_args

from noiseprune.checks import count, not_negative, one_of
from noiseprune.choices import NEED_VARIANCE
from noiseprune.errors import OptionError
from noiseprune.learning.options import names
from noiseprune.learning.options.base import CHANGEABLE, PruneOptions, at_least_0

FEEDBACK = (
    *("y_mode", "y_scale", "y_learning", "y_rule", "y_lr"),
    *("q_mode", "q_scale", "q_learning", "q_lr"),
    *("no_recurrent_input", "no_recurrent_learning", "recurrent_lr"),
    *("lambda_intn", "lambda_hidden", "intn_mode", "intn_scale", "intn_lr_scale", "intn_lr"),
)
"""Options of what hidden layers alone have."""


def known_optimizer(what: str, name: str) -> None:
    """Refuse what is no optimizer of local rules; capitals do not matter."""
    one_of(what, name.lower(), get_args(names.LocalOptimizer))


@dataclass(frozen=True, kw_only=True)
class LocalOptions(PruneOptions):
    """What all four models share."""

    epochs: Annotated[int, "Epochs to train.", at_least_0] = 50
    dataset: Annotated[names.Images, "Images to classify."] = "digits"
    data: Annotated[Path | None, "Folder with the files of mnist or cifar10.", CHANGEABLE] = None
    validation: Annotated[
        float, "Fraction of the training images set aside; best.pt errs least on them."
    ] = 0.0
    max_stagnant_epochs: Annotated[
        int | None, "Stop after so many epochs without a smaller validation error.", count
    ] = None
    standardise: Annotated[bool, "Standardise the images."] = False
    augment: Annotated[bool, "Shift and mirror the training images at random (cifar10)."] = False
    layers: Annotated[int, "Dense hidden layers.", at_least_0] = 3
    hidden: Annotated[int, "Units of each.", count] = 500
    conv: Annotated[
        str | None, "Convolutional layers below: channels, kernel, stride, as 64k5s2,128k3."
    ] = None
    gain: Annotated[float | None, "Of the initial weights (default: by activation)."] = None
    batch: Annotated[int, "Images of a batch.", count] = 32
    lr: Annotated[float, "Learning rate of W; 0 keeps it as it is.", not_negative] = 0.1
    optimizer: Annotated[
        str, "sgd, adam, sadagrad, nadagrad, ladagrad, fadagrad or globalcost.", known_optimizer
    ] = "sgd"
    momentum: Annotated[float, "Of sgd and globalcost."] = 0.0
    weight_decay: Annotated[float, "Of W; multiplied by the learning rate.", not_negative] = 0.0
    y_mode: Annotated[names.YMode, "Feedback Y: tied (to W), or drawn or set at first."] = (
        "random_init"
    )
    y_scale: Annotated[float, "Of the initial Y."] = 1.0
    y_learning: Annotated[bool, "Y learns."] = False
    y_lr: Annotated[float | None, "Learning rate of Y (default: that of W).", not_negative] = None
    feedforward_noise: Annotated[float, "Standard deviation, in training."] = 0.0
    no_teaching_signal: Annotated[
        bool, "Leave the teacher out, of what the log has of the dendrites, too."
    ] = False
    diagnostics: Annotated[
        int, "Images for angles and potentials in the log; 0 for none.", at_least_0
    ] = 500
    rule: Annotated[names.Rule | None, "To prune by (default: noise).", CHANGEABLE] = None
    variance: Annotated[
        names.LayerVariance | None,
        "For noise and paper: noise (propagated, the default) or activity.",
        CHANGEABLE,
    ] = None
    dtype: Annotated[names.DType, "Precision."] = "float32"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.validation:
            why = "watches the validation error: give --validation, or"
            self.refuse_idle(("max_stagnant_epochs",), why)
        if self.dataset != "cifar10":
            self.refuse_idle(("augment",), "is an option of cifar10:")
        if self.prune is None:
            self.refuse_idle(("variance",), "is of the pruning: give --prune, too, or")
        elif self.rule is not None and self.rule not in NEED_VARIANCE:
            why = f"is of the rules {' and '.join(NEED_VARIANCE)}, and {self.rule} needs none:"
            self.refuse_idle(("variance",), why)
        if not self.layers:
            self.refuse_idle(("hidden",), "is of dense hidden layers, and there are none:")
            if self.conv is None:
                self.refuse_idle(
                    FEEDBACK, "is of the feedback to hidden layers, and there are none:"
                )
        if not self.y_learning:
            self.refuse_idle(
                ("y_lr", "y_rule"), "is of a Y that learns: give --y-learning, too, or"
            )

    def own_rates(self) -> dict[str, float | None]:
        """Learning rates of the kinds of parameters that have their own; None for that of W."""
        return {"y": self.y_lr}


@dataclass(frozen=True, kw_only=True)
class BurstCCNOptions(LocalOptions):
    """Burst-dependent learning in one phase, by cancelling connections."""

    MODEL: ClassVar[str] = "burstccn"

    activation: Annotated[names.LocalActivation, "Of every neuron."] = "sigmoid"
    p_baseline: Annotated[float, "Baseline burst probability."] = 0.5
    q_mode: Annotated[
        names.QMode | None,
        "Q: symmetric_init (p_b Y at first), tied (always p_b Y), random_init or W_symmetric_init "
        "(p_b W at first). Default: tied; symmetric_init where Q has a scale or learns, or Y "
        "learns by apical.",
    ] = None
    q_scale: Annotated[float, "Of the initial Q.", not_negative] = 1.0
    q_learning: Annotated[bool, "Q learns."] = False
    y_rule: Annotated[names.YRule | None, "Of a learned Y (default: apical)."] = None
    y_lr: Annotated[
        float | None, "Of Y (default: apical 0.001, kolen-pollack that of W).", not_negative
    ] = None
    q_lr: Annotated[float | None, "Of a learned Q (default: 0.001).", not_negative] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.q_learning:
            self.refuse_idle(("q_lr",), "is of a Q that learns: give --q-learning, too, or")

    def own_rates(self) -> dict[str, float | None]:
        apical = None if self.y_rule == "kolen-pollack" else 0.001
        return {
            "y": apical if self.y_lr is None else self.y_lr,
            "q": 0.001 if self.q_lr is None else self.q_lr,
        }


@dataclass(frozen=True, kw_only=True)
class BurstpropOptions(LocalOptions):
    """Burst-dependent learning in two phases."""

    MODEL: ClassVar[str] = "burstprop"

    activation: Annotated[names.LocalActivation, "Of every neuron."] = "sigmoid"
    p_baseline: Annotated[float, "Baseline burst probability of the output layer."] = 0.2
    no_recurrent_input: Annotated[bool, "Leave the recurrent input to the dendrites out."] = False
    no_recurrent_learning: Annotated[bool, "Keep the recurrent weights as they are."] = False
    recurrent_lr: Annotated[
        float | None, "Of the recurrent weights (default: 0.0032).", not_negative
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        recurrent = ("no_recurrent_learning", "recurrent_lr")
        if self.no_recurrent_input:
            why = "is of the recurrent weights that --no-recurrent-input left out:"
            self.refuse_idle(recurrent, why)
        elif self.no_recurrent_learning:
            self.refuse_idle(recurrent[1:], "is of weights that --no-recurrent-learning keeps:")
        if self.no_teaching_signal:
            why = "follows W, which does not learn without a teacher:"
            self.refuse_idle(("y_learning",), why)

    def own_rates(self) -> dict[str, float | None]:
        return {"y": self.y_lr, "r": 3.2e-3 if self.recurrent_lr is None else self.recurrent_lr}


@dataclass(frozen=True, kw_only=True)
class EDNOptions(LocalOptions):
    """Error-encoding dendritic network, with interneurons."""

    MODEL: ClassVar[str] = "edn"

    lambda_output: Annotated[float, "How far the target nudges the output."] = 0.1
    lambda_intn: Annotated[float, "How far the layer above nudges the interneurons."] = 0.1
    lambda_hidden: Annotated[float, "How far the apical dendrites nudge the soma."] = 0.1
    intn_mode: Annotated[names.InterneuronMode, "Interneurons at first."] = "symmetric_init"
    intn_scale: Annotated[
        float, "Of what the interneurons send to the dendrites.", not_negative
    ] = 1.0
    intn_lr_scale: Annotated[
        float | None,
        "Learning rate of the interneurons, in units of lr (default: 2).",
        not_negative,
    ] = None
    intn_lr: Annotated[float | None, "The same, in itself.", not_negative] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        scale = ("intn_lr_scale",)
        if self.intn_lr is not None:
            self.refuse_idle(scale, "is the rate that --intn-lr gives in itself:")
        if not self.lr:
            self.refuse_idle(scale, "multiplies lr, which is 0: give --intn-lr, and")
        if self.no_teaching_signal:
            why = "is of the teacher that --no-teaching-signal left out:"
            self.refuse_idle(("lambda_output",), why)

    def own_rates(self) -> dict[str, float | None]:
        scale = 2.0 if self.intn_lr_scale is None else self.intn_lr_scale
        own = self.lr * scale if self.intn_lr is None else self.intn_lr
        return {"y": self.y_lr, "p": own, "k": own, "g": own}


@dataclass(frozen=True, kw_only=True)
class ANNOptions(LocalOptions):
    """Backprop (tied Y), or feedback alignment, in the same network."""

    MODEL: ClassVar[str] = "ann"

    activation: Annotated[names.LocalActivation, "Of every neuron."] = "sigmoid"
    y_mode: Annotated[names.YMode, "Feedback Y: tied (to W), or drawn or set at first."] = "tied"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.no_teaching_signal:
            raise OptionError(
                "without a teacher an ANN has no errors to learn from: leave no_teaching_signal out"
            )
