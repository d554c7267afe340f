"""Which solvers return a wrong covariance and say nothing, on 200 networks made to break them.

    python benchmarks/failure_honesty.py [NETWORKS]        (default 200)

Ten families from harmless to hopeless, 30 to 90 neurons: nearly singular, nearly unstable or just
unstable, far from normal, badly scaled, or several of these at once. The true covariance, or the
proof that there is none, comes from `exact.py`.

An unreported failure is a result that came without an exception or a warning, although the network
is not stable, or that has an entry that is not finite, a variance that is not positive, or a
relative error above 1 % in the spectral norm. Fails if noiseprune has one.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import exact
import machine
import numpy as np
from scipy import linalg

import noiseprune as npr
from noiseprune import lyapunov

TOLERANCE = 1e-2
SLACK = 10.0
"""A stated error is too small if the true one is this many times larger."""
EPS = float(np.finfo(np.float64).eps)

Solver = Callable[[npr.RateNetwork], tuple[np.ndarray, float]]
"""From a network to C and its stated relative error, NaN where none is stated."""


# ------------------------------------------------------------------------------ the networks


def networks(count: int, largest: int = 90) -> Iterator[npr.RateNetwork]:
    """`count` networks of 30 to `largest` neurons, in units of time from 1e-6 to 1e6."""
    each = -(-count // len(FAMILIES))
    for i in range(count):
        family, place = divmod(i, each)
        rng = np.random.default_rng([7, family, place])
        n = int(rng.integers(30, largest + 1))
        drift = FAMILIES[family](rng, n, place / max(each - 1, 1)) * 2.0 ** rng.integers(-20, 21)
        order = rng.permutation(n)
        drift = drift[np.ix_(order, order)]
        leak = -np.diagonal(drift)
        yield npr.RateNetwork.from_parts(drift + np.diag(leak), leak)


def _abscissa(hardness: float) -> float:
    """From -1e-4 to -1e-15, and in the last fifth from 1e-14 to 1e-4."""
    if hardness < 0.8:
        return float(-(10 ** (-4 - 13.5 * hardness)))
    return float(10 ** (-14 + 50 * (hardness - 0.8)))


def _shifted(matrix: np.ndarray, abscissa: float) -> np.ndarray:
    """Scaled to norm 1, then moved along the identity to this spectral abscissa, to rounding."""
    matrix = matrix / np.linalg.norm(matrix, 2)
    return matrix + (abscissa - np.max(np.linalg.eigvals(matrix).real)) * np.eye(len(matrix))


def _random(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.5)


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    upper = np.triu(matrix, 1)
    return upper + upper.T


def _basis(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


def laplacian(rng: np.random.Generator, n: int, hardness: float) -> np.ndarray:
    """All excitatory and symmetric, with a margin of the leak that vanishes."""
    weights = _symmetric(np.abs(_random(rng, n)))
    return weights - np.diag(weights.sum(axis=1) * (1 - _abscissa(hardness)))


def symmetric(rng: np.random.Generator, n: int, hardness: float) -> np.ndarray:
    return _shifted(_symmetric(_random(rng, n)), _abscissa(hardness))


def directed(rng: np.random.Generator, n: int, hardness: float) -> np.ndarray:
    return _shifted(_random(rng, n), _abscissa(hardness))


def normal(rng: np.random.Generator, n: int, hardness: float) -> np.ndarray:
    """Rotations of which one hardly decays, seen in a random basis."""
    rates = -rng.random(n // 2)
    rates[0] = _abscissa(hardness)
    pairs = [[[rate, w], [-w, rate]] for rate, w in zip(rates, rng.standard_normal(n // 2))]
    basis = _basis(rng, n)
    return basis @ linalg.block_diag(*pairs, *[[[-1.0]]] * (n % 2)) @ basis.T


def chain(rng: np.random.Generator, n: int, hardness: float) -> np.ndarray:
    """Feed-forward, every stage stronger than the last."""
    return (1 + 2 * hardness) * np.diag(rng.uniform(0.8, 1.2, n - 1), 1) - np.eye(n)


def ring(rng: np.random.Generator, n: int, hardness: float) -> np.ndarray:
    """A chain with a feedback from end to start that is tiny, and yet decides on stability."""
    gain = 1 + 2 * hardness
    drift = gain * np.eye(n, k=1) - np.eye(n)
    drift[-1, 0] = gain ** (1 - n) * 10 ** rng.uniform(-6, 1)
    return drift


def triangular(rng: np.random.Generator, n: int, hardness: float) -> np.ndarray:
    """Feed-forward in a random basis, so that no entry shows it."""
    drift = np.triu(_random(rng, n), 1) * (1 + 15 * hardness) / np.sqrt(n) - np.eye(n)
    basis = _basis(rng, n)
    return basis @ drift @ basis.T


def grcar(rng: np.random.Generator, n: int, hardness: float) -> np.ndarray:
    """Grcar's matrix, whose eigenvalues are far more sensitive than they look."""
    matrix = sum(np.eye(n, k=k) for k in (1, 2, 3)) - np.eye(n, k=-1)
    return _shifted(matrix, 0.005 - 0.3 * (1 - hardness))


def stages(rng: np.random.Generator, n: int, hardness: float) -> np.ndarray:
    """Two nearly unstable networks, the one driving the other."""
    half = n // 2
    drift = linalg.block_diag(*(directed(rng, size, hardness) for size in (half, n - half)))
    drift[:half, half:] = 10 ** rng.uniform(-6, 2) * _random(rng, n)[:half, half:]
    return drift


def scaled(rng: np.random.Generator, n: int, hardness: float) -> np.ndarray:
    """Diagonally dominant, with rates that span up to twenty decades; half of them symmetric."""
    weights = _random(rng, n)
    weights = _symmetric(weights) if rng.random() < 0.5 else weights - np.diag(np.diag(weights))
    strengths = np.maximum(np.abs(weights).sum(axis=0), np.abs(weights).sum(axis=1))
    scale = 10 ** rng.uniform(-5 * hardness, 5 * hardness, n)
    return np.outer(scale, scale) * (weights - 1.1 * np.diag(strengths))


FAMILIES = (
    laplacian,
    symmetric,
    directed,
    normal,
    chain,
    ring,
    triangular,
    grcar,
    stages,
    scaled,
)


# ------------------------------------------------------------------------------- the solvers


class NotApplicable(Exception):
    """The solver is for other networks."""


def ours(method: str) -> Solver:
    def solve(net: npr.RateNetwork) -> tuple[np.ndarray, float]:
        try:
            result = npr.covariance(net, method=method)
        except npr.OptionError as error:
            raise NotApplicable from error
        return result.covariance, EPS * result.condition

    return solve


def scipy_lyapunov(net: npr.RateNetwork) -> tuple[np.ndarray, float]:
    return linalg.solve_continuous_lyapunov(net.dense_drift(), -np.eye(net.n_neurons)), np.nan


def inverse(invert: Callable[[np.ndarray], np.ndarray]) -> Solver:
    def solve(net: npr.RateNetwork) -> tuple[np.ndarray, float]:
        if not net.is_symmetric:
            raise NotApplicable
        return -0.5 * invert(net.dense_drift()), np.nan

    return solve


def sb03md(net: npr.RateNetwork) -> tuple[np.ndarray, float]:
    """The general solver, whose own error bound above 1 % is taken for a report."""
    forcing = -np.eye(net.n_neurons)
    found = machine.slycot.sb03md57(net.dense_drift(), C=forcing, dico="C", job="B", trana="T")
    _, _, solution, scale, _, error, _ = found
    if not error <= TOLERANCE:
        raise ArithmeticError(f"SLICOT bounds the relative error by {error:g}")
    return solution / scale, error


def sb03od(net: npr.RateNetwork) -> tuple[np.ndarray, float]:
    """The solver for stable A, which returns a factor of C."""
    n, drift = net.n_neurons, np.asfortranarray(net.dense_drift())
    root, scale, _ = machine.slycot.sb03od(n, n, drift, np.eye(n), np.eye(n), "C", trans="T")
    return (root / scale) @ (root / scale).T, np.nan


SOLVERS: dict[str, Solver] = {
    **{f"noiseprune, {method}": ours(method) for method in lyapunov.METHODS},
    "scipy.linalg.solve_continuous_lyapunov": scipy_lyapunov,
    "numpy.linalg.inv": inverse(np.linalg.inv),
    "scipy.linalg.inv": inverse(linalg.inv),
    **({"SLICOT sb03md": sb03md, "SLICOT sb03od": sb03od} if machine.slycot else {}),
}


# ------------------------------------------------------------------------------ the judgement


class Outcome(NamedTuple):
    """error : relative, of the answer; None where the solver reported a failure instead"""

    error: float | None
    stated: float


def outcome(solve: Solver, net: npr.RateNetwork, truth: np.ndarray | None) -> Outcome | None:
    """What a solver does with a network; None if it is not made for it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found, stated = solve(net)
    except NotApplicable:
        return None
    except (ArithmeticError, RuntimeError, ValueError, Warning):
        return Outcome(None, np.nan)
    if truth is None or not (np.all(np.isfinite(found)) and np.all(np.diagonal(found) > 0)):
        return Outcome(np.inf, stated)
    return Outcome(float(np.linalg.norm(found - truth, 2) / np.linalg.norm(truth, 2)), stated)


def count(nets: Iterable[npr.RateNetwork], solvers: dict[str, Solver]) -> dict[str, Counter[str]]:
    """Of each solver: what became of the networks that it applies to."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in solvers}
    for net in nets:
        truth = exact.covariance(net.dense_drift())
        results = {name: outcome(solve, net, truth) for name, solve in solvers.items()}
        answers = [result.error for result in results.values() if result]
        possible = any(error is not None and error <= TOLERANCE for error in answers)
        for name, result in results.items():
            if result is None:
                continue
            tally = counts[name]
            tally["networks"] += 1
            if result.error is None:
                tally["refused, possible" if possible else "refused"] += 1
            elif result.error <= TOLERANCE:
                tally["right"] += 1
            else:
                tally["unreported"] += 1
            if result.error is not None and result.error > SLACK * result.stated:
                tally["stated too small"] += 1
            if not np.isnan(result.stated):
                tally["stated"] += 1
    return counts


def main(n_networks: int) -> None:
    counts = count(networks(n_networks), SOLVERS)
    columns = ("networks", "right", "refused", "refused, possible", "unreported")
    rows = [
        (
            name,
            *(str(tally[column]) for column in columns),
            f"{tally['stated too small']} of {tally['stated']}" if tally["stated"] else "",
        )
        for name, tally in counts.items()
    ]
    machine.write_table(
        "failure_honesty",
        f"Wrong covariances of {n_networks} difficult networks, returned without a word",
        (
            "solver",
            "networks",
            "right",
            "refused",
            "refused, though possible",
            "unreported failures",
            "stated error too small",
        ),
        rows,
        "Networks: those that the solver is for. Right: two digits. Refused: an exception, a "
        "warning or, of sb03md, an error bound above 1 %; though possible: another solver of the "
        "table has two digits. Unreported: all other results. A stated error (eps times the "
        f"condition; sb03md's bound) is too small if the true one is above {SLACK:g} times it."
        + ("" if machine.slycot else " slycot is not installed."),
    )
    unreported = counts["noiseprune, auto"]["unreported"]
    if unreported:
        raise SystemExit(f"noiseprune has {unreported} unreported failures")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
