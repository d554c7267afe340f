"""Which synapses are kept: a draw with given keep probabilities.

- "independent": every synapse by a coin of its own (the paper's).
- "systematic": one uniform offset u; synapse e is kept where the running sum of p passes a whole
  number plus u. The sum runs row by row, each row in a random order: the count is exact, each
  neuron's kept input is even, and the numbering of the neurons does not matter.
- "balanced" (the default): a self-balancing walk. The synapses are visited in random order, each a
  coin that is tilted against the running errors of its two neurons' excitatory or inhibitory
  |input| and |output|, so that these end far closer to the original than by chance, on both sides
  of every synapse; and against the error of the count, which is exact in the end.

The first two keep synapse e with probability p_e exactly, the walk nearly: the mean of the pruned
weights is that of the original within one or two per cent (see tests/core/test_pruning.py).
Sources: systematic sampling, Madow, Ann. Math. Stat. 20 (1949); the walk after Alweiss, Liu and
Sawhney, STOC 2021, whose error vectors are here the neurons' own strengths: local, and O(1) a
synapse.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune import kernels
from noiseprune.weights import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]


def draw(
    csr: sparse.csr_array,
    sampling: str,
    probability: FloatArray,
    starts: IntArray,
    rng: np.random.Generator,
    *,
    symmetric: bool,
) -> BoolArray:
    """(m,) kept, by the sampling of that name.

    csr : (rows, columns) weights; probability : (m,) of every unit, which is an entry, or where
    `symmetric` an entry above the diagonal; starts : (rows + 1,) where each row's units begin
    """
    if sampling == "balanced":
        return self_balancing(csr, probability, starts, rng, symmetric=symmetric)
    if sampling == "systematic":
        return systematic(probability, starts, rng)
    return independent(probability, rng)


def independent(probability: FloatArray, rng: np.random.Generator) -> BoolArray:
    """(m,) kept, each with its own probability, independently."""
    return rng.random(probability.size) < probability


def systematic(probability: FloatArray, starts: IntArray, rng: np.random.Generator) -> BoolArray:
    """(m,) kept: floor or ceil of sum(p) synapses in all, evenly over the rows.

    `starts` (rows + 1,) says where each row of `probability` begins.
    """
    uniform = rng.random(probability.size)
    return kernels.systematic(probability, starts, uniform, rng.random())


def self_balancing(
    csr: sparse.csr_array,
    probability: FloatArray,
    starts: IntArray,
    rng: np.random.Generator,
    *,
    symmetric: bool,
) -> BoolArray:
    """(m,) kept by the self-balancing walk over the units: floor or ceil of sum(p).

    The neurons of the columns come before those of the rows where these are not the same.
    """
    size = np.int32 if probability.size < 2**31 else np.int64
    # Whole to rounding is whole; otherwise the fraction is the chance of one more.
    target = int(np.floor(np.sum(probability) + np.clip(rng.random(), 1e-6, 1 - 1e-6)))
    n_rows, n_columns = csr.shape
    ahead = 0 if n_rows == n_columns else n_columns
    return kernels.self_balancing_walk(
        np.pad(csr.indptr, (ahead, 0)),
        csr.indices,
        csr.data,
        np.pad(starts, (ahead, 0)),
        probability,
        rng.permutation(np.arange(probability.size, dtype=size)),
        rng.random(probability.size),
        target,
        symmetric,
    )
