"""What a network of equilibrium propagation is told: connections, and how states and weights move.

Each record raises OptionError if a value has no meaning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import numpy.typing as npt

from noiseprune.checks import count, not_negative, positive
from noiseprune.errors import OptionError
from noiseprune.learning.options.base import Checked
from noiseprune.learning.options.names import EquilibriumLearning, Leak, TopologyKind


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


@dataclass(frozen=True)
class Topology(Checked):
    """Who may listen to whom; N = inputs + hidden + outputs neurons, in this order.

    The last input is the bias, always 1. Nothing enters an input, and no neuron listens to itself.
    "complete": everything else may be. "layered": neighbouring layers alone, in both directions;
    the bias reaches every neuron.

    inputs : the bias among them, at least 1
    hidden : neurons of each hidden layer; none for a network without
    kind : "complete" or "layered"
    """

    inputs: Annotated[int, count]
    hidden: tuple[int, ...]
    outputs: Annotated[int, count]
    kind: TopologyKind = "complete"

    def __post_init__(self) -> None:
        super().__post_init__()
        for size in self.hidden:
            count("hidden", size)

    @property
    def n_neurons(self) -> int:
        return self.inputs + sum(self.hidden) + self.outputs

    @property
    def n_free(self) -> int:
        """Neurons that are no inputs: their states move."""
        return self.n_neurons - self.inputs

    @cached_property
    def layer(self) -> npt.NDArray[np.int64]:
        """(N,) layer of every neuron, 0 for the inputs."""
        sizes = (self.inputs, *self.hidden, self.outputs)
        return np.repeat(np.arange(len(sizes)), sizes)

    @cached_property
    def allowed(self) -> npt.NDArray[np.bool_]:
        """(N, N) whether W[post, pre] may differ from 0."""
        allowed = np.ones((self.n_neurons, self.n_neurons), dtype=bool)
        if self.kind == "layered":
            allowed = np.abs(self.layer[:, None] - self.layer) == 1
            allowed[:, self.inputs - 1] = True
        np.fill_diagonal(allowed, False)
        allowed[: self.inputs] = False
        return allowed

    @property
    def labels(self) -> tuple[str, ...]:
        """x0, x1, ..., 1 (the bias), h0, ..., y0, ..."""
        names = [f"x{k}" for k in range(self.inputs - 1)] + ["1"]
        names += [f"h{k}" for k in range(sum(self.hidden))]
        return (*names, *(f"y{k}" for k in range(self.outputs)))


def layer_sizes(text: str | int) -> tuple[int, ...]:
    """Sizes of hidden layers written as "5" or "4,3"; "0" for none."""
    try:
        sizes = tuple(int(part) for part in str(text).split(","))
    except ValueError:
        sizes = (-1,)
    if sizes == (0,):
        return ()
    if min(sizes) < 1:
        raise OptionError(
            f"hidden is {text!r}: give the neurons of each hidden layer, such as 5 or 4,3, or 0"
        )
    return sizes
