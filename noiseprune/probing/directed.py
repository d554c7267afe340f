"""Probes of directed networks: the resolvent at random loads, over a quadrature of frequencies.

    C = (sigma^2 / pi) int_0^inf Re[(i w + M)^-1 (i w + M)^-H] dw,    M = -A

With w = e^u the integrand is analytic in a strip around the real line, whose width depends on
the arguments of the eigenvalues alone and not on how far they spread; so the trapezoid rule in u
converges exponentially, evenly over all time scales. At both ends the rest of the sum is a
geometric series, and goes into the weight of the last node. With w_k the weights, xi random signs
(a + i b) / sqrt 2 and z = (i w_k + M)^-1 xi,

    v_ij = sigma^2 sum_k w_k E |z_i - s z_j|^2,    s = sgn(w_ij)

without a time step. Every node has signs of its own, which makes the estimate better than as many
probes of a symmetric network. What leaks alone would do, l = (i w_k + D)^-1 xi, is known exactly
and taken off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from noiseprune.network import RateNetwork, unstable
from noiseprune.probing import kernels
from noiseprune.solvers.shifted import solve_shifted
from noiseprune.weights import FloatArray
from noiseprune.work import digest

COLUMNS = kernels.BLOCK // 2
"""Complex columns of a block."""
ACCURACY = 1e-3
"""Bias of the quadrature aimed at, relative."""
MIN_STRIP = 0.25
"""Half the width of the strip assumed of networks that are not diagonally dominant."""


class Block(NamedTuple):
    sums: FloatArray
    steps: int


@dataclass(frozen=True)
class Resolvent:
    """What the blocks share: the network, and frequency and weight of every column, (columns,)."""

    net: RateNetwork
    key: npt.NDArray[np.uint64]
    frequencies: FloatArray
    weights: FloatArray
    reduced: bool

    @classmethod
    def of(
        cls, net: RateNetwork, key: npt.NDArray[np.uint64], probes: int, *, reduced: bool = True
    ) -> Resolvent:
        """Raises UnstableError if the drift is not stable."""
        leak, strength = net.leak, np.maximum(net.input_strength, net.output_strength)
        slowest, strip = float(np.min(net.dominance_excess)), MIN_STRIP
        if net.is_diagonally_dominant and slowest > 0:
            strip = max(strip, float(np.min(np.arccos(np.minimum(strength / leak, 1.0)))))
        else:
            abscissa = net.spectral_abscissa()
            if not abscissa < 0:
                raise unstable(net, abscissa)
            slowest = -abscissa
        nodes, weights = quadrature(slowest, float(np.max(leak + strength)), strip)
        # One column at every node is worth pi^2 / step plain probes, for a mode of one frequency.
        columns = int(np.ceil(probes * np.log(nodes[1] / nodes[0]) / np.pi**2))
        return cls(net, key, np.tile(nodes, columns), np.tile(weights, columns) / columns, reduced)

    def digest(self) -> str:
        """Of everything that the sums depend on."""
        net = self.net
        return digest(net.csr, net.leak, self.key, self.frequencies, self.weights, self.reduced)

    @property
    def blocks(self) -> range:
        return range(-(-self.frequencies.size // COLUMNS))

    def finished(self, total: FloatArray) -> FloatArray:
        """Estimates from the sums of all blocks, above a twentieth of what leaks alone make."""
        post, pre = self.net.synapses
        alone = 0.025 / self.net.leak
        return np.maximum(total, alone[post] + alone[pre])


def quadrature(slowest: float, fastest: float, strip: float) -> tuple[FloatArray, FloatArray]:
    """Nodes w_k and weights: sum_k weight_k / (w_k^2 + lambda^2) = 1 / (2 lambda), to ACCURACY,
    for slowest <= |lambda| <= fastest with arguments up to pi / 2 - strip.
    """
    step = 2.0 * np.pi * strip / np.log(2.0 / ACCURACY)
    low, high = np.log(0.1 * slowest), np.log(10.0 * fastest)
    nodes = np.exp(low + step * np.arange(int(np.ceil((high - low) / step)) + 1))
    weights = step * nodes / np.pi
    weights[[0, -1]] /= 1.0 - np.exp(-step)
    return nodes, weights


def resolvent_block(shared: Resolvent, block: int) -> Block:
    """Sums over the columns of block number `block`, (n_synapses,), and its systems' steps."""
    net, csr = shared.net, shared.net.csr
    part = slice(block * COLUMNS, (block + 1) * COLUMNS)
    frequencies, root = shared.frequencies[part], np.sqrt(shared.weights[part])
    load = np.empty((net.n_neurons, 2 * frequencies.size))
    kernels.signs(shared.key, block, load)
    load *= np.sqrt(0.5)
    xi = load.view(np.complex128)
    z, steps = solve_shifted(csr, net.leak, frequencies, xi)
    z *= root
    local, known = load[:0], np.empty(0)
    if shared.reduced:
        size = net.leak[:, None] ** 2 + frequencies**2
        known = np.einsum("ic,c->i", 1.0 / size, shared.weights[part])
        xi *= root / (net.leak[:, None] + 1j * frequencies)
        local = load
    sums = np.zeros(net.n_synapses)
    kernels.differences(csr.indptr, csr.indices, csr.data, z.view(np.float64), local, known, sums)
    return Block(sums, steps)
