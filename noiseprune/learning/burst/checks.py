"""What `noiseprune train burstccn`, `burstprop`, `edn` and `ann` refuse, before anything is read.

Beside values without a meaning these are options that would do nothing where the others leave them
no work. Modes, scales and strengths are checked by the networks themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np

from noiseprune.checks import count, one_of
from noiseprune.errors import OptionError
from noiseprune.learning.burst.layers import Y_RULES
from noiseprune.learning.burst.options import (
    ANNOptions,
    BurstCCNOptions,
    BurstpropOptions,
    EDNOptions,
    LocalOptions,
)
from noiseprune.learning.datasets import CLASSIFIED
from noiseprune.learning.feedforward_pruning import VARIANCES
from noiseprune.learning.images import CIFAR10
from noiseprune.learning.training import check_pruning
from noiseprune.pruning.recipe import RULES

RATES = ("lr", "weight_decay", "y_lr", "q_lr", "recurrent_lr", "intn_lr", "intn_lr_scale")
SCALES = ("q_scale", "intn_scale")
FEEDBACK = (
    *("y_mode", "y_scale", "y_learning", "y_rule", "y_lr"),
    *("q_mode", "q_scale", "q_learning", "q_lr"),
    *("no_recurrent_input", "no_recurrent_learning", "recurrent_lr"),
    *("lambda_intn", "lambda_hidden", "intn_mode", "intn_scale", "intn_lr_scale", "intn_lr"),
)
"""Options of what hidden layers alone have."""


def check(options: LocalOptions) -> None:
    """Refuse options without a meaning, and those that would do nothing.

    Raises
    ------
    OptionError
        With what was found, and what to do.
    """
    o = options
    one_of("data set", o.dataset, CLASSIFIED)
    count("layers", o.layers, at_least=0)
    count("hidden", o.hidden)
    count("batch", o.batch)
    count("diagnostics", o.diagnostics, at_least=0)
    for name in (*RATES, *SCALES):
        value = getattr(o, name, None)
        if value is not None and not 0 <= value < np.inf:
            raise OptionError(f"{name} is {value}, but is at least 0")
    if o.max_stagnant_epochs is not None:
        count("max_stagnant_epochs", o.max_stagnant_epochs)
        if not o.validation:
            raise OptionError(
                "max_stagnant_epochs watches the validation error: give --validation, too"
            )
    if o.dataset != CIFAR10:
        _idle(o, ("augment",), f"is an option of {CIFAR10}")
    _check_pruning(o)
    _check_model(o)


def _check_pruning(o: LocalOptions) -> None:
    if o.rule is not None:
        one_of("rule", o.rule, RULES)
    if o.variance is not None:
        one_of("variance", o.variance, VARIANCES)
    check_pruning(o.prune, o.fine_tune)
    if o.prune is None:
        _idle(o, ("rule", "variance"), "is of the pruning: give --prune, too, or")
        return
    if o.rule not in (None, "noise", "paper"):
        _idle(o, ("variance",), f"is of the rules noise and paper, and {o.rule} needs none")


def _check_model(o: LocalOptions) -> None:
    if not o.layers:
        _idle(o, ("hidden",), "is of dense hidden layers, and there are none")
    if not o.layers and o.conv is None:
        _idle(o, FEEDBACK, "is of the feedback to hidden layers, and there are none")
    if not o.y_learning:
        _idle(o, ("y_lr", "y_rule"), "is of a Y that learns: give --y-learning, too, or")
    if isinstance(o, BurstCCNOptions):
        if o.y_rule is not None:
            one_of("Y rule", o.y_rule, Y_RULES)
        if not o.q_learning:
            _idle(o, ("q_lr",), "is of a Q that learns: give --q-learning, too, or")
    elif isinstance(o, BurstpropOptions):
        recurrent = ("no_recurrent_learning", "recurrent_lr")
        if o.no_recurrent_input:
            _idle(o, recurrent, "is of the recurrent weights that --no-recurrent-input left out")
        elif o.no_recurrent_learning:
            _idle(o, recurrent[1:], "is of weights that --no-recurrent-learning keeps")
        if o.no_teaching_signal:
            _idle(o, ("y_learning",), "follows W, which does not learn without a teacher")
    elif isinstance(o, EDNOptions):
        if o.intn_lr is not None:
            _idle(o, ("intn_lr_scale",), "is the rate that --intn-lr gives in itself")
        if not o.lr:
            _idle(o, ("intn_lr_scale",), "multiplies lr, which is 0: give --intn-lr, and")
        if o.no_teaching_signal:
            _idle(o, ("lambda_output",), "is of the teacher that --no-teaching-signal left out")
    elif isinstance(o, ANNOptions) and o.no_teaching_signal:
        raise OptionError(
            "without a teacher an ANN has no errors to learn from: leave no_teaching_signal out"
        )


def check_rates(groups: Iterable[dict[str, Any]], options: LocalOptions) -> None:
    """Refuse learning rates, of an optimizer's groups, with which nothing would move.

    Raises
    ------
    OptionError
        If all of them are 0, or there is a weight decay only where they are.
    """
    moving = [group for group in groups if group["lr"]]
    if not moving:
        raise OptionError("every learning rate is 0, so that nothing would learn: raise lr")
    if options.weight_decay and not any(group["weight_decay"] for group in moving):
        raise OptionError("weight_decay is multiplied by the learning rate, which is 0: raise lr")


def _idle(options: LocalOptions, names: Iterable[str], why: str) -> None:
    """Refuse those of these options that were given: that differ from their defaults."""
    defaults = {field.name: field.default for field in fields(options)}
    for name in names:
        if name in defaults and getattr(options, name) != defaults[name]:
            raise OptionError(
                f"{name} {why}{'' if why.endswith((' or', ' and')) else ':'} leave it out"
            )
