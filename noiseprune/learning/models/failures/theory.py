"""What failing synapses do to learning in linear networks, averaged over all failures.

A deep linear network yhat = A x, A = W_L ... W_1, learns y = w* x, x with mean 0 and covariance C;
the synapses of layer l transmit with probability q_l, v_l = 1/q_l - 1. Failures add variance, layer
by layer: the second moments S_l = E[h_l h_l^T] of the activities are

    S_0 = C,    S_l = W_l S_(l-1) W_l^T + v_l diag( (W_l o W_l) diag(S_(l-1)) )

    E|y - yhat|^2 = tr[w* C w*^T] - 2 tr[w* C A^T] + tr S_L                                      (1)

With two layers (W, a) this is tr[(w* - aW) C (w* - aW)^T] + sum_j |a_j|^2 [W M W^T]_jj with
M = v_2 C + (1 + v_2) v_1 diag(C). It is minimised, with C = c I, where |a_j||W_j| is the same for
all of the N hidden units, and there the penalty is (m/N) ||A||_*^2, M = m I: the network learns w*
with its singular values s softly thresholded,

    sigma_i = max(0, s_i - kappa sum_k sigma_k - mu),  kappa = m / (c N),  mu = d wd / (2 c)     (2)

(d outputs, weight decay wd). SGD on the squared error averaged over batch and outputs moves the
weights in one step, on average, by -lr (grad (1) / d + wd W): the clock of `steps`, and of the flow
`simulate` in the limit of small lr. That holds for any q, depth and set of failing layers; (2) for
two layers.

Source: the semantic task and the linear dynamics are those of A. Saxe, J. McClelland and
S. Ganguli, PNAS 116:11537 (2019), which has no failures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from noiseprune.checks import count, positive
from noiseprune.errors import ConvergenceError, OptionError
from noiseprune.learning.models.failures.networks import parsed_layers
from noiseprune.learning.options.base import below_1
from noiseprune.weights import FloatArray


@dataclass(frozen=True)
class LinearTheory:
    """The averaged problem.

    teacher : w* (d_output, d_input)
    covariance : C (d_input, d_input)
    transmission : q of each layer, in (0, 1]
    weight_decay : wd, as of `torch.optim.SGD`
    """

    teacher: FloatArray
    covariance: FloatArray
    transmission: tuple[float, ...]
    weight_decay: float = 0.0

    @classmethod
    def of(
        cls,
        teacher: FloatArray,
        n_layers: int = 2,
        *,
        drop_p: float,
        drop_layers: str | Sequence[int] = "all",
        covariance: FloatArray | None = None,
        weight_decay: float = 0.0,
    ) -> LinearTheory:
        """The problem of a `DeepNet` with these failing layers; C is the identity by default.

        Raises
        ------
        OptionError
            If the numbers have no meaning or the shapes do not fit.
        """
        teacher = np.atleast_2d(np.asarray(teacher, float))
        n = teacher.shape[1]
        cov = np.eye(n) if covariance is None else np.asarray(covariance, float)
        if cov.shape != (n, n):
            raise OptionError(f"the covariance has shape {cov.shape}, but needs {(n, n)}")
        below_1("drop_p", drop_p)
        failing = parsed_layers(drop_layers, n_layers)
        q = tuple(1 - drop_p if k in failing else 1.0 for k in range(1, n_layers + 1))
        return cls(teacher, cov, q, weight_decay)

    def loss(self, weights: Sequence[FloatArray]) -> float:
        """(1) at weights W_1, ..., W_L, (out, in) each: summed over outputs, without the decay."""
        return float(self.expected_loss([torch.from_numpy(np.asarray(w, float)) for w in weights]))

    def expected_loss(self, weights: Sequence[Tensor]) -> Tensor:
        """(1), differentiable."""
        dtype = weights[0].dtype
        cov, teacher = (torch.as_tensor(m, dtype=dtype) for m in (self.covariance, self.teacher))
        # S is kept as diag(noise) + sum of F diag(g) F^T: with few inputs no matrix is units^2.
        spread, axes = torch.linalg.eigh(cov)
        parts, noise = [(axes, spread)], torch.zeros(len(cov), dtype=dtype)
        product = torch.eye(len(cov), dtype=dtype)
        for number, (weight, q) in enumerate(zip(weights, self.transmission, strict=True)):
            diagonal = noise + sum(factor.square() @ g for factor, g in parts)
            arriving = [(weight, noise)] if number and any(p < 1 for p in self.transmission) else []
            parts = [(weight @ factor, g) for factor, g in parts] + arriving
            noise = (1 / q - 1) * (weight.square() @ diagonal)
            product = weight @ product
        signal = torch.trace(teacher @ cov @ (teacher - 2 * product).T)
        for factor, g in parts:
            signal = signal + (factor.square() @ g).sum()
        return signal + noise.sum()

    def descent(self, weights: Sequence[FloatArray]) -> list[FloatArray]:
        """-(grad (1) / d + wd W): how a step of SGD with lr = 1 moves each layer on average."""
        leaves = [torch.tensor(np.asarray(w, float), requires_grad=True) for w in weights]
        gradients = torch.autograd.grad(self.expected_loss(leaves) / len(self.teacher), leaves)
        return [
            -(gradient + self.weight_decay * leaf.detach()).numpy()
            for gradient, leaf in zip(gradients, leaves)
        ]

    def steps(self, weights: Sequence[FloatArray], number: int, lr: float) -> list[FloatArray]:
        """Weights after `number` steps of SGD on average: (1) with steps of finite length.

        The flow of `simulate` is faster than these by about lr s / d of its speed, s the singular
        values of the teacher.
        """
        found = [np.asarray(weight, float) for weight in weights]
        for _ in range(number):
            found = [w + lr * change for w, change in zip(found, self.descent(found))]
        return found

    def simulate(
        self, weights: Sequence[FloatArray], times: Sequence[float]
    ) -> list[list[FloatArray]]:
        """Weights at `times`, in units of lr x steps of SGD, from those at time 0.

        Raises
        ------
        ConvergenceError
            If the integration fails.
        """
        shapes = [np.shape(weight) for weight in weights]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])

        def unpacked(flat: FloatArray) -> list[FloatArray]:
            parts = np.split(flat, ends[:-1])
            return [part.reshape(shape) for part, shape in zip(parts, shapes)]

        def flow(_: float, flat: FloatArray) -> FloatArray:
            return np.concatenate([part.ravel() for part in self.descent(unpacked(flat))])

        start = np.concatenate([np.asarray(weight, float).ravel() for weight in weights])
        span = (0.0, float(max(times)))
        found = solve_ivp(flow, span, start, t_eval=times, rtol=1e-6, atol=1e-9)
        if not found.success:
            raise ConvergenceError(f"the averaged dynamics cannot be integrated: {found.message}")
        return [unpacked(flat) for flat in found.y.T]

    def fixed_point(self, n_hidden: int) -> FixedPoint:
        """The minimum (2) for two layers with `n_hidden` units.

        If these are fewer than the modes of the teacher, they learn the strongest; others stay 0.

        Raises
        ------
        OptionError
            If there are not two layers, or C is not c I.
        """
        if len(self.transmission) != 2:
            raise OptionError(
                f"there are {len(self.transmission)} layers, but only two have a closed form: "
                "simulate the others"
            )
        c = float(self.covariance[0, 0])
        if not np.allclose(self.covariance, c * np.eye(len(self.covariance)), atol=1e-12):
            raise OptionError(
                "the covariance is not c times the identity, as the closed form needs"
            )
        positive("the variance of the inputs", c)
        s = np.linalg.svd(self.teacher, compute_uv=False)
        v1, v2 = (1 / q - 1 for q in self.transmission)
        kappa = (v2 + (1 + v2) * v1) / count("n_hidden", n_hidden)
        mu = len(self.teacher) * self.weight_decay / (2 * c)
        sigma = np.zeros_like(s)
        for r in range(min(len(s), n_hidden), 0, -1):
            total = (s[:r] - mu).sum() / (1 + r * kappa)
            if total > 0 and s[r - 1] - mu - kappa * total > 0:
                sigma[:r] = s[:r] - mu - kappa * total
                break
        return FixedPoint(
            singular_values=sigma,
            layer_singular_values=np.sqrt(sigma),
            loss=float(c * (((s - sigma) ** 2).sum() + kappa * sigma.sum() ** 2)),
        )


@dataclass(frozen=True)
class FixedPoint:
    """The minimum of the averaged loss.

    singular_values : sigma of A
    layer_singular_values : of both layers, which are balanced there, W W^T = a^T a
    loss : (1) there, summed over outputs, without the decay
    """

    singular_values: FloatArray
    layer_singular_values: FloatArray
    loss: float


def product_singular_values(weights: Sequence[FloatArray]) -> FloatArray:
    """Singular values of W_L ... W_1."""
    product = np.asarray(weights[0], float)
    for weight in weights[1:]:
        product = weight @ product
    return np.asarray(np.linalg.svd(product, compute_uv=False))
