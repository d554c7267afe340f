"""What is measured of a pruned network beside epsilon: one table, and how it is computed.

With A and A_s the drifts of the original and of the pruned network, C and C_s their covariances:

    covariance error    ||C_s - C||_F / ||C||_F,    A C + C A^T + I = 0
    response error      ||A_s^-1 B - A^-1 B||_F / ||A^-1 B||_F,    B = 1, or 64 random inputs
    trajectory error    ||x_s(t) - x(t)|| / ||x(t)||, same noise and start, mean over runs

Each is 0 for a network that is not changed, and the smaller the better. `MEASURES` says what each
means, for every table that shows it. Where one was not computed it is None, with a reason.

Reports simulate by small explicit steps (see `simulation`). A `Reference`, which holds many pruned
networks against one original, makes 200 large steps h, 5 relaxation times in all, with one inverse
of F = I - h A / 2 for each network:

    x <- F^-1 (2 x + h b + sigma sqrt(h) xi) - x        (trapezoid rule)

of which the first two are four half-steps of the implicit Euler rule, x <- F^-1 (x + h b / 2 + ..),
which damp what the trapezoid rule would let ring (Rannacher 1984). Whatever h, the trapezoid rule
has the stationary covariance of the network itself, and that between two networks under the same
noise: it is the Cayley transform of their equations.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg

from noiseprune import lyapunov
from noiseprune.checks import Seed, generator
from noiseprune.choices import Lyapunov
from noiseprune.errors import UnstableError
from noiseprune.network import RateNetwork
from noiseprune.records import Plain, Rows, number
from noiseprune.simulation import DURATION, Simulation
from noiseprune.weights import FloatArray

COMPARED = 1000
"""Up to this many neurons a comparison computes the measures that take dense matrices."""
STEPS, RUNS = 200, 4
"""Steps and runs of the trajectories of a comparison; every second state counts."""
SCHUR = 400
"""Neurons up to which the Schur form of a pruned directed network is quicker than doubling."""
RANDOM_INPUTS = 64
_SEED = 1
_NOISE, _DRIVE = Simulation.noise, 0.0002
_GUIDE = "spectral_similarity(net, pruned, detail=True) computes it"


@dataclass(frozen=True)
class Measure:
    """One measure, for whoever shows it.

    key : in JSON; what follows a dot stands within; short : header of a narrow column; title : in
    words; meaning, choice : a sentence each, what it says to a user and what was chosen for it
    """

    key: str
    short: str
    title: str
    meaning: str
    choice: str

    @property
    def place(self) -> str:
        """The key as one word, as in tables and winners."""
        return self.key.replace(".", "_")

    def in_words(self) -> str:
        return f"{self.meaning} {self.choice}"


MEASURES = (
    Measure(
        "epsilon",
        "epsilon",
        "epsilon",
        "By how much the forces that restore the network to rest changed, at most, over all "
        "patterns of activity.",
        "The norm is the first that exists for the network, and is named beside the number.",
    ),
    Measure(
        "covariance_error",
        "cov",
        "covariance error",
        "How wrong the correlated fluctuations are: which neurons vary together, and how much.",
        "Every neuron gets independent noise of the same strength.",
    ),
    Measure(
        "response_error.uniform",
        "uniform",
        "response error, uniform input",
        "How wrong the steady rates are when every neuron gets the same constant input.",
        "The input is 1 to each neuron; its size does not matter.",
    ),
    Measure(
        "response_error.random",
        "random",
        "response error, random input",
        "How wrong the steady rates are when the neurons get constant inputs without a pattern.",
        f"The inputs are {RANDOM_INPUTS} vectors of standard normal numbers, from a fixed seed.",
    ),
    Measure(
        "dynamics_error_worst",
        "worst",
        "trajectory error, at worst",
        "How wrong the rates are at the worst moment of a run from the same start, under the same "
        "noise and input.",
        f"Starts are uniform in (0, 1), the drive is {_DRIVE:g} 1/s, the noise {_NOISE:g} unless "
        f"told otherwise; a report makes 20 runs, a comparison {RUNS} in {STEPS} implicit steps.",
    ),
    Measure(
        "dynamics_error_end",
        "end",
        "trajectory error, at the end",
        "How wrong the rates still are at the end of the run, when little is left of the start.",
        "The end is after five relaxation times of the original, or 40 s if that is less; the "
        "runs are those of the worst moment.",
    ),
    Measure(
        "eigenvalue_error",
        "eigen",
        "eigenvalue error",
        "How wrong the rates are at which the network's modes decay, for the median mode.",
        "Both spectra are sorted, which pairs them in symmetric networks only.",
    ),
)


_LINES = (
    ("covariance_error", "covariance error", ""),
    ("response_error.uniform", "response error", "uniform input "),
    ("response_error.random", "response error", "random input "),
    ("dynamics_error_worst", "trajectory error", "largest "),
    ("dynamics_error_end", "trajectory error", "at the end "),
)
"""Key, line of a report, and the words before the number."""


@dataclass(frozen=True, kw_only=True)
class Errors(Plain):
    """The measures but epsilon; None where one was not computed, and `not_computed` says why.

    response_error : {"uniform": ..., "random": ...}
    not_computed : a sentence by the name of the field
    """

    covariance_error: float | None = None
    response_error: Mapping[str, float] | None = None
    dynamics_error_worst: float | None = None
    dynamics_error_end: float | None = None
    eigenvalue_error: float | None = None
    not_computed: Mapping[str, str]

    @classmethod
    def of(cls, found: Mapping[str, float | None], reasons: Mapping[str, str]) -> Errors:
        """The numbers found, by the keys of `MEASURES`; of the others the reasons, by the name of
        the field or for "all"."""
        values: dict[str, Any] = {}
        for measure in MEASURES[1:]:
            name, _, part = measure.key.partition(".")
            value: Any = found.get(measure.key)
            value = None if value is None or not np.isfinite(value) else float(value)
            if part and value is not None:
                value = (values.get(name) or {}) | {part: value}
            values[name] = value
        why = {n: reasons.get(n, reasons["all"]) for n, value in values.items() if value is None}
        return cls(**values, not_computed=why)

    def value(self, key: str) -> float | None:
        """The number of a measure, by its key."""
        name, _, part = key.partition(".")
        found: Any = getattr(self, name)
        return found[part] if part and found else found  # type: ignore[no-any-return]

    def reason(self, key: str) -> str | None:
        """Why a measure was not computed; None if it was."""
        return self.not_computed.get(key.partition(".")[0])

    def in_words(self) -> Rows:
        """All but the eigenvalue error, in words: a number, or why there is none."""
        rows: dict[str, str] = {}
        for key, title, word in _LINES:
            reason, value = self.reason(key), word + number(self.value(key))
            before = f"{rows[title]}, " if title in rows else ""
            rows[title] = f"- ({reason})" if reason else before + value
        return list(rows.items())

    def to_dict(self) -> dict[str, Any]:
        """The measures as JSON-ready values, under the keys of the command line."""
        return dict(vars(self))


def unstable(which: str) -> str:
    """The reason where there is no stationary state."""
    return f"unstable: there is no stationary state {which}"


IMPRECISE = "too far from normal: double precision promises no digit of it; raise the leak"
DIRECTED = "directed: eigenvalues are paired in symmetric networks only"
LEFT_OUT = f"left out here, where it was not asked for: {_GUIDE}"
TOO_LARGE = f"left out above {COMPARED:,} neurons, where it takes N^3 work a draw: {_GUIDE}"
NOT_RUN = (
    "no trajectories were simulated here: with_dynamics() of the report, or a pruning with "
    "its page, computes it"
)


def five_relaxations(abscissa: float) -> float:
    """s, the paper's 40 at most."""
    return min(DURATION, -5.0 / abscissa) if abscissa < 0 else DURATION


def relative_error(after: FloatArray, before: FloatArray) -> float:
    """||after - before|| / ||before||, in the Frobenius norm."""
    return float(np.linalg.norm(after - before) / np.linalg.norm(before))


class Reference:
    """A stable original, of which each thing is solved once for any number of pruned networks.

    covariance : where it has been solved already; seed : of the runs
    """

    def __init__(
        self, net: RateNetwork, covariance: lyapunov.Covariance | None = None, seed: Seed = _SEED
    ) -> None:
        self.net, self._known, self._seed = net, covariance, seed

    @cached_property
    def covariance(self) -> FloatArray:
        """(N, N) under noise of strength 1, for the squares of what is very small or large are no
        numbers."""
        found = self._known or lyapunov.covariance(self.net)
        return found.covariance if found.noise == 1 else found.covariance / found.noise**2

    @cached_property
    def response(self) -> FloatArray:
        """(N, 65) -A^-1 B, B a column of ones and 64 random ones."""
        return steady_response(self.net)

    @cached_property
    def rates(self) -> tuple[FloatArray, FloatArray]:
        """(100, N, runs) of the original, and their norms (100, runs)."""
        found = self._rates(self.net)
        return found, np.linalg.norm(found, axis=1)

    @cached_property
    def _runs(self) -> tuple[float, FloatArray, FloatArray]:
        """Step h (s), start (N, runs), and what drive and noise add in each step."""
        rng, shape = generator(self._seed), (self.net.n_neurons, RUNS)
        step = five_relaxations(self.net.spectral_abscissa()) / STEPS
        start, pushes = rng.random(shape), rng.standard_normal((STEPS + 2, *shape))
        pushes[:4] = 0.5 * step * _DRIVE + _NOISE * np.sqrt(0.5 * step) * pushes[:4]
        pushes[4:] = step * _DRIVE + _NOISE * np.sqrt(step) * pushes[4:]
        return step, start, pushes

    def covariance_error(self, pruned: RateNetwork, method: Lyapunov = "auto") -> float:
        """||C_s - C||_F / ||C||_F; `method` as of `noiseprune.covariance`.

        Raises
        ------
        UnstableError
            If one of the two has no stationary state, or none that is known to some digits.
        """
        original = self.covariance
        changed = lyapunov.covariance(pruned, method=method).covariance
        changed -= original
        return float(np.linalg.norm(changed) / np.linalg.norm(original))

    def response_error(self, pruned: RateNetwork) -> dict[str, float]:
        """||A_s^-1 B - A^-1 B||_F / ||A^-1 B||_F for uniform and for random inputs."""
        before, after = self.response, steady_response(pruned)
        uniform = relative_error(after[:, 0], before[:, 0])
        return {"uniform": uniform, "random": relative_error(after[:, 1:], before[:, 1:])}

    def dynamics_error(self, pruned: RateNetwork) -> FloatArray:
        """(100,) trajectory error over time, mean over the runs, in large steps."""
        before, size = self.rates
        change = self._rates(pruned) - before
        error = np.sqrt(np.einsum("tnr,tnr->tr", change, change)) / size
        return np.asarray(error.mean(axis=1))

    def errors(self, pruned: RateNetwork) -> dict[str, float]:
        """All measures of a stable pruned network but the eigenvalue error, by their keys."""
        schur = pruned.n_neurons <= SCHUR and not pruned.is_symmetric
        try:
            covariance = self.covariance_error(pruned, "schur" if schur else "auto")
        except UnstableError:
            covariance = np.nan
        response, dynamics = self.response_error(pruned), self.dynamics_error(pruned)
        return {
            "covariance_error": covariance,
            "response_error.uniform": response["uniform"],
            "response_error.random": response["random"],
            "dynamics_error_worst": float(np.max(dynamics)),
            "dynamics_error_end": float(dynamics[-1]),
        }

    def _rates(self, net: RateNetwork) -> FloatArray:
        """(100, N, runs); see the module."""
        step, state, pushes = self._runs
        factor = -0.5 * step * net.dense_drift()
        factor[np.diag_indices_from(factor)] += 1.0
        inverse = linalg.inv(factor, overwrite_a=True, check_finite=False)
        rates = np.empty((STEPS // 2, *state.shape))
        for k, push in enumerate(pushes):
            kept = 0.0 if k < 4 else state
            state = inverse @ (state + kept + push) - kept
            if k > 2 and k % 2:
                rates[(k - 3) // 2] = state
        return rates


def steady_response(net: RateNetwork) -> FloatArray:
    """(N, 65) -A^-1 B of a stable network, B a column of ones and 64 random ones.

    nan where A is singular, which rounding can take for stable.
    """
    inputs = np.random.default_rng(_SEED).standard_normal((net.n_neurons, RANDOM_INPUTS))
    inputs = np.column_stack([np.ones(net.n_neurons), inputs])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", linalg.LinAlgWarning)
        factor = linalg.lu_factor(net.dense_drift(), overwrite_a=True, check_finite=False)
    if not np.all(np.diagonal(factor[0])):
        return np.full_like(inputs, np.nan)
    solved: FloatArray = linalg.lu_solve(factor, inputs, overwrite_b=True, check_finite=False)
    return -solved
