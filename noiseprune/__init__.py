"""noiseprune: prune a recurrent network by the covariance of its own noise-driven activity.

The way of the data:

    network -> synapse variance -> importance -> keep probability -> draw -> balance
            -> pruned network -> similarity report

Source of the rule: E. Moore and R. Chaudhuri, "Using noise to probe recurrent neural network
structure and prune synapses", NeurIPS 2020.
"""

from noiseprune._lazy import attach, stubbed

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach(__name__, stubbed(__name__, __file__))
