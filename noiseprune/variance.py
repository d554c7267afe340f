"""Synapse variances from any source, as one record.

    Exact | Probes | Replicas | recordings.Recorded  --measure(net, noise)-->  SynapseVariance

v_ij = Var(x_i - sgn(w_ij) x_j) = C_ii + C_jj - 2 sgn(w_ij) C_ij
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast, get_args

import numpy as np
from scipy import linalg

from noiseprune import kernels, lyapunov, probing, simulation
from noiseprune.checks import Seed, count, noise_strength, one_of, positive
from noiseprune.choices import Method, Solver
from noiseprune.errors import OptionError
from noiseprune.network import RateNetwork, on_synapses, unstable
from noiseprune.progress import Progress, silent
from noiseprune.pruning.surgeon import EXACT_DAMPENING, SAMPLED_DAMPENING, Activity
from noiseprune.records import Record, Rows, number
from noiseprune.solvers import SOLVERS
from noiseprune.weights import FloatArray
from noiseprune.work import Worker, serial

METHODS: tuple[Method, ...] = get_args(Method)
EXACT = 12_000
"""Neurons of the largest networks that "auto" solves exactly; see `lyapunov` for the memory."""

_STEP = 0.05
"""Step of a simulation over the largest stable one: the fastest mode is 5 % too strong."""
_MAX_STEPS = 10_000_000


@dataclass(frozen=True, repr=False)
class SynapseVariance(Record):
    """Synapse variances with their evidence.

    variance : (n_synapses,), aligned with `net.synapses`
    noise : sigma of the noise that drove the network
    method : "exact", "probe" or "simulation"
    residual : backward error of the covariance; None where none was solved
    relative_error : estimated relative standard deviation; 0 if exact
    n_probes, seed : of the estimate; None if exact
    solver, solver_steps : preconditioner of the probes' systems, and their largest step count
    covariance : what was solved, if it was to be kept
    activity : second moment of the noise and of the steady response to uniform input, each of
        trace 1, if it was to be kept: what rule "surgeon" sees
    """

    variance: FloatArray
    noise: float
    method: str
    residual: float | None
    relative_error: float
    n_probes: int | None = None
    seed: Seed = None
    solver: str | None = None
    solver_steps: int | None = None
    covariance: lyapunov.Covariance | None = field(default=None, compare=False, kw_only=True)
    activity: Activity | None = field(default=None, compare=False, kw_only=True)

    @property
    def of_network(self) -> bool:
        """True: the noise is the network's own, which the theorem is about."""
        return True

    def to_dict(self) -> dict[str, Any]:
        """The evidence as JSON-ready values, under the keys of the command line; no arrays."""
        return {
            "method": self.method,
            "residual": self.residual,
            "n_probes": self.n_probes,
            "variance_error": self.relative_error,
            "solver": self.solver,
            "solver_steps": self.solver_steps,
            "recording": None,
        }

    def in_words(self) -> Rows:
        """What made the variances, in words."""
        if self.n_probes is None:
            return [("variances", f"{self.method}, backward error {number(self.residual, 1)}")]
        line = f"{self.n_probes} by {self.method}, relative error {self.relative_error:.2g}"
        if self.solver is not None:
            line += f"; {self.solver} preconditioner, {self.solver_steps} steps"
        return [("probes", line)]


class Source(Protocol):
    """Where synapse variances come from; a frozen record of the options of one way."""

    def measure(
        self,
        net: RateNetwork,
        noise: float | None = None,
        *,
        seed: Seed = None,
        progress: Progress = silent,
        worker: Worker = serial,
    ) -> SynapseVariance:
        """v_ij of every synapse under noise of strength sigma = `noise`.

        `noise` None is 1, or for a recording what the recording says. `worker` makes the pieces
        (see `noiseprune.cluster`); the result does not depend on it.
        """


@dataclass(frozen=True, kw_only=True)
class Exact:
    """From the solved covariance; see `noiseprune.lyapunov`.

    keep_covariance : hand it on with the variances, so that a report need not solve it again
    keep_activity : hand on the second moment, for rule "surgeon"
    """

    keep_covariance: bool = False
    keep_activity: bool = False

    def measure(
        self,
        net: RateNetwork,
        noise: float | None = None,
        *,
        seed: Seed = None,
        progress: Progress = silent,
        worker: Worker = serial,
    ) -> SynapseVariance:
        noise = noise_strength(1.0 if noise is None else noise)
        solved = lyapunov.covariance(net, noise)
        values, residual = _of_units(net, solved.covariance), solved.residual
        kept = solved if self.keep_covariance else None
        activity = _exact_activity(net, solved.covariance) if self.keep_activity else None
        del solved  # before the values take more memory
        values = on_synapses(net, values)
        progress(1, 1)
        return SynapseVariance(
            values, noise, "exact", residual, 0.0, covariance=kept, activity=activity
        )


@dataclass(frozen=True, kw_only=True)
class Probes:
    """From noise probes; see `noiseprune.probing`.

    n : probes to make
    error : instead of `n`: relative error wanted of the variances (root mean square)
    solver : preconditioner of their systems: "auto" (by trial), "diagonal",
        "approximate-cholesky" or "multigrid"
    keep_activity : hand on the probes themselves, for rule "surgeon"; the variances are then theirs
    """

    n: int = probing.N_PROBES
    error: float | None = None
    solver: str = "auto"
    keep_activity: bool = False

    def __post_init__(self) -> None:
        count("n_probes", self.n)
        if self.error is not None:
            positive("probe error", self.error)
        one_of("solver", self.solver, SOLVERS)

    def measure(
        self,
        net: RateNetwork,
        noise: float | None = None,
        *,
        seed: Seed = None,
        progress: Progress = silent,
        worker: Worker = serial,
    ) -> SynapseVariance:
        noise = noise_strength(1.0 if noise is None else noise)
        if self.keep_activity and self.error is not None:
            raise OptionError(
                "a probe error is that of synapse variances, and rule 'surgeon' uses none: give "
                "the number of probes (n_probes, --n-probes) instead"
            )
        choices: dict[str, Any] = {"solver": self.solver, "worker": worker}
        if self.keep_activity:
            found = probing.probed_activity(net, noise, self.n, seed, progress, **choices)
        else:
            choices["error"] = self.error
            found = probing.probed_variance(net, noise, self.n, seed, progress, **choices)
        activity = None
        if found.states is not None and found.response is not None:
            activity = Activity.with_mean(
                found.states, found.response, whole=False, dampening=SAMPLED_DAMPENING
            )
        return SynapseVariance(
            found.variance,
            noise,
            "probe",
            None,
            found.relative_error,
            found.n_probes,
            seed,
            found.solver,
            found.steps,
            activity=activity,
        )


@dataclass(frozen=True, kw_only=True)
class Replicas:
    """From `n` simulated replicas that run for six relaxation times, the first three left out."""

    n: int = probing.N_PROBES

    def __post_init__(self) -> None:
        count("n_probes", self.n)

    def measure(
        self,
        net: RateNetwork,
        noise: float | None = None,
        *,
        seed: Seed = None,
        progress: Progress = silent,
        worker: Worker = serial,
    ) -> SynapseVariance:
        noise = noise_strength(1.0 if noise is None else noise)
        abscissa = net.spectral_abscissa()
        if not abscissa < 0:
            raise unstable(net, abscissa)
        dt = _STEP * (simulation.safe_step(net) or simulation.largest_stable_step(net))
        duration = 6.0 / -abscissa
        if duration / dt > _MAX_STEPS:
            raise OptionError(
                f"a simulation would take {duration / dt:.2g} steps, as the relaxation times of "
                "the network span too wide a range: use a smaller network with method 'exact', "
                "or give a more even leak"
            )
        asked = simulation.Simulation(
            duration=duration,
            dt=dt,
            noise=noise,
            replicas=self.n,
            record_every=max(1, round(duration / dt / 200)),
            seed=seed,
        )
        run = simulation.streaming_synapse_variance(
            net, asked, burn_in=duration / 2, progress=progress, worker=worker
        )
        error = (2.0 / self.n) ** 0.5
        if run.sampling_error is not None:
            error = run.sampling_error / float(np.linalg.norm(run.variance))
        return SynapseVariance(run.variance, noise, "simulation", None, error, self.n, seed)


def source_of(
    net: RateNetwork,
    method: str = "auto",
    *,
    n_probes: int = probing.N_PROBES,
    probe_error: float | None = None,
    solver: str = "auto",
) -> Source:
    """The source that a method names; "auto" is exact up to 12,000 neurons, above that probes.

    Raises
    ------
    OptionError
        If the method is unknown, or an option is not one of it.
    """
    one_of("method", method, METHODS)
    count("n_probes", n_probes)
    if method == "auto":
        method = "exact" if net.n_neurons <= EXACT else "probe"
    if method == "probe":
        return Probes(n=n_probes, error=probe_error, solver=solver)
    if probe_error is not None or solver != "auto":
        option = "a solver" if probe_error is None else "a probe error"
        raise OptionError(
            f"{option} goes with method 'probe' (--method probe), but the method is {method!r}"
        )
    return Exact() if method == "exact" else Replicas(n=n_probes)


def with_activity(source: Source) -> Source:
    """The same source, which keeps the second moment of the activity, too."""
    if not hasattr(source, "keep_activity"):
        raise OptionError(
            "rule 'surgeon' needs the second moment of the activity, which method 'simulation' "
            "does not keep: use method 'exact' or 'probe'"
        )
    found: Source = replace(cast(Any, source), keep_activity=True)
    return found


def _exact_activity(net: RateNetwork, covariance: FloatArray) -> Activity:
    response: FloatArray = np.sum(covariance, axis=1)  # where C is M^-1 times a number
    if not net.is_symmetric:
        response = linalg.solve(-net.dense_drift(), np.ones(net.n_neurons), overwrite_a=True)
    return Activity.with_mean(covariance, response, whole=True, dampening=EXACT_DAMPENING)


def synapse_variance(
    net: RateNetwork,
    noise: float = 1.0,
    method: Method = "auto",
    *,
    n_probes: int = probing.N_PROBES,
    seed: Seed = None,
    progress: Progress = silent,
    worker: Worker = serial,
    solver: Solver = "auto",
    probe_error: float | None = None,
) -> SynapseVariance:
    """v_ij of every synapse under white noise of strength sigma = `noise`.

        v_ij = C_ii + C_jj - 2 sgn(w_ij) C_ij,    A C + C A^T + sigma^2 I = 0

    "exact": from the solved covariance. "probe": from noise probes (see
    `noiseprune.probing`). "simulation": from `n_probes` simulated replicas. "auto": exact up to
    12,000 neurons, above that probe.

    worker : makes the probes or replicas (see `noiseprune.cluster`); the result does not depend on
        it
    solver : preconditioner of their systems: "auto" (by trial), "diagonal", "approximate-cholesky"
        or "multigrid"
    probe_error : relative error wanted of the variances (root mean square), instead of `n_probes`

    Raises
    ------
    UnstableError
        If there is no stationary state.
    OptionError
        If the method does not apply to the network.

    Source: Moore and Chaudhuri (2020).

    >>> synapse_variance(RateNetwork([[0.0, 0.5], [0.5, 0.0]], leak=1.0)).variance.round(3)
    array([0.667, 0.667])
    """
    noise = noise_strength(noise)
    source = source_of(net, method, n_probes=n_probes, probe_error=probe_error, solver=solver)
    return source.measure(net, noise, seed=seed, progress=progress, worker=worker)


def variance_of(net: RateNetwork, covariance: FloatArray) -> FloatArray:
    """(n_synapses,) v_ij of every synapse, from the covariance (N, N) of the rates."""
    return on_synapses(net, _of_units(net, covariance))


def _of_units(net: RateNetwork, covariance: FloatArray) -> FloatArray:
    """v of every synapse, of a symmetric network above the diagonal only."""
    csr = net.csr
    starts = kernels.pair_starts(csr.indptr, csr.indices) if net.is_symmetric else csr.indptr
    values = kernels.synapse_variance(csr.indptr, csr.indices, csr.data, starts, covariance)
    # Near singularity rounding may leave less than nothing.
    return np.maximum(values, 0.0, out=values)
