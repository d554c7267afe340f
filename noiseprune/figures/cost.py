"""Seconds against the number of neurons N: covariance, pruning and certificate.

On the paper's clustered networks, symmetric and directed, kept 10 %; wall time on the machine that
the numbers name. The slope is that of log seconds over log N at the larger half of the sizes.
"""

from __future__ import annotations

import platform
import re
import statistics
import timeit
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numba
import numpy as np
import scipy
from matplotlib.figure import Figure
from threadpoolctl import threadpool_info

from noiseprune import spectrum
from noiseprune.figures.protocol import NETWORK_SEED, Numbers, listed, paper_network
from noiseprune.figures.style import INK, Look
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress, part
from noiseprune.pruning import Recipe, prune_network
from noiseprune.variance import synapse_variance

KEEP = 0.1
STAGES = {
    "covariance": Look("covariance and synapse variances", "#0072b2", "o", "-"),
    "pruning": Look("pruning", "#d55e00", "D", "-."),
    "certificate": Look("certificate (epsilon)", "#000000", "^", "--"),
}


def measure(fast: bool, seed: int, progress: Progress) -> Numbers:
    """Seconds of every stage at every size: medians of three runs, of one above 1,000 neurons."""
    sizes = (50, 100, 200) if fast else (250, 500, 1000, 2000, 4000)
    kinds: dict[str, Numbers] = {}
    for index, kind in enumerate(("symmetric", "directed")):
        directed = kind == "directed"
        _seconds(paper_network(50, directed=directed), 1, seed)  # compiles what is compiled
        rows = []
        for n in sizes:
            rows.append(_seconds(paper_network(n, directed=directed), 3 if n <= 1000 else 1, seed))
            part(progress, index, 2)(len(rows), len(sizes))
        seconds = {stage: [row[stage] for row in rows] for stage in STAGES}
        slopes = {stage: _slope(sizes, values) for stage, values in seconds.items()}
        kinds[kind] = {
            "seconds": {stage: listed(values, 3) for stage, values in seconds.items()},
            "slopes": {stage: listed([slope], 3)[0] for stage, slope in slopes.items()},
        }
    return {
        "generator_seed": NETWORK_SEED,
        "keep": KEEP,
        "n_neurons": list(sizes),
        "machine": _machine(),
        "kinds": kinds,
    }


def draw(numbers: Numbers) -> Figure:
    """A panel for each kind of network, logarithmic, with the slope N³ to compare with."""
    figure = Figure(figsize=(7.2, 4.0), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    sizes = np.array(numbers["n_neurons"])
    for panel, (kind, found) in zip(panels, numbers["kinds"].items()):
        cube = found["seconds"]["covariance"][-1] * (sizes / sizes[-1]) ** 3
        for stage, look in STAGES.items():
            label = f"{look.label}: slope {found['slopes'][stage]:.1f}"
            panel.plot(sizes, found["seconds"][stage], label=label, **look.style)
        panel.plot(sizes, cube, color=INK, linestyle=":", linewidth=1, label="slope 3")
        panel.set(xscale="log", yscale="log", xlabel="neurons N", title=f"{kind} networks")
        panel.set_xticks(sizes, [f"{n:,}" for n in sizes], minor=False)
        panel.set_xticks([], minor=True)
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))
    panels[0].set_ylabel("wall time (s)")
    machine = numbers["machine"]
    figure.suptitle(f"{machine['processor']}, threads: {machine['threads']}")
    return figure


def _seconds(net: RateNetwork, repeats: int, seed: int) -> dict[str, float]:
    """Median seconds of each stage."""
    variance = synapse_variance(net).variance
    prune = partial(prune_network, net, variance, KEEP, Recipe(), seed=seed)
    stages: dict[str, Callable[[], object]] = {
        "covariance": partial(synapse_variance, net),
        "pruning": prune,
        "certificate": partial(spectrum.epsilon, net, prune().network),
    }
    return {
        name: statistics.median(timeit.repeat(stage, number=1, repeat=repeats))
        for name, stage in stages.items()
    }


def _slope(sizes: tuple[int, ...], seconds: list[float]) -> float:
    half = len(sizes) // 2
    return float(np.polyfit(np.log(sizes[half:]), np.log(seconds[half:]), 1)[0])


def _machine() -> Numbers:
    """What the seconds depend on."""
    processor, cpuinfo = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if cpuinfo.exists():  # Linux, whose platform names the architecture alone
        models = re.findall(r"^model name\s*: (.+)$", cpuinfo.read_text(encoding="utf-8"), re.M)
        processor = next(iter(models), processor)
    blas = max((pool["num_threads"] for pool in threadpool_info()), default=1)
    return {
        "processor": processor,
        "threads": max(blas, numba.get_num_threads()),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }
