"""Stationary covariances of noise-driven networks: exact, or refused.

`exact` chooses the way and states the accuracy, `doubling` and `triangular` solve.
"""

from noiseprune.lyapunov.exact import METHODS, Covariance, covariance, discrete_covariance

__all__ = ["METHODS", "Covariance", "covariance", "discrete_covariance"]
