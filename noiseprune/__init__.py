"""noiseprune: prune a recurrent network by the covariance of its own noise-driven activity.

The way of the data:

    network -> synapse variance -> importance -> keep probability -> draw -> balance
            -> pruned network -> similarity report

Source of the rule: E. Moore and R. Chaudhuri, "Using noise to probe recurrent neural network
structure and prune synapses", NeurIPS 2020.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "RateNetwork": "network",
    "clustered_network": "generators",
    "datasets": "",
    "Covariance": "lyapunov",
    "covariance": "lyapunov",
    "discrete_covariance": "lyapunov",
    "SynapseVariance": "variance",
    "synapse_variance": "variance",
    "Pruning": "pruning",
    "Recipe": "pruning",
    "prune": "pipeline",
    "recordings": "",
    "Comparison": "comparison",
    "InferredNetwork": "inference",
    "infer_network": "inference",
    "compare": "comparison",
    "SpectralReport": "similarity",
    "spectral_similarity": "similarity",
    "Plasticity": "online",
    "plasticity": "online",
    "Trajectory": "simulation",
    "simulate": "simulation",
    "load": "files",
    "save": "files",
    "NoisePruneError": "errors",
    "NetworkError": "errors",
    "OptionError": "errors",
    "UnstableError": "errors",
    "FileError": "errors",
    "RecordingError": "errors",
    "ConvergenceError": "errors",
    "MissingExtraError": "errors",
    "ClusterError": "errors",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first used, so that import is quick."""
    if name not in _HOME:
        raise AttributeError(f"module 'noiseprune' has no attribute {name!r}")
    home = _HOME[name]
    value = (
        getattr(import_module(f"noiseprune.{home}"), name)
        if home
        else import_module(f"noiseprune.{name}")
    )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
