"""The names that public functions choose by, each list in one place.

Editors complete them, mypy checks them, and the command line lists and completes them: this module
imports nothing, so that `noiseprune --help` can read it. `typing.get_args` gives the names of one.
"""

from typing import Literal

Rule = Literal["noise", "weight", "uniform", "magnitude", "paper", "surgeon"]
NEED_VARIANCE: tuple[Rule, ...] = ("noise", "paper")
"""Rules whose importance is |w| v, so that the synapse variances have to be measured."""
NEED_ACTIVITY: tuple[Rule, ...] = ("surgeon",)
"""Rules that see the second moment of the activity of all inputs of a neuron together."""
UNDRAWN: tuple[Rule, ...] = ("magnitude", "surgeon")
"""Rules that draw nothing, whatever the sampling."""
Sampling = Literal["independent", "systematic", "balanced"]
Balance = Literal["leak", "none", "homeostatic"]
Effort = Literal["draw", "refit", "regrow"]
"""What is done once the first synapses are chosen."""

Method = Literal["auto", "exact", "probe", "simulation"]
"""What makes synapse variances."""
Solver = Literal["auto", "diagonal", "approximate-cholesky", "multigrid"]
"""Preconditioner of the probes' systems."""

Activation = Literal["linear", "rectified"]

Kind = Literal["auto", "signals", "spikes"]
"""What to take of a recording that has both."""
Match = Literal["auto", "name", "order"]
"""How channels are assigned to neurons."""
ZeroLag = Literal["poisson", "extrapolated"]
"""How the spikes' own noise is removed."""
Inference = Literal["lagged", "precision"]
Shrinkage = Literal["auto", "none", "ledoit-wolf"]
SilentChannels = Literal["refuse", "drop"]

Lyapunov = Literal["auto", "cholesky", "normal", "doubling", "schur"]
"""How a covariance is solved."""
Start = Literal["uniform", "zero"]
"""Where a simulation starts."""
