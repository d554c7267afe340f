"""From a matrix and its synapse variances to the pruned matrix: probability -> draw -> balance.

    kept: w_ij -> w_ij / p_ij        pruned: w_ij -> 0        so that E[W_pruned] = W

Every pruning of the package goes this way: networks, recurrent and feed-forward layers, networks
of equilibrium propagation. Source: Moore and Chaudhuri (2020); see the modules `rules`, `sampling`
and `balance`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from noiseprune import kernels
from noiseprune.errors import OptionError
from noiseprune.pruning import rules, surgeon
from noiseprune.pruning.balance import apply_balance
from noiseprune.pruning.recipe import Recipe
from noiseprune.pruning.sampling import BoolArray, draw
from noiseprune.weights import FloatArray, absolute_sums


@dataclass(frozen=True)
class PrunedMatrix:
    """A pruned matrix with its evidence; arrays (nnz,) follow the entries of the original.

    weights : (rows, columns) CSR after draw and balance, but for the leak (`balance.balance_leak`)
    keep_probability, kept : (nnz,)
    gain : K of p = min(1, K importance); nan where the largest are kept
    loss : (nnz,) what the surgeon loses by each entry; None of all other rules
    """

    weights: sparse.csr_array
    keep_probability: FloatArray
    kept: BoolArray
    gain: float
    loss: FloatArray | None = None


def prune_weights(
    csr: sparse.csr_array,
    variance: FloatArray | None,
    keep: float | None,
    recipe: Recipe,
    rng: np.random.Generator,
    *,
    gain: float | None = None,
    strengths: tuple[FloatArray, FloatArray] | None = None,
    symmetric: bool = False,
    activity: surgeon.Activity | None = None,
) -> PrunedMatrix:
    """Prune a matrix W[post, pre], square or of a feed-forward layer.

    Parameters
    ----------
    csr : (rows, columns) weights in canonical form, none of them 0
    variance : (nnz,) synapse variances; None for the rules that do not use them
    keep : fraction in (0, 1] (a float) or number (an int) of the entries, in expectation
    gain : instead of `keep`: K of p = min(1, K importance)
    strengths : (rows,) and (columns,) sums of |W|, where they are known
    symmetric : the two entries of a pair share one draw
    activity : of the neurons of the columns, for rule "surgeon"

    Raises
    ------
    OptionError
        If an argument lies outside its range.

    Source: Moore and Chaudhuri (2020); balances and balanced draw are this package's.
    """
    if (keep is None) == (gain is None):
        raise OptionError("give either keep (a fraction or a count) or epsilon, and not both")
    # A symmetric pair is one unit of the draw: its two entries share one probability.
    loss = None
    if recipe.needs_activity:
        loss = surgeon.removal_losses(csr, activity, rng, symmetric=symmetric)
    starts = csr.indptr
    importance = rules.importance(csr.data, recipe.rule, variance) if loss is None else loss
    if symmetric:
        starts, importance = kernels.above_diagonal(csr.indptr, csr.indices, importance)
    if gain is not None:
        probability = np.minimum(1.0, gain * importance)
        if recipe.keeps_largest:
            count = max(1, round(float(np.sum(probability))))
            probability = rules.largest(importance, count, rng)
    else:
        number = rules.budget(keep if keep is not None else 1.0, csr.nnz)
        number *= importance.size / csr.nnz
        probability, gain = rules.keep_probability(importance, number, recipe, rng)
    del importance
    if recipe.keeps_largest:
        kept = probability > 0
    else:
        kept = draw(csr, recipe.sampling, probability, starts, rng, symmetric=symmetric)
    if symmetric:
        probability = kernels.onto_pairs(csr.indptr, csr.indices, probability)
        kept = kernels.onto_pairs(csr.indptr, csr.indices, kept)
    if activity is not None and recipe.needs_activity:
        values = surgeon.mended(csr, kept, activity, symmetric=symmetric)[kept]
    else:
        values = csr.data[kept] / probability[kept]
    weights = apply_balance(
        selected(csr, kept, values),
        absolute_sums(csr) if strengths is None else strengths,
        recipe.balance,
        max_factor=recipe.max_factor,
        symmetric=symmetric,
    )
    return PrunedMatrix(weights, probability, kept, gain, loss)


def selected(csr: sparse.csr_array, kept: BoolArray, values: FloatArray) -> sparse.csr_array:
    """The entries that are kept (nnz,), with these values (n_kept,)."""
    places = np.flatnonzero(kept)
    return sparse.csr_array(
        (
            values,
            csr.indices[places],
            np.searchsorted(places, csr.indptr).astype(csr.indptr.dtype),
        ),
        shape=csr.shape,
    )
