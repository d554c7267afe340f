"""Calls that a type checker accepts; run by no test, read by mypy."""

from pathlib import Path

import numpy as np
from scipy import sparse

import noiseprune as npr

net = npr.RateNetwork(np.zeros((3, 3)), leak=1.0)
sparse_net = npr.RateNetwork(sparse.csr_array((3, 3)), leak="dominant", labels=["a", "b", "c"])
other: npr.RateNetwork = npr.load(Path("net.npz"))
dataset: npr.RateNetwork = npr.datasets.load("celegans", leak_margin=0.1)

pruning: npr.Pruning = npr.prune(net, 0.1)
epsilon: float | None = pruning.promised_epsilon
kept: int = npr.prune(net, keep=5, rule="magnitude", seed=np.random.default_rng(3)).n_kept
npr.prune(net, 0.5, "noise", "systematic", "leak", method="probe", probe_error=0.1, n_probes=8)
npr.prune(net, epsilon=0.5, solver="multigrid", method="probe", refit=False)

variance: npr.SynapseVariance = npr.synapse_variance(net, 1.0, "exact")
npr.prune(net, variance=variance)
npr.prune(net, variance=variance.variance)

report: npr.SpectralReport = npr.spectral_similarity(net, pruning.network)
low, high = report.epsilon_interval
run: npr.Trajectory = npr.simulate(net, activation="rectified", x0="zero")
recipe = npr.Recipe(rule="weight", balance="none")
rows: tuple[object, ...] = npr.compare(net, [0.1, 0.5], recipes=[recipe]).rows
inferred: npr.InferredNetwork = npr.infer_network(run, "precision")
grown: npr.Plasticity = npr.plasticity(net, keep=0.2, activation="linear")
text: dict[str, object] = pruning.to_dict()
