"""The layer protocol of local learning: forward events, top-down bursts, update.

    events = layer(below)             e_l = f(W_l e_(l-1) + c_l)
    signal = output.teach(target)     what the output layer sends down; without a target no teacher
    signal = layer.receive(signal)    what a layer makes of what comes down, and sends down itself
    layer.update()                    gradients for an optimizer, from what the layer itself knows

What a layer learns from is its own `delta` (batch, *above), the deviation that the top-down signal
has caused; the handed gradients are those to descend,

    W.grad = - mean over samples of delta e_below^T,     c.grad = - mean of delta

so that any optimizer of torch can follow them; autograd takes no part.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import get_args

import torch
from torch import Tensor, nn

from noiseprune.checks import one_of
from noiseprune.errors import OptionError
from noiseprune.learning.models.activations import ACTIVATIONS
from noiseprune.learning.models.burst.synapses import Convolution, Dense, Shape, Synapses
from noiseprune.learning.options.names import YMode

Signal = tuple[Tensor, ...]


class LocalLayer(nn.Module):
    """A layer with its feedforward synapses, and the feedback Y from the layer above.

    weight, bias : W (post, pre) and c
    y : Y where it is of its own, in the shape of the W above; see the property Y
    mask : bool in the shape of W, False where synapses were pruned; None before
    events : (batch, *above) e of the last batch
    delta : (batch, *above), see the module
    apical : (batch, *above) apical potential u of hidden layers, after the top-down signal
    """

    mask: Tensor | None

    def __init__(
        self,
        synapses: Synapses,
        activation: str,
        gain: float,
        generator: torch.Generator,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.synapses = synapses
        self.activation = ACTIVATIONS[activation]
        deviation = gain * (2 / sum(synapses.fans)) ** 0.5
        self.weight = nn.Parameter(normal(synapses.weight, deviation, generator, dtype))
        self.bias = nn.Parameter(torch.zeros(synapses.weight[0], dtype=dtype))
        self.register_buffer("mask", None)
        self.noise = 0.0
        self.generator = generator
        self._above: tuple[LocalLayer, ...] = ()
        self.y: nn.Parameter | None = None
        self.events = self.delta = self.apical = torch.empty(0, dtype=dtype)
        self.below = self.potential = torch.empty(0, dtype=dtype)

    def connect(self, above: LocalLayer, mode: str, scale: float, learning: bool) -> None:
        """Make the feedback from the layer above.

        mode : "random_init" Y ~ N(0, scale^2); "symmetric_init" Y = scale W at first; "tied" Y is W
        """
        one_of("Y mode", mode, get_args(YMode))
        self._above = (above,)
        if mode == "tied":
            if scale != 1 or learning:
                raise OptionError("tied Y is W itself: leave its scale and its learning out")
            return
        weight = above.weight.detach()
        first = (
            normal(weight.shape, scale, self.generator, weight.dtype)
            if mode == "random_init"
            else scale * weight
        )
        self.y = nn.Parameter(first, requires_grad=learning)

    @property
    def above(self) -> LocalLayer:
        """The next layer; not of the output layer."""
        return self._above[0]

    @property
    def is_output(self) -> bool:
        """Whether there is no layer above."""
        return not self._above

    @property
    def Y(self) -> Tensor:
        """Feedback weights, in the shape of the W above."""
        return self.above.weight if self.y is None else self.y

    def forward(self, below: Tensor) -> Tensor:
        """Events (batch, *above) of those below; with noise on v in training, if there is any."""
        self.below = below
        self.potential = self.synapses.forward(below, self.weight, self.bias)
        if self.noise and self.training:
            self.potential += self.noise * torch.empty_like(self.potential).normal_(
                generator=self.generator
            )
        self.events = self.activation.rate(self.potential)
        return self.events

    @abstractmethod
    def teach(self, target: Tensor | None) -> Signal:
        """Take a target; the signal that an output layer sends down."""

    @abstractmethod
    def receive(self, signal: Signal) -> Signal:
        """Take the signal from above; the one that a hidden layer sends down."""

    def update(self) -> None:
        """Hand gradients to the parameters; from the output layer downwards."""
        scaled = self.delta * (-1 / len(self.below))
        hand(self.weight, self.synapses.outer(scaled, self.below, buffer(self.weight)))
        hand(self.bias, self.synapses.total(scaled))
        if self.mask is not None and self.weight.grad is not None:
            self.weight.grad *= self.mask

    def follow_above(self) -> None:
        """Kolen-Pollack: Y learns as the W above does."""
        if self.y is not None and self.y.requires_grad and self.above.weight.grad is not None:
            hand(self.y, self.above.weight.grad.clone())


def hand(parameter: nn.Parameter | None, gradient: Tensor) -> None:
    """Give a gradient to descend."""
    if parameter is not None:
        parameter.grad = gradient


def buffer(parameter: nn.Parameter) -> Tensor:
    """Where a new gradient can be written: in the place of the last one."""
    return torch.empty_like(parameter) if parameter.grad is None else parameter.grad


def normal(
    shape: Shape, deviation: float, generator: torch.Generator, dtype: torch.dtype
) -> Tensor:
    """N(0, deviation^2), drawn in double precision, so that the type does not change the draw."""
    drawn = torch.empty(shape, dtype=torch.float64).normal_(generator=generator)
    return (deviation * drawn).to(dtype)


def within(synapses: Synapses) -> Synapses:
    """Synapses among the neurons of a layer: all to all, of a convolution at each place."""
    if len(synapses.above) == 1:
        return Dense(synapses.above, synapses.above[0])
    return Convolution(synapses.above, synapses.above[0], 1)
