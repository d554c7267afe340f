"""Simulated rates, and the statistics of their fluctuations, by the Euler-Maruyama scheme.

    linear       x <- x + h (A x + b) + sigma sqrt(h) xi
    rectified    x <- x + h (-D x + [W x + b]_+) + sigma sqrt(h) xi

xi: independent standard normal numbers, h: the step `dt` (s), b: the `drive` (1/s), D the leak.
Both are one map, x <- (1 - h D) x + phi(h W x + h b) + sigma sqrt(h) xi with phi the identity or
[.]_+, so one engine serves every function here: it hands on blocks of steps, and they store
them, or add them to a covariance, or to a variance per synapse.

The linear scheme has its own stationary covariance, C_h = P C_h P^T + h sigma^2 I with
P = I + h A; it differs from that of the network at first order in h. It is stable only if the
spectral radius of P is below 1.

Noise is counter-based: xi is a function of the seed, the step, the neuron and the replica, and of
nothing else. A seed gives the same result on any number of threads or workers, networks simulated
with one seed and `dt` see the same noise, and more replicas or a longer run only add to what there
was.
"""

from noiseprune.simulation.engine import DURATION, Simulation
from noiseprune.simulation.stability import default_step, largest_stable_step, safe_step
from noiseprune.simulation.streaming import (
    StreamedCovariance,
    StreamedVariance,
    streaming_covariance,
    streaming_synapse_variance,
)
from noiseprune.simulation.trajectory import Trajectory, record_rates, simulate

__all__ = [
    "DURATION",
    "Simulation",
    "StreamedCovariance",
    "StreamedVariance",
    "Trajectory",
    "default_step",
    "largest_stable_step",
    "record_rates",
    "safe_step",
    "simulate",
    "streaming_covariance",
    "streaming_synapse_variance",
]
