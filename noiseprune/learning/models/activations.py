"""Activations of event rates e = f(v), their slopes as functions of e, and h(e) = f'(v) / e.

The burst rules see the slope only through h: a deviation (p - p_b) = u h of the burst probability,
times the event rate e, is u f'(v), the backpropagated error. For the logistic function h = 1 - e.

Where events are rare, bursts can say little: |p - p_b| e < p_b |e|. The logistic function, softplus
and the exponential have f' <= e, h is at most 1, and the rule is backprop's to first order, with an
angle to it that falls as the square of the errors. For tanh, the rectifier and the identity h has
no limit at e = 0, and the deviation saturates there: the angle falls about as the root of the
errors, from tens of degrees at errors of whole classes (benchmarks/burst_exact.py measures them).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

SMALLEST_RATE = 1e-6
"""|e| below which h does not grow further, where it has no limit at e = 0."""


@dataclass(frozen=True)
class Activation:
    """rate : f; slope : f'(v) from e = f(v); per_event : h(e); gain : of the initial weights"""

    rate: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    per_event: Callable[[Tensor], Tensor]
    gain: float


def _bounded(slope: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """h = f' / e, with |e| no smaller than SMALLEST_RATE."""

    def per_event(e: Tensor) -> Tensor:
        return slope(e) / torch.where(e < 0, -1.0, 1.0) / e.abs().clamp_min(SMALLEST_RATE)

    return per_event


def _softplus_per_event(e: Tensor) -> Tensor:
    return torch.where(e < SMALLEST_RATE, 1.0, _softplus_slope(e) / e)


def _softplus_slope(e: Tensor) -> Tensor:
    return -torch.expm1(-e)


def _tanh_slope(e: Tensor) -> Tensor:
    return 1 - e * e


def _relu_slope(e: Tensor) -> Tensor:
    return (e > 0).to(e.dtype)


ACTIVATIONS: dict[str, Activation] = {
    "sigmoid": Activation(torch.sigmoid, lambda e: e * (1 - e), lambda e: 1 - e, 3.6),
    "tanh": Activation(torch.tanh, _tanh_slope, _bounded(_tanh_slope), 5 / 3),
    "relu": Activation(torch.relu, _relu_slope, _bounded(_relu_slope), 2**0.5),
    "softplus": Activation(functional.softplus, _softplus_slope, _softplus_per_event, 1.0),
    "exponential": Activation(torch.exp, lambda e: e, torch.ones_like, 0.3),
    "linear": Activation(lambda v: v, torch.ones_like, _bounded(torch.ones_like), 1.0),
}
"""The gains are those of Xavier's initial weights; 3.6 for the logistic function is published, and
the exponential takes a small one, as it would soon grow without bound."""
