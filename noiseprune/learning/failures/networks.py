"""Layers of failing synapses in a row, and what all networks of such layers have in common.

h_l = phi(W_l h_(l-1) + b_l),    y = out_phi(W_L h_(L-1) + b_L),    h_0 = x
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from noiseprune.checks import Seed, count, one_of, seed_sequence
from noiseprune.errors import FileError, OptionError
from noiseprune.files.atomic import write_atomically
from noiseprune.files.guard import reading
from noiseprune.learning.failures.dropout import LinearWeightDropout
from noiseprune.learning.streams import new_generator

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
SLOPES: dict[str, Callable[[Tensor], Tensor]] = {  # of what the activation gives
    "linear": torch.ones_like,
    "relu": lambda h: (h > 0).to(h.dtype),
    "sigmoid": lambda h: h * (1 - h),
    "tanh": lambda h: 1 - h * h,
}
OUTPUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "softmax": lambda x: torch.softmax(x, -1),
}
SCALINGS = ("lin", "lin+", "sqrt", "const", "const+")
DTYPES = {"float32": torch.float32, "float64": torch.float64}


class Net(nn.Module):
    """What the networks here have in common: initial weights, gradients, files.

    `options` are those of the constructor, with which a saved network is made again.
    """

    options: dict[str, Any]

    def _build(
        self,
        shapes: Sequence[tuple[int, int]],
        biases: Sequence[bool],
        *,
        drop_p: float,
        drop_layers: str | Sequence[int],
        scaling: str | float | Sequence[str | float],
        path: str,
        seed: Seed,
        dtype: str,
    ) -> None:
        """Make layers of these shapes (in, out); those that do not fail have drop_p = 0."""
        failing = parsed_layers(drop_layers, len(shapes))
        first, *seeds = spread(seed, 1 + len(shapes))
        self.synapses = nn.ModuleList(
            LinearWeightDropout(
                count("units", shape[0]),
                count("units", shape[1]),
                drop_p if number in failing else 0.0,
                bias=bias,
                path=path,
                seed=own,
                dtype=DTYPES[one_of("dtype", dtype, DTYPES)],
            )
            for number, (shape, bias, own) in enumerate(zip(shapes, biases, seeds), start=1)
        )
        self.init_weights(scaling, first)
        self.options |= {
            "drop_p": drop_p,
            "drop_layers": drop_layers if isinstance(drop_layers, str) else list(drop_layers),
            "scaling": list(scaling) if isinstance(scaling, (list, tuple)) else scaling,
            "path": path,
            "dtype": dtype,
        }

    @property
    def layers(self) -> list[LinearWeightDropout]:
        """In the order of their numbers, which begin at 1."""
        return [cast(LinearWeightDropout, layer) for layer in self.synapses]

    def init_weights(self, scaling: str | float | Sequence[str | float], seed: Seed = None) -> None:
        """Draw each W (out, in) from a normal distribution, f = in; biases become 0.

            "lin" N(0, 1/f)  "lin+" N(1/f, 1/f)  "sqrt" N(0, f^-1/2)  "const" N(0, 0.001)
            "const+" N(0.001, 0.001)  a number alpha: N(0, f^-alpha)

        The second entry is the standard deviation. Several, in a list or with commas, are those of
        the layers.

        Raises
        ------
        OptionError
            If a rule is unknown, or their number is neither 1 nor that of the layers.
        """
        rules: list[str | float] = (
            [scaling]
            if isinstance(scaling, (int, float))
            else list(scaling.split(",") if isinstance(scaling, str) else scaling)
        )
        if len(rules) == 1:
            rules = rules * len(self.layers)
        if len(rules) != len(self.layers):
            raise OptionError(
                f"scaling has {len(rules)} rules for {len(self.layers)} layers: give 1 or "
                f"{len(self.layers)}"
            )
        generator = new_generator(seed)
        with torch.no_grad():
            for layer, rule in zip(self.layers, rules):
                mean, deviation = initial_law(rule, layer.in_features)
                drawn = torch.empty(layer.weight.shape, dtype=layer.weight.dtype)
                layer.weight.copy_(drawn.normal_(mean, deviation, generator=generator))
                if layer.bias is not None:
                    layer.bias.zero_()

    def gradients(self) -> dict[str, Tensor]:
        """Gradient of each parameter by its name; those without one are left out."""
        return {
            name: parameter.grad
            for name, parameter in self.named_parameters()
            if parameter.grad is not None
        }

    def weights(self) -> list[np.ndarray]:
        """Copies of the weights of the layers, (out, in) each."""
        return [layer.weight.detach().cpu().numpy().copy() for layer in self.layers]

    def save(self, path: str | Path) -> None:
        """Write options, parameters, modes and states of the generators (.pt), atomically."""
        document = {
            "network": type(self).__name__,
            "options": self.options,
            "parameters": self.state_dict(),
            "generators": self.generators(),
            "modes": [(layer.mode, layer.samples) for layer in self.layers],
        }
        with write_atomically(path) as temporary:
            torch.save(document, temporary)

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> Self:
        """The network that `save` wrote: same weights, and the same failures to come.

        Raises
        ------
        FileError
            If there is no such file, or it holds something else.
        """
        path = Path(path)
        with reading(path):
            document = torch.load(path, map_location=device, weights_only=True)
            found = document.get("network") if isinstance(document, dict) else None
            if found != cls.__name__:
                raise FileError(f"{path} holds {found or 'no network'}, not a {cls.__name__}")
            network = cls(**document["options"]).to(device)
            network.restore(document["parameters"])
            network.set_generators(document["generators"])
            # Older files have none: "sample".
            for layer, (mode, samples) in zip(network.layers, document.get("modes", ())):
                layer.set_mode(mode, samples)
        return network

    def restore(self, parameters: Mapping[str, Tensor]) -> None:
        """`load_state_dict`, masks of pruned synapses included."""
        for number, layer in enumerate(self.layers):
            if f"synapses.{number}.mask" in parameters:
                layer.mask = torch.ones_like(layer.weight, dtype=torch.bool)
        self.load_state_dict(parameters)

    def generators(self) -> list[Tensor]:
        """States of the generators of the layers."""
        return [layer.generator.get_state() for layer in self.layers]

    def set_generators(self, states: Sequence[Tensor]) -> None:
        """Put the generators into these states: the failures to come are those that came then."""
        for layer, state in zip(self.layers, states, strict=True):
            layer.generator.set_state(state.cpu())

    def __len__(self) -> int:
        return len(self.layers)


class DeepNet(Net):
    """Layers in a row.

    Parameters
    ----------
    d_input, d_output : numbers of inputs and outputs
    d_hidden : units of the hidden layers
    activation : of the hidden layers: "linear", "relu", "sigmoid", "tanh"
    output_activation : "linear" or "softmax"
    drop_p : probability that a synapse fails
    drop_layers : which layers fail: "all", or their numbers from 1 on, as in "1,3" or [1, 3]
    scaling : of the initial weights, see `Net.init_weights`
    path : "masks" or "moments", see `LinearWeightDropout`
    seed : of the initial weights and the failures; None takes fresh entropy
    dtype : "float32" or "float64"

    Raises
    ------
    OptionError
        If an option has no meaning.
    """

    def __init__(
        self,
        d_input: int,
        d_output: int = 1,
        d_hidden: Sequence[int] = (100,),
        *,
        activation: str = "linear",
        output_activation: str = "linear",
        drop_p: float = 0.0,
        drop_layers: str | Sequence[int] = "all",
        scaling: str | float | Sequence[str | float] = "sqrt",
        bias: bool = False,
        path: str = "masks",
        seed: Seed = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        self.options = {
            "d_input": d_input,
            "d_output": d_output,
            "d_hidden": list(d_hidden),
            "activation": one_of("activation", activation, ACTIVATIONS),
            "output_activation": one_of("output activation", output_activation, OUTPUTS),
            "bias": bias,
        }
        sizes = [d_input, *d_hidden, d_output]
        self._build(
            list(pairwise(sizes)),
            [bias] * (len(sizes) - 1),
            drop_p=drop_p,
            drop_layers=drop_layers,
            scaling=scaling,
            path=path,
            seed=seed,
            dtype=dtype,
        )
        self._phi, self._out = ACTIVATIONS[activation], OUTPUTS[output_activation]

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (..., d_output) of inputs (..., d_input)."""
        return self.activities(x)[-1]

    def activities(self, x: Tensor) -> list[Tensor]:
        """Activities of the hidden layers, then the outputs."""
        found = []
        for layer in self.layers[:-1]:
            x = self._phi(layer(x))
            found.append(x)
        return [*found, self._out(self.layers[-1](x))]

    @torch.no_grad()
    def working_point(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Slopes phi'(v) and potentials v (rows, units) of every layer, with failures as they are.

        The failures to come stay what they were. Of the outputs the slope is 1.
        """
        generators = self.generators()
        slope = SLOPES[self.options["activation"]]
        slopes, potentials = [], []
        for layer in self.layers:
            v = layer(x)
            x = self._phi(v)
            slopes.append(slope(x))
            potentials.append(v)
        self.set_generators(generators)
        slopes[-1] = torch.ones_like(potentials[-1])
        return slopes, potentials


def initial_law(rule: str | float, fan: int) -> tuple[float, float]:
    """Mean and standard deviation of initial weights, see `Net.init_weights`.

    Raises
    ------
    OptionError
        If there is no such rule, or f^-alpha is no finite number.
    """
    try:
        exponent = float(rule)
    except ValueError:
        kind = one_of("scaling", str(rule).strip(), SCALINGS)
        deviation = {"l": 1 / fan, "s": fan**-0.5, "c": 0.001}[kind[0]]
        return deviation if kind.endswith("+") else 0.0, deviation
    try:
        deviation = fan**-exponent
    except OverflowError:
        deviation = math.inf
    if not (math.isfinite(exponent) and math.isfinite(deviation)):
        raise OptionError(
            f"scaling is {rule}, with which weights of {fan} inputs cannot be drawn: give a number "
            "such as 0.5"
        )
    return 0.0, deviation


def parsed_layers(layers: str | Sequence[int], number: int) -> set[int]:
    """Numbers of layers, from 1 on: "all", or some of them, in a list or with commas.

    Raises
    ------
    OptionError
        If there is no such layer.
    """
    if isinstance(layers, str) and layers == "all":
        return set(range(1, number + 1))
    parts = (
        [part for part in layers.split(",") if part.strip()] if isinstance(layers, str) else layers
    )
    try:
        found = {int(part) for part in parts}
    except ValueError:
        raise OptionError(f"drop_layers is {layers!r}: give all, or numbers such as 1,3") from None
    if wrong := found - set(range(1, number + 1)):
        raise OptionError(f"there is no layer {min(wrong)}: the layers are 1 to {number}")
    return found


def spread(seed: Seed, number: int) -> list[int]:
    """Independent seeds for generators of torch."""
    children = seed_sequence(seed).spawn(number)
    return [int(child.generate_state(1, np.uint64)[0] >> np.uint64(1)) for child in children]
