"""Linear maps between layers, dense or convolutional, with what local rules need of them.

    forward    W x + c                              what events drive
    back       W^T y, with any kernel of W's shape  what bursts drive, through Y or Q
    outer      mean over samples of y x^T           the shape of an update of W, Y or Q

All of a convolution's places share their weights; its outer product is summed over them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv2d_input, conv2d_weight

from noiseprune.errors import OptionError

Shape = tuple[int, ...]


class Synapses(ABC):
    """Where a layer's synapses lie: shapes of one sample below and above, and of the weights."""

    below: Shape
    above: Shape
    weight: Shape

    @property
    def fans(self) -> tuple[int, int]:
        """Inputs of a neuron and outputs of one, for the size of initial weights."""
        places = prod(self.weight[2:])
        return self.weight[1] * places, self.weight[0] * places

    @abstractmethod
    def forward(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """(batch, *above) of (batch, *below)."""

    @abstractmethod
    def back(self, y: Tensor, weight: Tensor) -> Tensor:
        """(batch, *below) of (batch, *above)."""

    @abstractmethod
    def outer(self, y: Tensor, x: Tensor, out: Tensor | None = None) -> Tensor:
        """Sum over samples of y x^T, in the shape of the weights; written to `out` if given."""

    @abstractmethod
    def total(self, y: Tensor) -> Tensor:
        """Sum over samples of y, in the shape of the bias."""


@dataclass(frozen=True)
class Dense(Synapses):
    """All to all; what comes from a convolution is flattened."""

    below: Shape
    n_outputs: int

    @property
    def above(self) -> Shape:  # type: ignore[override]
        """(n_outputs,)"""
        return (self.n_outputs,)

    @property
    def weight(self) -> Shape:  # type: ignore[override]
        """(post, pre)"""
        return (self.n_outputs, prod(self.below))

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.addmm(bias, x.flatten(1), weight.T)

    def back(self, y: Tensor, weight: Tensor) -> Tensor:
        x = y @ weight
        return x if len(self.below) == 1 else x.view(len(x), *self.below)

    def outer(self, y: Tensor, x: Tensor, out: Tensor | None = None) -> Tensor:
        return torch.mm(y.T, x.flatten(1), out=out)

    def total(self, y: Tensor) -> Tensor:
        return y.sum(0)


@dataclass(frozen=True)
class Convolution(Synapses):
    """`channels` square kernels, a stride, no padding; below is (channels, height, width)."""

    below: Shape
    channels: int
    kernel: int
    stride: int = 1

    def __post_init__(self) -> None:
        if len(self.below) != 3 or min(self.below[1:]) < self.kernel:
            raise OptionError(
                f"a convolution of kernel {self.kernel} meets samples of shape {self.below}: give "
                "smaller kernels or strides, or fewer layers"
            )

    @property
    def above(self) -> Shape:  # type: ignore[override]
        """(channels, height, width)"""
        height, width = ((n - self.kernel) // self.stride + 1 for n in self.below[1:])
        return (self.channels, height, width)

    @property
    def weight(self) -> Shape:  # type: ignore[override]
        """(post, pre, kernel, kernel)"""
        return (self.channels, self.below[0], self.kernel, self.kernel)

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return functional.conv2d(x, weight, bias, self.stride)

    def back(self, y: Tensor, weight: Tensor) -> Tensor:
        found: Tensor = conv2d_input((len(y), *self.below), weight, y, self.stride)  # type: ignore[no-untyped-call]
        return found

    def outer(self, y: Tensor, x: Tensor, out: Tensor | None = None) -> Tensor:
        found: Tensor = conv2d_weight(x, self.weight, y, self.stride)  # type: ignore[no-untyped-call]
        return found if out is None else out.copy_(found)

    def total(self, y: Tensor) -> Tensor:
        return y.sum((0, 2, 3))


def convolutions(text: str, below: Shape) -> list[Convolution]:
    """Layers from a text such as 64k5s2,128k5s2,256k3: channels, kernel, stride (1 if left out)."""
    found: list[Convolution] = []
    for part in text.split(","):
        channels, _, rest = part.strip().partition("k")
        kernel, _, stride = rest.partition("s")
        numbers = [channels, kernel, stride or "1"]
        if not all(number.isdecimal() and int(number) for number in numbers):
            raise OptionError(
                f"conv is {text!r}: give channels, kernel and stride of each layer, as 64k5s2,128k3"
            )
        found.append(Convolution(found[-1].above if found else below, *map(int, numbers)))
    return found
