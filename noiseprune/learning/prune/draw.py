"""What all prunings here share: dense matrices through `noiseprune.pruning`."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from noiseprune.pruning import Activity, Recipe, prune_weights
from noiseprune.weights import FloatArray

RANDOM = Recipe(rule="uniform", sampling="largest")
"""As many synapses, any of them, as they are."""


def as_csr(dense: FloatArray) -> sparse.csr_array:
    """The entries of a matrix that are not 0, in row order."""
    csr = sparse.csr_array(dense)
    csr.sort_indices()
    return csr


def prune_dense(
    weights: FloatArray,
    variance: FloatArray | None,
    number: int,
    recipe: Recipe,
    rng: np.random.Generator,
    *,
    symmetric: bool = False,
    activity: Activity | None = None,
) -> tuple[FloatArray, FloatArray]:
    """(post, pre) keep probabilities and pruned weights; what is 0 is no synapse.

    variance : (post, pre) synapse variances; number : of synapses to keep
    activity : of the inputs, for rule "surgeon"
    """
    csr = as_csr(weights)
    probability = np.zeros_like(weights)
    if not csr.nnz:
        return probability, weights.copy()
    places = weights.nonzero()
    local = None if variance is None else variance[places]
    found = prune_weights(csr, local, number, recipe, rng, symmetric=symmetric, activity=activity)
    probability[places] = found.keep_probability
    return probability, found.weights.toarray()


def ratio(new: FloatArray, old: FloatArray) -> FloatArray:
    """Factors of the weights, 0 where there were none."""
    return np.divide(new, old, out=np.zeros_like(old), where=old != 0)
