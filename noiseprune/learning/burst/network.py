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
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from noiseprune.checks import count, not_negative, one_of, positive, seed_sequence
from noiseprune.errors import FileError, OptionError
from noiseprune.files.atomic import write_atomically
from noiseprune.files.guard import reading
from noiseprune.learning.burst.activations import ACTIVATIONS
from noiseprune.learning.burst.layers import Y_MODES, LocalLayer
from noiseprune.learning.burst.synapses import Dense, Synapses, convolutions
from noiseprune.learning.streams import new_generator

DTYPES = {"float32": torch.float32, "float64": torch.float64}
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


class LocalNetwork(nn.Module):
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

    layer: type[LocalLayer]
    options: dict[str, Any]

    def __init__(
        self,
        n_inputs: int | tuple[int, ...] | list[int],
        n_outputs: int,
        n_hidden_layers: int,
        n_hidden_units: int,
        *,
        Y_mode: str,
        Y_scale: float,
        Y_learning: bool,
        conv: str | None,
        activation: str,
        gain: float | None,
        feedforward_noise: float,
        seed: int | None,
        dtype: str,
    ) -> None:
        super().__init__()
        one_of("activation", activation, ACTIVATIONS)
        kind = DTYPES[one_of("dtype", dtype, DTYPES)]
        size = ACTIVATIONS[activation].gain if gain is None else positive("gain", gain)
        not_negative("feedforward_noise", feedforward_noise)
        not_negative("Y_scale", Y_scale)
        one_of("Y mode", Y_mode, Y_MODES)
        self.generator = new_generator(seed_sequence(seed))
        shape = tuple(n_inputs) if isinstance(n_inputs, (tuple, list)) else (n_inputs,)
        for number in shape:
            count("n_inputs", number)
        count("n_outputs", n_outputs)
        count("n_hidden_layers", n_hidden_layers, at_least=0)
        count("n_hidden_units", n_hidden_units)
        synapses: list[Synapses] = [*convolutions(conv, shape)] if conv else []
        for units in [n_hidden_units] * n_hidden_layers + [n_outputs]:
            synapses.append(Dense(synapses[-1].above if synapses else shape, units))
        self.n_inputs = shape
        self.stack = nn.ModuleList(
            self.layer(each, activation, size, self.generator, kind) for each in synapses
        )
        for layer, above in zip(self.layers, self.layers[1:]):
            layer.connect(above, Y_mode, Y_scale, Y_learning)
        for layer in self.layers:
            layer.noise = float(feedforward_noise)

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

        Raises
        ------
        OptionError
            If no batch went forward, or the target has another shape than its events.
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

        Raises
        ------
        OptionError
            If a rate is of a kind that no network here has.
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

    # ---------------------------------------------------------------------------------- files

    def save(self, path: str | Path) -> None:
        """Write options, parameters and the state of the generator (.pt), atomically."""
        document = {
            "network": type(self).__name__,
            "options": self.options,
            "parameters": self.state_dict(),
            "generator": self.generator.get_state(),
        }
        with write_atomically(path) as temporary:
            torch.save(document, temporary)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The network that `save` wrote.

        Raises
        ------
        FileError
            If there is no such file, or it holds something else.
        """
        path = Path(path)
        with reading(path):
            document = torch.load(path, weights_only=True)
            found = document.get("network") if isinstance(document, dict) else None
            if found != cls.__name__:
                raise FileError(f"{path} holds {found or 'no network'}, not a {cls.__name__}")
            network = cls(**document["options"])
            network.restore(document["parameters"])
            network.generator.set_state(document["generator"])
        return network

    def restore(self, parameters: Mapping[str, Tensor]) -> None:
        """`load_state_dict`, masks of pruned synapses included."""
        for name, value in parameters.items():
            place, _, kind = name.rpartition(".")
            if kind == "mask":
                cast(LocalLayer, self.get_submodule(place)).mask = torch.ones_like(value)
        self.load_state_dict(parameters)

    def __len__(self) -> int:
        return len(self.stack)
