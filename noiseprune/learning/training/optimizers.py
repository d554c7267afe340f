"""Optimizers: torch's own, and those of the published training by local rules.

The latter are SGD, Adam, Adagrad of four ranges, and a global cost:

    SharedAdagrad    G <- G + mean of g^2 over the range,   step - lr g / (sqrt G + eps)
    "globalcost"     SGD; the training is to multiply every gradient by the loss of the batch

The range of G is each synapse by itself (torch's Adagrad), the synapses onto a neuron, a parameter
(the synapses of a layer), or the network. Weight decay d is w <- (1 - lr d) w under all of them,
beside the step and not through its momentum or normalisation (for Adam: torch's AdamW).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, get_args

import torch
from torch import Tensor, nn

from noiseprune.checks import not_negative, one_of
from noiseprune.errors import OptionError
from noiseprune.learning.options.base import below_1
from noiseprune.learning.options.names import LocalOptimizer, Optimizer

RANGES = {"sadagrad": "synapse", "nadagrad": "neuron", "ladagrad": "layer", "fadagrad": "network"}


class SharedAdagrad(torch.optim.Optimizer):
    """Adagrad whose sums of squared gradients are shared within a range.

    span : "synapse", "neuron", "layer" or "network"
    eps : added to the root

    Groups of parameters can have a "post_axis", the axis of the postsynaptic neurons; else it is 0.

    Raises
    ------
    OptionError
        If there is no such range, or the learning rate is not above 0.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 0.01, *, span: str = "synapse", eps: float = 1e-10
    ) -> None:
        self.span = one_of("range", span, RANGES.values())
        super().__init__(
            params, {"lr": not_negative("lr", lr), "weight_decay": 0.0, "eps": eps, "post_axis": 0}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; the closure is called first, if there is one."""
        found = None
        if closure is not None:
            with torch.enable_grad():
                found = closure()
        entries = [
            (group, p, p.grad)
            for group in self.param_groups
            for p in group["params"]
            if p.grad is not None
        ]
        number = sum(g.numel() for _, _, g in entries)
        whole = sum((g.square().sum() for _, _, g in entries), torch.zeros(())) / max(1, number)
        for group, p, g in entries:
            state = self.state[p]
            added = (
                whole.to(g.dtype)
                if self.span == "network"
                else self._mean_square(g, group["post_axis"])
            )
            state["sum"] = state["sum"] + added if "sum" in state else added
            p.mul_(1 - group["lr"] * group["weight_decay"])
            p.addcdiv_(g, (state["sum"].sqrt() + group["eps"]).expand_as(g), value=-group["lr"])
        return found

    def _mean_square(self, g: Tensor, post_axis: int) -> Tensor:
        square = g.square()
        if self.span == "synapse" or (self.span == "neuron" and g.dim() < 2):
            return square
        if self.span == "layer":
            return square.mean()
        others = [axis for axis in range(g.dim()) if axis != post_axis]
        return square.mean(others, keepdim=True)


class DecoupledSGD(torch.optim.SGD):
    """torch's SGD; but groups have a "decay" d, which is no part of the momentum.

    m <- momentum m + g,   w <- (1 - lr d) w - lr m
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step."""
        for group in self.param_groups:
            if group["decay"]:
                for p in group["params"]:
                    if p.grad is not None:
                        p.mul_(1 - group["lr"] * group["decay"])
        found: float | None = super().step(closure)
        return found


def make_optimizer(
    name: Optimizer,
    model: nn.Module,
    lr: float,
    *,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
) -> torch.optim.Optimizer:
    """Make torch's own optimizer of that name, of all parameters of a model."""
    more = {"momentum": momentum} if name == "sgd" else {}
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    made: torch.optim.Optimizer = kind(model.parameters(), lr=lr, weight_decay=weight_decay, **more)
    return made


def make_local_optimizer(
    name: str, groups: list[dict[str, Any]], lr: float, momentum: float = 0.0
) -> torch.optim.Optimizer:
    """Make an optimizer of local rules, whose weight decay is decoupled; capitals do not matter."""
    name = one_of("optimizer", name.lower(), get_args(LocalOptimizer))
    below_1("momentum", momentum)
    if name in ("sgd", "globalcost"):
        own = [{**g, "weight_decay": 0.0, "decay": g.get("weight_decay", 0.0)} for g in groups]
        return DecoupledSGD(own, lr, momentum=momentum)
    if momentum:
        raise OptionError("momentum is an option of sgd and globalcost: leave it out")
    if name == "adam":
        return torch.optim.AdamW(groups, lr)
    return SharedAdagrad(groups, lr, span=RANGES[name])
