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
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

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
from noiseprune.learning.options.base import Checked
from noiseprune.learning.options.burst import LocalOptions
from noiseprune.learning.options.names import DType, LocalActivation

DOWNWARD = ("y", "q", "g")
"""Kinds of parameters in the shape of the W above, whose postsynaptic neurons are those below."""
KINDS = ("weight", "bias", *DOWNWARD, "r", "p", "k")


@dataclass(eq=False, repr=False, kw_only=True)
class LocalNetwork(Checked, SavedNetwork):
    """Hidden layers and an output layer, all of the class `layer`.

    Parameters
    ----------
    n_inputs : or the shape of a sample, such as (3, 32, 32), before convolutions
    n_hidden_layers, n_hidden_units : dense ones; the former may be 0
    Y_mode, Y_scale, Y_learning : of the feedback, see `LocalLayer.connect`
    conv : convolutional layers below them, such as 64k5s2,128k5s2,256k3 (`convolutions`)
    activation : of `activations.ACTIVATIONS`
    gain : initial W ~ N(0, gain^2 2 / (in + out)); None takes the activation's
    feedforward_noise : standard deviation of what is added to v while the network is in `train()`
    seed : of initial weights and noise; None takes fresh entropy
    dtype : "float32" or "float64"

    Raises
    ------
    OptionError
        If an option has no meaning.
    """

    layer: ClassVar[type[LocalLayer]]

    conv: str | None = LocalOptions.conv
    activation: LocalActivation = "sigmoid"
    gain: Annotated[float | None, positive] = LocalOptions.gain
    feedforward_noise: Annotated[float, not_negative] = LocalOptions.feedforward_noise
    seed: int | None = None
    dtype: DType = LocalOptions.dtype

    def __post_init__(self) -> None:
        super().__init__()
        super().__post_init__()
        o = self.options
        self.shape: tuple[int, ...] = tuple(np.atleast_1d(o["n_inputs"]).tolist())
        for number in self.shape:
            count("n_inputs", number)
        size = ACTIVATIONS[self.activation].gain if self.gain is None else float(self.gain)
        self.generator = new_generator(seed_sequence(self.seed))
        synapses: list[Synapses] = [*convolutions(self.conv, self.shape)] if self.conv else []
        for units in [o["n_hidden_units"]] * o["n_hidden_layers"] + [o["n_outputs"]]:
            synapses.append(Dense(synapses[-1].above if synapses else self.shape, units))
        self.stack = nn.ModuleList(
            self.layer(each, self.activation, size, self.generator, DTYPES[self.dtype])
            for each in synapses
        )
        for layer, above in zip(self.layers, self.layers[1:]):
            layer.connect(above, o["Y_mode"], o["Y_scale"], o["Y_learning"])
        for layer in self.layers:
            layer.noise = float(self.feedforward_noise)

    @property
    def layers(self) -> list[Any]:
        """From the first hidden layer to the output."""
        return list(self.stack)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Events (batch, outputs) of inputs (batch, ...), which are reshaped to the samples'."""
        events = x.reshape(len(x), *self.shape)
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
