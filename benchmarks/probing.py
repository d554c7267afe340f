"""How good noise probes are: synapse variance, pruning and certificate against exact ones.

    python benchmarks/probing.py [NETWORKS]        (default 100)

- The relative error (rms over the synapses) of plain probes, which should be sqrt(2 / q), and of
  the default, which takes off what a synapse's own two neurons explain; on the paper's network of
  3,000 neurons, symmetric and directed, and on connectomes, against the solved covariance.
- The paper's directed network of 2,000 neurons: exact covariance, probes and simulated replicas.
- Epsilon of pruning by 64 probes and by the exact variances.
- How often the certified interval of large networks (inner conjugate gradients, 99 %) contains the
  dense one: NETWORKS random networks of 500 neurons, signed and not, leak margins 0.001 to 1.
"""

from __future__ import annotations

import sys
import time

import machine
import numpy as np

import noiseprune as npr
from noiseprune import probing, spectrum

PROBES = (16, 64, 256)


def networks() -> dict[str, tuple[npr.RateNetwork, float]]:
    """Name: network and fraction kept."""
    return {
        "E1, N = 3,000": (npr.clustered_network(seed=3), 0.1),
        "E1, directed": (npr.clustered_network(directed=True, leak_margin=0.01, seed=3), 0.1),
        "mushroom-body": (npr.datasets.load("mushroom-body"), 0.3),
        "celegans": (npr.datasets.load("celegans"), 0.5),
        "celegans-gap": (npr.datasets.load("celegans-gap"), 0.5),
        "optic-lobe:3": (npr.datasets.load("optic-lobe:3"), 0.3),
    }


def errors() -> list[tuple[str, ...]]:
    rows = []
    for name, (net, _) in networks().items():
        exact = npr.synapse_variance(net, method="exact").variance
        for q in PROBES:
            found = {}
            for reduced in (False, True):
                start = time.perf_counter()
                probed = probing.probed_variance(net, 1.0, q, 5, variance_reduction=reduced)
                seconds = time.perf_counter() - start
                ratio = probed.variance / exact - 1
                found[reduced] = np.sqrt(np.mean(ratio**2)), probed, seconds
            rows.append(
                (
                    name,
                    str(q),
                    f"{np.sqrt(2 / q):.4f}",
                    f"{found[False][0]:.4f}",
                    f"{found[True][0]:.4f}",
                    f"{found[True][1].relative_error:.4f}",
                    f"{found[True][1].solver}, {found[True][1].steps}",
                    f"{found[True][2]:.2f} s",
                )
            )
    return rows


def directed() -> list[tuple[str, ...]]:
    """Every way to the synapse variances of one directed network, against the exact one."""
    net = npr.clustered_network(
        (1800, 67, 67, 66), long_range=2000, directed=True, leak_margin=0.01, seed=3
    )
    rows, exact = [], None
    for method, q in (("exact", 1), ("probe", 64), ("probe", 256), ("simulation", 64)):
        npr.synapse_variance(net, method=method, n_probes=1, seed=1)  # loads the compiled loops
        start = time.perf_counter()
        found = npr.synapse_variance(net, method=method, n_probes=q, seed=5)
        seconds = time.perf_counter() - start
        exact = found.variance if exact is None else exact
        ratio = found.variance / exact - 1
        rows.append(
            (
                "exact" if method == "exact" else f"{method}, {q}",
                f"{seconds:.2f} s",
                f"{np.sqrt(np.mean(ratio**2)):.4f}",
                f"{found.relative_error:.4f}",
                f"{np.mean(ratio):+.4f}",
            )
        )
    return rows


def prunings() -> list[tuple[str, ...]]:
    rows = []
    for name, (net, keep) in networks().items():
        original = spectrum.Original(net)
        epsilons = []
        for method in ("exact", "probe"):
            variance = npr.synapse_variance(net, method=method, n_probes=64, seed=5)
            draws = [npr.prune(net, keep, variance=variance, seed=seed) for seed in range(3)]
            epsilons.append(np.mean([original.epsilon(draw.network).epsilon for draw in draws]))
        exact, probed = epsilons
        rows.append(
            (name, f"{100 * keep:.0f} %", f"{exact:.4f}", f"{probed:.4f}", f"{probed / exact:.3f}")
        )
    return rows


def contained(number: int) -> tuple[int, float]:
    """In how many networks the interval holds, and the mean of its upper bound over epsilon."""
    rng = np.random.default_rng(7)
    held, excess = 0, []
    dense_factor, spectrum.DENSE_FACTOR = spectrum.DENSE_FACTOR, 0
    for k in range(number):
        weights = np.triu(rng.random((500, 500)) < rng.uniform(0.02, 0.3), 1)
        weights = weights * rng.lognormal(size=(500, 500))
        if k % 2:
            weights *= rng.choice([-1.0, 1.0], (500, 500), p=[0.2, 0.8])
        net = npr.RateNetwork(weights + weights.T, leak_margin=10.0 ** rng.uniform(-3, 0))
        pruned = npr.prune(net, rng.uniform(0.1, 0.6), method="exact", seed=k).network
        dense = spectrum.epsilon(net, pruned, method="dense")
        found = spectrum.epsilon(net, pruned, method="lanczos", seed=k)
        low, high = found.interval
        held += bool(low <= dense.interval[0] and dense.interval[1] <= high)
        held -= not dense.epsilon <= found.upper_bound
        excess.append(found.upper_bound / dense.epsilon)
    spectrum.DENSE_FACTOR = dense_factor
    return held, float(np.mean(excess))


def main(number: int) -> None:
    machine.write_table(
        "probing",
        "Relative error of the synapse variances by q probes, rms over the synapses",
        ("network", "q", "sqrt(2 / q)", "plain", "default", "stated", "solver, steps", "time"),
        errors(),
        "Plain: without what the synapse's own two neurons explain. Stated: the error that the "
        "result names itself.",
    )
    machine.write_table(
        "probing_directed",
        "Synapse variances of the paper's directed network of 2,000 neurons",
        ("method, replicas", "time", "relative error (rms)", "stated", "mean error"),
        directed(),
        "Probes: resolvent quadrature, no time step. Simulation: Euler-Maruyama with 5 % of the "
        "largest stable step.",
    )
    held, ratio = contained(number)
    machine.write_table(
        "probed_prunings",
        "Epsilon of pruning by 64 probes",
        ("network", "kept", "exact variances", "64 probes", "ratio"),
        prunings(),
        f"Mean of 3 draws. The certified interval of large networks held the dense one in {held} "
        f"of {number} networks of 500 neurons; its bound was on average {ratio:.3f} of epsilon.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
