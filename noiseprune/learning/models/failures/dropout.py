"""A layer whose synapses fail at random (probabilistic release; DropConnect).

    y = (1/q) (m o W) x + b,    m_ij in {0, 1} independent, P(m_ij = 1) = q = 1 - drop_p

The factor 1/q makes E[y] = W x + b. Failures are a property of the network, not of its training:
they happen in `train()` and `eval()` alike; the `mode` says what is wanted of them.

The outputs of one sample are independent given x, with Var[y_i] = (1/q - 1) sum_j W_ij^2 x_j^2. The
path "moments" draws Gaussian outputs of this mean and variance: exact in the first two moments,
and so in the expected squared error and its gradient, for two matrix products and no mask. The path
"masks" is exact in distribution, for batch x out x in random bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from noiseprune.checks import Seed, count, one_of
from noiseprune.errors import OptionError
from noiseprune.learning.models.streams import new_generator
from noiseprune.learning.options.base import below_1
from noiseprune.learning.options.names import FailureMode, Path

CHUNK = 2**22
"""Masked weights that are formed at once, to bound the memory of the path "masks"."""


class LinearWeightDropout(nn.Linear):
    """A linear layer with failing synapses; the bias never fails.

    Parameters
    ----------
    drop_p : probability of a failure, in [0, 1)
    mode : "sample", one draw for each row of the input; "average", the mean of `samples` draws
        of this layer (not of the network that it is part of); "expected", no failures
    path : "masks" or "moments", see above
    seed : of the layer's own generator; None takes fresh entropy

    `mask` is None, or (out, in) bool, False where a synapse was pruned: that is no part of the
    layer any more, and does not learn.

    Raises
    ------
    OptionError
        If an option has no meaning.
    """

    mask: Tensor | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        drop_p: float = 0.0,
        *,
        bias: bool = True,
        mode: FailureMode = "sample",
        samples: int = 1,
        path: Path = "masks",
        seed: Seed = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        below_1("drop_p", drop_p)
        self.generator = new_generator(seed, device or "cpu")
        super().__init__(in_features, out_features, bias, device, dtype)
        self.register_buffer("mask", None)
        self.drop_p = float(drop_p)
        self.path = one_of("path", path, get_args(Path))
        self.set_mode(mode, samples)

    def reset_parameters(self) -> None:
        """Weights and bias from U(-f, f), f = in^-1/2, as PyTorch's, by the layer's generator."""
        bound = self.in_features**-0.5 if self.in_features else 0.0
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-bound, bound, generator=self.generator)

    def set_mode(self, mode: FailureMode, samples: int = 1) -> None:
        """Change what is wanted of the failures."""
        one_of("mode", mode, get_args(FailureMode))
        self.mode: FailureMode = mode
        self.samples = count("samples", samples)

    def draw_masks(self, rows: int) -> Tensor:
        """Masks (rows, out, in), True where a synapse transmits: to freeze over a trial."""
        shape = (rows, self.out_features, self.in_features)
        # Drawn where the generator is, which stays behind when the layer moves to a device.
        masks = torch.empty(shape, dtype=torch.bool, device=self.generator.device)
        flat = masks.view(-1)
        # Integers of 32 bits below q 2^32 - 2^31: twice as fast as uniform floats, and finer.
        below = min(round((1 - self.drop_p) * 2**32) - 2**31, 2**31 - 1)
        for start in range(0, flat.numel(), CHUNK):
            part = flat[start : start + CHUNK]
            drawn = torch.empty((part.numel() + 1) // 2, dtype=torch.int64, device=masks.device)
            drawn.random_(-(2**63), None, generator=self.generator)
            torch.lt(drawn.view(torch.int32)[: part.numel()], below, out=part)
        return masks.to(self.weight.device)

    def forward(self, input: Tensor, masks: Tensor | None = None) -> Tensor:
        """y (..., out) of x (..., in), each row with masks of its own, or with those given.

        Raises
        ------
        OptionError
            If the masks have another shape than (rows, out, in), or there is an average to take.
        """
        rows = input.reshape(-1, self.in_features)
        expected = (len(rows), self.out_features, self.in_features)
        if masks is not None and tuple(masks.shape) != expected:
            raise OptionError(f"the masks have shape {tuple(masks.shape)}, but need {expected}")
        if masks is not None and self.mode == "average" and self.samples > 1:
            raise OptionError(
                "masks were given, which are one draw: average the outputs of the network instead"
            )
        output = self._transmitted(rows, masks)
        if self.bias is not None:
            output = output + self.bias
        return output.reshape(*input.shape[:-1], self.out_features)

    def _transmitted(self, rows: Tensor, masks: Tensor | None) -> Tensor:
        if self.mode == "expected" or self.drop_p == 0:
            return functional.linear(rows, self.present())
        if masks is not None:
            return self._masked(rows, masks)
        draws = self.samples if self.mode == "average" else 1
        if self.path == "masks":
            drawn = [self._masked(rows, self.draw_masks(len(rows))) for _ in range(draws)]
            return torch.stack(drawn).mean(0) if draws > 1 else drawn[0]
        weight = self.present()
        mean = functional.linear(rows, weight)
        variance = functional.linear(rows.square(), weight.square())
        variance = variance * (self.drop_p / (1 - self.drop_p) / draws)
        noise = torch.empty(mean.shape, dtype=mean.dtype, device=self.generator.device)
        noise = noise.normal_(generator=self.generator).to(mean.device)
        # The clamp keeps the gradient of the root finite where no input is active.
        tiny = torch.finfo(mean.dtype).tiny
        return mean + variance.clamp_min(tiny).sqrt() * noise

    def present(self) -> Tensor:
        """Weights of the synapses that were not pruned."""
        return self.weight if self.mask is None else self.weight * self.mask

    def _masked(self, rows: Tensor, masks: Tensor) -> Tensor:
        found: Tensor = _Masked.apply(rows, self.present(), masks)  # type: ignore[no-untyped-call]
        return found / (1 - self.drop_p)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, drop_p={self.drop_p}, mode={self.mode}, path={self.path}"


class _Masked(torch.autograd.Function):
    """(m o W) x for each row, of which only the bits of m are kept for the way back."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, masks: Tensor) -> Tensor:
        ctx.save_for_backward(rows, weight, masks)
        parts = [torch.bmm(part * weight, x.unsqueeze(2)) for x, part in _chunks(masks, rows)]
        return torch.cat(parts).squeeze(2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        rows, weight, masks = ctx.saved_tensors
        back, to_weight = [], torch.zeros_like(weight)
        for both, part in _chunks(masks, torch.cat((rows, gradients[0]), 1)):
            x, gradient = both[:, : rows.shape[1]], both[:, rows.shape[1] :]
            back.append(torch.bmm(gradient.unsqueeze(1), part * weight))
            to_weight += (part * gradient.unsqueeze(2)).mul_(x.unsqueeze(1)).sum(0)
        return torch.cat(back).squeeze(1), to_weight, None


def _chunks(masks: Tensor, rows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    size = max(1, CHUNK // max(1, masks.shape[1] * masks.shape[2]))
    for start in range(0, max(1, len(rows)), size):  # one, if empty, of no rows
        yield rows[start : start + size], masks[start : start + size]


@contextmanager
def failures_as(module: nn.Module, mode: FailureMode, samples: int = 1) -> Iterator[None]:
    """Let the failing layers of a network work in another mode meanwhile, each by itself.

        with failures_as(net, "expected"):
            mean = net(x)

    Raises
    ------
    OptionError
        If there is no such mode.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, LinearWeightDropout)]
    before = [(layer.mode, layer.samples) for layer in layers]
    try:
        for layer in layers:
            layer.set_mode(mode, samples)
        yield
    finally:
        for layer, (old, number) in zip(layers, before):
            layer.set_mode(old, number)
