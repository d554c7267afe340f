"""Who may listen to whom in a network for equilibrium propagation.

Neurons in the order inputs, hidden layers, outputs; the last input is the bias, always 1. Nothing
enters an input, and no neuron listens to itself. "complete": everything else may be. "layered":
neighbouring layers alone, in both directions; the bias reaches every neuron.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import numpy.typing as npt

from noiseprune.checks import count
from noiseprune.errors import OptionError
from noiseprune.learning.options.base import Checked
from noiseprune.learning.options.names import TopologyKind


@dataclass(frozen=True)
class Topology(Checked):
    """Sizes and connections; N = inputs + hidden + outputs neurons, the first of them inputs.

    inputs : the bias among them, at least 1
    hidden : neurons of each hidden layer; none for a network without
    kind : "complete" or "layered"

    Raises
    ------
    OptionError
        If a size or the kind has no meaning.
    """

    inputs: Annotated[int, count]
    hidden: tuple[int, ...]
    outputs: Annotated[int, count]
    kind: TopologyKind = "complete"

    def __post_init__(self) -> None:
        super().__post_init__()
        for size in self.hidden:
            count("hidden", size)

    @property
    def n_neurons(self) -> int:
        return self.inputs + sum(self.hidden) + self.outputs

    @property
    def n_free(self) -> int:
        """Neurons that are no inputs: their states move."""
        return self.n_neurons - self.inputs

    @cached_property
    def layer(self) -> npt.NDArray[np.int64]:
        """(N,) layer of every neuron, 0 for the inputs."""
        sizes = (self.inputs, *self.hidden, self.outputs)
        return np.repeat(np.arange(len(sizes)), sizes)

    @cached_property
    def allowed(self) -> npt.NDArray[np.bool_]:
        """(N, N) whether W[post, pre] may differ from 0."""
        allowed = np.ones((self.n_neurons, self.n_neurons), dtype=bool)
        if self.kind == "layered":
            allowed = np.abs(self.layer[:, None] - self.layer) == 1
            allowed[:, self.inputs - 1] = True
        np.fill_diagonal(allowed, False)
        allowed[: self.inputs] = False
        return allowed

    @property
    def labels(self) -> tuple[str, ...]:
        """x0, x1, ..., 1 (the bias), h0, ..., y0, ..."""
        names = [f"x{k}" for k in range(self.inputs - 1)] + ["1"]
        names += [f"h{k}" for k in range(sum(self.hidden))]
        return (*names, *(f"y{k}" for k in range(self.outputs)))


def layer_sizes(text: str | int) -> tuple[int, ...]:
    """Sizes of hidden layers written as "5" or "4,3"; "0" for none."""
    try:
        sizes = tuple(int(part) for part in str(text).split(","))
    except ValueError:
        sizes = (-1,)
    if sizes == (0,):
        return ()
    if min(sizes) < 1:
        raise OptionError(
            f"hidden is {text!r}: give the neurons of each hidden layer, such as 5 or 4,3, or 0"
        )
    return sizes
