"""A network inferred from recordings of its own simulation: error against their length.

A directed network by "lagged"; the same by "precision", which takes it for symmetric; and a
symmetric network by both. Errors ||A_found - A||_F / ||A||_F, mean over runs, with the slopes
that straight lines through the logarithms have; and the standard errors as stated.
"""

from __future__ import annotations

from typing import get_args

import numpy as np
from matplotlib.figure import Figure

from noiseprune import simulation
from noiseprune.checks import seed_sequence, substream
from noiseprune.choices import Inference
from noiseprune.figures.protocol import Numbers, rounded
from noiseprune.figures.style import INK, Look, below
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress
from noiseprune.recordings import from_trajectory, infer_network

STEP, EVERY, BURN_IN = 0.05, 2, 10.0
METHODS: tuple[Inference, ...] = get_args(Inference)
LOOKS = {
    "directed, lagged": Look("directed, lagged", "#0072b2", "o", "-"),
    "directed, precision": Look("directed, precision", "#d55e00", "D", "-."),
    "symmetric, lagged": Look("symmetric, lagged", "#56b4e9", "s", "--"),
    "symmetric, precision": Look("symmetric, precision", "#882255", "v", (0, (4, 1.5, 1, 1.5))),
}


def network(n: int, *, symmetric: bool) -> RateNetwork:
    """Random signed weights on 30 % of the pairs, spectral radius 1, leak 2."""
    rng = np.random.default_rng(11)
    weights = rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.3)
    np.fill_diagonal(weights, 0.0)
    if symmetric:
        weights = weights + weights.T
    weights /= np.abs(np.linalg.eigvals(weights)).max()
    return RateNetwork(weights, leak=2.0)


def measure(fast: bool, seed: int, progress: Progress) -> Numbers:
    """Errors for every length, network and method."""
    n = 8 if fast else 50
    lengths = (200.0, 800.0) if fast else (500.0, 1e3, 2e3, 4e3, 8e3, 16e3)
    runs = 1 if fast else 3
    root = seed_sequence(seed)
    curves: dict[str, Numbers] = {
        name: {"errors": [], "stated": [], "slope": None} for name in LOOKS
    }
    done = 0
    for symmetric, kind in enumerate(("directed", "symmetric")):
        net = network(n, symmetric=bool(symmetric))
        drift = net.dense_drift()
        for length in lengths:
            errors: dict[Inference, list[float]] = {method: [] for method in METHODS}
            stated: dict[Inference, list[float]] = {method: [] for method in METHODS}
            for run in range(runs):
                simulated = simulation.simulate(
                    net,
                    duration=length + BURN_IN,
                    dt=STEP,
                    noise=1.0,
                    drive=0.0,
                    x0="zero",
                    record_every=EVERY,
                    seed=substream(root, symmetric, int(length), run),
                )
                recording = from_trajectory(simulated, burn_in=BURN_IN)
                for method in METHODS:
                    found = infer_network(recording, method, n_bootstrap=20, seed=seed)
                    error = np.linalg.norm(found.drift - drift) / np.linalg.norm(drift)
                    errors[method].append(float(error))
                    stated[method].append(found.relative_error)
                done += 1
                progress(done, 2 * len(lengths) * runs)
            for method in METHODS:
                curve = curves[f"{kind}, {method}"]
                curve["errors"].append(rounded(np.mean(errors[method])))
                curve["stated"].append(rounded(np.mean(stated[method])))
    for curve in curves.values():
        curve["slope"] = rounded(np.polyfit(np.log(lengths), np.log(curve["errors"]), 1)[0], 3)
    return {
        "n_neurons": n,
        "leak": 2.0,
        "noise": 1.0,
        "dt": STEP,
        "sampled_every": STEP * EVERY,
        "runs": runs,
        "lengths": list(lengths),
        "curves": curves,
    }


def draw(numbers: Numbers) -> Figure:
    """All curves in one panel, and a line that falls as T^-1/2."""
    figure = Figure(figsize=(5.4, 4.2), layout="constrained")
    panel = figure.subplots()
    lengths = numbers["lengths"]
    handles = []
    for name, curve in numbers["curves"].items():
        look = LOOKS[name]
        panel.plot(lengths, curve["errors"], **look.style)
        handles.append(look.handle(f"{look.label}: slope {curve['slope']:.2f}"))
    first = 0.8 * min(curve["errors"][0] for curve in numbers["curves"].values())
    falling = first * (np.array(lengths) / lengths[0]) ** -0.5
    panel.plot(lengths, falling, color=INK, linestyle=":", linewidth=1)
    handles.append(Look("falls as $T^{-1/2}$", INK, "", ":").handle())
    panel.set(xscale="log", yscale="log")
    panel.set(xlabel="length of the recording T (s)", ylabel="relative error of the drift")
    panel.set_title(
        f"{numbers['n_neurons']} neurons, leak {numbers['leak']:g} 1/s, sampled every "
        f"{numbers['sampled_every']:g} s"
    )
    below(figure, handles, 2)
    return figure
