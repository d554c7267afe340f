"""Burstprop: two phases; bursts without a teacher are subtracted from those with one.

    output    p = p_b;  with a teacher p' = p_b (1 + (t - e) h(e))
    apical    x_l = b_(l+1) Y_l,  x'_l = b'_(l+1) Y_l;   b = p e,  b' = p' e
    recurrent s_l = logistic(x_l) o e_l,  u_l = x_l h(e_l) - R_l s_l
    burst     p_l = logistic(u_l),  p'_l = logistic(x'_l h(e_l) - R_l s_l)
    update    dW_l ~ mean of (b'_l - b_l) e_(l-1)^T,   dR_l ~ + mean of u_l s_l^T

R holds the apical dendrites near their middle, where the logistic function is steep; the error
shrinks some fourfold per layer. A learned Y follows the W above (Kolen and Pollack).

Source: A. Payeur, J. Guerguiev, F. Zenke, B. Richards, R. Naud, Nat. Neurosci. 24:1010 (2021).
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from noiseprune.checks import count, not_negative
from noiseprune.learning.models.burst.layers import LocalLayer, Signal, buffer, hand, normal, within
from noiseprune.learning.models.burst.network import LocalNetwork
from noiseprune.learning.options.base import at_least_0, within_0_1
from noiseprune.learning.options.burst import BurstpropOptions
from noiseprune.learning.options.names import YMode

R_DEVIATION = 0.01


class BurstpropLayer(LocalLayer):
    """A layer of Burstprop; beside what `LocalLayer` has:

    p_baseline : p_b, of the output layer
    r : R among the neurons of a hidden layer (of a convolution: among channels); None without
    """

    p_baseline: float

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.r: nn.Parameter | None = None

    def recur(self, learning: bool) -> None:
        """Make R ~ N(0, R_DEVIATION^2)."""
        self.lateral = within(self.synapses)
        first = normal(self.lateral.weight, R_DEVIATION, self.generator, self.weight.dtype)
        self.r = nn.Parameter(first, requires_grad=learning)

    def teach(self, target: Tensor | None) -> Signal:
        """Bursts without and with the teacher."""
        e, p_b = self.events, self.p_baseline
        bursts = p_b * e
        if target is None:
            self.delta = torch.zeros_like(e)
        else:
            deviation = p_b * (target - e) * self.activation.h(e)
            self.delta = deviation.clamp_(-p_b, min(p_b, 1 - p_b)) * e
        return bursts, bursts + self.delta

    def receive(self, signal: Signal) -> Signal:
        """Bursts in both phases, of those above."""
        back, e = self.above.synapses.back, self.events
        x, taught = (back(bursts, self.Y) for bursts in signal)
        h = self.activation.h(e)
        self.apical = x * h
        taught = taught * h
        if self.r is not None:
            self.before = torch.sigmoid(x) * e
            lateral = self.lateral.forward(self.before, self.r, torch.zeros_like(self.bias))
            self.apical = self.apical - lateral
            taught = taught - lateral
        bursts, with_teacher = torch.sigmoid(self.apical) * e, torch.sigmoid(taught) * e
        self.delta = with_teacher - bursts
        return bursts, with_teacher

    def update(self) -> None:
        super().update()
        self.follow_above()
        if self.r is not None and self.r.requires_grad:
            scaled = self.apical * (-1 / len(self.below))
            hand(self.r, self.lateral.outer(scaled, self.before, buffer(self.r)))


@dataclass(eq=False, repr=False)
class Burstprop(LocalNetwork):
    """A network of Burstprop layers; see the module for its equations.

    Parameters
    ----------
    p_baseline : p_b of the output layer, in (0, 1)
    recurrent_input : whether there is R; recurrent_learning : whether it learns
    n_inputs, n_outputs, ..., and errors : as `LocalNetwork`
    """

    layer = BurstpropLayer

    n_inputs: int | tuple[int, ...]
    n_outputs: Annotated[int, count]
    p_baseline: Annotated[float, within_0_1] = BurstpropOptions.p_baseline
    n_hidden_layers: Annotated[int, at_least_0] = BurstpropOptions.layers
    n_hidden_units: Annotated[int, count] = BurstpropOptions.hidden
    Y_mode: YMode = BurstpropOptions.y_mode
    Y_scale: Annotated[float, not_negative] = BurstpropOptions.y_scale
    Y_learning: bool = BurstpropOptions.y_learning
    _: KW_ONLY
    recurrent_input: bool = True
    recurrent_learning: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for layer in self.layers:
            layer.p_baseline = self.p_baseline
        for layer in self.layers[:-1] if self.recurrent_input else ():
            layer.recur(self.recurrent_learning)
