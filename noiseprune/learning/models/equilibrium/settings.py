"""What a network of equilibrium propagation is told: how its states move, and its weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from noiseprune.checks import count, not_negative, positive
from noiseprune.errors import OptionError
from noiseprune.learning.options.base import Checked
from noiseprune.learning.options.names import EquilibriumLearning, Leak


def finite(what: str, value: float) -> None:
    """Refuse an infinite number, and NaN."""
    if not math.isfinite(value):
        raise OptionError(f"{what} is {value!r}, but must be finite")


@dataclass(frozen=True, kw_only=True)
class Dynamics(Checked):
    """How the states move.

    leak, constant : kind of leak, and what is added to it
    dt : Euler step
    free_steps, nudged_steps : of the two phases
    stop : a phase ends where the sum of squared speeds of a sample is no larger; 0 at exact rest,
        which changes nothing

    Raises
    ------
    OptionError
        If a value has no meaning.
    """

    leak: Leak = "signed"
    constant: Annotated[float, not_negative] = 0.0
    dt: Annotated[float, positive] = 0.05
    free_steps: Annotated[int, count] = 1000
    nudged_steps: Annotated[int, count] = 1000
    stop: Annotated[float, not_negative] = 0.0


@dataclass(frozen=True, kw_only=True)
class Learning(Checked):
    """How the weights move.

    rule : "stdp" or "ep"
    beta : strength of the nudging
    lr : learning rate
    beta_0, beta_1 : of coincidence and of timing, rule "stdp" alone
    centred : two nudged phases, at beta and -beta
    sign : learn by the sign of dw and db alone
    l1 : strength of the L1 regularisation
    bound : largest |w|, kept by clipping; None for none
    cap : largest sum_i |w_ij| that a neuron j, no input, may send, kept by scaling; None for none.
        With leak "none" and a constant above it a network contracts, whatever it learns

    Raises
    ------
    OptionError
        If a value has no meaning.
    """

    rule: EquilibriumLearning = "stdp"
    beta: Annotated[float, positive] = 10.0
    lr: Annotated[float, positive] = 100.0
    beta_0: Annotated[float, finite] = 0.0
    beta_1: Annotated[float, finite] = 1.0
    centred: bool = False
    sign: bool = False
    l1: Annotated[float, not_negative] = 0.0
    bound: Annotated[float | None, positive] = None
    cap: Annotated[float | None, positive] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rule == "ep" and (self.beta_0, self.beta_1) != (0.0, 1.0):
            raise OptionError("beta_0 and beta_1 belong to rule 'stdp': leave them out")


def check_step(dynamics: Dynamics, beta: float) -> None:
    """Refuse a dt that overshoots: dt (leak + beta) <= 1, where the leak is a constant.

    Then 1 - dt (leak + beta) is the least that an Euler step leaves of a state, 0 or more. Where
    the leak follows the weights no dt is safe for ever: see `Stability.radius`.
    """
    total = dynamics.constant + beta
    if dynamics.leak == "none" and not dynamics.dt * total <= 1 + 1e-12:
        raise OptionError(
            f"dt is {dynamics.dt:g}, but with a leak of {dynamics.constant:g} and nudging of "
            f"{beta:g} the states overshoot above {1 / total:.3g}: give dt of at most 1 / (leak + "
            "beta), or nudge less"
        )
