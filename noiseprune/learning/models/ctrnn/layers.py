"""Leaky recurrent layers, one or stacked.

    v_{t+1} = (1 - alpha) v_t + alpha (W r_t + b + W_in u_t + b_in) + s eps_t,    alpha = dt / tau
    r_{t+1} = phi(v_{t+1}) + xi_t,                                               r_0 = phi(v_0)

eps ~ N(0, preact_noise^2) with s = alpha, or s = sqrt(2 alpha); xi ~ N(0, postact_noise^2), and the
noisy r_t is what the network itself and its readout see. An isolated neuron's v has a stationary
variance of preact_noise^2 times alpha / (2 - alpha), or 1 / (1 - alpha / 2): with "sqrt" the noise
hardly depends on dt. There is noise in train mode only.

Where time constants are learned, alpha = logistic(logit(dt / tau) + theta) with the given tau, and
theta starts at 0: weight decay pulls towards that tau.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, InitVar, dataclass
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from noiseprune.checks import Seed, not_negative, positive, seed_sequence
from noiseprune.errors import OptionError
from noiseprune.learning.models.activations import ACTIVATIONS
from noiseprune.learning.models.ctrnn.constraints import Array, as_array
from noiseprune.learning.models.ctrnn.linear import LinearLayer
from noiseprune.learning.models.saving import DeclaredModule
from noiseprune.learning.models.streams import new_generator
from noiseprune.learning.options.ctrnn import CTRNNOptions
from noiseprune.learning.options.names import InitState, NoiseScaling, RateActivation


@dataclass(eq=False, repr=False)
class _Leaky(DeclaredModule):
    """What a leaky layer is told; `tau` is what became of it, in the layer."""

    input_layer: LinearLayer
    recurrent_layer: LinearLayer
    _: KW_ONLY
    activation: RateActivation = CTRNNOptions.activation
    dt: Annotated[float, positive] = 10.0
    tau: InitVar[float | Sequence[float] | Array] = CTRNNOptions.tau
    learn_alpha: bool = CTRNNOptions.learn_alpha
    preact_noise: Annotated[float, not_negative] = CTRNNOptions.preact_noise
    postact_noise: Annotated[float, not_negative] = CTRNNOptions.postact_noise
    noise_scaling: NoiseScaling = "alpha"
    init_state: InitState = CTRNNOptions.init_state
    seed: InitVar[Seed] = None


class HiddenLayer(_Leaky):
    """A leaky recurrent layer with its input weights; see the module for the equations.

    Parameters
    ----------
    input_layer, recurrent_layer : `LinearLayer` (in -> N) and (N -> N)
    activation : "relu", "tanh", "sigmoid", "retanh", "softplus" or "linear"
    dt, tau : step and time constant, in one unit; tau a number or one for each neuron, >= dt
    learn_alpha : train alpha = dt / tau of every neuron, within (0, 1), by theta (`alpha_shift`)
    preact_noise, postact_noise : standard deviations of eps and xi
    noise_scaling : "alpha" or "sqrt"
    init_state : v_0: "zero", "keep" (where the last sequence ended) or "learn" (a parameter)
    seed : of the noise
    """

    alpha_shift: nn.Parameter
    initial_logit: Tensor
    fixed_alpha: Tensor
    initial: nn.Parameter
    kept: Tensor | None
    """Where the last sequence ended, for "keep"."""

    def __post_init__(self, tau: float | Sequence[float] | Array, seed: Seed) -> None:
        super().__post_init__()
        for what in ("input_layer", "recurrent_layer"):
            if not isinstance(layer := getattr(self, what), LinearLayer):
                raise OptionError(f"{what} is {layer!r}: give a LinearLayer(inputs, neurons)")
        n = self.n_neurons
        if self.recurrent_layer.input_dim != n or self.input_layer.output_dim != n:
            raise OptionError(
                f"the input layer ends in {self.input_layer.output_dim} neurons and the recurrent "
                f"layer leads from {self.recurrent_layer.input_dim} to {n}: give all three the "
                "same number"
            )
        self.dt = float(self.dt)
        constants = _time_constants(tau, n, self.dt, learn_alpha=self.learn_alpha)
        alpha = torch.tensor(self.dt / constants).to(torch.get_default_dtype())
        if self.learn_alpha:
            self.register_buffer("initial_logit", torch.logit(alpha))
            self.alpha_shift = nn.Parameter(torch.zeros(n))
        else:
            self.register_buffer("fixed_alpha", alpha)
        if self.init_state == "learn":
            self.initial = nn.Parameter(torch.zeros(n))
        self.kept = None
        self.seed_noise(seed)

    def seed_noise(self, seed: Seed) -> None:
        """Start the noise anew from a seed."""
        # A whole number is not taken as it is: weights that have it, too, are other draws.
        self._noise = new_generator(seed_sequence(seed))

    @property
    def n_neurons(self) -> int:
        return self.recurrent_layer.output_dim

    @property
    def alpha(self) -> Tensor:
        """(N,) dt / tau"""
        if not self.learn_alpha:
            return self.fixed_alpha
        return torch.sigmoid(self.initial_logit + self.alpha_shift)

    @property
    def tau(self) -> Tensor:
        """(N,) time constants, in the unit of dt"""
        return self.dt / self.alpha

    def reset_state(self) -> None:
        """Forget the state that "keep" has kept: the next sequence starts from 0."""
        self.kept = None

    def forward(
        self, x: Tensor, init_state: Tensor | None = None, *, potentials: bool = False
    ) -> Tensor:
        """Rates r_1 .. r_T (batch, time, N) for the input u_0 .. u_{T-1} (batch, time, in).

        init_state : v_0, (N,) or (batch, N), in place of the layer's own
        potentials : return v instead of r
        """
        n_steps = check_sequence(x, self.input_layer.input_dim)
        alpha, phi = self.alpha, ACTIVATIONS[self.activation].rate
        # All that does not depend on the state is one product over all steps, and alpha is in the
        # weights: a step is a multiply-add, a product and phi.
        recurrent = (alpha[:, None] * self.recurrent_layer.weight).t()
        drive = alpha * (self.input_layer(x) + self.recurrent_layer.bias)
        if self.training and self.preact_noise > 0:
            scale = alpha if self.noise_scaling == "alpha" else torch.sqrt(2 * alpha)
            drive = drive + scale * self._normal(drive, self.preact_noise)
        noisy = self.training and self.postact_noise > 0
        shaken = self._normal(drive, self.postact_noise).unbind(1) if noisy else ()
        decay = 1 - alpha
        v = self._start(x, init_state)
        r = phi(v)
        recorded = []
        for step, u in zip(range(n_steps), drive.unbind(1)):
            v = torch.addmm(torch.addcmul(u, decay, v), r, recurrent)
            r = phi(v) + shaken[step] if noisy else phi(v)
            recorded.append(v if potentials else r)
        if self.init_state == "keep":
            self.kept = v.detach()
        return torch.stack(recorded, dim=1)

    def _normal(self, like: Tensor, deviation: float) -> Tensor:
        draws = torch.randn(like.shape, generator=self._noise, dtype=like.dtype)
        return deviation * draws.to(like.device)

    def _start(self, x: Tensor, given: Tensor | None) -> Tensor:
        """v_0 (batch, N)"""
        shape = (len(x), self.n_neurons)
        v = given
        if v is None and self.init_state == "learn":
            v = self.initial
        if v is None and self.kept is not None:
            v = self.kept.to(self.alpha)
        if v is None:
            v = torch.zeros(self.n_neurons, dtype=self.alpha.dtype, device=self.alpha.device)
        if v.shape not in (shape, shape[1:]):
            remedy = f"give {shape} or {shape[1:]}" if given is not None else "call reset_state()"
            raise OptionError(
                f"the initial state has shape {tuple(v.shape)}, but the input is a batch of "
                f"{shape[0]} for {shape[1]} neurons: {remedy}"
            )
        return v.expand(shape)

    def get_extra_state(self) -> dict[str, Any]:
        """The state of the noise, and the kept one: a run that is resumed goes on as it would."""
        return {"noise": self._noise.get_state(), "kept": self.kept}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        self._noise.set_state(state["noise"].cpu())
        self.kept = state["kept"]


class RNNLayer(nn.Module):
    """Hidden layers on top of each other, and a readout of the last.

    Layer k > 0 is driven by the rates of layer k - 1 at the same step; nothing feeds back, so the
    layers run one after the other.

    Parameters
    ----------
    hidden_layers : sequence of `HiddenLayer`, each with as many inputs as there are neurons below
    readout_layer : `LinearLayer`, or None: the output is the last layer's rates
    """

    def __init__(
        self, hidden_layers: Sequence[HiddenLayer], readout_layer: LinearLayer | None = None
    ) -> None:
        super().__init__()
        if not hidden_layers:
            raise OptionError("there is no hidden layer: give at least one")
        inputs = [layer.input_layer.input_dim for layer in hidden_layers[1:]]
        inputs += [] if readout_layer is None else [readout_layer.input_dim]
        for k, (below, number) in enumerate(zip(hidden_layers, inputs), start=1):
            what = "the readout layer" if k == len(hidden_layers) else f"hidden layer {k}"
            if below.n_neurons != number:
                raise OptionError(
                    f"{what} takes {number} inputs, but the layer below it has "
                    f"{below.n_neurons} neurons: make them equal"
                )
        self.hidden_layers = nn.ModuleList(hidden_layers)
        self.readout_layer = readout_layer

    def forward(
        self, x: Tensor, init_states: Sequence[Tensor | None] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """(output (batch, time, out), rates (batch, time, N) of every layer)"""
        starts = [None] * len(self.hidden_layers) if init_states is None else init_states
        if len(starts) != len(self.hidden_layers):
            raise OptionError(
                f"{len(starts)} initial states for {len(self.hidden_layers)} hidden layers: give "
                "one for each, or None for its own"
            )
        rates = []
        for layer, start in zip(self.hidden_layers, starts):
            x = layer(x, start)
            rates.append(x)
        return x if self.readout_layer is None else self.readout_layer(x), rates


def check_sequence(x: Tensor, input_dim: int) -> int:
    """The number of steps of an input (batch, time, in); refuse what is not one."""
    if x.ndim != 3 or x.shape[2] != input_dim or x.shape[1] == 0:
        raise OptionError(
            f"the input has shape {tuple(x.shape)}, but must be (batch, time, {input_dim}) with at "
            "least one step: rearrange it"
        )
    return int(x.shape[1])


def _time_constants(tau: object, n: int, dt: float, *, learn_alpha: bool) -> Array:
    """(N,) time constants of at least dt, above it if they are learned."""
    values = as_array("tau", tau)
    if values.shape not in ((), (n,)):
        raise OptionError(
            f"tau has shape {values.shape}: give a number, or one for each of {n} neurons"
        )
    least = float(values.min())
    if not (least >= dt) or (learn_alpha and not least > dt):
        raise OptionError(
            f"tau is {least:g}, but must be {'above' if learn_alpha else 'at least'} dt = {dt:g}: "
            "give a shorter step"
        )
    return np.array(np.broadcast_to(values, n))
