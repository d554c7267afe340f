"""Synapse variances from noise probes, without the covariance.

A probe is one random activity pattern with the stationary covariance of the network; the synapse
variance is its mean square difference across the synapse. Only N x q numbers are ever made, a
block of probes at a time, and of each block one number a synapse is kept. See `symmetric` for
symmetric, diagonally dominant networks and `directed` for all others.
"""

from noiseprune.probing.estimate import N_PROBES, Probed, probed_activity, probed_variance

__all__ = ["N_PROBES", "Probed", "probed_activity", "probed_variance"]
