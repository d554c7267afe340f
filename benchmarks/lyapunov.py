"""Our Lyapunov solver against `scipy.linalg.solve_continuous_lyapunov`, in one run.

    python benchmarks/lyapunov.py [N ...]        (default 500 1000 2000)

Random directed networks with W_ij ~ N(0, 1 / N), leak 1.3, and the paper's directed clustered
networks with their dominant leak. The median of three of ours; SciPy once above N = 1,000, since
it takes minutes.
"""

from __future__ import annotations

import sys
from functools import partial

import machine
import numpy as np
from scipy import linalg

import noiseprune as npr


def networks(n: int) -> dict[str, npr.RateNetwork]:
    weights = np.random.default_rng(n).standard_normal((n, n)) / np.sqrt(n)
    np.fill_diagonal(weights, 0.0)
    small = n // 30
    return {
        "random": npr.RateNetwork(weights, leak=1.3),
        "clustered": npr.clustered_network(
            (n - 3 * small, small, small, small), long_range=5 * n // 3, directed=True, seed=3
        ),
    }


def main(sizes: list[int]) -> None:
    rows = []
    for n in sizes:
        for name, net in networks(n).items():
            drift, forcing = net.dense_drift(), -np.eye(n)
            result = npr.covariance(net)
            ours = machine.median_seconds(lambda net=net: npr.covariance(net), 3)
            schur = machine.median_seconds(lambda drift=drift: linalg.schur(drift), 1)
            solve = partial(linalg.solve_continuous_lyapunov, drift, forcing)
            peer = machine.median_seconds(solve, 1 if n > 1000 else 3, warm_up=n <= 1000)
            difference = f"{_relative(result.covariance, solve()):.1e}" if n <= 1000 else ""
            rows.append(
                (
                    f"{name}, N = {n:,}",
                    result.method,
                    f"{ours:.2f} s",
                    f"{schur:.2f} s",
                    f"{peer:.2f} s",
                    f"{peer / ours:.1f}",
                    f"{result.residual:.1e}",
                    difference,
                )
            )
    machine.write_table(
        "lyapunov",
        "General Lyapunov equation: noiseprune against SciPy",
        (
            "network",
            "method",
            "noiseprune",
            "Schur form alone",
            "SciPy",
            "ratio",
            "backward error",
            "difference",
        ),
        rows,
    )


def _relative(found: np.ndarray, reference: np.ndarray) -> float:
    return float(np.linalg.norm(found - reference) / np.linalg.norm(reference))


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [500, 1000, 2000])
