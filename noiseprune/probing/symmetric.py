"""Probes of symmetric, diagonally dominant networks.

With -A = M = sum |w_ij| b_ij b_ij^T + diag(delta) over pairs, b_ij = e_i - sgn(w_ij) e_j,

    y = M^-1 r,    r = B^T |W|^(1/2) g + delta^(1/2) h,    g, h random signs

has Cov(y) = M^-1 exactly, so x = (sigma / sqrt 2) y has the stationary covariance of the network.
The mean of (b^T y)^2 over q probes estimates b^T M^-1 b with a relative standard deviation of at
most sqrt(2 / q).

What a synapse would see if its neurons knew nothing of the rest of the network, z = D^-1 r with
D = diag(leak), is known without sampling:

    a = b^T D^-1 b = 1 / d_i + 1 / d_j = Cov(b^T y, b^T z),   u = Var(b^T z) = a + 2 |w| / (d_i d_j)

so (b^T z)^2 - u, of mean 0, is taken off (a / u)^2 times. That leaves a variance of
2 (1 - (a^2 / (u v))^2) / q: in large clusters most of it goes. The result is held between two
bounds that need no sampling either: the variance within the pair alone, and leverage 1.

    (d_i + d_j - 2 |w|) / (d_i d_j - w^2)  <=  b^T M^-1 b  <=  1 / |w|

Source: Spielman and Srivastava, SIAM J. Comput. 40 (2011), with the leak term added; the rest is
this package's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune.kernels import Reals, pair_starts
from noiseprune.network import RateNetwork, unstable
from noiseprune.probing import kernels
from noiseprune.solvers import TRIAL_STEPS, Dominant
from noiseprune.weights import FloatArray, IntArray

ERROR = 1e-3
"""Error of a probe in the norm of M: far below what 1,000 probes leave."""


class Block(NamedTuple):
    """Sums of one block of probes over every pair, and the steps that its systems took."""

    sums: Reals
    steps: int


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

    @property
    def blocks(self) -> range:
        return range(-(-self.probes // kernels.BLOCK))

    def finished(self, total: FloatArray) -> tuple[FloatArray, float]:
        """b^T M^-1 b of every pair from the sums of all blocks, and its relative error (rms)."""
        csr = self.system.weights
        spread = kernels.estimates(
            csr.indptr,
            csr.indices,
            csr.data,
            self.system.leak,
            self.starts,
            self.probes,
            self.reduced,
            total,
        )
        return total, float(np.sqrt(spread / max(total.size, 1)))


def probe_block(probes: Probes, block: int) -> Block:
    """The sums over the pairs of block number `block`, of 32 probes or what is left of them."""
    system = probes.system
    csr = system.weights
    width = min(kernels.BLOCK, probes.probes - block * kernels.BLOCK)
    # In single precision where the iteration is so short that rounding cannot add up.
    short = system.name == "diagonal" and system.steps <= TRIAL_STEPS
    load: Reals = np.empty((system.leak.size, width), np.float32 if short else np.float64)
    kernels.drive(csr.indptr, csr.indices, csr.data, probes.excess, probes.key, block, load)
    local = load / system.leak[:, None].astype(load.dtype) if probes.reduced else load[:0]
    found = system.solve(load, ERROR)
    sums = kernels.squares(
        csr.indptr, csr.indices, csr.data, system.leak, probes.starts, found.x, local
    )
    return Block(sums, found.steps)


def is_singular(csr: sparse.csr_array, leaks: npt.NDArray[np.bool_]) -> bool:
    """True if M = sum |w_ij| b_ij b_ij^T + diag(delta) has a null vector; `leaks` says delta > 0.

    It has one on every connected part that does not leak and whose signs can be flipped away
    neuron by neuron: the double cover of the part then falls in two.
    """
    if np.all(leaks):
        return False
    n = csr.shape[0]
    n_parts, part = sparse.csgraph.connected_components(csr, directed=False)
    tight = np.setdiff1d(np.arange(n_parts), part[leaks])
    if tight.size == 0:
        return False
    excitatory, inhibitory = csr.maximum(0.0), (-csr).maximum(0.0)
    cover = sparse.block_array([[excitatory, inhibitory], [inhibitory, excitatory]])
    _, sheet = sparse.csgraph.connected_components(cover, directed=False)
    return bool(np.any((sheet[:n] != sheet[n:]) & np.isin(part, tight)))
