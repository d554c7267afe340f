"""Relative trajectory error over time of the paper's network, by four ways to prune.

    ||x_pruned(t) - x(t)|| / ||x(t)||

over 20 runs, all networks under the same noise and from the same x(0) ~ U(0, 1), with the paper's
b = 0.0002 1/s, sigma = 0.01 rate / s^1/2 and dt = 0.005 s.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from noiseprune.figures import protocol
from noiseprune.figures.protocol import Numbers, listed
from noiseprune.figures.style import LOOKS, below, plain_ticks
from noiseprune.kernels import Reals
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress, part
from noiseprune.simulation import simulate

WAYS = (protocol.REFIT, protocol.NOISE, protocol.PAPER, protocol.WEIGHT)
DRIVE, NOISE_STRENGTH, DT = 0.0002, 0.01, 0.005
RECORDED = 100
_MARKED = 10


def measure(fast: bool, seed: int, progress: Progress) -> Numbers:
    """Mean and standard deviation of the error over the runs; original and pruned once each.

    Only the recorded states are kept: two times RECORDED x 20 x N numbers, 0.1 GB at N = 3,000.
    """
    net, keep = protocol.experiment(fast=fast)
    duration, replicas = (5.0, 5) if fast else (40.0, 20)
    parts = 1 + 2 * len(WAYS)

    def run(network: RateNetwork, index: int) -> Reals:
        return simulate(
            network,
            duration=duration,
            dt=DT,
            noise=NOISE_STRENGTH,
            drive=DRIVE,
            replicas=replicas,
            record_every=round(duration / DT / RECORDED),
            seed=seed,
            progress=part(progress, index, parts),
        ).rates

    original = run(net, 0)
    size = np.linalg.norm(original, axis=2)
    rivals: dict[str, Numbers] = {}
    prunings = protocol.prunings(net, keep, WAYS, seed, part(progress, 1, parts))
    for name, pruning, choices in prunings:
        rates = run(pruning.network, 2 + 2 * len(rivals))
        error = np.linalg.norm(rates - original, axis=2) / size
        rivals[name] = choices | {
            "mean": listed(error.mean(axis=1)),
            "std": listed(error.std(axis=1)),
        }
    return {
        "network": protocol.about_paper(net),
        "keep": keep,
        "duration": duration,
        "dt": DT,
        "noise": NOISE_STRENGTH,
        "drive": DRIVE,
        "replicas": replicas,
        "times": listed(np.linspace(0.0, duration, RECORDED + 1)),
        "rivals": rivals,
    }


def draw(numbers: Numbers) -> Figure:
    """Means as lines, one standard deviation to either side shaded."""
    figure = Figure(figsize=(5.2, 3.7), layout="constrained")
    axes = figure.add_subplot()
    times = np.array(numbers["times"])
    gap = len(times) // _MARKED
    for name, found in numbers["rivals"].items():
        look = LOOKS[name]
        mean, std = np.array(found["mean"]), np.array(found["std"])
        least = np.maximum(mean - std, 0.0)
        axes.fill_between(times, least, mean + std, color=look.colour, alpha=0.25, lw=0)
        axes.plot(times, mean, markevery=(gap // 2, gap), **look.style)
    # The error starts from 0, which a logarithmic axis cannot show: it begins at the second record.
    lowest = min(min(found["mean"][2:]) for found in numbers["rivals"].values())
    axes.set(xlim=(0, times[-1]), yscale="log", ylim=(0.7 * lowest, None))
    plain_ticks(axes.yaxis, LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.set(xlabel="time (s)", ylabel="‖x′(t) − x(t)‖ / ‖x(t)‖")
    axes.set_title(
        f"Trajectory error, {protocol.described(numbers)}\n"
        f"(mean ± s.d. over {numbers['replicas']} runs)"
    )
    below(figure, [LOOKS[name].handle() for name in numbers["rivals"]], 2)
    return figure
