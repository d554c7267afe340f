"""Networks of failing synapses: layers in a row, and a rate network in discrete time.

h_l = phi(W_l h_(l-1) + b_l),    y = out_phi(W_L h_(L-1) + b_L),    h_0 = x
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from typing import Annotated, Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from noiseprune.checks import Seed, count, one_of
from noiseprune.errors import OptionError
from noiseprune.learning.models.activations import ACTIVATIONS, Function
from noiseprune.learning.models.failures.dropout import LinearWeightDropout
from noiseprune.learning.models.saving import SavedNetwork
from noiseprune.learning.models.streams import DTYPES, new_generator, spread
from noiseprune.learning.options.base import at_least_0
from noiseprune.learning.options.names import DType, FailuresActivation, FailuresLast, Output, Path

OUTPUTS: dict[str, Function] = {"linear": lambda x: x, "softmax": lambda x: torch.softmax(x, -1)}
Layers = str | Sequence[int]
SCALINGS = ("lin", "lin+", "sqrt", "const", "const+")


@dataclass(eq=False, repr=False, kw_only=True)
class Net(SavedNetwork):
    """What the networks here share: options (see `DeepNet`), initial weights, gradients, files."""

    NOT_SAVED = ("seed",)

    output_activation: Output = "linear"
    drop_p: float = 0.0
    scaling: str | float | Sequence[str | float] = "sqrt"
    bias: bool = False
    path: Path = "masks"
    seed: Seed = None
    dtype: DType = "float32"

    def _build(self, shapes: list[tuple[int, int]], biases: list[bool], failing: Layers) -> None:
        """Make layers of these shapes (in, out); those that do not fail have drop_p = 0."""
        fail = parsed_layers(failing, len(shapes))
        first, *seeds = spread(self.seed, 1 + len(shapes))
        self.synapses = nn.ModuleList(
            LinearWeightDropout(
                count("units", shape[0]),
                count("units", shape[1]),
                self.drop_p if number in fail else 0.0,
                bias=bias,
                path=self.path,
                seed=own,
                dtype=DTYPES[self.dtype],
            )
            for number, (shape, bias, own) in enumerate(zip(shapes, biases, seeds), start=1)
        )
        self.init_weights(self.scaling, first)

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
        if isinstance(scaling, str):
            scaling = scaling.split(",")
        rules = [scaling] if isinstance(scaling, (int, float)) else list(scaling)
        number = len(self.layers)
        if len(rules) not in (1, number):
            raise OptionError(
                f"scaling has {len(rules)} rules for {number} layers: give 1 or {number}"
            )
        generator = new_generator(seed)
        with torch.no_grad():
            for layer, rule in zip(self.layers, rules * (number if len(rules) == 1 else 1)):
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

    def beside(self) -> dict[str, Any]:
        modes = [(layer.mode, layer.samples) for layer in self.layers]
        return {"generators": self.generators(), "modes": modes}

    def set_beside(self, document: Mapping[str, Any]) -> None:
        self.set_generators(document["generators"])
        for layer, (mode, samples) in zip(self.layers, document.get("modes", ())):
            layer.set_mode(mode, samples)

    def generators(self) -> list[Tensor]:
        """States of the generators of the layers."""
        return [layer.generator.get_state() for layer in self.layers]

    def set_generators(self, states: Sequence[Tensor]) -> None:
        """Put the generators into these states: the failures to come are those that came then."""
        for layer, state in zip(self.layers, states, strict=True):
            layer.generator.set_state(state.cpu())

    def __len__(self) -> int:
        return len(self.layers)


@dataclass(eq=False, repr=False)
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

    d_input: int
    d_output: int = 1
    d_hidden: Sequence[int] = (100,)
    _: KW_ONLY
    activation: FailuresActivation = "linear"
    drop_layers: Layers = "all"

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = [self.d_input, *self.d_hidden, self.d_output]
        self._build(list(pairwise(sizes)), [self.bias] * (len(sizes) - 1), self.drop_layers)
        self._phi = ACTIVATIONS[self.activation].rate
        self._out = OUTPUTS[self.output_activation]

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
        slope = ACTIVATIONS[self.activation].slope
        slopes, potentials = [], []
        for layer in self.layers:
            v = layer(x)
            x = self._phi(v)
            slopes.append(slope(x))
            potentials.append(v)
        self.set_generators(generators)
        slopes[-1] = torch.ones_like(potentials[-1])
        return slopes, potentials


@dataclass(eq=False, repr=False)
class RNN(Net):
    """A rate network in discrete time: layers `i2h`, `h2h`, `h2o`, numbered 1, 2, 3.

        h_t = phi(W_hh h_(t-1) + W_in x_t + b),    y_t = out_phi(W_out h_t + b_out),    h_0 = 0

    Parameters
    ----------
    As `DeepNet`, which raises the same, and

    d_hidden : recurrent units
    nonlinearity : of the units
    drop_layers : by default the recurrent synapses fail
    failures : anew in every "step", or for a whole "trial" (path "masks" only)
    delay : steps without input after the last one
    bias : of `h2h` and `h2o`
    """

    d_input: int
    d_output: int = 1
    d_hidden: int = 100
    _: KW_ONLY
    nonlinearity: FailuresActivation = "tanh"
    drop_layers: Layers = "2"
    failures: FailuresLast = "step"
    delay: Annotated[int, at_least_0] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.failures == "trial" and self.path != "masks":
            raise OptionError("failures that last a trial are masks: give path='masks'")
        n = self.d_hidden
        shapes = [(self.d_input, n), (n, n), (n, self.d_output)]
        self._build(shapes, [False, self.bias, self.bias], self.drop_layers)
        self._phi = ACTIVATIONS[self.nonlinearity].rate
        self._out = OUTPUTS[self.output_activation]

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Outputs (batch, time + delay, d_output) and {"h": (batch, time + delay, d_hidden)}.

        x is (batch, time, d_input).

        Raises
        ------
        OptionError
            If x has another shape.
        """
        d_input = self.layers[0].in_features
        if x.ndim != 3 or x.shape[2] != d_input:
            raise OptionError(
                f"the input has shape {tuple(x.shape)}, but must be (batch, time, {d_input})"
            )
        rows = len(x)
        masks = [
            layer.draw_masks(rows) if self.failures == "trial" and layer.drop_p else None
            for layer in self.layers
        ]
        i2h, h2h, h2o = self.layers
        x = torch.cat((x, x.new_zeros(rows, self.delay, d_input)), 1)
        h, states, outputs = x.new_zeros(rows, h2h.in_features), [], []
        for u in x.unbind(1):
            h = self._phi(h2h(h, masks[1]) + i2h(u, masks[0]))
            states.append(h)
            outputs.append(self._out(h2o(h, masks[2])))
        return torch.stack(outputs, 1), {"h": torch.stack(states, 1)}


def initial_law(rule: str | float, fan: int) -> tuple[float, float]:
    """Mean and standard deviation of initial weights, see `Net.init_weights`."""
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


def parsed_layers(layers: Layers, number: int) -> set[int]:
    """Numbers of layers, from 1 on: "all", or some of them, in a list or with commas."""
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
