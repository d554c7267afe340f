"""EDN: dendrites encode errors, as what interneurons do not cancel of what comes from above.

    basal     v_l = W_l e_(l-1) + c_l,  e_l = f(v_l);    f logistic
    interneurons of a hidden layer, as many as there are neurons above
              i_l = P_l e_l + k_l,  s_l = (1 - lambda_i) i_l + lambda_i v'_(l+1)
    output    v' = (1 - lambda_o) v + lambda_o f^-1(t'),  t' = 0.2 + 0.6 t    (without teacher v)
    apical    u_l = e'_(l+1) Y_l - f(s_l) G_l,   v'_l = v_l + lambda_h u_l,   e' = f(v')
    update    dW_l ~ mean of (e'_l - e_l) e_(l-1)^T,     dP_l ~ mean of (f(s_l) - f(i_l)) e'_l^T,
              dG_l ~ mean of f(s_l) u_l^T / (1 + |f(s_l)|^2)

G's rule is normalised (as in normalised least mean squares), |f(s_l)|^2 being the mean of the
batch: without that, as published, it is stable for learning rates below 2 / |f(s_l)|^2 only.
Targets lie between 0.2 and 0.8: the squared error to classes coded by 0 and 1 cannot vanish.

Source: J. Sacramento, R. Ponte Costa, Y. Bengio, W. Senn, NeurIPS 2018.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Annotated

import torch
from torch import Tensor, nn

from noiseprune.checks import count, fraction, not_negative
from noiseprune.learning.models.burst.layers import LocalLayer, Signal, buffer, hand, normal
from noiseprune.learning.models.burst.network import LocalNetwork
from noiseprune.learning.options.base import at_least_0
from noiseprune.learning.options.burst import EDNOptions
from noiseprune.learning.options.names import InterneuronMode, LocalActivation, YMode


class EDNLayer(LocalLayer):
    """A layer of EDN; hidden ones have interneurons with p (P), k and g (G), all learned."""

    lambda_output: float
    lambda_intn: float
    lambda_hidden: float
    p: nn.Parameter
    k: nn.Parameter
    g: nn.Parameter

    def inhibit(self, mode: str, scale: float, gain: float) -> None:
        """Make the interneurons; see `EDN`."""
        above = self.above
        if mode == "symmetric_init":
            p, k = above.weight.detach().clone(), above.bias.detach().clone()
            g = scale * self.Y.detach()
        else:
            size = gain * (2 / sum(above.synapses.fans)) ** 0.5
            p = normal(above.weight.shape, size, self.generator, above.weight.dtype)
            g = normal(above.weight.shape, scale, self.generator, above.weight.dtype)
            k = torch.zeros_like(above.bias)
        self.p, self.k, self.g = nn.Parameter(p), nn.Parameter(k), nn.Parameter(g)

    def teach(self, target: Tensor | None) -> Signal:
        """The soma is nudged to the target."""
        soma = self.potential
        if target is not None:
            aim = torch.logit(0.2 + 0.6 * target)
            soma = (1 - self.lambda_output) * soma + self.lambda_output * aim
        return self._somatic(soma)

    def receive(self, signal: Signal) -> Signal:
        """The soma is nudged by the apical dendrite."""
        soma_above, events_above = signal
        maps, e = self.above.synapses, self.events
        basal = maps.forward(e, self.p, self.k)
        nudged = (1 - self.lambda_intn) * basal + self.lambda_intn * soma_above
        self.intn = torch.sigmoid(nudged)
        self.intn_delta = self.intn - torch.sigmoid(basal)
        self.apical = maps.back(events_above, self.Y) - maps.back(self.intn, self.g)
        return self._somatic(self.potential + self.lambda_hidden * self.apical)

    def _somatic(self, soma: Tensor) -> Signal:
        self.somatic_events = torch.sigmoid(soma)
        self.delta = self.somatic_events - self.events
        return soma, self.somatic_events

    def update(self) -> None:
        super().update()
        if self.is_output:
            return
        self.follow_above()
        maps, minus = self.above.synapses, -1 / len(self.below)
        scaled = minus * self.intn_delta
        hand(self.p, maps.outer(scaled, self.somatic_events, buffer(self.p)))
        hand(self.k, maps.total(scaled))
        power = 1 + self.intn.square().sum() / len(self.intn)
        hand(self.g, maps.outer(minus / power * self.intn, self.apical, buffer(self.g)))


@dataclass(eq=False, repr=False)
class EDN(LocalNetwork):
    """A network of EDN layers; see the module for its equations.

    Parameters
    ----------
    lambda_output, lambda_intn, lambda_hidden : nudging strengths in (0, 1]
    intn_mode : "symmetric_init" P = W, k = c of the layer above and G = intn_scale Y at first;
        "random_init" P as W, k = 0, G ~ N(0, intn_scale^2)
    n_inputs, n_outputs, ..., and errors : as `LocalNetwork`
    """

    layer = EDNLayer

    n_inputs: int | tuple[int, ...]
    n_outputs: Annotated[int, count]
    n_hidden_layers: Annotated[int, at_least_0] = EDNOptions.layers
    n_hidden_units: Annotated[int, count] = EDNOptions.hidden
    Y_mode: YMode = EDNOptions.y_mode
    Y_scale: Annotated[float, not_negative] = EDNOptions.y_scale
    Y_learning: bool = EDNOptions.y_learning
    _: KW_ONLY
    activation: LocalActivation = field(default="sigmoid", init=False)
    lambda_output: Annotated[float, fraction] = EDNOptions.lambda_output
    lambda_intn: Annotated[float, fraction] = EDNOptions.lambda_intn
    lambda_hidden: Annotated[float, fraction] = EDNOptions.lambda_hidden
    intn_mode: InterneuronMode = EDNOptions.intn_mode
    intn_scale: Annotated[float, not_negative] = EDNOptions.intn_scale

    def __post_init__(self) -> None:
        super().__post_init__()
        for layer in self.layers:
            for name in ("lambda_output", "lambda_intn", "lambda_hidden"):
                setattr(layer, name, float(getattr(self, name)))
        for layer in self.layers[:-1]:
            gain = layer.activation.gain if self.gain is None else self.gain
            layer.inhibit(self.intn_mode, self.intn_scale, gain)
