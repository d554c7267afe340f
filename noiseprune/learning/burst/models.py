"""Networks and learning rates that the options of `noiseprune train` ask for."""

from __future__ import annotations

from typing import Any

from noiseprune.learning.burst.ann import ANN
from noiseprune.learning.burst.burstccn import BurstCCN
from noiseprune.learning.burst.burstprop import Burstprop
from noiseprune.learning.burst.edn import EDN
from noiseprune.learning.burst.network import LocalNetwork
from noiseprune.learning.burst.options import (
    ANNOptions,
    BurstCCNOptions,
    BurstpropOptions,
    EDNOptions,
    LocalOptions,
)


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
            Y_rule=o.y_rule or "apical",
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


def own_rates(options: LocalOptions) -> dict[str, float | None]:
    """Learning rates of the kinds of parameters that have their own; None for that of W."""
    o = options
    if isinstance(o, BurstCCNOptions):
        apical = None if o.y_rule == "kolen-pollack" else 0.001
        return {
            "y": apical if o.y_lr is None else o.y_lr,
            "q": 0.001 if o.q_lr is None else o.q_lr,
        }
    if isinstance(o, BurstpropOptions):
        return {"y": o.y_lr, "r": 3.2e-3 if o.recurrent_lr is None else o.recurrent_lr}
    if isinstance(o, EDNOptions):
        scale = 2.0 if o.intn_lr_scale is None else o.intn_lr_scale
        own = o.lr * scale if o.intn_lr is None else o.intn_lr
        return {"y": o.y_lr, "p": own, "k": own, "g": own}
    if isinstance(o, ANNOptions):
        return {"y": o.y_lr}
    raise TypeError(f"{type(o).__name__} belongs to no model")
