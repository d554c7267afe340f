"""Systems M x = b of large symmetric, diagonally dominant networks, M = diag(leak) - W.

Conjugate gradients for a block of right-hand sides at once. What a cluster does in common is one
mode of N, and shows last in the norm of M; so they stop by the error per mode,

    error^2 = N || x - x_j ||_M^2 / || x ||_M^2,    || x ||_M^2 = sum_i gamma_i

with the decrements gamma_i that the iteration computes anyway. With the diagonal for preconditioner
and a leak margin, || x - x_j ||_M^2 has the upper bound of Gauss and Radau, for D^-1 M has no
eigenvalue below mu = min(excess / leak) (Meurant and Tichy, Numer. Algorithms 62, 2013). Else it
is estimated: it is the sum of the decrements to come, which are taken to fall as fast as they fell
last.

The preconditioner is chosen by a trial on one right-hand side (see `preconditioners`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast, get_args

import numpy as np
from scipy import sparse

from noiseprune.checks import one_of
from noiseprune.choices import Solver
from noiseprune.errors import ConvergenceError, OptionError
from noiseprune.kernels import Reals
from noiseprune.network import RateNetwork
from noiseprune.solvers import kernels, preconditioners
from noiseprune.weights import FloatArray, absolute_sums

MAX_STEPS = 20_000
TRIAL_STEPS = 60
"""Steps of a trial: networks that need no more are left to the diagonal."""
_TRIAL_ERROR = 1e-2
_LEAST_MU = 1e-10
"""Below this mu the bound would be of rounding errors."""

SOLVERS: tuple[Solver, ...] = get_args(Solver)

Preconditioner = Callable[[Reals], Reals]


@dataclass(frozen=True)
class Solution:
    """x (N, k), the steps taken and the largest error per mode (see the module) of a column."""

    x: Reals
    steps: int
    error: float


@dataclass(frozen=True)
class Dominant:
    """A symmetric M = diag(leak) - W with diagonally dominant M, and how its systems are solved.

    weights : CSR without diagonal; leak : (N,) the diagonal of M
    name : of the preconditioner: "diagonal", "approximate-cholesky" or "multigrid"
    steps : how many a solution to two digits takes, by the trial
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

    @cached_property
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
        one_of("solver", name, SOLVERS)
        if name == "diagonal":
            return self
        if name != "auto":
            apply = preconditioners.build(name, self.weights, self.leak)
            return replace(self, name=name, _apply=apply)
        plain = replace(self, steps=self._trial())
        if plain.steps <= TRIAL_STEPS:
            return plain
        best, least = plain, plain.steps
        for other in preconditioners.available():
            rival = self.with_preconditioner(other)
            rival = replace(rival, steps=rival._trial())
            cost = rival.steps * preconditioners.MAKERS[other].cost
            if cost < least:
                best, least = rival, cost
        return best

    def _trial(self) -> float:
        """Steps to two digits for one right-hand side, extrapolated from the first ones."""
        load = np.sqrt(self.leak) * np.random.default_rng(1).standard_normal(self.leak.size)
        found = self._iterate(load[:, None], _TRIAL_ERROR, TRIAL_STEPS)
        if found.error <= _TRIAL_ERROR:
            return float(found.steps)
        start = np.sqrt(self.leak.size)  # the error per mode before the first step
        fallen = np.log(max(start / found.error, 1.001))
        return float(found.steps * np.log(start / _TRIAL_ERROR) / fallen)

    def solve(self, load: Reals, error: float = 1e-2) -> Solution:
        """x near M^-1 load, with an error per mode of at most `error`; load (N, k) is overwritten.

        In the precision of the load.

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
        real, n = load.dtype, load.shape[0]
        mu = float(np.min(self.excess * inverse)) if self._apply is None else 0.0
        r, x = load, np.zeros_like(load)
        p, q = np.zeros_like(load), np.empty_like(load)
        zero = np.zeros(load.shape[1], real)
        z = r if self._apply is None else self._apply(r)
        rho = kernels.advance(zero, inverse, p, p, x, r) if self._apply is None else _inner(r, z)
        beta = zero
        radau = np.full(rho.shape, 1.0 / mu if mu > _LEAST_MU else np.inf)
        sums = [np.zeros_like(rho)]
        found = np.inf
        for _ in range(most):
            if self._apply is None:
                kernels.turn(beta, inverse, r, p)
            else:
                p *= beta
                p += z
            curvature = kernels.product(csr.indptr, csr.indices, csr.data, self.leak, p, q)
            alpha = np.divide(rho, curvature, out=np.zeros_like(rho), where=curvature > 0)
            sums.append(sums[-1] + alpha * rho)
            before = rho
            rho = kernels.advance(alpha.astype(real), inverse, p, q, x, r)
            if self._apply is not None:
                z = self._apply(r)
                rho = _inner(r, z)
            ratio = np.divide(rho, before, out=np.zeros_like(rho), where=before > 0)
            beta = ratio.astype(real)
            if mu > _LEAST_MU:
                gap = np.maximum(radau - alpha, 0.0)
                radau = np.divide(
                    gap, mu * gap + ratio, out=np.full_like(gap, 1.0 / mu), where=ratio > 0
                )
                left = radau * rho
            else:
                left = _remaining(sums)
            share = np.divide(left, sums[-1], out=np.zeros_like(left), where=sums[-1] > 0)
            found = float(np.sqrt(n * np.max(share)))
            if found <= error:
                break
        return Solution(x, len(sums) - 1, found)


def _rebuilt(weights: sparse.csr_array, leak: FloatArray, name: str, steps: float) -> Dominant:
    return replace(Dominant(weights, leak).with_preconditioner(name), steps=steps)


def _inner(a: Reals, b: Reals) -> FloatArray:
    return np.einsum("ic,ic->c", a, b, dtype=np.float64)  # type: ignore[no-any-return]


def _remaining(sums: list[FloatArray]) -> FloatArray:
    """Estimated sum of the decrements to come, by the running `sums` of those so far.

    The last quarter of the steps, at least 10, against as many before says how fast they fall.
    """
    span = max(10, (len(sums) - 1) // 4)
    if len(sums) < 2 * span + 1:
        return np.full_like(sums[-1], np.inf) if np.any(sums[-1] > sums[-2]) else sums[-1] * 0.0
    last, before = sums[-1] - sums[-1 - span], sums[-1 - span] - sums[-1 - 2 * span]
    rate = np.divide(last, before, out=np.zeros_like(last), where=before > 0)
    falling = rate < 1.0
    rest = np.divide(last * rate, 1.0 - rate, out=np.full_like(last, np.inf), where=falling)
    return cast(FloatArray, rest)
