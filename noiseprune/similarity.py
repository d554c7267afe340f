"""The similarity report: how well a pruned network keeps spectrum, covariance and dynamics."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from noiseprune import lyapunov, measures, simulation, spectrum
from noiseprune.checks import Seed, seed_sequence
from noiseprune.errors import UnstableError
from noiseprune.measures import Errors
from noiseprune.network import RateNetwork, size_in_words
from noiseprune.pair import Pair
from noiseprune.progress import Progress, part, silent
from noiseprune.pruning.network import guarantee_of, promise_in_words
from noiseprune.records import Plain, Record, Rows, number
from noiseprune.weights import FloatArray


@dataclass(frozen=True)
class Summary:
    """Median, largest and smallest of an error over the eigenvectors."""

    median: float
    max: float
    min: float

    @classmethod
    def of(cls, values: FloatArray) -> Summary:
        return cls(float(np.median(values)), float(np.max(values)), float(np.min(values)))

    def to_dict(self) -> dict[str, float]:
        return {"median": self.median, "max": self.max, "min": self.min}


@dataclass(frozen=True)
class DynamicsError(Plain):
    """||x_pruned(t) - x(t)|| / ||x(t)|| under the same noise and start.

    times : (T,) s; mean, std : (T,) over the replicas; dt : step, s; noise, drive, replicas, seed :
    of the runs
    """

    times: FloatArray
    mean: FloatArray
    std: FloatArray
    dt: float
    noise: float
    drive: float | npt.ArrayLike
    replicas: int
    seed: Seed

    @property
    def worst(self) -> float:
        """The largest mean over the replicas."""
        return float(np.max(self.mean))

    @property
    def end(self) -> float:
        """The last mean over the replicas."""
        return float(self.mean[-1])

    def to_dict(self) -> dict[str, Any]:
        errors = ("times", "mean", "std", "worst", "end")
        choices = ("replicas", "dt", "noise", "drive")
        return {
            "dynamics_error": {name: getattr(self, name) for name in errors},
            "dynamics_choices": {name: getattr(self, name) for name in choices},
        }


NORMS = {
    "pencil": "|| M^-1/2 (M_s - M) M^-1/2 ||, M = -A",
    "symmetric-part": "|| H^-1/2 (A_s - A) H^-1/2 ||, H the symmetric part of -A",
    "relative": "|| A^-1 (A_s - A) ||",
}
"""What the norms of epsilon are, in one line; see `noiseprune.spectrum`."""


@dataclass(frozen=True, repr=False)
class SpectralReport(Record):
    """Similarity of a pruned network to its original; None where a measure was not computed.

    epsilon, epsilon_interval, epsilon_norm : see `noiseprune.spectrum`
    change : the `Epsilon` record behind them, with method, residual and failure probability
    guarantee : "symmetric-diagonally-dominant" if the network is of the class that the theorem of
        Moore and Chaudhuri covers, else "none"
    spectral_abscissa : (original, pruned), 1/s
    pair : the two networks, and what was solved about them
    eigenvalue_error, eigenvector_error, eigenvector_cosine : over the eigenvectors of a symmetric
        original: |lambda' / lambda - 1|, |v^T A_s v / lambda - 1|, |v^T A_s v| / ||A_s v||
    covariance_error : ||C_s - C||_F / ||C||_F of the stationary covariances
    response_error : relative change of the steady response to "uniform" and to "random" input
    dynamics_error : see `dynamics_error`

    What each measure means is said in `noiseprune.measures`, why one is None in `errors`.
    """

    n_neurons: int
    n_synapses: int
    n_kept: int
    change: spectrum.Epsilon
    guarantee: str
    spectral_abscissa: tuple[float, float] | None
    stable: bool
    pair: Pair = field(compare=False)
    eigenvalue_error: Summary | None = None
    eigenvector_error: Summary | None = None
    eigenvector_cosine: Summary | None = None
    covariance_error: float | None = None
    response_error: dict[str, float] | None = None
    dynamics_error: DynamicsError | None = None

    @classmethod
    def of(cls, pair: Pair) -> SpectralReport:
        """The report on a pair, with the details if the pair has them."""
        errors = pair.eigen_errors
        return cls(
            n_neurons=pair.original.n_neurons,
            n_synapses=pair.original.n_synapses,
            n_kept=pair.pruned.n_synapses,
            change=pair.change,
            guarantee=guarantee_of(pair.original),
            spectral_abscissa=pair.abscissae if pair.detail else None,
            stable=pair.stable,
            pair=pair,
            eigenvalue_error=Summary.of(errors.eigenvalue) if errors else None,
            eigenvector_error=Summary.of(errors.eigenvector) if errors else None,
            eigenvector_cosine=Summary.of(errors.cosine) if errors else None,
            covariance_error=pair.covariance_error,
            response_error=pair.response_error,
        )

    @property
    def errors(self) -> Errors:
        """The measures beside epsilon, of the eigenvalues the median, with the reasons of gaps."""
        pair, dynamics, eigen = self.pair, self.dynamics_error, self.eigenvalue_error
        response = self.response_error or dict.fromkeys(("uniform", "random"))
        found = {
            "covariance_error": self.covariance_error,
            "response_error.uniform": response["uniform"],
            "response_error.random": response["random"],
            "dynamics_error_worst": dynamics.worst if dynamics else None,
            "dynamics_error_end": dynamics.end if dynamics else None,
            "eigenvalue_error": eigen.median if eigen else None,
        }
        reasons = {
            "all": measures.IMPRECISE if pair.detail or self.response_error else measures.LEFT_OUT
        }
        reasons |= dict.fromkeys(("dynamics_error_worst", "dynamics_error_end"), measures.NOT_RUN)
        if pair.unstable:
            reasons = {"all": measures.unstable(f"of {pair.unstable}")}
        own = measures.LEFT_OUT if pair.is_symmetric else measures.DIRECTED
        return Errors.of(found, reasons | {"eigenvalue_error": own})

    @property
    def epsilon(self) -> float:
        return self.change.epsilon

    @property
    def epsilon_interval(self) -> tuple[float, float]:
        return self.change.interval

    @property
    def epsilon_norm(self) -> str:
        return self.change.norm

    @property
    def networks(self) -> tuple[RateNetwork, RateNetwork]:
        """(original, pruned)."""
        return self.pair.original, self.pair.pruned

    def with_dynamics(
        self, noise: float = 0.01, *, seed: Seed = None, progress: Progress = silent
    ) -> SpectralReport:
        """A copy with the trajectory error, see `dynamics_error`; as it is where a network is
        unstable."""
        abscissa = self.pair.abscissae[0]
        if not (self.stable and abscissa < 0):
            return self
        error = dynamics_error(
            self.pair.original,
            self.pair.pruned,
            replace(RUNS, duration=measures.five_relaxations(abscissa), noise=noise, seed=seed),
            progress=progress,
        )
        return replace(self, dynamics_error=error)

    def with_errors(self, covariance: lyapunov.Covariance | None = None) -> SpectralReport:
        """A copy with the errors of covariance and response, of a stable network without detail;
        `covariance` of the original, where it is known."""
        reference = measures.Reference(self.pair.original, covariance)
        response = reference.response_error(self.pair.pruned)
        try:
            error = reference.covariance_error(self.pair.pruned)
        except UnstableError:
            error = None
        return replace(self, covariance_error=error, response_error=response)

    def certificate(self) -> dict[str, Any]:
        """What is known of epsilon and stability, as JSON-ready values."""
        return {
            "epsilon": self.epsilon,
            "epsilon_interval": list(self.epsilon_interval),
            "epsilon_norm": self.epsilon_norm,
            "epsilon_method": self.change.method,
            "epsilon_upper_bound": self.change.upper_bound,
            "epsilon_failure_probability": self.change.failure_probability,
            "guarantee": self.guarantee,
            "stable": self.stable,
        }

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready values, under the keys of the command line."""
        abscissa = self.spectral_abscissa
        summaries = ("eigenvalue_error", "eigenvector_error", "eigenvector_cosine")
        nothing = {"dynamics_error": None, "dynamics_choices": None}
        return {
            "n_neurons": self.n_neurons,
            "n_synapses": self.n_synapses,
            "n_kept": self.n_kept,
            "kept_fraction": self.n_kept / self.n_synapses if self.n_synapses else None,
            **self.certificate(),
            "epsilon_residual": self.change.residual,
            "spectral_abscissa": abscissa and {"original": abscissa[0], "pruned": abscissa[1]},
            **self.errors.to_dict(),
            **{name: (found := getattr(self, name)) and found.to_dict() for name in summaries},
            **(self.dynamics_error.to_dict() if self.dynamics_error else nothing),
        }

    def certificate_in_words(self) -> Rows:
        """Epsilon and stability in words."""
        low, high = self.epsilon_interval
        return [
            ("epsilon", f"{number(self.epsilon)}    {NORMS[self.epsilon_norm]}"),
            ("interval", f"[{low:+.3f}, {high:+.3f}]"),
            ("stable", "yes" if self.stable else "NO"),
        ]

    def in_words(self) -> Rows:
        """The report in words."""
        rows = [
            ("network", size_in_words(self.pair.original)),
            ("pruned", f"{self.n_kept:,} synapses"),
            *self.certificate_in_words(),
            ("guarantee", promise_in_words(self.guarantee, None)),
            *self.errors.in_words(),
        ]
        if self.spectral_abscissa:
            before, after = self.spectral_abscissa
            rows.append(("spectral abscissa", f"{number(before)} -> {number(after)} 1/s"))
        for name in ("eigenvalue_error", "eigenvector_error", "eigenvector_cosine"):
            summary = getattr(self, name)
            if summary:
                low, high = number(summary.min), number(summary.max)
                line = f"median {number(summary.median)}, from {low} to {high}"
                rows.append((name.replace("_", " "), line))
        return rows

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report as one page that needs nothing beside itself; `path` ends in .html."""
        from noiseprune.report import write_html  # loads Matplotlib

        write_html(path, self)


def spectral_similarity(
    net: RateNetwork,
    pruned: RateNetwork,
    *,
    detail: bool | None = None,
    seed: Seed = 0,
) -> SpectralReport:
    """Measure how similar `pruned` is to `net`.

    Parameters
    ----------
    detail : beside epsilon and stability, compute the spectral abscissae, the errors per
        eigenvector (symmetric networks) and the covariance error; O(N^3), by default up to
        `eigenvalues.DENSE_EIGENVALUES` neurons
    seed : start of the Lanczos iteration, above `spectrum.DENSE_PENCIL` neurons

    Raises
    ------
    OptionError
        If the networks differ in size, or no certificate of this size is to be had.
    UnstableError
        If the original drift is singular.

    Source: the measures per eigenvector, Moore and Chaudhuri (2020); for epsilon see
    `noiseprune.spectrum`.

    >>> net = RateNetwork([[0.0, 0.5], [0.5, 0.0]], leak=1.0)
    >>> spectral_similarity(net, RateNetwork([[0.0, 0.4], [0.4, 0.0]], leak=1.0)).epsilon
    0.2...
    """
    return SpectralReport.of(Pair(net, pruned, detail=detail, seed=seed))


RUNS = simulation.Simulation(replicas=20)
"""The paper's runs, by which trajectories are compared."""


def dynamics_error(
    net: RateNetwork,
    pruned: RateNetwork,
    asked: simulation.Simulation = RUNS,
    *,
    progress: Progress = silent,
) -> DynamicsError:
    """Relative trajectory error ||x_pruned(t) - x(t)|| / ||x(t)|| under the same noise.

    Both networks start from the same x(0), U(0, 1) by default, and see the same noise. A duration
    (s) that is not asked for is the paper's 40, or five relaxation times of the original if that is
    less; a step (s) the paper's 0.005, or half of a stable step of the two networks if that is
    less. About a hundred times are recorded.

    Raises
    ------
    UnstableError or OptionError
        If one of the networks cannot be simulated with this step.
    """
    spectrum.check_same_size(net, pruned)
    duration, dt, seed = asked.duration, asked.dt, asked.seed
    if duration is None:
        duration = measures.five_relaxations(net.spectral_abscissa())
    if dt is None:
        dt = simulation.default_step(net, pruned)
    if isinstance(seed, np.random.Generator) or seed is None:
        seed = seed_sequence(seed)
    every = max(1, round(duration / dt / 100))
    asked = replace(asked, duration=duration, dt=dt, seed=seed, record_every=every)
    runs = [
        simulation.record_rates(network, asked, progress=part(progress, index, 2))
        for index, network in enumerate((net, pruned))
    ]
    original, changed = (run.rates for run in runs)
    error = np.linalg.norm(changed - original, axis=2) / np.linalg.norm(original, axis=2)
    return DynamicsError(
        times=runs[0].times,
        mean=error.mean(axis=1),
        std=error.std(axis=1),
        dt=dt,
        noise=asked.noise,
        drive=asked.drive,
        replicas=asked.replicas,
        seed=seed,
    )
