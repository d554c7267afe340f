"""The rule as plasticity: synapses left, epsilon and trajectory error over time, and rates.

The paper's clustered network at a tenth of its size prunes itself to 20 %: linear in rounds and
continuously, and rectified-linear. Beside epsilon stands that of the batch rule at the same count,
with the default choices, and with independent draws and the homeostatic balance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from noiseprune import spectrum
from noiseprune.choices import Sampling
from noiseprune.figures.protocol import Numbers, about_paper, listed, paper_network, rounded
from noiseprune.figures.style import INK, Look, below, plain_ticks
from noiseprune.online import Plasticity, plasticity
from noiseprune.pipeline import prune
from noiseprune.progress import Progress, part

RUNS: dict[str, dict[str, Any]] = {
    "rounds": {},
    "continuous": {"continuous": True},
    "rectified": {"activation": "rectified"},
}
"""Options of every run, by its name."""
LOOKS = {
    "rounds": Look("linear, in rounds", "#0072b2", "o", "-"),
    "continuous": Look("linear, continuously", "#56b4e9", "s", "--"),
    "rectified": Look("rectified, in rounds", "#d55e00", "D", "-."),
}
BATCH: dict[Sampling, Look] = {
    "balanced": Look("batch rule, defaults", INK, "", "-"),
    "independent": Look("batch rule, independent draw", INK, "", ":"),
}
"""The horizontal lines, by their sampling."""
DRAWN = {
    "kept": "synapses left (%)",
    "epsilon": "epsilon",
    "trajectory_error": "‖x′ − x‖ / ‖x‖ in an interval",
}


def measure(fast: bool, seed: int, progress: Progress) -> Numbers:
    """Every run once, and the mean epsilon of the batch rule over some draws."""
    net, keep = (paper_network(90), 0.4) if fast else (paper_network(300), 0.2)
    rounds, draws = (3, 2) if fast else (10, 5)
    runs = []
    for index, (name, options) in enumerate(RUNS.items()):
        found = plasticity(
            net,
            keep,
            rounds=rounds,
            interval=40.0 if fast else 200.0,
            seed=seed,
            progress=part(progress, index, len(RUNS)),
            **options,
        )
        runs.append({"name": name} | of_run(found))
    original = spectrum.Original(net)
    batch = {}
    for sampling in BATCH:
        pruned = (
            prune(net, keep, sampling=sampling, balance="homeostatic", seed=seed + k).network
            for k in range(draws)
        )
        batch[sampling] = rounded(np.mean([original.epsilon(drawn).epsilon for drawn in pruned]))
    about = {"network": about_paper(net), "keep": keep}
    return about | {"runs": runs, "batch": batch, "draws": draws}


def of_run(found: Plasticity) -> Numbers:
    """What is drawn of one run; rates only where the mean activity is not zero by construction."""
    driven = found.activation == "rectified" or bool(np.any(found.drive))
    return {
        "activation": found.activation,
        "rounds": found.rounds,
        "times": listed(found.times),
        "kept": listed(found.n_left / found.original.n_synapses),
        "epsilon": listed(found.epsilon),
        "trajectory_error": listed(found.trajectory_error),
        "rate_original": listed(found.rate_original, 4) if driven else None,
        "rate_pruned": listed(found.rate_pruned, 4) if driven else None,
    }


def draw(numbers: Numbers) -> Figure:
    """Three panels over time, and one of the rates before and after where there are any."""
    driven = [run for run in numbers["runs"] if run["rate_original"] is not None]
    figure = Figure(figsize=(7.2, 5.4) if driven else (7.2, 2.8), layout="constrained")
    axes = (figure.subplots(2, 2) if driven else figure.subplots(1, 3)).ravel()
    for panel, (key, label) in zip(axes, DRAWN.items()):
        for run in numbers["runs"]:
            values = (100.0 if key == "kept" else 1.0) * np.array(run[key], dtype=float)
            panel.plot(run["times"], values, **LOOKS[run["name"]].style)
        panel.set(xlabel="time (s)", ylabel=label)
    _percent(axes[0], numbers)
    for sampling, epsilon in numbers["batch"].items():
        axes[1].axhline(epsilon, linewidth=1, **BATCH[sampling].style)
    for panel in axes[1:3]:
        panel.set_ylim(bottom=0.0)
    if driven:
        _rates(axes[3], driven)
    handles = [LOOKS[run["name"]].handle() for run in numbers["runs"]]
    handles += [BATCH[sampling].handle() for sampling in numbers["batch"]]
    below(figure, handles, 3)
    n, synapses = numbers["network"]["n_neurons"], numbers["network"]["n_synapses"]
    figure.suptitle(f"A network that prunes itself: {n:,} neurons, {synapses:,} synapses")
    return figure


def _percent(panel: Axes, numbers: Numbers) -> None:
    """A logarithmic y axis of the percentage left, with plain ticks."""
    least = min(100 * fraction for run in numbers["runs"] for fraction in run["kept"])
    panel.set(yscale="log", ylim=(0.85 * least, 112))
    ticks = [tick for tick in (1, 2, 5, 10, 20, 30, 40, 60, 80, 100) if tick >= 0.85 * least]
    plain_ticks(panel.yaxis, FixedLocator(ticks))


def _rates(panel: Axes, runs: list[Numbers]) -> None:
    """Every neuron's mean rate after against before, beside the diagonal."""
    everything = [
        rate for run in runs for key in ("original", "pruned") for rate in run[f"rate_{key}"]
    ]
    ends = min(everything), max(everything)
    panel.plot(ends, ends, color=INK, linewidth=1)
    for run in runs:
        style = LOOKS[run["name"]].style | {"linestyle": "none"}
        panel.plot(run["rate_original"], run["rate_pruned"], markersize=2.5, alpha=0.6, **style)
    panel.set(xlabel="mean rate of the original", ylabel="mean rate of the pruned")
