"""Networks of local layers: events up, signals down, gradients for any optimizer.

net = BurstCCN(64, 10, n_hidden_layers=2, n_hidden_units=100, Y_mode="tied", Q_mode="tied")
optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
net(x)                  # events of the output layer, kept in every layer
net.learn(target)       # top-down; every layer hands its gradients; no zero_grad is needed
optimizer.step()
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from noiseprune.checks import count, not_negative, one_of, positive, seed_sequence
from noiseprune.errors import OptionError
from noiseprune.learning.models.activations import ACTIVATIONS
from noiseprune.learning.models.burst.layers import LocalLayer
from noiseprune.learning.models.burst.synapses import Dense, Synapses, convolutions
from noiseprune.learning.models.saving import SavedNetwork
from noiseprune.learning.models.streams import DTYPES, new_generator
from noiseprune.learning.options.base import Checked, at_least_0
from noiseprune.learning.options.names import DType, LocalActivation, YMode

DOWNWARD = ("y", "q", "g")
"""Kinds of parameters in the shape of the W above, whose postsynaptic neurons are those below."""
KINDS = ("weight", "bias", *DOWNWARD, "r", "p", "k")


def arguments(names: Mapping[str, Any]) -> dict[str, Any]:
    """What a constructor was given, of its `locals()`: with it a saved network is made again."""

    def plain(value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return [plain(each) for each in value]
        return value.item() if isinstance(value, np.generic) else value

    return {k: plain(value) for k, value in names.items() if k not in ("self", "__class__")}


@dataclass(frozen=True, kw_only=True)
class Structure(Checked):
    """What all networks of local layers are told.

    n_inputs : or the shape of a sample, such as (3, 32, 32), before convolutions
    n_hidden_layers, n_hidden_units : dense ones; the former may be 0
    Y_mode, Y_scale, Y_learning : of the feedback, see `LocalLayer.connect`
    conv : convolutional layers below them, such as 64k5s2,128k5s2,256k3 (`convolutions`)
    activation : of `activations.ACTIVATIONS`
    gain : initial W ~ N(0, gain^2 2 / (in + out)); None takes the activation's
    feedforward_noise : standard deviation of what is added to v while the network is in `train()`
    seed : of initial weights and noise; None takes fresh entropy
    dtype : "float32" or "float64"
    """

    n_inputs: int | tuple[int, ...] | list[int]
    n_outputs: Annotated[int, count]
    n_hidden_layers: Annotated[int, at_least_0]
    n_hidden_units: Annotated[int, count]
    Y_mode: YMode
    Y_scale: Annotated[float, not_negative]
    Y_learning: bool
    conv: str | None
    activation: LocalActivation
    gain: Annotated[float | None, positive]
    feedforward_noise: Annotated[float, not_negative]
    seed: int | None
    dtype: DType

    def __post_init__(self) -> None:
        super().__post_init__()
        for number in self.shape:
            count("n_inputs", number)

    @classmethod
    def among(cls, options: Mapping[str, Any], **more: Any) -> Structure:
        """What concerns the structure among the arguments of a network."""
        own = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in options.items() if name in own}, **more)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a sample."""
        many = isinstance(self.n_inputs, (tuple, list))
        return tuple(self.n_inputs) if many else (self.n_inputs,)  # type: ignore[arg-type,return-value]

    @property
    def initial_gain(self) -> float:
        """As given, or the activation's."""
        return ACTIVATIONS[self.activation].gain if self.gain is None else float(self.gain)

    def synapses(self) -> list[Synapses]:
        """The maps of all layers, from the first to the output."""
        found: list[Synapses] = [*convolutions(self.conv, self.shape)] if self.conv else []
        for units in [self.n_hidden_units] * self.n_hidden_layers + [self.n_outputs]:
            found.append(Dense(found[-1].above if found else self.shape, units))
        return found


class LocalNetwork(SavedNetwork):
    """Hidden layers and an output layer, all of the class `layer`."""

    layer: type[LocalLayer]

    def __init__(self, structure: Structure) -> None:
        super().__init__()
        s = structure
        self.n_inputs = s.shape
        self.generator = new_generator(seed_sequence(s.seed))
        self.stack = nn.ModuleList(
            self.layer(each, s.activation, s.initial_gain, self.generator, DTYPES[s.dtype])
            for each in s.synapses()
        )
        for layer, above in zip(self.layers, self.layers[1:]):
            layer.connect(above, s.Y_mode, s.Y_scale, s.Y_learning)
        for layer in self.layers:
            layer.noise = float(s.feedforward_noise)

    @property
    def layers(self) -> list[Any]:
        """From the first hidden layer to the output."""
        return list(self.stack)

    @property
    def n_outputs(self) -> int:
        """Of the output layer."""
        return int(self.layers[-1].bias.numel())

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Events (batch, outputs) of inputs (batch, ...), which are reshaped to the samples'."""
        events = x.reshape(len(x), *self.n_inputs)
        for layer in self.layers:
            events = layer(events)
        return events

    @torch.no_grad()
    def learn(self, target: Tensor | None) -> None:
        """Send signals down for the batch of the last `forward`, and hand gradients.

        target : (batch, outputs) wanted events; None for no teacher
        """
        wanted = tuple(self.layers[-1].events.shape)
        if wanted == (0,):
            raise OptionError("there is nothing to learn from: call the network with a batch first")
        if target is not None and tuple(target.shape) != wanted:
            raise OptionError(
                f"target has the shape {tuple(target.shape)}, and the output's events {wanted}: "
                "give a target for each of them"
            )
        *hidden, output = self.layers
        signal = output.teach(target)
        for layer in reversed(hidden):
            signal = layer.receive(signal)
        for layer in reversed(self.layers):
            layer.update()

    def working_point(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Slopes f'(v) and potentials v (rows, neurons) of every layer, without noise."""
        probe = copy.deepcopy(self).eval()
        probe(x)
        slopes = [layer.activation.slope(layer.events) for layer in probe.layers]
        return slopes, [layer.potential for layer in probe.layers]

    def groups(
        self, lr: float, *, weight_decay: float = 0.0, **rates: float | None
    ) -> list[dict[str, Any]]:
        """Parameters for an optimizer, by kind: those called weight, bias, y, ...

        rates : learning rates of kinds that have their own, such as y=0.001; None for `lr`
        weight_decay : of W alone, and of a Y that is to follow it (`decays_with_weight`); the
            optimizers here multiply it by the learning rate
        """
        for kind in rates:
            one_of("kind of parameter", kind, KINDS)
        kinds: dict[str, list[nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                kinds.setdefault(name.rpartition(".")[2], []).append(parameter)
        # A Y that follows W has its gradients and decay, and is normalised as W is.
        following = {"y"} if self.decays_with_weight else set()
        decaying, downward = {"weight"} | following, set(DOWNWARD) - following
        return [
            {
                "params": found,
                "lr": lr if (own := rates.get(kind)) is None else own,
                "weight_decay": weight_decay if kind in decaying else 0.0,
                "post_axis": 1 if kind in downward else 0,
            }
            for kind, found in kinds.items()
        ]

    @property
    def decays_with_weight(self) -> bool:
        """Whether Y learns by Kolen's and Pollack's rule, which needs the same decay."""
        return True

    def beside(self) -> dict[str, Any]:
        return {"generator": self.generator.get_state()}

    def set_beside(self, document: Mapping[str, Any]) -> None:
        self.generator.set_state(document["generator"].cpu())

    def __len__(self) -> int:
        return len(self.stack)
