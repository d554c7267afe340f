"""Probes of symmetric, diagonally dominant networks.

With -A = M = sum |w_ij| b_ij b_ij^T + diag(delta) over pairs, b_ij = e_i - sgn(w_ij) e_j,

    y = M^-1 r,    r = B^T |W|^(1/2) g + delta^(1/2) h,    g, h random signs

has Cov(y) = M^-1 exactly, so x = (sigma / sqrt 2) y has the stationary covariance of the network.
The mean of (b^T y)^2 over q probes estimates v = b^T M^-1 b with a relative variance of about
2 (1 - l^2) / q, l = |w| v the leverage: a synapse's own sign has a square without variance.

What a synapse would see if its neurons knew nothing of the rest of the network, z = D^-1 r with
D = diag(leak), is known without sampling:

    a = b^T D^-1 b = 1 / d_i + 1 / d_j = Cov(b^T y, b^T z),   u = Var(b^T z) = a + 2 |w| / (d_i d_j)

so (b^T z)^2 - u, of mean 0, is taken off beta times, beta = a^2 (1 - l^2) / (u^2 - w^2 a^4) being
the ratio of their covariance to its variance. In large clusters most of the error goes. For l
stands a lower bound, which may come from the network but not from the probes. The result is held
between two bounds that need no sampling either: the variance within the pair alone, and leverage 1.

    low = (d_i + d_j - 2 |w|) / (d_i d_j - w^2)  <=  v  <=  1 / |w|

Source: Spielman and Srivastava, SIAM J. Comput. 40 (2011), with the leak term added; the rest is
this package's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune.kernels import Reals, pair_starts
from noiseprune.network import RateNetwork, unstable
from noiseprune.probing import kernels
from noiseprune.solvers import TRIAL_STEPS, Dominant, drives
from noiseprune.weights import FloatArray, IntArray
from noiseprune.work import digest

ERROR = 1e-2
"""Error per mode of a probe: its square is what is missing of a variance."""


@dataclass(frozen=True)
class Probes:
    """What the blocks of one network share.

    excess : (N,) delta; starts : (N + 1,) first pair of every row; key : of the random signs
    probes : number in all; reduced : whether the local part is taken off
    """

    system: Dominant
    excess: FloatArray
    starts: IntArray
    key: npt.NDArray[np.uint64]
    probes: int
    reduced: bool

    @classmethod
    def of(
        cls,
        net: RateNetwork,
        key: npt.NDArray[np.uint64],
        probes: int,
        *,
        solver: str = "auto",
        reduced: bool = True,
    ) -> Probes:
        """Raises UnstableError if the drift is singular."""
        system = Dominant.of(net)
        excess = system.excess
        if is_singular(net.csr, excess > 1e-13 * net.leak):
            raise unstable(net)
        starts = pair_starts(net.csr.indptr, net.csr.indices)
        return cls(system.with_preconditioner(solver), excess, starts, key, probes, reduced)

    bias = 0.0

    @property
    def name(self) -> str:
        """The name of the preconditioner."""
        return self.system.name

    @property
    def precision(self) -> type[np.floating]:
        """The blocks' type: single, half the memory to read, where systems are well conditioned."""
        easy = self.system.steps <= TRIAL_STEPS and self.name == "diagonal"
        return np.float32 if easy else np.float64

    def repeated(self, factor: float) -> Probes:
        """With that many times the probes."""
        return replace(self, probes=max(1, int(np.ceil(self.probes * factor))))

    @property
    def scale(self) -> float:
        """What all probes y are multiplied by, so that Y Y^T is M^-1."""
        return float(self.probes**-0.5)

    def response(self) -> FloatArray:
        """(N,) M^-1 1, the steady response to uniform input."""
        found = self.system.solve(np.ones((self.system.leak.size, 1)))
        return np.asarray(found.x[:, 0], dtype=np.float64)

    def digest(self) -> str:
        """A text that differs if anything differs that the sums depend on."""
        system, kind = self.system, self.precision.__name__
        options = self.key, self.probes, self.reduced, system.name, kind
        return digest(system.weights, system.leak, *options)

    @property
    def blocks(self) -> range:
        return range(-(-self.probes // drives.BLOCK))

    def finish(self, total: FloatArray) -> tuple[FloatArray, float]:
        """b^T M^-1 b of every pair from the sums of all blocks, and its relative error (rms)."""
        csr, leak = self.system.weights, self.system.leak
        pairs = csr.indptr, csr.indices, csr.data, leak, self.starts
        spread = kernels.estimates(*pairs, self.probes, self.reduced, total)
        return total, float(np.sqrt(np.sum(spread) / max(total.size, 1)))


def probe_block(probes: Probes, block: int) -> tuple[Reals, int]:
    """The sums over the pairs of block number `block`, of 32 probes or what is left of them, and
    the steps that its systems took.
    """
    system = probes.system
    csr, load = system.weights, _load(probes, block)
    local = load / system.leak.astype(load.dtype)[:, None] if probes.reduced else load[:0]
    found = system.solve(load, ERROR)
    sums = kernels.squares(
        csr.indptr, csr.indices, csr.data, system.leak, probes.starts, found.x, local
    )
    return sums, found.steps


def probe_states(probes: Probes, block: int) -> tuple[Reals, int]:
    """The probes y (N, width) of block number `block`, and the steps of their systems."""
    found = probes.system.solve(_load(probes, block), ERROR)
    return found.x, found.steps


def _load(probes: Probes, block: int) -> Reals:
    """(N, width) r"""
    csr = probes.system.weights
    width = min(drives.BLOCK, probes.probes - block * drives.BLOCK)
    load: Reals = np.empty((probes.system.leak.size, width), probes.precision)
    drives.drive(csr.indptr, csr.indices, csr.data, probes.excess, probes.key, block, load)
    return load


def is_singular(csr: sparse.csr_array, leaks: npt.NDArray[np.bool_]) -> bool:
    """True if M = sum |w_ij| b_ij b_ij^T + diag(delta) has a null vector; `leaks` says delta > 0.

    It has one on every connected part that does not leak and whose signs can be flipped away
    neuron by neuron (Harary's balance).
    """
    if np.all(leaks):
        return False
    return bool(kernels.has_tight_part(csr.indptr, csr.indices, csr.data, leaks))
