"""The names that networks that learn, and their options, choose by: each list in one place."""

from typing import Literal

from noiseprune.choices import Rule as Rule

RecurrentRule = Literal[Rule, "random"]
EquilibriumRule = Literal[
    "noise", "noise-largest", "weight", "uniform", "magnitude", "surgeon", "random", "boltzmann"
]
"""noise-largest: the largest importances as they are; random: any, as they are; boltzmann: draws
of the sparsification, permanent, under a tolerance that rises until enough are gone."""
Sampling = Literal["independent", "systematic", "balanced", "largest"]
"""largest: the synapses of the largest importance, as they are."""
Balance = Literal["homeostatic", "none"]
WorkingPoint = Literal["gain", "mean", "linear"]
RecurrentMethod = Literal["auto", "exact", "probe", "simulation", "activity"]
LayerVariance = Literal["noise", "activity"]

Images = Literal["digits", "mnist", "cifar10"]
DType = Literal["float32", "float64"]
Optimizer = Literal["sgd", "adam", "adamw"]
LocalOptimizer = Literal[
    "sgd", "adam", "sadagrad", "nadagrad", "ladagrad", "fadagrad", "globalcost"
]

FailuresTask = Literal["semantics", "regression"]
FailuresActivation = Literal["linear", "relu", "sigmoid", "tanh"]
Path = Literal["masks", "moments"]
"""How failures are drawn: as masks, or as Gaussian outputs of their mean and variance."""
FailureMode = Literal["sample", "expected", "average"]
Output = Literal["linear", "softmax"]
FailuresLast = Literal["step", "trial"]
Loss = Literal["mse", "cross-entropy"]

RateTask = Literal["decision", "match", "sine"]
RateActivation = Literal["relu", "tanh", "sigmoid", "retanh", "softplus", "linear"]
Dale = Literal["parametrisation", "projection"]
NoiseScaling = Literal["alpha", "sqrt"]
InitState = Literal["zero", "keep", "learn"]
FirstState = Literal["zero", "learn"]
Initial = Literal["uniform", "normal", "zero"]
Orientation = Literal["post-pre", "pre-post"]

LocalActivation = Literal["sigmoid", "tanh", "relu", "softplus", "exponential", "linear"]
YMode = Literal["random_init", "symmetric_init", "tied"]
YRule = Literal["apical", "kolen-pollack"]
QMode = Literal["symmetric_init", "tied", "random_init", "W_symmetric_init"]
InterneuronMode = Literal["symmetric_init", "random_init"]

LogicName = Literal["xor", "and", "or", "not", "identity"]
TopologyKind = Literal["complete", "layered"]
Leak = Literal["signed", "absolute", "none"]
Preset = Literal["published", "improved"]
EquilibriumLearning = Literal["stdp", "ep"]
