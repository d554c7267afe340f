"""ANN: errors themselves are sent down; backprop if Y is tied to W, else feedback alignment.

    output    delta = (t - e) o f'(v)
    hidden    delta_l = (delta_(l+1) Y_l) o f'(v_l)
    update    dW_l ~ mean of delta_l e_(l-1)^T

The handed gradients are those of E |t - e|^2 / 2 where Y = W. A learned Y follows the W above
(Kolen and Pollack 1994).

Source of feedback alignment: T. Lillicrap, D. Cownden, D. Tweed, C. Akerman, Nat. Commun. 7:13276
(2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from noiseprune.checks import count, not_negative
from noiseprune.learning.models.burst.layers import LocalLayer, Signal
from noiseprune.learning.models.burst.network import LocalNetwork
from noiseprune.learning.options.base import at_least_0
from noiseprune.learning.options.burst import ANNOptions
from noiseprune.learning.options.names import YMode


class ANNLayer(LocalLayer):
    """A layer that is sent errors; `apical` is delta_(l+1) Y_l."""

    def teach(self, target: Tensor | None) -> Signal:
        """(t - e) f'(v)"""
        if target is None:
            self.delta = torch.zeros_like(self.events)
        else:
            self.delta = (target - self.events) * self.activation.slope(self.events)
        return (self.delta,)

    def receive(self, signal: Signal) -> Signal:
        """(delta Y) f'(v)"""
        (error,) = signal
        self.apical = self.above.synapses.back(error, self.Y)
        self.delta = self.apical * self.activation.slope(self.events)
        return (self.delta,)

    def update(self) -> None:
        super().update()
        self.follow_above()


@dataclass(eq=False, repr=False)
class ANN(LocalNetwork):
    """A network that learns by backprop (Y_mode "tied") or feedback alignment (the others).

    Parameters and errors as `LocalNetwork`.
    """

    layer = ANNLayer

    n_inputs: int | tuple[int, ...]
    n_outputs: Annotated[int, count]
    n_hidden_layers: Annotated[int, at_least_0] = ANNOptions.layers
    n_hidden_units: Annotated[int, count] = ANNOptions.hidden
    Y_mode: YMode = ANNOptions.y_mode
    Y_scale: Annotated[float, not_negative] = ANNOptions.y_scale
    Y_learning: bool = ANNOptions.y_learning
