"""What a network of equilibrium propagation is told: how its states move, and its weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noiseprune.checks import count, not_negative, one_of, positive
from noiseprune.errors import OptionError

LEAKS = ("signed", "absolute", "none")
RULES = ("stdp", "ep")


@dataclass(frozen=True, kw_only=True)
class Dynamics:
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

    leak: str = "signed"
    constant: float = 0.0
    dt: float = 0.05
    free_steps: int = 1000
    nudged_steps: int = 1000
    stop: float = 0.0

    def __post_init__(self) -> None:
        one_of("leak", self.leak, LEAKS)
        positive("dt", self.dt)
        count("free_steps", self.free_steps)
        count("nudged_steps", self.nudged_steps)
        for what in ("constant", "stop"):
            not_negative(what, getattr(self, what))


@dataclass(frozen=True, kw_only=True)
class Learning:
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

    rule: str = "stdp"
    beta: float = 10.0
    lr: float = 100.0
    beta_0: float = 0.0
    beta_1: float = 1.0
    centred: bool = False
    sign: bool = False
    l1: float = 0.0
    bound: float | None = None
    cap: float | None = None

    def __post_init__(self) -> None:
        one_of("rule", self.rule, RULES)
        positive("beta", self.beta)
        positive("lr", self.lr)
        not_negative("l1", self.l1)
        for what in ("bound", "cap"):
            if getattr(self, what) is not None:
                positive(what, getattr(self, what))
        for what in ("beta_0", "beta_1"):
            if not np.isfinite(getattr(self, what)):
                raise OptionError(f"{what} is {getattr(self, what)!r}, but must be finite")
        if self.rule == "ep" and (self.beta_0, self.beta_1) != (0.0, 1.0):
            raise OptionError("beta_0 and beta_1 belong to rule 'stdp': leave them out")


def check_step(dynamics: Dynamics, beta: float) -> None:
    """Refuse a dt that overshoots: dt (leak + beta) <= 1, where the leak is a constant.

    Then 1 - dt (leak + beta) is the least that an Euler step leaves of a state, 0 or more. Where
    the leak follows the weights no dt is safe for ever: see `Stability.radius`.

    Raises
    ------
    OptionError
        If dt is too large.
    """
    total = dynamics.constant + beta
    if dynamics.leak == "none" and not dynamics.dt * total <= 1 + 1e-12:
        raise OptionError(
            f"dt is {dynamics.dt:g}, but with a leak of {dynamics.constant:g} and nudging of "
            f"{beta:g} the states overshoot above {1 / total:.3g}: give dt of at most 1 / (leak + "
            "beta), or nudge less"
        )
