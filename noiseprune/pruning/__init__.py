"""From synapse variances to a pruned network: importance -> keep probability -> draw -> balance.

    Recipe + variance  ->  prune_weights (any matrix)  ->  prune_network (with leak and promise)

`recipe` holds the choices, `rules` the importances, `sampling` the draws, `balance` what is put
right afterwards, `search` fits what is kept and lets other synapses grow instead. `surgeon` is the
rule that sees all inputs of a neuron together.
Source: Moore and Chaudhuri (2020).
"""

from noiseprune.pruning.matrix import PrunedMatrix, prune_weights
from noiseprune.pruning.network import Pruning, check_request, prune_network, theorem_applies
from noiseprune.pruning.recipe import PAPER, RIVALS, Recipe
from noiseprune.pruning.surgeon import Activity

__all__ = [
    "PAPER",
    "RIVALS",
    "Activity",
    "PrunedMatrix",
    "Pruning",
    "Recipe",
    "check_request",
    "prune_network",
    "prune_weights",
    "theorem_applies",
]
