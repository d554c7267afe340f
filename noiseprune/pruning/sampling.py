"""Which synapses are kept: a draw with given keep probabilities.

- "independent": every synapse by a coin of its own (the paper's).
- "systematic": one uniform offset u; synapse e is kept where the running sum of p passes a whole
  number plus u. The sum runs row by row, each row in a random order: the count is exact, each
  neuron's kept input is even, and the numbering of the neurons does not matter.

Both keep synapse e with probability p_e exactly. Source of systematic sampling: Madow, Ann. Math.
Stat. 20 (1949).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from noiseprune import kernels
from noiseprune.weights import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]


def independent(
    probability: FloatArray, row_starts: IntArray, rng: np.random.Generator
) -> BoolArray:
    """(m,) kept, each with its own probability, independently."""
    return rng.random(probability.size) < probability


def systematic(
    probability: FloatArray, row_starts: IntArray, rng: np.random.Generator
) -> BoolArray:
    """(m,) kept: floor or ceil of sum(p) synapses in all, evenly over the rows.

    `row_starts` (rows + 1,) says where each row of `probability` begins.
    """
    uniform = rng.random(probability.size)
    return kernels.systematic(probability, row_starts, uniform, rng.random())


SAMPLINGS: dict[str, Callable[[FloatArray, IntArray, np.random.Generator], BoolArray]] = {
    "independent": independent,
    "systematic": systematic,
}
