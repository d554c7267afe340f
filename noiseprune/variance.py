"""Synapse variances from any source, as one record.

v_ij = Var(x_i - sgn(w_ij) x_j) = C_ii + C_jj - 2 sgn(w_ij) C_ij
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noiseprune import kernels, lyapunov, probing, simulation
from noiseprune.checks import Seed, count, noise_strength, one_of
from noiseprune.errors import OptionError
from noiseprune.network import RateNetwork, unstable
from noiseprune.progress import Progress, silent
from noiseprune.weights import FloatArray
from noiseprune.work import Worker, serial

METHODS = ("auto", "exact", "probe", "simulation")
EXACT = 12_000
"""Neurons of the largest networks that "auto" solves exactly; see `lyapunov` for the memory."""

_STEP = 0.05
"""Step of a simulation over the largest stable one: the fastest mode is 5 % too strong."""
_MAX_STEPS = 10_000_000


@dataclass(frozen=True)
class SynapseVariance:
    """Synapse variances with their evidence.

    variance : (n_synapses,), aligned with `net.synapses`
    noise : sigma of the noise that drove the network
    method : "exact", "probe" or "simulation"
    residual : backward error of the covariance; None where none was solved
    relative_error : estimated relative standard deviation; 0 if exact
    n_probes, seed : of the estimate; None if exact
    solver, solver_steps : preconditioner of the probes' systems, and their largest step count
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


def synapse_variance(
    net: RateNetwork,
    noise: float = 1.0,
    method: str = "auto",
    *,
    n_probes: int = 64,
    seed: Seed = None,
    progress: Progress = silent,
    worker: Worker = serial,
    solver: str = "auto",
    probe_error: float | None = None,
) -> SynapseVariance:
    """v_ij of every synapse under white noise of strength sigma = `noise`.

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
    """
    noise = noise_strength(noise)
    n_probes = count("n_probes", n_probes)
    one_of("method", method, METHODS)
    if method == "auto":
        method = "exact" if net.n_neurons <= EXACT else "probe"
    if method != "probe" and (probe_error is not None or solver != "auto"):
        option = "a solver" if probe_error is None else "a probe error"
        raise OptionError(
            f"{option} goes with method 'probe' (--method probe), but the method is {method!r}"
        )
    if method == "exact":
        values, residual = _exact(net, noise)
        progress(1, 1)
        return SynapseVariance(values, noise, method, residual, 0.0)
    if method == "probe":
        found = probing.probed_variance(
            net,
            noise,
            n_probes,
            seed,
            progress,
            error=probe_error,
            solver=solver,
            worker=worker,
        )
        return SynapseVariance(
            found.variance,
            noise,
            method,
            None,
            found.relative_error,
            found.n_probes,
            seed,
            found.solver,
            found.steps,
        )
    return _simulated(net, noise, n_probes, seed, progress, worker)


def _exact(net: RateNetwork, noise: float) -> tuple[FloatArray, float]:
    """From the solved covariance, with its residual.

    Symmetric: above the diagonal first, and onto both entries of each pair when C has gone.
    """
    csr, solved = net.csr, lyapunov.covariance(net, noise)
    read = kernels.pair_variance if net.is_symmetric else kernels.synapse_variance
    values, residual = read(csr.indptr, csr.indices, csr.data, solved.covariance), solved.residual
    del solved
    np.maximum(values, 0.0, out=values)  # near singularity rounding may leave less than nothing
    if net.is_symmetric:
        values = kernels.onto_pairs(csr.indptr, csr.indices, values)
    return values, residual


def _simulated(
    net: RateNetwork, noise: float, n_probes: int, seed: Seed, progress: Progress, worker: Worker
) -> SynapseVariance:
    """From replicas that run for six relaxation times, the first three of them left out."""
    abscissa = net.spectral_abscissa()
    if not abscissa < 0:
        raise unstable(net, abscissa)
    dt = _STEP * (simulation.safe_step(net) or simulation.largest_stable_step(net))
    duration = 6.0 / -abscissa
    if duration / dt > _MAX_STEPS:
        raise OptionError(
            f"a simulation would take {duration / dt:.2g} steps, as the relaxation times of the "
            "network span too wide a range: use a smaller network with method 'exact', or give "
            "a more even leak"
        )
    every = max(1, round(duration / dt / 200))
    run = simulation.streaming_synapse_variance(
        net,
        duration=duration,
        burn_in=duration / 2,
        dt=dt,
        noise=noise,
        replicas=n_probes,
        record_every=every,
        seed=seed,
        progress=progress,
        worker=worker,
    )
    error = (2.0 / n_probes) ** 0.5
    if run.sampling_error is not None:
        error = run.sampling_error / float(np.linalg.norm(run.variance))
    return SynapseVariance(run.variance, noise, "simulation", None, error, n_probes, seed)
