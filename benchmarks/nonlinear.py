"""Do rectified and saturating networks keep their dynamics under inputs that no fit has seen?

    python benchmarks/nonlinear.py [SEEDS]        (default 3)

    dx/dt = -D x + phi(W x + b(t)),    phi(h) = [h]_+ or tanh(h)

D is the default leak, and b(t) = b0 + an Ornstein-Uhlenbeck input of each neuron's own. The mean
slopes g of phi under some inputs make the working point, the linear network diag(g) W with leak D,
which is pruned. What multiplies its synapses multiplies those of W. Then both networks run in full
under other inputs, with other b0: relative error of the states at the worst time and at the end,
of where a constant input brings them, and of the covariance of all states, means over 24 inputs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import machine
import numpy as np
from effort import WAYS
from scipy import sparse

import noiseprune as npr
from noiseprune.weights import FloatArray

RUNS, STEPS = 24, 2000
SILENT = 0.02
"""Least slope of a neuron, so that one that was silent under the inputs seen is in the network."""
MEASURES = ("worst", "end", "steady", "covariance")
PHI: dict[str, tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray]]] = {
    "rectified": (lambda h: np.maximum(h, 0.0), lambda h: (h > 0).astype(float)),
    "tanh": (np.tanh, lambda h: 1.0 - np.tanh(h) ** 2),
}


def cases() -> Iterator[tuple[str, str, npr.RateNetwork, float]]:
    """Name, phi, network and fraction to keep."""
    for phi, names in (
        ("rectified", ("celegans", "mushroom-body", "optic-lobe:1")),
        ("tanh", ("celegans", "optic-lobe:1")),
    ):
        for name in names:
            for keep in (0.5, 0.2):
                yield name, phi, npr.datasets.load(name), keep


class Inputs:
    """b(t) of all neurons for a number of runs, drawn by a seed; units of the leak."""

    def __init__(self, net: npr.RateNetwork, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        shape = net.n_neurons, RUNS
        self.base = self.rng.normal(0.3, 1.0, shape)
        self.start = self.rng.random(shape)

    def over_time(self, decay: float) -> Iterator[FloatArray]:
        """(N, RUNS) at each step."""
        slow = np.zeros_like(self.base)
        for _ in range(STEPS):
            slow *= decay
            slow += np.sqrt(1 - decay**2) * self.rng.standard_normal(slow.shape)
            yield self.base + slow


class Run:
    """A nonlinear network: its states after each step, by the exponential Euler scheme."""

    def __init__(self, weights: sparse.csr_array, leak: FloatArray, phi: str) -> None:
        self.weights, self.leak, self.phi = weights, leak[:, None], PHI[phi][0]

    def step(self, x: FloatArray, drive: FloatArray, h: float) -> FloatArray:
        decay = np.exp(-h * self.leak)
        return decay * x + (1 - decay) * self.phi(self.weights @ x + drive) / self.leak

    def steady(self, x: FloatArray, drive: FloatArray, h: float) -> FloatArray:
        for _ in range(STEPS):
            x = self.step(x, drive, h)
        return x


def step_of(net: npr.RateNetwork) -> float:
    """A tenth of the median time constant."""
    return 0.1 / float(np.median(net.leak))


def slopes(net: npr.RateNetwork, phi: str, seed: int) -> FloatArray:
    """(N,) mean of phi' under the inputs of that seed, at least `SILENT`."""
    run, h, inputs = Run(net.csr, net.leak, phi), step_of(net), Inputs(net, seed)
    x, found = inputs.start / run.leak, np.zeros(net.n_neurons)
    for drive in inputs.over_time(0.9):
        x = run.step(x, drive, h)
        found += np.mean(PHI[phi][1](net.csr @ x + drive), axis=1)
    return np.maximum(found / STEPS, SILENT)


def errors(net: npr.RateNetwork, others: list[Run], phi: str, seed: int) -> list[list[float]]:
    """The measures of each of the `others`, under the inputs of that seed."""
    runs, h, inputs = [Run(net.csr, net.leak, phi), *others], step_of(net), Inputs(net, seed)
    states = [inputs.start / runs[0].leak for _ in runs]
    steady = [run.steady(x, inputs.base, h) for run, x in zip(runs, states)]
    moments = [np.zeros((net.n_neurons, net.n_neurons)) for _ in runs]
    over_time = []
    for step, drive in enumerate(inputs.over_time(0.9)):
        states = [run.step(x, drive, h) for run, x in zip(runs, states)]
        over_time.append([relative(x, states[0]) for x in states[1:]])
        if step % 10 == 9:
            for moment, x, rest in zip(moments, states, steady):
                moment += (x - rest) @ (x - rest).T
    worst, end = np.max(over_time, axis=0), over_time[-1]
    still = [relative(x, steady[0]) for x in steady[1:]]
    spread = [np.linalg.norm(m - moments[0]) / np.linalg.norm(moments[0]) for m in moments[1:]]
    return [[float(v) for v in row] for row in zip(worst, end, still, spread)]


def relative(x: FloatArray, original: FloatArray) -> float:
    """|| x - original || / || original ||, mean over runs."""
    size = np.linalg.norm(original, axis=0)
    return float(np.mean(np.linalg.norm(x - original, axis=0) / size))


def main(seeds: int) -> None:
    rows, ratios = [], []
    for name, phi, net, keep in cases():
        gains = slopes(net, phi, 1)
        working = npr.RateNetwork(sparse.diags_array(gains) @ net.csr, leak=net.leak)
        runs = []
        for choices in WAYS.values():
            for seed in range(seeds):
                pruned = npr.prune(working, keep, seed=seed, **choices).network
                weights = sparse.csr_array(sparse.diags_array(1 / gains) @ pruned.csr)
                runs.append(Run(weights, pruned.leak, phi))
        found = np.reshape(errors(net, runs, phi, 1000), (len(WAYS), seeds, len(MEASURES)))
        means = dict(zip(WAYS, found.mean(axis=1)))
        for way in WAYS:
            rows.append((name, phi, f"{100 * keep:g} %", way, *(f"{x:.3g}" for x in means[way])))
            print(*rows[-1], sep=" | ", flush=True)
        row = [name, phi, f"{100 * keep:g} %", f"{keep * net.n_synapses / net.n_neurons:.1f}"]
        for k in range(len(MEASURES)):
            best = min((way for way in means if way != "regrow"), key=lambda way: means[way][k])
            row.append(f"{means['regrow'][k] / means[best][k]:.2f} ({best})")
        ratios.append(row)
    columns = ("network", "phi", "kept")
    machine.write_table(
        "nonlinear",
        "Nonlinear networks under inputs that no fit has seen",
        (*columns, "effort or rule", *MEASURES),
        rows,
        f"Mean over {seeds} seeds and {RUNS} inputs.",
    )
    machine.write_table(
        "nonlinear-ratios",
        "Regrowing nonlinear networks against the best of all others in each measure",
        (*columns, "mean degree kept", *MEASURES),
        ratios,
        "Below 1 regrowing is better; in brackets who is the best of the others.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
