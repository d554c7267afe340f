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

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import linalg

from noiseprune.eigenvalues import DENSE_EIGENVALUES
from noiseprune.network import RateNetwork, unstable
from noiseprune.probing import kernels
from noiseprune.solvers import drives
from noiseprune.solvers.shifted import solve_shifted
from noiseprune.weights import FloatArray, IntArray, absolute_sums
from noiseprune.work import digest

COLUMNS = drives.BLOCK // 2
"""Complex columns of a block."""
ACCURACY = 1e-3
"""Bias of the quadrature aimed at, relative."""
MIN_STRIP = 0.05
"""Half the width of the narrowest strip that the nodes are made for, lest there be too many."""


@dataclass(frozen=True)
class Resolvent:
    """What the blocks share.

    nodes, node_weights : (K,) the quadrature; columns : at every node
    probes : plain probes that the columns are worth at least; key : of the random signs
    reduced : whether the local part is taken off
    bias : bound of the relative error of the quadrature
    """

    net: RateNetwork
    key: npt.NDArray[np.uint64]
    nodes: FloatArray
    node_weights: FloatArray
    columns: int
    probes: int
    reduced: bool
    bias: float

    name, scale = "diagonal", 1.0

    @classmethod
    def of(
        cls, net: RateNetwork, key: npt.NDArray[np.uint64], probes: int, *, reduced: bool = True
    ) -> Resolvent:
        """Raises UnstableError if the drift is not stable."""
        slowest, strip = slowest_and_strip(net)
        fastest = np.max(net.leak + np.maximum(net.input_strength, net.output_strength))
        nodes, weights = quadrature(slowest, float(fastest), max(strip, MIN_STRIP))
        step = float(np.log(nodes[1] / nodes[0]))
        bias = min(1.0, 2.0 * float(np.exp(-2.0 * np.pi * strip / step)))
        # One column at every node is worth pi^2 / step plain probes, for a mode of one frequency.
        columns = int(np.ceil(probes * step / np.pi**2))
        return cls(net, key, nodes, weights, columns, probes, reduced, bias)

    def repeated(self, factor: float) -> Resolvent:
        """With that many times the columns."""
        columns = max(1, int(np.ceil(self.columns * factor)))
        worth = np.pi**2 / np.log(self.nodes[1] / self.nodes[0])
        return replace(self, columns=columns, probes=int(columns * worth))

    def digest(self) -> str:
        """A text that differs if anything differs that the sums depend on."""
        net, quadrature = self.net, (self.nodes, self.node_weights, self.columns)
        return digest(net.csr, net.leak, self.key, *quadrature, self.reduced)

    @property
    def blocks(self) -> range:
        return range(-(-self.columns * self.nodes.size // COLUMNS))

    def width(self, block: int) -> int:
        """Columns of a block; the last one may have fewer."""
        return min(COLUMNS, self.columns * self.nodes.size - block * COLUMNS)

    def part(self, block: int) -> tuple[FloatArray, FloatArray]:
        """Frequency and weight of every column of a block: ascending, so that neighbours differ by
        chance alone, or nearly so, and their roughness tells how much.
        """
        first = block * COLUMNS
        node = np.arange(first, first + self.width(block)) // self.columns
        return self.nodes[node], self.node_weights[node] / self.columns

    @property
    def starts(self) -> IntArray:
        """(N + 1,) first synapse of every row."""
        indptr: IntArray = self.net.csr.indptr
        return indptr

    def response(self) -> FloatArray:
        """(N,) M^-1 1, the steady response to uniform input."""
        ones = np.ones((self.net.n_neurons, 1), dtype=np.complex128)
        return np.asarray(
            solve_shifted(self.net.csr, self.net.leak, np.zeros(1), ones)[0].real[:, 0]
        )

    def finish(self, total: FloatArray) -> tuple[FloatArray, float]:
        """Estimates from the sums of all blocks, and their relative error (rms).

        They are kept above a twentieth of what leaks alone make.
        """
        variance, spread = total
        post, pre = self.net.synapses
        alone = 0.025 / self.net.leak
        np.maximum(variance, alone[post] + alone[pre], out=variance)
        widths = [self.width(block) for block in self.blocks]
        compared = sum(max(width - 2, 0) for width in widths)  # columns with one on either side
        noise = float(np.mean(spread / variance**2)) * sum(widths) / max(compared, 1)
        return variance, float(np.hypot(np.sqrt(noise), self.bias))


def slowest_and_strip(net: RateNetwork) -> tuple[float, float]:
    """Lower bounds of Re lambda and of pi / 2 - |arg lambda| over all eigenvalues lambda of M.

    From all eigenvalues where they are cheap, or by Gershgorin's discs, or the antisymmetric part
    of W, whose norm bounds |Im lambda| (Bendixson).

    Raises
    ------
    UnstableError
        If the drift is not stable.
    """
    slowest, strip = float(np.min(net.dominance_excess)), 0.0
    if net.is_diagonally_dominant and slowest > 0:
        strength = np.maximum(net.input_strength, net.output_strength)
        strip = float(np.min(np.arccos(np.minimum(strength / net.leak, 1.0))))
    elif net.n_neurons <= DENSE_EIGENVALUES:
        modes = -np.linalg.eigvals(net.dense_drift())
        slowest = float(np.min(modes.real))
        strip = np.pi / 2 - float(np.max(np.abs(np.angle(modes))))
    else:
        slowest = -net.spectral_abscissa()
    if not slowest > 0:
        raise unstable(net, -slowest)
    if strip < MIN_STRIP:
        skew = antisymmetric_norm(net.csr)
        strip = max(strip, float(np.arctan2(slowest, skew)))
    return slowest, strip


def antisymmetric_norm(weights: sparse.csr_array) -> float:
    """|| (W - W^T) / 2 ||_2, from above, to a few per cent."""
    skew = 0.5 * (weights - weights.T)
    if skew.count_nonzero() == 0:
        return 0.0
    start = np.random.default_rng(0).standard_normal(skew.shape[0])
    rough = float(np.max(absolute_sums(sparse.csr_array(skew))[0]))
    if skew.shape[0] < 50:
        return rough
    square = linalg.LinearOperator(skew.shape, lambda x: -(skew @ (skew @ x)), dtype=np.float64)
    try:
        top = linalg.eigsh(square, k=1, v0=start, tol=0.02, return_eigenvectors=False)
    except linalg.ArpackNoConvergence:
        return rough
    return min(rough, 1.02 * float(np.sqrt(top[0])))


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


def resolvent_block(shared: Resolvent, block: int) -> tuple[FloatArray, int]:
    """Sums over the columns of block number `block`, and their roughness, (2, n_synapses), and the
    steps that its systems took.
    """
    net, csr = shared.net, shared.net.csr
    frequencies, weights = shared.part(block)
    root = np.sqrt(weights)
    load = _load(shared, block)
    xi = load.view(np.complex128)
    z, steps = solve_shifted(csr, net.leak, frequencies, xi)
    z *= root
    local, known = xi[:0], load[:0]
    if shared.reduced:
        known = weights / (net.leak[:, None] ** 2 + frequencies**2)
        xi *= root / (net.leak[:, None] + 1j * frequencies)
        local = xi
    sums = np.zeros((2, net.n_synapses))
    kernels.add_differences(csr.indptr, csr.indices, csr.data, z, local, known, *sums)
    return sums, steps


def resolvent_states(shared: Resolvent, block: int) -> tuple[FloatArray, int]:
    """Real and imaginary parts, (N, 2 width), of sqrt(w_k) z of block number `block`: over all
    blocks their squares sum up to the covariance; and the steps that its systems took.
    """
    frequencies, weights = shared.part(block)
    xi = _load(shared, block).view(np.complex128)
    z, steps = solve_shifted(shared.net.csr, shared.net.leak, frequencies, xi)
    z *= np.sqrt(weights)
    return z.view(np.float64), steps


def _load(shared: Resolvent, block: int) -> FloatArray:
    """(N, 2 width) xi, its real and imaginary parts side by side."""
    load = np.empty((shared.net.n_neurons, 2 * shared.width(block)))
    drives.draw_signs(shared.key, block, load)
    load *= np.sqrt(0.5)
    return load
