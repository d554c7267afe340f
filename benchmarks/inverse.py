"""The covariance of symmetric networks against `numpy.linalg.inv`, in one run.

    python benchmarks/inverse.py [N ...]        (default 500 1000 2000 3000)

The paper's clustered networks, for which C = (sigma^2 / 2) (-A)^-1. Ours is the whole public call,
from the sparse weights to C with its residual and condition; the peer gets the dense drift. Beside
them LAPACK's potrf and potri alone. Medians of five, in turns.
"""

from __future__ import annotations

import sys
from functools import partial

import machine
import numpy as np
from scipy import linalg

import noiseprune as npr
from noiseprune.generators import paper_long_range, paper_sizes


def invert(matrix: np.ndarray) -> None:
    """The upper triangle of a symmetric positive definite matrix by that of its inverse."""
    factor, _ = linalg.lapack.dpotrf(matrix.T, lower=True, clean=False, overwrite_a=True)
    linalg.lapack.dpotri(factor, lower=True, overwrite_c=True)


def main(sizes: list[int]) -> None:
    rows = []
    for n in sizes:
        clusters = paper_sizes(n)
        net = npr.clustered_network(clusters, long_range=paper_long_range(clusters), seed=3)
        drift = net.dense_drift()
        result = npr.covariance(net)
        difference = machine.relative_difference(result.covariance, -0.5 * np.linalg.inv(drift))
        calls = (
            partial(npr.covariance, net),
            partial(np.linalg.inv, drift),
            partial(invert, -drift),  # in place: the matrix and its inverse, in turns
        )
        ours, peer, lapack = machine.interleaved_seconds(calls, 5)
        rows.append(
            (
                f"{n:,}",
                *(f"{seconds:.3f} s" for seconds in (ours, lapack, peer)),
                f"{peer / ours:.2f}",
                f"{result.residual:.1e}",
                f"{difference:.1e}",
            )
        )
    machine.write_table(
        "inverse",
        "Covariance of symmetric networks: noiseprune against numpy.linalg.inv",
        (
            "N",
            "noiseprune",
            "potrf + potri alone",
            "NumPy inv",
            "ratio",
            "backward error",
            "difference",
        ),
        rows,
        "noiseprune: `covariance(net)`, residual and condition included.",
    )


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [500, 1000, 2000, 3000])
