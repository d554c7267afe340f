"""Optimizers of the published training: SGD, Adam, Adagrad of four ranges, and a global cost.

    SharedAdagrad    G <- G + mean of g^2 over the range,   step - lr g / (sqrt G + eps)
    "globalcost"     SGD with every gradient times the loss of the batch

The range of G is each synapse by itself (torch's Adagrad), the synapses onto a neuron, a parameter
(the synapses of a layer), or the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from noiseprune.choices import one_of, positive
from noiseprune.errors import OptionError

RANGES = {
    "sadagrad": "synapse",
    "nadagrad": "neuron",
    "ladagrad": "layer",
    "fadagrad": "network",
}
OPTIMIZERS = ("sgd", "adam", *RANGES, "globalcost")


class SharedAdagrad(torch.optim.Optimizer):
    """Adagrad whose sums of squared gradients are shared within a range.

    span : "synapse", "neuron", "layer" or "network"
    eps : added to the root

    Raises
    ------
    OptionError
        If there is no such range, or the learning rate is not above 0.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 0.01, *, span: str = "synapse", eps: float = 1e-10
    ) -> None:
        self.span = one_of("range", span, RANGES.values())
        super().__init__(params, {"lr": positive("lr", lr), "weight_decay": 0.0, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; the closure is called first, if there is one."""
        found = None
        if closure is not None:
            with torch.enable_grad():
                found = closure()
        entries = [
            (group, p, p.grad + group["weight_decay"] * p if group["weight_decay"] else p.grad)
            for group in self.param_groups
            for p in group["params"]
            if p.grad is not None
        ]
        number = sum(g.numel() for _, _, g in entries)
        whole = sum((g.square().sum() for _, _, g in entries), torch.zeros(())) / max(1, number)
        for group, p, g in entries:
            state = self.state[p]
            added = self._mean_square(g) if self.span != "network" else whole.to(g.dtype)
            state["sum"] = state["sum"] + added if "sum" in state else added
            p.addcdiv_(g, (state["sum"].sqrt() + group["eps"]).expand_as(g), value=-group["lr"])
        return found

    def _mean_square(self, g: Tensor) -> Tensor:
        square = g.square()
        if self.span == "synapse":
            return square
        if self.span == "layer":
            return square.mean()
        return square.flatten(1).mean(1).view(-1, *[1] * (g.dim() - 1)) if g.dim() > 1 else square


def made_optimizer(
    name: str, groups: list[dict[str, Any]], lr: float, momentum: float
) -> torch.optim.Optimizer:
    """The optimizer of a name in `OPTIMIZERS`; capitals do not matter.

    Raises
    ------
    OptionError
        If there is none, or momentum is given to one that has none.
    """
    name = one_of("optimizer", name.lower(), OPTIMIZERS)
    if not 0 <= momentum < 1:
        raise OptionError(f"momentum is {momentum}, but must lie in [0, 1)")
    if name in ("sgd", "globalcost"):
        return torch.optim.SGD(groups, lr, momentum=momentum)
    if momentum:
        raise OptionError("momentum is an option of sgd and globalcost: leave it out")
    if name == "adam":
        return torch.optim.Adam(groups, lr)
    return SharedAdagrad(groups, lr, span=RANGES[name])
