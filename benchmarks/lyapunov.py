"""Our Lyapunov solver against `scipy.linalg.solve_continuous_lyapunov`, in one run.

    python benchmarks/lyapunov.py [N ...]        (default 500 1000 2000)

Random directed networks with W_ij ~ N(0, 1 / N), leak 1.3. The median of three of ours; SciPy
once above N = 1,000, since it takes minutes.
"""

from __future__ import annotations

import sys

import machine
import numpy as np
from scipy import linalg

import noiseprune as npr


def main(sizes: list[int]) -> None:
    rows = []
    for n in sizes:
        weights = np.random.default_rng(n).standard_normal((n, n)) / np.sqrt(n)
        np.fill_diagonal(weights, 0.0)
        net = npr.RateNetwork(weights, leak=1.3)
        drift, forcing = net.dense_drift(), -np.eye(n)
        ours = machine.median_seconds(lambda net=net: npr.covariance(net), 3)
        schur = machine.median_seconds(lambda drift=drift: linalg.schur(drift), 1, warm_up=False)
        peer = machine.median_seconds(
            lambda drift=drift, forcing=forcing: linalg.solve_continuous_lyapunov(drift, forcing),
            1 if n > 1000 else 3,
            warm_up=n <= 1000,
        )
        result = npr.covariance(net)
        reference = linalg.solve_continuous_lyapunov(drift, forcing) if n <= 500 else None
        difference = "" if reference is None else f"{_relative(result.covariance, reference):.1e}"
        rows.append(
            (
                f"{n:,}",
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
        ("N", "noiseprune", "of it Schur", "SciPy", "ratio", "backward error", "difference"),
        rows,
    )


def _relative(found: np.ndarray, reference: np.ndarray) -> float:
    return float(np.linalg.norm(found - reference) / np.linalg.norm(reference))


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [500, 1000, 2000])
