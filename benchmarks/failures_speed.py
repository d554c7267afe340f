"""Failing synapses: matched moments beside a mask for every sample, time and memory.

python benchmarks/failures_speed.py [REPEATS]        (default 15)

A layer of 512 units on 512 inputs, batch 128, forward and backward, in turns. Seconds are of the
processor, so that other work on the machine does not count. Memory is the peak of what
torch holds for tensors meanwhile, on top of weights and inputs.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import machine
import torch
from torch.profiler import ProfilerActivity, profile

from noiseprune.learning import LinearWeightDropout

UNITS, BATCH, DROP = 512, 128, 0.5


def step(layer: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> Callable[[], None]:
    def run() -> None:
        torch.nn.functional.mse_loss(layer(x), x).backward()

    return run


class Textbook(torch.nn.Linear):
    """The mask as a tensor of floats, by autograd."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        masks = (torch.rand(len(input), *self.weight.shape) > DROP).to(input.dtype)
        masked = masks * self.weight / (1 - DROP)
        return torch.bmm(masked, input.unsqueeze(2)).squeeze(2)


def processor_seconds(run: Callable[[], None]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def peak_bytes(run: Callable[[], None]) -> int:
    """Of the tensors that a call holds at once."""
    run()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        run()
    changes = [
        (event.start_ns(), event.nbytes())
        for event in found.profiler.kineto_results.events()
        if event.name() == "[memory]"
    ]
    held = peak = 0
    for _, change in sorted(changes, key=lambda pair: pair[0]):
        held += change
        peak = max(peak, held)
    return peak


def main(repeats: int) -> None:
    x = torch.randn(BATCH, UNITS, generator=torch.Generator().manual_seed(3), requires_grad=True)
    torch.manual_seed(3)  # of the textbook's masks
    layers = {
        "no failures": LinearWeightDropout(UNITS, UNITS, 0.0, bias=False, seed=3),
        "moments": LinearWeightDropout(UNITS, UNITS, DROP, bias=False, path="moments", seed=3),
        "masks": LinearWeightDropout(UNITS, UNITS, DROP, bias=False, seed=3),
        "textbook masks": Textbook(UNITS, UNITS, bias=False),
    }
    runs = [step(layer, x) for layer in layers.values()]
    turns = [[processor_seconds(run) for run in runs] for _ in range(repeats + 1)][1:]
    seconds = [statistics.median(found) for found in zip(*turns)]
    memory = [peak_bytes(run) for run in runs]
    masks = list(layers).index("masks")
    rows = [
        (
            name,
            f"{1e3 * second:.2f}",
            f"{seconds[masks] / second:.2f}",
            f"{held / 2**20:.1f}",
            f"{memory[masks] / held:.2f}",
        )
        for name, second, held in zip(layers, seconds, memory)
    ]
    machine.write_table(
        "failures_speed",
        "Failing synapses: a layer of 512 units on 512 inputs, batch 128, forward and backward",
        (
            "path",
            "ms of the processor",
            "times as fast as masks",
            "peak MiB",
            "masks need so many times",
        ),
        rows,
        f"Medians of {repeats} turns, {torch.get_num_threads()} threads, torch "
        f"{torch.__version__}. Textbook: the masks as a tensor of floats, by autograd.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
