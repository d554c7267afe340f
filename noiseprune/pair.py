"""An original and its pruned version: what is known of the two, each measure solved once.

    change (epsilon), stability, abscissae, errors per eigenvector, eigenvalues, singular values,
    covariance error, response error, synapse variances

A measure is computed when it is first read. The details, which take dense matrices and O(N^3),
exist up to 4,000 neurons, or as asked for.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg

from noiseprune import lyapunov, spectrum
from noiseprune.checks import Seed
from noiseprune.eigenvalues import DENSE_EIGENVALUES
from noiseprune.errors import UnstableError
from noiseprune.measures import Reference
from noiseprune.network import RateNetwork
from noiseprune.variance import variance_of
from noiseprune.weights import FloatArray

Values = npt.NDArray[np.inexact[Any]]


class Pair:
    """An original network and its pruned version.

    Parameters
    ----------
    detail : whether to go into the details, all but `change` and `stable`
    seed : start of the Lanczos iteration, above 1,500 neurons
    covariance : of the original, where it has been solved already

    Raises
    ------
    OptionError
        If the networks differ in size.
    """

    def __init__(
        self,
        original: RateNetwork,
        pruned: RateNetwork,
        *,
        detail: bool | None = None,
        seed: Seed = 0,
        covariance: lyapunov.Covariance | None = None,
    ) -> None:
        spectrum.check_same_size(original, pruned)
        self.original, self.pruned = original, pruned
        self._seed, self._covariance = seed, covariance
        self.detail = original.n_neurons <= DENSE_EIGENVALUES if detail is None else detail

    @property
    def is_symmetric(self) -> bool:
        """True if both networks are."""
        return self.original.is_symmetric and self.pruned.is_symmetric

    @cached_property
    def change(self) -> spectrum.Epsilon:
        """Epsilon with its evidence; see `noiseprune.spectrum`."""
        return spectrum.epsilon(self.original, self.pruned, seed=self._seed)

    @cached_property
    def eigen_errors(self) -> spectrum.EigenErrors | None:
        """Errors per eigenvector; None unless both networks are symmetric."""
        if not (self.is_symmetric and self.detail):
            return None
        return spectrum.eigen_errors(self.original, self.pruned)

    @property
    def eigenvalues(self) -> tuple[Values, Values] | None:
        """(original, pruned) eigenvalues of the drifts, 1/s; ascending if both are symmetric."""
        if not self.detail:
            return None
        errors = self.eigen_errors
        return errors.values if errors else (self.original.eigenvalues, self.pruned.eigenvalues)

    @property
    def abscissae(self) -> tuple[float, float]:
        """(original, pruned) spectral abscissae, 1/s."""
        if self.eigen_errors:
            return self.eigen_errors.abscissa
        return self.original.spectral_abscissa(), self.pruned.spectral_abscissa()

    @cached_property
    def singular_values(self) -> tuple[FloatArray, FloatArray] | None:
        """(original, pruned) singular values of the drifts, 1/s, descending."""
        if not self.detail:
            return None
        if self.eigenvalues and self.is_symmetric:
            before, after = (np.sort(np.abs(values))[::-1] for values in self.eigenvalues)
            return before, after
        drifts = self.original.dense_drift(), self.pruned.dense_drift()
        before, after = (
            linalg.svdvals(drift, overwrite_a=True, check_finite=False) for drift in drifts
        )
        return before, after

    @property
    def stable(self) -> bool:
        """True if every eigenvalue of the pruned drift has a negative real part."""
        return self.abscissae[1] < 0 if self.detail else is_stable(self.pruned, self.change)

    @cached_property
    def covariance_error(self) -> float | None:
        """||C_s - C||_F / ||C||_F of the stationary covariances; None where one does not exist."""
        if not self.detail:
            return None
        try:
            return Reference(self.original, self._covariance).covariance_error(self.pruned)
        except UnstableError:
            return None

    @property
    def unstable(self) -> str | None:
        """Which of the two has no stationary state; of the original known with detail only."""
        if not self.stable:
            return "the pruned network"
        return "the original" if self.detail and not self.abscissae[0] < 0 else None

    @cached_property
    def response_error(self) -> dict[str, float] | None:
        """Relative change of the steady response to "uniform" and to "random" input (see
        `measures`); None where one does not exist."""
        if not self.detail or self.unstable:
            return None
        return Reference(self.original).response_error(self.pruned)

    @property
    def variance(self) -> FloatArray | None:
        """(n_synapses,) synapse variances of the original; None without a stationary state.

        Not kept: as large as the network, they are solved for whoever reads them.
        """
        if not self.detail:
            return None
        try:
            known = self._covariance or lyapunov.covariance(self.original)
        except UnstableError:
            return None
        return variance_of(self.original, known.covariance) / known.noise**2


def is_stable(pruned: RateNetwork, change: spectrum.Epsilon) -> bool:
    """True if every eigenvalue of the pruned drift has a negative real part.

    In the pencil and symmetric-part norms an interval above -1 proves it, as the symmetric part
    of the pruned -A is then positive definite; otherwise the spectral abscissa decides.
    """
    if change.norm != "relative" and change.interval[0] > -1:
        return True
    if change.norm == "pencil" and change.method == "dense":
        return False
    return pruned.spectral_abscissa() < 0
