"""Our Lyapunov solver against `scipy.linalg.solve_continuous_lyapunov` and SLICOT, in one run.

    python benchmarks/lyapunov.py [N ...]        (default 500 1000 2000 3000)

Random directed networks with W_ij ~ N(0, 1 / N), leak 1.3, and the paper's directed clustered
networks with their dominant leak. Medians of three, in turns; above N = 1,000 the peers run once,
since they take minutes. SLICOT is sb03md, by slycot where that is installed.
"""

from __future__ import annotations

import sys
from functools import partial

import machine
import numpy as np
from scipy import linalg

import noiseprune as npr

SMALL = 1000
"""Neurons up to which the peers take seconds, and run three times."""


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
    peer_names = ["SciPy", *(["SLICOT"] if machine.slycot else [])]
    for n in sizes:
        for name, net in networks(n).items():
            drift, forcing = net.dense_drift(), -np.eye(n)
            ours = partial(npr.covariance, net)
            peers = [
                partial(linalg.schur, drift),
                partial(linalg.solve_continuous_lyapunov, drift, forcing),
            ]
            if n <= SMALL:
                if machine.slycot:
                    peers.append(partial(slicot, drift, forcing))
                seconds = machine.interleaved_seconds([ours, *peers], 3)
            else:
                seconds = machine.interleaved_seconds([ours], 3)
                seconds += machine.interleaved_seconds(peers, 1, warm_up=False)
            found = npr.covariance(net)
            difference = ""
            if n <= SMALL:
                difference = f"{machine.relative_difference(found.covariance, peers[1]()):.1e}"
            missing = [""] * (2 + len(peer_names) - len(seconds))
            rows.append(
                (
                    f"{name}, N = {n:,}",
                    found.method,
                    *(f"{value:.2f} s" for value in seconds),
                    *missing,
                    *(f"{value / seconds[0]:.1f}" for value in seconds[2:]),
                    *missing,
                    f"{found.residual:.1e}",
                    difference,
                )
            )
    machine.write_table(
        "lyapunov",
        f"General Lyapunov equation: noiseprune against {' and '.join(peer_names)}",
        (
            "network",
            "method",
            "noiseprune",
            "Schur form alone",
            *peer_names,
            *(f"ratio to {peer}" for peer in peer_names),
            "backward error",
            "difference",
        ),
        rows,
        "" if machine.slycot else "slycot is not installed.",
    )


def slicot(drift: np.ndarray, forcing: np.ndarray) -> np.ndarray:
    _, _, solution, scale, *_ = machine.slycot.sb03md57(drift, C=forcing, dico="C", trana="T")
    return solution / scale


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [500, 1000, 2000, 3000])
