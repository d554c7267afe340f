"""A training step of the rate network against a plain PyTorch loop with the same equations.

    python benchmarks/ctrnn_speed.py [REPEATS]        (default 30)

Both take the same batch through forward pass, backward pass and a step of Adam, on one thread, in
turns. The plain loop is `nn.Linear` for the three layers and, for each step in time,
v = (1 - alpha) v + alpha (recurrent(r) + input(u)); under Dale's law its weights are sign |w|.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import machine
import torch
from torch import nn

from noiseprune.learning.models.ctrnn.constraints import dale_signs
from noiseprune.learning.models.ctrnn.network import CTRNN

CASES = ((10, 1, 999), (100, 64, 50), (200, 64, 50))


class Plain(nn.Module):
    """The obvious loop."""

    def __init__(self, n: int, signs: torch.Tensor | None, noise: float) -> None:
        super().__init__()
        self.inputs, self.recurrent, self.readout = (
            nn.Linear(3, n),
            nn.Linear(n, n),
            nn.Linear(n, 2),
        )
        self.signs, self.noise, self.n, self.alpha = signs, noise, n, 0.2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.recurrent.weight
        if self.signs is not None:
            weight = self.signs * weight.abs()
        v = torch.zeros(len(x), self.n)
        r = torch.relu(v)
        rates = []
        for t in range(x.shape[1]):
            drive = nn.functional.linear(r, weight, self.recurrent.bias) + self.inputs(x[:, t])
            v = (1 - self.alpha) * v + self.alpha * drive
            if self.noise:
                v = v + self.alpha * self.noise * torch.randn_like(v)
            r = torch.relu(v)
            rates.append(r)
        return self.readout(torch.stack(rates, dim=1))


def training_step(model: nn.Module, x: torch.Tensor) -> Callable[[], None]:
    """Forward, backward, Adam."""
    optimizer = torch.optim.Adam(model.parameters())

    def step() -> None:
        optimizer.zero_grad()
        output = model(x)
        output = output[0] if isinstance(output, tuple) else output
        output.square().mean().backward()
        optimizer.step()

    return step


def main(repeats: int) -> None:
    torch.set_num_threads(1)
    rows = []
    for n, batch, steps in CASES:
        for constrained in (False, True):
            signs = dale_signs(n)
            noise = 0.1 if constrained else 0.0
            ours = CTRNN(
                (3, n, 2), dt=20.0, biases="zero", preact_noise=noise, seed=3,
                ei_masks=[None, signs, None] if constrained else None,
            )  # fmt: skip
            plain = Plain(n, torch.from_numpy(signs) if constrained else None, noise)
            x = torch.randn((batch, steps, 3), generator=torch.Generator().manual_seed(3))

            calls = [training_step(model, x) for model in (ours, plain)]
            seconds = machine.interleaved_seconds(calls, repeats)
            rows.append(
                (
                    f"{n}", f"{batch}", f"{steps}",
                    "Dale's law, noise" if constrained else "none",
                    *(f"{1000 * s:.1f} ms" for s in seconds),
                    f"{seconds[0] / seconds[1]:.2f}",
                )
            )  # fmt: skip
    machine.write_table(
        "ctrnn_speed",
        "A training step of the rate network against a plain PyTorch loop",
        ("neurons", "batch", "steps", "constraints", "CTRNN", "plain loop", "ratio"),
        rows,
        f"Medians of {repeats} in turns, on one thread, PyTorch {torch.__version__}.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
