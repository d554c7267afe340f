"""A rate network in discrete time with failing synapses.

h_t = phi(W_hh h_(t-1) + W_in x_t + b),    y_t = out_phi(W_out h_t + b_out),    h_0 = 0
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated

import torch
from torch import Tensor

from noiseprune.errors import OptionError
from noiseprune.learning.models.activations import ACTIVATIONS
from noiseprune.learning.models.failures.networks import OUTPUTS, Layers, Net
from noiseprune.learning.options.base import at_least_0
from noiseprune.learning.options.names import FailuresActivation, FailuresLast


@dataclass(eq=False, repr=False)
class RNN(Net):
    """A rate network in discrete time: layers `i2h`, `h2h`, `h2o`, numbered 1, 2, 3.

    Parameters
    ----------
    As `DeepNet`, and

    d_hidden : recurrent units
    nonlinearity : of the units
    drop_layers : by default the recurrent synapses fail
    failures : anew in every "step", or for a whole "trial" (path "masks" only)
    delay : steps without input after the last one
    bias : of `h2h` and `h2o`

    Raises
    ------
    OptionError
        If an option has no meaning.
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
