"""What is done with each neuron's total |input| after pruning.

- "leak" (the paper's matched diagonal): leak_i -> leak_i - sum_j |w_ij| + sum_j |w'_ij|.
- "none": the leak stays.
- "homeostatic" (synaptic scaling, Turrigiano 2008): the surviving synapses are multiplied by
  factors that give each neuron its old total |input| (directed: and |output|) back,

      symmetric   w'_ij -> s_i s_j w'_ij         directed   w'_ij -> r_i c_j w'_ij

  found by Sinkhorn's iteration. Factors are bounded; what they cannot balance goes to the leak,
  so that the dominance excess leak_i - (row sum + column sum of |W|)_i / 2 never changes.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from noiseprune.weights import FloatArray, absolute_sums, row_index

_ITERATIONS = 300
_TOLERANCE = 1e-12


def apply_balance(
    pruned: sparse.csr_array,
    strengths: tuple[FloatArray, FloatArray],
    balance: str,
    *,
    max_factor: float,
    symmetric: bool,
) -> sparse.csr_array:
    """Weights (CSR) after the balance: scaled where it is homeostatic, else as they are.

    strengths : (rows,) and (columns,) total |input| and |output| of the original's neurons
    max_factor : bound on a neuron's factor and on its inverse
    """
    if balance != "homeostatic":
        return pruned
    magnitude = sparse.csr_array((np.abs(pruned.data), pruned.indices, pruned.indptr), pruned.shape)
    if symmetric:
        rows = columns = symmetric_factors(magnitude, strengths[0], max_factor)
    else:
        rows, columns = directed_factors(magnitude, *strengths, max_factor)
    factor = rows[row_index(pruned)] * columns[pruned.indices]
    return sparse.csr_array((pruned.data * factor, pruned.indices, pruned.indptr), pruned.shape)


def balance_leak(
    leak: FloatArray,
    strengths: tuple[FloatArray, FloatArray],
    weights: sparse.csr_array,
    balance: str,
) -> FloatArray:
    """(N,) leak that goes with the balanced `weights`, from the original's leak and strengths."""
    inputs, outputs = strengths
    if balance == "none":
        return leak.copy()
    new_inputs, new_outputs = absolute_sums(weights)
    if balance == "leak":
        return leak - inputs + new_inputs
    return leak - 0.5 * ((inputs - new_inputs) + (outputs - new_outputs))


def symmetric_factors(
    magnitude: sparse.csr_array, target: FloatArray, max_factor: float
) -> FloatArray:
    """(N,) s with sum_j s_i |w_ij| s_j = target_i wherever 1/max_factor <= s_i <= max_factor.

    Iteration: s_i <- sqrt(s_i target_i / sum_j |w_ij| s_j), clipped; ended after _ITERATIONS,
    converged or not (the leak takes what is left).
    """
    factor = np.ones(target.size)
    for _ in range(_ITERATIONS):
        updated = _clipped(factor * target, magnitude @ factor, 0.5, max_factor)
        if np.max(np.abs(updated - factor), initial=0.0) <= _TOLERANCE:
            return updated
        factor = updated
    return factor


def directed_factors(
    magnitude: sparse.csr_array,
    row_target: FloatArray,
    column_target: FloatArray,
    max_factor: float,
) -> tuple[FloatArray, FloatArray]:
    """(N,) r and (N,) c with row sums of r_i |w_ij| c_j = row_target and column sums likewise.

    Sinkhorn's iteration r <- row_target / |W| c, c <- column_target / |W|^T r, clipped.
    """
    transposed = magnitude.T.tocsr()
    rows, columns = np.ones(row_target.size), np.ones(column_target.size)
    for _ in range(_ITERATIONS):
        updated = _clipped(row_target, magnitude @ columns, 1.0, max_factor)
        columns = _clipped(column_target, transposed @ updated, 1.0, max_factor)
        if np.max(np.abs(updated - rows), initial=0.0) <= _TOLERANCE:
            return updated, columns
        rows = updated
    return rows, columns


def _clipped(wanted: FloatArray, found: FloatArray, power: float, max_factor: float) -> FloatArray:
    """(wanted / found)^power within the bounds; 1 where nothing is found or wanted."""
    usable = (found > 0) & (wanted > 0)
    ratio = np.divide(wanted, found, out=np.ones_like(wanted), where=usable)
    return np.clip(ratio**power, 1.0 / max_factor, max_factor)
