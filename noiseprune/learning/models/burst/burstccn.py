"""BurstCCN: one phase; the bursts from above are cancelled, as far as they say nothing, by events.

    output    p = p_b (1 + (t - e) h(e))                      without teacher p = p_b
    apical    u_l = b_(l+1) Y_l - e_(l+1) Q_l,  b = p e       Y, Q in the shape of W_(l+1)
    burst     p_l = 2 p_b logistic((2 / p_b) u_l h(e_l)) = p_b + p_b tanh(u_l h(e_l) / p_b)
    update    dW_l ~ mean of ((p_l - p_b) o e_l) e_(l-1)^T,   h(e) = f'(v) / e
    Y, Q      dY_l ~ - mean of e_(l+1) u_l^T,  dQ_l ~ + mean of e_(l+1) u_l^T

At p_b = 1/2 that is p = logistic(4 u h), the published form; at any other it rests at p_b, too, and
has the same slope h. Probabilities stay between 0 and 2 p_b, and below 1. With Q = p_b Y a network
without a teacher has u = 0 everywhere; with one, u h e is to first order p_b times the error that
feedback alignment through Y sends, and backprop's if Y = W.

Source: W. Greedy, H. W. Zhu, J. Pemberton, J. Mellor, R. P. Costa, NeurIPS 2022 (arXiv 2206.11769).
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from noiseprune.checks import count, not_negative
from noiseprune.errors import OptionError
from noiseprune.learning.models.burst.layers import LocalLayer, Signal, buffer, hand, normal
from noiseprune.learning.models.burst.network import LocalNetwork
from noiseprune.learning.options.base import at_least_0, within_0_1
from noiseprune.learning.options.burst import BurstCCNOptions
from noiseprune.learning.options.names import QMode, YMode, YRule


class BurstCCNLayer(LocalLayer):
    """A layer of BurstCCN; beside what `LocalLayer` has:

    p_baseline : p_b
    q : Q where it is of its own; None where it is p_b Y, exactly
    burst_probability : (batch, *above) p of the last batch
    """

    p_baseline: float
    y_rule: str

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.q: nn.Parameter | None = None

    def cancel(self, mode: str, scale: float, learning: bool) -> None:
        """Make Q; modes as of `BurstCCN`."""
        if mode == "tied":
            if scale != 1 or learning:
                raise OptionError("tied Q is p_b Y itself: leave its scale and its learning out")
            return
        moves = learning or (self.y is not None and self.y.requires_grad) or self.y is None
        if mode == "symmetric_init" and scale == 1 and not moves:
            return  # fixed Y and Q = p_b Y: the same as tied
        weight = self.above.weight.detach()
        if mode == "random_init":
            first = normal(weight.shape, scale, self.generator, weight.dtype)
        else:
            like = weight if mode == "W_symmetric_init" else self.Y.detach()
            first = self.p_baseline * scale * like
        self.q = nn.Parameter(first, requires_grad=learning)

    @property
    def Q(self) -> Tensor:
        """Weights of the cancelling input, in the shape of the W above."""
        return self.p_baseline * self.Y if self.q is None else self.q

    @property
    def burst_probability(self) -> Tensor:
        """p = p_b + deviation"""
        return self.p_baseline + self._deviation

    def teach(self, target: Tensor | None) -> Signal:
        """p = p_b (1 + (t - e) h(e))"""
        e = self.events
        if target is None:
            return self._bursting(torch.zeros_like(e))
        deviation = self.p_baseline * (target - e) * self.activation.h(e)
        return self._bursting(deviation.clamp_(-self.p_baseline, self.p_baseline))

    def receive(self, signal: Signal) -> Signal:
        """u = b Y - e Q, and the bursts that it causes."""
        (deviation,) = signal
        above, p_b = self.above, self.p_baseline
        if self.q is None:
            self.apical = above.synapses.back(deviation, self.Y)
        else:
            bursts = torch.add(deviation, above.events, alpha=p_b)
            self.apical = above.synapses.back(bursts, self.Y)
            self.apical -= above.synapses.back(above.events, self.q)
        drive = self.apical * self.activation.h(self.events)
        return self._bursting(drive.div_(p_b).tanh_().mul_(p_b))

    def _bursting(self, deviation: Tensor) -> Signal:
        """From p - p_b; sends down b - p_b e."""
        if self.p_baseline > 0.5:
            deviation = deviation.clamp_max_(1 - self.p_baseline)
        self._deviation = deviation
        self.delta = deviation * self.events
        return (self.delta,)

    def update(self) -> None:
        super().update()
        if self.is_output:
            return
        follows = self.y_rule == "kolen-pollack"
        if follows:
            self.follow_above()
        y = None if follows or self.y is None or not self.y.requires_grad else self.y
        q = None if self.q is None or not self.q.requires_grad else self.q
        if y is None and q is None:
            return
        scaled = self.above.events * ((1 if q is None else -1) / len(self.below))
        maps = self.above.synapses
        if q is not None:
            hand(q, maps.outer(scaled, self.apical, buffer(q)))
            if y is not None and q.grad is not None:
                hand(y, torch.neg(q.grad, out=buffer(y)))
        elif y is not None:
            hand(y, maps.outer(scaled, self.apical, buffer(y)))


@dataclass(eq=False, repr=False)
class BurstCCN(LocalNetwork):
    """A network of BurstCCN layers; see the module for its equations.

    Parameters
    ----------
    n_inputs : or the shape of a sample, such as (3, 32, 32), before convolutions
    p_baseline : p_b, in (0, 1)
    Y_mode : "random_init" N(0, Y_scale^2), "symmetric_init" Y_scale W, "tied" always W
    Q_mode : "tied" always p_b Y, "symmetric_init" p_b Q_scale Y at first, "random_init"
        N(0, Q_scale^2), "W_symmetric_init" p_b Q_scale W at first; None: "tied", or
        "symmetric_init" where Q has a scale or learns, or Y learns by "apical"
    Y_rule : of learned Y: "apical" (see the module), or "kolen-pollack" (as the W above)
    conv, activation, gain, feedforward_noise, seed, dtype, and errors : as `LocalNetwork`
    """

    layer = BurstCCNLayer

    n_inputs: int | tuple[int, ...]
    n_outputs: Annotated[int, count]
    p_baseline: Annotated[float, within_0_1] = BurstCCNOptions.p_baseline
    n_hidden_layers: Annotated[int, at_least_0] = BurstCCNOptions.layers
    n_hidden_units: Annotated[int, count] = BurstCCNOptions.hidden
    Y_mode: YMode = BurstCCNOptions.y_mode
    Q_mode: QMode | None = BurstCCNOptions.q_mode
    Y_scale: Annotated[float, not_negative] = BurstCCNOptions.y_scale
    Q_scale: Annotated[float, not_negative] = BurstCCNOptions.q_scale
    Y_learning: bool = BurstCCNOptions.y_learning
    Q_learning: bool = BurstCCNOptions.q_learning
    _: KW_ONLY
    Y_rule: YRule = "apical"

    def __post_init__(self) -> None:
        super().__post_init__()
        mode = self.Q_mode
        if mode is None:
            moves = self.Y_learning and self.Y_rule == "apical"
            mode = "symmetric_init" if self.Q_learning or self.Q_scale != 1 or moves else "tied"
        for layer in self.layers:
            layer.p_baseline, layer.y_rule = self.p_baseline, self.Y_rule
        for layer in self.layers[:-1]:
            layer.cancel(mode, self.Q_scale, self.Q_learning)

    @property
    def decays_with_weight(self) -> bool:
        return bool(self.Y_rule == "kolen-pollack")
