"""The full loop: network -> rates -> spikes -> rates again -> synapse variances -> pruned network.

A clustered network is simulated in its stationary state; its rates, on a baseline, drive
inhomogeneous Poisson spikes (Elephant); of these alone the synapse variances are estimated, by
binned counts and by Elephant's instantaneous rate. Against the length of the recording: their
correlation with the exact ones, and epsilon of the network pruned by them, beside the exact
variances, the weights, and spikes that know nothing of the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count, islice
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from noiseprune import recordings, simulation, spectrum
from noiseprune.checks import seed_sequence, substream
from noiseprune.figures.protocol import Numbers, about_paper, listed, paper_network, rounded
from noiseprune.figures.style import INK, LOOKS, Look, below
from noiseprune.lyapunov import discrete_covariance
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress
from noiseprune.pruning import Recipe, prune_network
from noiseprune.recordings import Recording
from noiseprune.variance import synapse_variance
from noiseprune.weights import FloatArray

BASELINE = 20.0
STEP = 0.025
EVERY = 2
BIN, KERNEL = 0.5, 0.25
SOURCES = {
    "binned": Look("spikes, counts in bins", "#0072b2", "o", "-"),
    "smoothed": Look("spikes, instantaneous rate", "#56b4e9", "s", "--"),
    "control": Look("independent Poisson spikes", "#882255", "v", ":"),
}
EXACT = Look("exact variances", INK, "", "-")


def measure(fast: bool, seed: int, progress: Progress) -> Numbers:
    """Correlation and epsilon for every length, and what they are to be compared with."""
    net = paper_network(60 if fast else 300)
    lengths = (50.0, 100.0, 200.0) if fast else (500.0, 1e3, 2e3, 5e3, 1e4, 2e4)
    control_lengths = (10.0, 50.0) if fast else (10.0, 100.0, 1000.0)
    keep, draws = 0.3, 2 if fast else 5
    piece = lengths[0]
    exact = synapse_variance(net)
    root = seed_sequence(seed)
    seeds = [substream(root, 3, draw) for draw in range(draws)]
    judged = partial(judge, spectrum.Original(net), exact.variance, keep, seeds)

    def point(found: recordings.RecordedVariance, length: float) -> Numbers:
        return {
            "length": length,
            **judged(found.variance),
            "relative_error": rounded(found.relative_error),
            "shrinkage": rounded(found.shrinkage),
            "raised": found.n_raised / found.variance.size,
            "noise": rounded(found.noise),
        }

    sources: dict[str, list[Numbers]] = {name: [] for name in SOURCES}
    total = round(lengths[-1] / piece) + 1
    gathered: dict[str, list[Recording]] = {"binned": [], "smoothed": []}
    clipped, rates = [], []
    for done, block in enumerate(islice(spiking(net, piece, root), total - 1), 1):
        gathered["binned"].append(recordings.from_neo(block, bin=BIN))
        gathered["smoothed"].append(recordings.from_neo(block, smoothing=KERNEL))
        clipped.append(block.annotations["clipped"])
        rates.append(np.mean([len(train) for train in block.segments[0].spiketrains]) / piece)
        if done * piece in lengths:
            for name, parts in gathered.items():
                found = recordings.synapse_variance(net, joined(parts))
                sources[name].append(point(found, done * piece))
        progress(done, total)
    for length in control_lengths:
        control = recordings.independent_poisson(net, duration=length, seed=substream(root, 2))
        found = recordings.synapse_variance(net, control, shrink="none")
        sources["control"].append(point(found, length))
    progress(total, total)
    return {
        "network": about_paper(net),
        "keep": keep,
        "draws": draws,
        "baseline": BASELINE,
        "gain": float(block.annotations["gain"]),
        "clipped": float(np.mean(clipped)),
        "mean_rate": float(np.mean(rates)),
        "dt": STEP,
        "bin": BIN,
        "kernel": KERNEL,
        "exact": {"length": None} | judged(exact.variance),
        "weight": {"length": None} | judged(None),
        "sources": sources,
    }


def spiking(net: RateNetwork, piece: float, root: np.random.SeedSequence) -> Iterator[Any]:
    """Blocks of spikes of a stationary network, `piece` seconds each, without an end.

    The simulation goes on where the piece before it has ended; it starts from the stationary
    distribution. One gain for all: three deviations of the neuron that fluctuates most reach 0.
    """
    covariance = discrete_covariance(net, STEP).covariance
    start = np.random.default_rng(substream(root, 0, 0)).standard_normal(net.n_neurons)
    state = np.linalg.cholesky(covariance) @ start
    gain = BASELINE / (3.0 * float(np.sqrt(covariance.diagonal().max())))
    for k in count():
        run = simulation.simulate(
            net,
            duration=piece,
            dt=STEP,
            noise=1.0,
            drive=0.0,
            x0=state,
            record_every=EVERY,
            seed=substream(root, 0, k + 1),
        )
        state = run.rates[-1, 0]
        run = replace(run, rates=run.rates[:-1], times=run.times[:-1])
        spikes = substream(root, 1, k)
        yield recordings.poisson_spikes(run, baseline=BASELINE, gain=gain, seed=spikes)


def joined(parts: list[Recording]) -> Recording:
    """Pieces of one recording, one after the other."""
    return replace(parts[0], pieces=tuple(piece for part in parts for piece in part.pieces))


def judge(
    original: spectrum.Original,
    exact: FloatArray,
    keep: float,
    seeds: Sequence[np.random.SeedSequence],
    variance: FloatArray | None,
) -> Numbers:
    """How good synapse variances are: their correlation with the exact ones, and epsilon.

    None: pruned by weight alone.
    """
    recipe = Recipe(rule="weight" if variance is None else "noise")
    epsilons = []
    for seed in seeds:
        stream = np.random.default_rng(seed)
        pruned = prune_network(original.net, variance, keep, recipe, seed=stream).network
        epsilons.append(original.epsilon(pruned).epsilon)
    found: Numbers = {"epsilon": rounded(np.mean(epsilons)), "epsilons": listed(epsilons)}
    if variance is not None:
        found["correlation"] = _correlation(variance, exact)
        found["log_correlation"] = _correlation(np.log(variance), np.log(exact))
    return found


def _correlation(found: FloatArray, exact: FloatArray) -> float:
    """0 where all variances were shrunk to one number."""
    if np.ptp(found) <= 1e-9 * np.abs(found).max():
        return 0.0
    return rounded(np.corrcoef(found, exact)[0, 1])


def draw(numbers: Numbers) -> Figure:
    """Correlation on the left, epsilon on the right, against the length of the recording."""
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    for name, points in numbers["sources"].items():
        look = SOURCES[name]
        for panel, key in ((left, "correlation"), (right, "epsilon")):
            panel.plot([x["length"] for x in points], [x[key] for x in points], **look.style)
    left.axhline(1.0, linewidth=1, **EXACT.style)
    left.set(ylim=(-0.15, 1.05), ylabel="correlation with exact variances")
    right.axhline(numbers["exact"]["epsilon"], linewidth=1, **EXACT.style)
    weight = replace(LOOKS["weight"], marker="")
    right.axhline(numbers["weight"]["epsilon"], **weight.style)
    right.set(yscale="log", ylabel=f"epsilon, {100 * numbers['keep']:.0f} % kept")
    for panel in (left, right):
        panel.set(xscale="log", xlabel="length of the recording (s)")
    n, rate = numbers["network"]["n_neurons"], numbers["mean_rate"]
    figure.suptitle(f"Clustered network, {n} neurons, mean rate {rate:.0f} Hz: spikes alone")
    below(figure, [look.handle() for look in (*SOURCES.values(), EXACT, weight)], 3)
    return figure
