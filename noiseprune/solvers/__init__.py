"""Systems M x = b of large symmetric, diagonally dominant networks, M = diag(leak) - W.

Conjugate gradients for a block of right-hand sides at once, which stop by the error in the norm of
M, estimated from their own steps (Hestenes and Stiefel 1952; Strakos and Tichy, ETNA 13, 2002):

    || x - x_j ||_M^2 = sum_{i >= j} gamma_i,    || x ||_M^2 = sum_i gamma_i

with the decrements gamma_i that the iteration computes anyway; what is still to come is taken to
fall as fast as it fell last. The preconditioner is chosen by a trial on one right-hand side (see
`preconditioners`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from noiseprune.choices import one_of
from noiseprune.errors import ConvergenceError, OptionError
from noiseprune.kernels import Reals
from noiseprune.network import RateNetwork
from noiseprune.solvers import kernels, preconditioners
from noiseprune.weights import FloatArray, absolute_sums

MAX_STEPS = 20_000
TRIAL_STEPS = 60
"""Steps of a trial: networks that need no more are left to the diagonal."""
_TRIAL_ERROR = 1e-3

Preconditioner = Callable[[Reals], Reals]


@dataclass(frozen=True)
class Solution:
    """x (N, k), the steps taken and the largest estimated error || x - exact ||_M / || x ||_M."""

    x: Reals
    steps: int
    error: float


@dataclass(frozen=True)
class Dominant:
    """A symmetric M = diag(leak) - W with diagonally dominant M, and how its systems are solved.

    weights : CSR without diagonal; leak : (N,) the diagonal of M
    name : of the preconditioner: "diagonal", "approximate-cholesky" or "multigrid"
    steps : how many a solution to three digits takes, by the trial
    """

    weights: sparse.csr_array
    leak: FloatArray
    name: str = "diagonal"
    steps: float = np.inf
    _apply: Preconditioner | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """On another machine the preconditioner is built anew, for it is not all plain arrays."""
        return _rebuilt, (self.weights, self.leak, self.name, self.steps)

    @classmethod
    def of(cls, net: RateNetwork) -> Dominant:
        """The symmetric part of -A, with no preconditioner but the diagonal."""
        if not net.is_diagonally_dominant:
            raise OptionError(
                f"a system of {net.n_neurons} neurons needs a diagonally dominant drift: use "
                "leak='dominant' (--leak dominant)"
            )
        weights = net.csr
        if not net.is_symmetric:
            weights = sparse.csr_array(0.5 * (net.csr + net.csr.T))
        return cls(weights, net.leak)

    @property
    def excess(self) -> FloatArray:
        """(N,) leak_i - sum_j |w_ij|, at least 0."""
        return np.maximum(self.leak - absolute_sums(self.weights)[0], 0.0)

    def product(self, x: Reals) -> Reals:
        """M x"""
        y = np.empty_like(x)
        csr = self.weights
        kernels.product(csr.indptr, csr.indices, csr.data, self.leak, x, y)
        return y

    def with_preconditioner(self, name: str) -> Dominant:
        """The same system with the preconditioner of that name, or by trials if it is "auto"."""
        one_of("solver", name, ("auto", "diagonal", *preconditioners.PACKAGES))
        if name == "diagonal":
            return self
        if name != "auto":
            apply = preconditioners.build(name, self.weights, self.leak)
            return replace(self, name=name, _apply=apply)
        plain = replace(self, steps=self._trial())
        if plain.steps <= TRIAL_STEPS:
            return plain
        rivals = [plain]
        for other in preconditioners.available():
            rival = self.with_preconditioner(other)
            rivals.append(replace(rival, steps=rival._trial()))
        return min(rivals, key=lambda system: system.steps * preconditioners.COST[system.name])

    def _trial(self) -> float:
        """Steps to three digits for one right-hand side, extrapolated from the first ones."""
        load = np.sqrt(self.leak) * np.random.default_rng(1).standard_normal(self.leak.size)
        found = self._iterate(load[:, None], _TRIAL_ERROR, TRIAL_STEPS)
        if found.error <= _TRIAL_ERROR:
            return float(found.steps)
        return float(found.steps * np.log(_TRIAL_ERROR) / np.log(min(found.error, 0.999)))

    def solve(self, load: Reals, error: float = 1e-3) -> Solution:
        """x with || x - M^-1 load ||_M <= error || x ||_M, for a load (N, k), overwritten.

        In the precision of the load. The error is an estimate, not a bound.

        Raises
        ------
        ConvergenceError
            If that takes more than 20,000 steps.
        """
        found = self._iterate(load, error, MAX_STEPS)
        if not found.error <= error:
            better = set(preconditioners.available()) - {self.name}
            remedy = "raise the leak margin (--leak-margin 0.1)"
            if self.name == "diagonal" and not better:
                remedy += ", or install better preconditioners: pip install 'noiseprune[scale]'"
            raise ConvergenceError(
                f"conjugate gradients for {self.leak.size} neurons reached a relative error of "
                f"{found.error:.1g} in {found.steps} steps with the preconditioner "
                f"'{self.name}', but {error:.1g} is needed: {remedy}"
            )
        return found

    def _iterate(self, load: Reals, error: float, most: int) -> Solution:
        csr, inverse = self.weights, 1.0 / self.leak
        real = load.dtype
        r, x = load, np.zeros_like(load)
        p, q = np.zeros_like(load), np.empty_like(load)
        zero = np.zeros(load.shape[1], real)
        z = r if self._apply is None else self._apply(r)
        rho = kernels.advance(zero, inverse, p, p, x, r) if self._apply is None else _inner(r, z)
        beta = zero
        decrements: list[FloatArray] = []
        estimate = 1.0
        for _ in range(most):
            if self._apply is None:
                kernels.turn(beta, inverse, r, p)
            else:
                p *= beta
                p += z
            curvature = kernels.product(csr.indptr, csr.indices, csr.data, self.leak, p, q)
            alpha = np.divide(rho, curvature, out=np.zeros_like(rho), where=curvature > 0)
            decrements.append(alpha * rho)
            before = rho
            rho = kernels.advance(alpha.astype(real), inverse, p, q, x, r)
            if self._apply is not None:
                z = self._apply(r)
                rho = _inner(r, z)
            beta = np.divide(rho, before, out=np.zeros_like(rho), where=before > 0).astype(real)
            estimate = _remaining(decrements)
            if estimate <= error:
                break
        return Solution(x, len(decrements), estimate)


def _rebuilt(weights: sparse.csr_array, leak: FloatArray, name: str, steps: float) -> Dominant:
    return replace(Dominant(weights, leak).with_preconditioner(name), steps=steps)


def _inner(a: Reals, b: Reals) -> FloatArray:
    return np.einsum("ic,ic->c", a, b, dtype=np.float64)  # type: ignore[no-any-return]


def _remaining(decrements: list[FloatArray]) -> float:
    """Largest estimated relative error over the columns.

    The last quarter of the steps against the quarter before says how fast the error falls.
    """
    span = max(2, len(decrements) // 4)
    if len(decrements) < 2 * span:
        return 1.0
    last = np.sum(decrements[-span:], axis=0)
    before = np.sum(decrements[-2 * span : -span], axis=0)
    rate = np.divide(last, before, out=np.zeros_like(last), where=before > 0)
    if np.any(rate >= 1.0):
        return 1.0
    total = np.sum(decrements, axis=0)
    rest = np.divide(last * rate / (1.0 - rate), total, out=np.zeros_like(total), where=total > 0)
    return float(np.sqrt(np.max(rest)))
