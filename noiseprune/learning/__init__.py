"""Networks that learn, and what is left of them when they are pruned. Needs noiseprune[learn].

    from noiseprune.learning import DeepNet, LinearWeightDropout, train

A name is imported from its module when it is first used; where torch is missing, using one that
needs it is a MissingExtraError with the one line that installs it. The names stand in the stub
beside this file. Rooms, each of which imports only from those before it:

    options     what models can be told, free of torch
    data        data sets, images, tasks
    models      the networks and what they are made of
    training    epochs, checkpoints, many runs, scores
    prune       pruning of each kind of network, and comparisons
    pictures    drawn from logs and results
    experiments one model with its data, as the training takes it
"""

from noiseprune._lazy import attach, stubbed

__getattr__, __dir__, __all__ = attach(__name__, stubbed(__name__, __file__))
