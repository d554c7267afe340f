"""Activations r = f(v) of all networks that learn, and their slopes.

Burst rules see the slope through h(r) = f'(v) / r alone: a deviation (p - p_b) = u h of the burst
probability, times the event rate r, is u f'(v), the backpropagated error. For the logistic function
h = 1 - r.

Where events are rare, bursts can say little: |p - p_b| r < p_b |r|. The logistic function, softplus
and the exponential have f' <= r, h is at most 1, and the rule is backprop's to first order, with an
angle to it that falls as the square of the errors. For tanh, the rectifier and the identity h has
no limit at r = 0, and the deviation saturates there: the angle falls about as the root of the
errors, from tens of degrees at errors of whole classes (benchmarks/burst_exact.py measures them).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

Function = Callable[[Tensor], Tensor]
SMALLEST_RATE = 1e-6
"""|r| below which h does not grow further, where it has no limit at r = 0."""


@dataclass(frozen=True)
class Activation:
    """rate : f; slope : f'(v) from r = f(v); slope_at : the same from v, where that is more exact
    per_event : h(r), where it has a limit at 0; gain : of the initial weights under local rules
    """

    rate: Function
    slope: Function
    gain: float = 1.0
    per_event: Function | None = None
    slope_at: Function | None = None

    def at(self, v: Tensor) -> Tensor:
        """f'(v)"""
        return self.slope(self.rate(v)) if self.slope_at is None else self.slope_at(v)

    def h(self, r: Tensor) -> Tensor:
        """f'(v) / r, |r| being no smaller than SMALLEST_RATE where h has no limit at 0."""
        if self.per_event is not None:
            return self.per_event(r)
        return self.slope(r) / torch.where(r < 0, -1.0, 1.0) / r.abs().clamp_min(SMALLEST_RATE)


def _tanh_slope(r: Tensor) -> Tensor:
    return 1 - r * r


def _above_zero(r: Tensor) -> Tensor:
    return (r > 0).to(r.dtype)


def _softplus_slope(r: Tensor) -> Tensor:
    return -torch.expm1(-r)


ACTIVATIONS = {
    "linear": Activation(lambda v: v, torch.ones_like),
    "relu": Activation(torch.relu, _above_zero, 2**0.5),
    "tanh": Activation(torch.tanh, _tanh_slope, 5 / 3),
    "retanh": Activation(
        lambda v: torch.tanh(torch.relu(v)), lambda r: _above_zero(r) * _tanh_slope(r)
    ),
    "sigmoid": Activation(
        torch.sigmoid,
        lambda r: r * (1 - r),
        3.6,
        lambda r: 1 - r,
        lambda v: torch.sigmoid(v) * torch.sigmoid(-v),
    ),
    "softplus": Activation(
        functional.softplus,
        _softplus_slope,
        1.0,
        lambda r: torch.where(r < SMALLEST_RATE, 1.0, _softplus_slope(r) / r),
        torch.sigmoid,
    ),
    "exponential": Activation(torch.exp, lambda r: r, 0.3, torch.ones_like),
}
"""retanh(v) = max(tanh v, 0). The gains are those of Xavier's initial weights; 3.6 for the logistic
function is published, and the exponential takes a small one, as it would soon grow without bound.
"""
