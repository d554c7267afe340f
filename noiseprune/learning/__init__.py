"""Networks that learn, and what is left of them when they are pruned. Needs noiseprune[learn].

    from noiseprune.learning import DeepNet, LinearWeightDropout, train

A name is imported from its module when it is first used; where torch is missing, using one that
needs it is a MissingExtraError with the one line that installs it.
"""

from importlib import import_module
from typing import Any

from noiseprune.learning.extra import required

_HOME = {
    "Batches": "supervised",
    "Classification": "datasets",
    "DeepNet": "failures.networks",
    "LinearRegressionDataset": "datasets",
    "LinearTheory": "failures.theory",
    "LinearWeightDropout": "failures.dropout",
    "Net": "failures.networks",
    "RNN": "failures.recurrent",
    "RunStatistics": "failures.statistics",
    "SemanticsDataset": "datasets",
    "classification": "datasets",
    "failures_as": "failures.dropout",
    "linear_teacher": "datasets",
    "load_statistics": "failures.statistics",
    "load_weights": "failures.statistics",
    "run_statistics": "failures.statistics",
    "test_classifier": "supervised",
    "test_regressor": "supervised",
    "train_classifier": "supervised",
    "train_regressor": "supervised",
    "CompositeLoss": "ctrnn.losses",
    "CrossEntropyLoss": "ctrnn.losses",
    "EntropyLoss": "ctrnn.losses",
    "FiringRateDistLoss": "ctrnn.losses",
    "FiringRateLoss": "ctrnn.losses",
    "HebbianLoss": "ctrnn.losses",
    "MSELoss": "ctrnn.losses",
    "PopulationKL": "ctrnn.losses",
    "RNNConnectivityLoss": "ctrnn.losses",
    "RNNLoss": "ctrnn.losses",
    "StatePredictionLoss": "ctrnn.losses",
    "MultiArea": "ctrnn.masks",
    "MultiAreaEI": "ctrnn.masks",
    "MultiIO": "ctrnn.masks",
    "RandomInput": "ctrnn.masks",
    "CTRNN": "ctrnn.network",
    "HiddenLayer": "ctrnn.layers",
    "RNNLayer": "ctrnn.layers",
    "LinearLayer": "ctrnn.linear",
    "dale_signs": "ctrnn.constraints",
    "prune_recurrent": "recurrent_pruning",
    "RecurrentPruning": "recurrent_pruning",
    "compare_recurrent": "pruning_comparison",
    "RecurrentRival": "pruning_comparison",
    "DirectedEP": "equilibrium.network",
    "prune_equilibrium": "equilibrium.pruning",
    "SinePrediction": "tasks.sine",
    "PerceptualDecision": "tasks.decision",
    "DelayedMatch": "tasks.match",
    "ANN": "burst.ann",
    "BurstCCN": "burst.burstccn",
    "Burstprop": "burst.burstprop",
    "ContinuousBurstCCN": "burst.continuous.model",
    "EDN": "burst.edn",
    "FeedforwardPruning": "feedforward_pruning",
    "diagnostics": "burst.gradients",
    "prune_layers": "feedforward_pruning",
    "Experiment": "training",
    "TrainOptions": "training",
    "Training": "training",
    "train": "training",
    "train_all": "training",
}
_WITHOUT_TORCH = {
    "training",
    "burst.continuous.model",
    "datasets",
    "failures.statistics",
    "tasks.sine",
    "tasks.decision",
    "tasks.match",
    "equilibrium.network",
    "equilibrium.pruning",
}
"""Modules that do not import torch."""

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'noiseprune.learning' has no attribute {name!r}")
    if _HOME[name] not in _WITHOUT_TORCH:
        required("torch", f"noiseprune.learning.{name}")
    value = getattr(import_module(f"noiseprune.learning.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
