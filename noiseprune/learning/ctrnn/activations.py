"""Activation functions phi(v) and their derivatives, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Activation:
    """phi and its derivative, both of the pre-activation v."""

    value: Function
    slope: Function


def _tanh_slope(v: Tensor) -> Tensor:
    return 1 - torch.tanh(v) ** 2


def _sigmoid_slope(v: Tensor) -> Tensor:
    return torch.sigmoid(v) * torch.sigmoid(-v)


def _above_zero(v: Tensor) -> Tensor:
    return (v > 0).to(v)


def _identity(v: Tensor) -> Tensor:
    return v


ACTIVATIONS = {
    "relu": Activation(torch.relu, _above_zero),
    "tanh": Activation(torch.tanh, _tanh_slope),
    "sigmoid": Activation(torch.sigmoid, _sigmoid_slope),
    "retanh": Activation(
        lambda v: torch.tanh(torch.relu(v)), lambda v: _above_zero(v) * _tanh_slope(v)
    ),
    "softplus": Activation(torch.nn.functional.softplus, torch.sigmoid),
    "linear": Activation(_identity, torch.ones_like),
}
"""retanh(v) = max(tanh v, 0)"""
