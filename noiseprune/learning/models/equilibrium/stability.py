"""Whether a network of equilibrium propagation comes to rest: discs and eigenvalues of J.

    J = W - diag(leak) among the neurons that are no inputs, the clip left aside

Gershgorin's discs around the diagonal lie left of 0 by rows where leak_i > sum_j |w_ij|, by
columns where leak_j > sum_i |w_ij|; one of these for all neurons means that J is stable. More:
then mu_inf, or mu_1, the logarithmic norm

    mu_1(J) = max_j (sum_i |w_ij| - leak_j),    mu_inf(J) = max_i (sum_j |w_ij| - leak_i)

is below 0, and an Euler step with dt leak <= 1 brings any two states closer in that norm by
1 + dt mu, also after the clip, which moves no two numbers apart: there is one state of rest, and
every start leads to it. The published leak, leak_j = sum_i w_ij, makes every column of J sum to 0:
0 is an eigenvalue always, by columns no disc lies left of 0, and what the states add up to is not
forgotten.

Left of 0 is what lies below -1e-9 times the largest absolute column sum of J: nearer to 0 it may be
rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from noiseprune.weights import FloatArray

ROUNDING = 1e-9
"""What may be 0, relative to the size of J."""


@dataclass(frozen=True)
class Stability:
    """What keeps K networks with n moving neurons at rest, or does not.

    eigenvalues : (K, n) of J, by falling real part
    diagonal : (K,) bool, every diagonal entry of J left of 0
    rows, columns : (K,) number of neurons whose disc reaches 0 or beyond, by rows and by columns
    mu_1, mu_inf : (K,) logarithmic norms; left of 0 the network contracts
    zero : (K,) what is not below it is not left of 0, at most 0
    """

    eigenvalues: npt.NDArray[np.complex128]
    diagonal: npt.NDArray[np.bool_]
    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    mu_1: FloatArray
    mu_inf: FloatArray
    zero: FloatArray

    @property
    def abscissa(self) -> FloatArray:
        """(K,) largest real part of the eigenvalues."""
        return self.eigenvalues.real[:, 0]

    @property
    def stable(self) -> npt.NDArray[np.bool_]:
        """(K,) whether all eigenvalues lie left of 0."""
        return self.abscissa < self.zero

    def radius(self, dt: float) -> FloatArray:
        """(K,) spectral radius of I + dt J: above 1 Euler steps of dt grow where nothing clips."""
        found: FloatArray = np.abs(1.0 + dt * self.eigenvalues).max(axis=1)
        return found

    @property
    def contracts(self) -> npt.NDArray[np.bool_]:
        """(K,) whether mu_1 or mu_inf lies left of 0: the network has one state of rest."""
        return np.minimum(self.mu_1, self.mu_inf) < self.zero


def stability(jacobians: FloatArray) -> Stability:
    """The report on Jacobians (K, n, n)."""
    eigenvalues = np.linalg.eigvals(jacobians).astype(np.complex128)
    order = np.argsort(-eigenvalues.real, axis=1, kind="stable")
    diagonal = np.diagonal(jacobians, axis1=1, axis2=2)
    magnitude = np.abs(jacobians)
    zero = -ROUNDING * magnitude.sum(axis=1).max(axis=1)
    rows = magnitude.sum(axis=2) - np.abs(diagonal) + diagonal
    columns = magnitude.sum(axis=1) - np.abs(diagonal) + diagonal
    return Stability(
        eigenvalues=np.take_along_axis(eigenvalues, order, axis=1),
        diagonal=diagonal.max(axis=1) < zero,
        rows=(rows >= zero[:, None]).sum(axis=1),
        columns=(columns >= zero[:, None]).sum(axis=1),
        mu_1=columns.max(axis=1),
        mu_inf=rows.max(axis=1),
        zero=zero,
    )
