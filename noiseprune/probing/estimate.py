"""Estimates of the synapse variances from blocks of probes, and of their error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from noiseprune.checks import (
    Seed,
    count,
    noise_strength,
    one_of,
    positive,
    seed_sequence,
    substream,
)
from noiseprune.errors import OptionError
from noiseprune.network import RateNetwork, on_synapses
from noiseprune.probing import kernels
from noiseprune.probing.directed import Resolvent, resolvent_block, resolvent_states
from noiseprune.probing.symmetric import Probes, probe_block, probe_states
from noiseprune.progress import Progress, silent
from noiseprune.solvers import SOLVERS
from noiseprune.solvers.drives import BLOCK
from noiseprune.weights import FloatArray
from noiseprune.work import Worker, in_order, serial

N_PROBES = 64
"""Probes to make where their number is not asked for."""


@dataclass(frozen=True)
class Probed:
    """Estimated synapse variances with their evidence.

    variance : (n_synapses,); relative_error : root mean square over the synapses, estimated; for
        directed networks with a bound of the quadrature's bias
    n_probes : made; solver, steps : preconditioner of the systems, and their largest step count
    states : (N, q) whose products are the covariance, up to a number, where they were to be kept;
        response : (N,) then, the steady response to uniform input
    """

    variance: FloatArray
    relative_error: float
    n_probes: int
    solver: str
    steps: int
    states: FloatArray | None = None
    response: FloatArray | None = None


def probed_variance(
    net: RateNetwork,
    noise: float = 1.0,
    n_probes: int = N_PROBES,
    seed: Seed = None,
    progress: Progress = silent,
    *,
    error: float | None = None,
    solver: str = "auto",
    variance_reduction: bool = True,
    worker: Worker = serial,
) -> Probed:
    """Estimates of v_ij from `n_probes` probes.

    Parameters
    ----------
    error : relative error wanted (rms), instead of `n_probes`: a block of probes shows what one of
        them leaves, and it falls as 1 / sqrt(n_probes). The keep probabilities, being
        proportional to v_ij below 1, have the same
    solver : preconditioner for symmetric, diagonally dominant networks, "diagonal",
        "approximate-cholesky" or "multigrid"; "auto" tries. Others have only the diagonal
    variance_reduction : take off what the synapse's own two neurons explain, which is known. The
        error is then smaller than the sqrt(2 / n_probes) of plain probes, often by far
    worker : makes the blocks of probes (see `noiseprune.work`); the result does not depend on it

    Raises
    ------
    UnstableError
        If the drift has no stationary state.
    ConvergenceError
        If the systems do not converge.
    OptionError
        If an option is out of range, or the solver not for this network.
    """
    noise, n_probes = noise_strength(noise), count("n_probes", n_probes)
    first = n_probes if error is None else BLOCK
    shared = _shared(net, first, seed, solver, reduced=variance_reduction)
    if error is not None:
        error = positive("probe error", error)
        _, relative, _ = _estimates(shared, serial, silent)
        shared = shared.repeated(max(relative**2 - shared.bias**2, 0.0) / error**2)
    variance, relative, steps = _estimates(shared, worker, progress)
    if isinstance(shared, Probes):
        variance = on_synapses(net, 0.5 * variance)
    variance *= noise**2
    return Probed(variance, relative, shared.probes, shared.name, steps)


def probed_activity(
    net: RateNetwork,
    noise: float = 1.0,
    n_probes: int = N_PROBES,
    seed: Seed = None,
    progress: Progress = silent,
    *,
    solver: str = "auto",
    worker: Worker = serial,
) -> Probed:
    """As `probed_variance`, and the probes themselves, whose plain estimates the variances are."""
    noise, n_probes = noise_strength(noise), count("n_probes", n_probes)
    shared = _shared(net, n_probes, seed, solver, reduced=False)
    block: Callable[..., Any] = probe_states if isinstance(shared, Probes) else resolvent_states
    parts, most = [], 0
    for done, (states, steps) in enumerate(in_order(worker(block, shared, shared.blocks))):
        parts.append(states)
        most = max(most, int(steps))
        progress(done + 1, len(shared.blocks))
    found = np.concatenate(parts, axis=1, dtype=np.float64) * shared.scale
    csr = net.csr
    sums = kernels.squares(
        csr.indptr, csr.indices, csr.data, net.leak, shared.starts, found, found[:0]
    )
    variance = np.asarray(noise**2 * sums, dtype=np.float64)
    if isinstance(shared, Probes):
        variance = on_synapses(net, 0.5 * variance)
    return Probed(
        variance=variance,
        relative_error=float(np.hypot((2.0 / shared.probes) ** 0.5, shared.bias)),
        n_probes=shared.probes,
        solver=shared.name,
        steps=most,
        states=found,
        response=shared.response(),
    )


def _shared(
    net: RateNetwork, probes: int, seed: Seed, solver: str, *, reduced: bool
) -> Probes | Resolvent:
    """What the blocks of probes share, for the kind of network that it is."""
    stream = substream(seed_sequence(seed), 0)
    key = stream.generate_state(2, np.uint32).astype(np.uint64)
    if net.is_symmetric and net.is_diagonally_dominant:
        return Probes.of(net, key, probes, solver=solver, reduced=reduced)
    if one_of("solver", solver, SOLVERS) not in ("auto", "diagonal"):
        raise OptionError(
            f"solver is {solver!r}, but this network is not symmetric and diagonally dominant: "
            "its systems have the solver 'diagonal' only; leave it out"
        )
    return Resolvent.of(net, key, probes, reduced=reduced)


def _estimates(
    shared: Probes | Resolvent, worker: Worker, progress: Progress
) -> tuple[FloatArray, float, int]:
    """Estimates under unit noise, their relative error and the largest step count of a block.

    Blocks are added in their order.
    """
    block: Callable[..., Any] = probe_block if isinstance(shared, Probes) else resolvent_block
    total, most = np.zeros(0), 0
    for done, (sums, steps) in enumerate(in_order(worker(block, shared, shared.blocks))):
        if done == 0:
            total = np.zeros(sums.shape)
        total += sums
        most = max(most, int(steps))
        progress(done + 1, len(shared.blocks))
    return *shared.finish(total), most
