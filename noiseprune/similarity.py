"""The similarity report: how well a pruned network keeps spectrum, covariance and dynamics."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from noiseprune import lyapunov, simulation, spectrum
from noiseprune.checks import Seed, seed_sequence
from noiseprune.eigenvalues import DENSE_EIGENVALUES
from noiseprune.errors import UnstableError
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress, part, silent
from noiseprune.pruning import theorem_applies
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
class DynamicsError:
    """||x_pruned(t) - x(t)|| / ||x(t)|| under the same noise and start.

    times : (T,) s; mean, std : (T,) over the replicas; dt : step, s; noise, drive, replicas, seed :
    of the runs
    """

    times: FloatArray
    mean: FloatArray
    std: FloatArray
    dt: float
    noise: float
    drive: float
    replicas: int
    seed: Seed


@dataclass(frozen=True)
class SpectralReport:
    """Similarity of a pruned network to its original; None where a measure was not computed.

    epsilon, epsilon_interval, epsilon_norm : see `noiseprune.spectrum`
    change : the `Epsilon` record behind them, with method, residual and failure probability
    guarantee : "symmetric-diagonally-dominant" if the network is of the class that the theorem of
        Moore and Chaudhuri covers, else "none"
    spectral_abscissa : (original, pruned), 1/s
    networks : (original, pruned)
    eigenvalue_error, eigenvector_error, eigenvector_cosine : over the eigenvectors of a symmetric
        original: |lambda' / lambda - 1|, |v^T A_s v / lambda - 1|, |v^T A_s v| / ||A_s v||
    covariance_error : ||C_s - C||_F / ||C||_F of the stationary covariances
    dynamics_error : see `dynamics_error`
    """

    n_neurons: int
    n_synapses: int
    n_kept: int
    change: spectrum.Epsilon
    guarantee: str
    spectral_abscissa: tuple[float, float] | None
    stable: bool
    networks: tuple[RateNetwork, RateNetwork] = field(repr=False, compare=False)
    eigenvalue_error: Summary | None = None
    eigenvector_error: Summary | None = None
    eigenvector_cosine: Summary | None = None
    covariance_error: float | None = None
    dynamics_error: DynamicsError | None = None

    @property
    def epsilon(self) -> float:
        return self.change.epsilon

    @property
    def epsilon_interval(self) -> tuple[float, float]:
        return self.change.interval

    @property
    def epsilon_norm(self) -> str:
        return self.change.norm

    def with_dynamics(self, dynamics: DynamicsError) -> SpectralReport:
        """A copy that carries a result of `dynamics_error`."""
        return replace(self, dynamics_error=dynamics)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready values, under the keys of the command line."""
        abscissa = self.spectral_abscissa
        dynamics = self.dynamics_error
        return {
            "n_neurons": self.n_neurons,
            "n_synapses": self.n_synapses,
            "n_kept": self.n_kept,
            "kept_fraction": self.n_kept / self.n_synapses if self.n_synapses else None,
            "epsilon": self.epsilon,
            "epsilon_interval": list(self.epsilon_interval),
            "epsilon_norm": self.epsilon_norm,
            "epsilon_method": self.change.method,
            "epsilon_upper_bound": self.change.upper_bound,
            "epsilon_failure_probability": self.change.failure_probability,
            "epsilon_residual": self.change.residual,
            "guarantee": self.guarantee,
            "stable": self.stable,
            "spectral_abscissa": abscissa and {"original": abscissa[0], "pruned": abscissa[1]},
            "eigenvalue_error": self.eigenvalue_error and self.eigenvalue_error.to_dict(),
            "eigenvector_error": self.eigenvector_error and self.eigenvector_error.to_dict(),
            "eigenvector_cosine": self.eigenvector_cosine and self.eigenvector_cosine.to_dict(),
            "dynamics_error": dynamics
            and {
                "times": dynamics.times.tolist(),
                "mean": dynamics.mean.tolist(),
                "std": dynamics.std.tolist(),
            },
            "dynamics_choices": dynamics
            and {
                "replicas": dynamics.replicas,
                "dt": dynamics.dt,
                "noise": dynamics.noise,
                "drive": dynamics.drive,
            },
            "covariance_error": self.covariance_error,
        }

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report as one page that needs nothing beside itself; `path` ends in .html."""
        from noiseprune.report import write_html  # loads Matplotlib

        write_html(path, *self.networks, self.to_dict())


def guarantee(net: RateNetwork) -> str:
    """Which theorem covers a network: "symmetric-diagonally-dominant" or "none"."""
    return "symmetric-diagonally-dominant" if theorem_applies(net) else "none"


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
        eigenvector (symmetric networks) and the covariance error; O(N^3), by default up to 4,000
        neurons
    seed : start of the Lanczos iteration, above 4,000 neurons

    Raises
    ------
    OptionError
        If the networks differ in size, or no certificate of this size is to be had.
    UnstableError
        If the original drift is singular.
    """
    change = spectrum.epsilon(net, pruned, seed=seed)
    errors: spectrum.EigenErrors | None = None
    abscissa: tuple[float, float] | None = None
    covariance_error: float | None = None
    if net.n_neurons <= DENSE_EIGENVALUES if detail is None else detail:
        if net.is_symmetric and pruned.is_symmetric:
            errors = spectrum.eigen_errors(net, pruned)
            abscissa = errors.abscissa
        else:
            abscissa = (net.spectral_abscissa(), pruned.spectral_abscissa())
        covariance_error = relative_covariance_error(net, pruned)
    return SpectralReport(
        n_neurons=net.n_neurons,
        n_synapses=net.n_synapses,
        n_kept=pruned.n_synapses,
        change=change,
        guarantee=guarantee(net),
        spectral_abscissa=abscissa,
        stable=abscissa[1] < 0 if abscissa else is_stable(pruned, change),
        networks=(net, pruned),
        eigenvalue_error=Summary.of(errors.eigenvalue) if errors else None,
        eigenvector_error=Summary.of(errors.eigenvector) if errors else None,
        eigenvector_cosine=Summary.of(errors.cosine) if errors else None,
        covariance_error=covariance_error,
    )


def is_stable(pruned: RateNetwork, change: spectrum.Epsilon) -> bool:
    """True if every eigenvalue of the pruned drift has a negative real part.

    In the pencil and symmetric-part norms an interval above -1 proves it, as the symmetric part
    of the pruned -A is then positive definite; otherwise the spectral abscissa decides.
    """
    if change.norm != "relative" and change.interval[0] > -1:
        return True
    if change.norm == "pencil" and change.method == "dense":
        return False
    return pruned.spectral_abscissa() < 0


def relative_covariance_error(net: RateNetwork, pruned: RateNetwork) -> float | None:
    """||C_s - C||_F / ||C||_F of the stationary covariances; None where one does not exist."""
    try:
        original = lyapunov.covariance(net).covariance
        changed = lyapunov.covariance(pruned).covariance
    except UnstableError:
        return None
    return float(np.linalg.norm(changed - original) / np.linalg.norm(original))


def dynamics_error(
    net: RateNetwork,
    pruned: RateNetwork,
    *,
    duration: float | None = None,
    dt: float | None = None,
    noise: float = 0.01,
    drive: float = 0.0002,
    replicas: int = 20,
    activation: str = "linear",
    seed: Seed = None,
    progress: Progress = silent,
) -> DynamicsError:
    """Relative trajectory error ||x_pruned(t) - x(t)|| / ||x(t)|| under the same noise.

    Both networks start from the same x(0) ~ U(0, 1) and see the same noise. `duration` (s) is by
    default the paper's 40, or five relaxation times of the original if that is less; `dt` (s) the
    paper's 0.005, or half of a stable step of the two networks if that is less. About a hundred
    times are recorded.

    Raises
    ------
    UnstableError or OptionError
        If one of the networks cannot be simulated with this step.
    """
    spectrum.check_same_size(net, pruned)
    if duration is None:
        abscissa = net.spectral_abscissa()
        duration = min(40.0, -5.0 / abscissa) if abscissa < 0 else 40.0
    if dt is None:
        dt = simulation.default_step(net, pruned)
    if isinstance(seed, np.random.Generator) or seed is None:
        seed = seed_sequence(seed)
    every = max(1, round(duration / dt / 100))
    runs = [
        simulation.simulate(
            network,
            duration=duration,
            dt=dt,
            noise=noise,
            drive=drive,
            replicas=replicas,
            record_every=every,
            activation=activation,
            seed=seed,
            progress=part(progress, index, 2),
        )
        for index, network in enumerate((net, pruned))
    ]
    original, changed = (run.rates for run in runs)
    error = np.linalg.norm(changed - original, axis=2) / np.linalg.norm(original, axis=2)
    mean, std = error.mean(axis=1), error.std(axis=1)
    return DynamicsError(runs[0].times, mean, std, dt, noise, drive, replicas, seed)
