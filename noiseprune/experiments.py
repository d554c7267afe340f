"""Protocols: all rules on one network and count; a simulation held against its exact law."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg
from threadpoolctl import threadpool_limits

from noiseprune import lyapunov, simulation, spectrum
from noiseprune.checks import Seed, count, seed_sequence, substream
from noiseprune.eigenvalues import DENSE_EIGENVALUES
from noiseprune.errors import OptionError
from noiseprune.network import RateNetwork
from noiseprune.progress import Progress, silent
from noiseprune.pruning import DEFAULT_SAMPLING, prune_with_variance, resolve_choices, rules
from noiseprune.similarity import is_stable
from noiseprune.variance import synapse_variance
from noiseprune.weights import FloatArray
from noiseprune.work import Worker, digest, in_order, serial

CHOICES: tuple[tuple[str, str | None, str | None], ...] = (
    ("noise", DEFAULT_SAMPLING, "homeostatic"),
    ("noise", DEFAULT_SAMPLING, "none"),
    ("noise", DEFAULT_SAMPLING, "leak"),
    ("paper", None, None),
    ("weight", DEFAULT_SAMPLING, "homeostatic"),
    ("weight", DEFAULT_SAMPLING, "none"),
    ("weight", DEFAULT_SAMPLING, "leak"),
    ("uniform", DEFAULT_SAMPLING, "homeostatic"),
    ("uniform", DEFAULT_SAMPLING, "none"),
    ("uniform", DEFAULT_SAMPLING, "leak"),
    ("magnitude", None, "none"),
)
"""(rule, sampling, balance) of the rows of a comparison."""

STREAMED_SYMMETRIC, STREAMED_DIRECTED = 12_000, 6_000
"""Neurons of the largest networks whose simulated covariance is held against the exact one, which
for the discrete scheme takes a Schur form where the network is directed."""


@dataclass(frozen=True)
class ComparisonRow:
    """One rule with its sampling and balance at one `keep`, over all draws.

    kept_fraction : mean; epsilon, epsilon_max : mean and largest; eigenvalue_error : mean over
    draws of the median |lambda' / lambda - 1| (None for directed or large networks); stable : in
    every draw; n_stable, draws : counts
    """

    rule: str
    sampling: str
    balance: str
    keep: float
    kept_fraction: float
    epsilon: float
    epsilon_max: float
    eigenvalue_error: float | None
    stable: bool
    n_stable: int
    draws: int


@dataclass(frozen=True)
class Comparison:
    """Rows of `compare`, with what they share; `keep` is a tuple if several were compared."""

    rows: tuple[ComparisonRow, ...]
    epsilon_norm: str
    keep: float | tuple[float, ...]
    seed: Seed

    def to_dict(self) -> dict[str, Any]:
        return {"rows": [asdict(row) for row in self.rows], "epsilon_norm": self.epsilon_norm}


def compare(
    net: RateNetwork,
    keep: float | Sequence[float] = 0.1,
    *,
    draws: int = 5,
    noise: float = 1.0,
    method: str = "auto",
    choices: Sequence[tuple[str, str | None, str | None]] = CHOICES,
    seed: Seed = None,
    progress: Progress = silent,
    worker: Worker = serial,
) -> Comparison:
    """Prune `net` to the same count by noise and by every baseline, `draws` times each.

    `choices` are (rule, sampling, balance); None takes the rule's own. `keep` may be a sequence:
    the rows of the first come first, and are those of a comparison at that alone. All rows see the
    same seeds, and the synapse variances are computed once. `worker` makes the probes or replicas
    of these, and the draws (see `noiseprune.cluster`); the result does not depend on it.

    Raises
    ------
    As `noiseprune.prune`.
    """
    draws = count("draws", draws)
    keeps = _several(keep)
    for one in keeps:
        rules.budget(one, net.n_synapses)
    root = seed_sequence(seed)
    variance = synapse_variance(net, noise, method, seed=root, worker=worker).variance
    shared = _Draws(net, variance, keeps, noise, root, tuple(choices))
    settings = list(product(range(len(keeps)), range(len(choices))))
    items = [(*setting, draw) for setting in settings for draw in range(draws)]
    found = []
    for result in in_order(worker(_draw, shared, items)):
        found.append(_Draw(*result))
        progress(len(found), len(items))
    rows = []
    for k, (level, choice) in enumerate(settings):
        rule, sampling, balance = choices[choice]
        sampling, balance = resolve_choices(rule, sampling, balance)
        own = found[k * draws : (k + 1) * draws]
        n_stable = sum(bool(draw.stable) for draw in own)
        error = float(np.mean([draw.eigenvalue_error for draw in own]))
        rows.append(
            ComparisonRow(
                rule=rule,
                sampling=sampling,
                balance=balance,
                keep=keeps[level],
                kept_fraction=float(np.mean([draw.n_kept for draw in own])) / net.n_synapses,
                epsilon=float(np.mean([draw.epsilon for draw in own])),
                epsilon_max=float(np.max([draw.epsilon for draw in own])),
                eigenvalue_error=None if np.isnan(error) else error,
                stable=n_stable == draws,
                n_stable=n_stable,
                draws=draws,
            )
        )
    several = len(keeps) > 1
    return Comparison(tuple(rows), str(found[-1].norm), keeps if several else keeps[0], seed)


def _several(keep: float | Sequence[float]) -> tuple[float, ...]:
    """One number or a sequence of them, as a tuple; whether they will do is checked elsewhere."""
    if isinstance(keep, np.ndarray) and keep.ndim == 1:
        keep = keep.tolist()
    if isinstance(keep, str) or not isinstance(keep, Sequence):
        return (keep,)
    if len(keep) == 0:
        raise OptionError("keep is an empty sequence: give at least one fraction or number")
    return tuple(keep)


class _Draw(NamedTuple):
    """What is kept of one pruning; `eigenvalue_error` is nan where it was not computed."""

    n_kept: int
    epsilon: float
    eigenvalue_error: float
    stable: bool
    norm: str


@dataclass(frozen=True)
class _Draws:
    """What the prunings of a comparison share; what the original needs is made where they are."""

    net: RateNetwork
    variance: FloatArray
    keeps: tuple[float, ...]
    noise: float
    root: np.random.SeedSequence
    choices: tuple[tuple[str, str | None, str | None], ...]

    @cached_property
    def original(self) -> spectrum.Original:
        return spectrum.Original(self.net)

    @cached_property
    def eigenvalues(self) -> FloatArray | None:
        symmetric = self.net.is_symmetric and self.net.n_neurons <= DENSE_EIGENVALUES
        return _eigenvalues(self.net) if symmetric else None

    def digest(self) -> str:
        """Of everything that the prunings depend on."""
        stream = self.root.entropy, self.root.spawn_key
        net = self.net
        return digest(
            net.csr, net.leak, self.variance, self.keeps, self.noise, stream, self.choices
        )


def _draw(shared: _Draws, item: tuple[int, int, int]) -> _Draw:
    """One pruning: (index of the keep, index of the choice, number of the draw)."""
    level, choice, draw = item
    rule, sampling, balance = shared.choices[choice]
    # The probes take the keys (0,), (1,), ... of the seed; the draws keep away from them.
    stream = substream(shared.root, 0, 1, draw)
    pruning = prune_with_variance(
        shared.net,
        shared.variance,
        keep=shared.keeps[level],
        rule=rule,
        sampling=sampling,
        balance=balance,
        noise=shared.noise,
        seed=np.random.default_rng(stream),
    )
    # On one thread, so that it is rounded alike everywhere.
    with threadpool_limits(1, user_api="blas"):
        change = shared.original.epsilon(pruning.network)
        original = shared.eigenvalues
        values = None if original is None else _eigenvalues(pruning.network)
    error = np.nan
    if original is not None and values is not None:
        error = float(np.median(np.abs(values / original - 1.0)))
    stable = is_stable(pruning.network, change)
    return _Draw(pruning.n_kept, change.epsilon, error, stable, change.norm)


def _eigenvalues(net: RateNetwork) -> FloatArray:
    """Eigenvalues of a symmetric drift, in ascending order."""
    drift = net.dense_drift()
    return linalg.eigvalsh(drift, overwrite_a=True, check_finite=False)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class SimulationRun:
    """A simulation with the statistics of its fluctuations; None where not computed.

    covariance_error : ||C_run - C_h||_F / ||C_h||_F against the exact covariance C_h of the
        discrete scheme, over the second half of the run
    covariance_sampling_error : what a finite run leaves of it, estimated from two halves of the
        replicas, relative to ||C_h||_F as well
    relaxation_time : -1 / spectral abscissa, s
    mean_variance : mean over the neurons of the variance in the second half of the run
    note : in words, why an error is None or what it means
    stepping_seconds : wall time of `n_steps` steps, without the covariances
    """

    n_neurons: int
    n_steps: int
    replicas: int
    dt: float
    covariance_error: float | None
    covariance_sampling_error: float | None
    relaxation_time: float | None
    mean_variance: float | None
    note: str
    stepping_seconds: float
    trajectory: simulation.Trajectory | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values; the trajectory and the wall time are left out."""
        hidden = ("trajectory", "stepping_seconds")
        values = {name: value for name, value in vars(self).items() if name not in hidden}
        values["covariance_note"] = values.pop("note")
        return values


def simulate_with_statistics(
    net: RateNetwork,
    *,
    duration: float = 40.0,
    dt: float | None = None,
    noise: float = 0.01,
    drive: float = 0.0002,
    replicas: int = 20,
    record_every: int = 10,
    activation: str = "linear",
    store: bool = False,
    seed: Seed = None,
    progress: Progress = silent,
    worker: Worker = serial,
) -> SimulationRun:
    """Simulate, and hold the covariance of the fluctuations against the exact discrete law.

    Linear networks with a stationary state are simulated as fluctuations around their mean
    (`simulation.streaming_covariance`), which needs no stored trajectory. Others, and all if
    `store`, as rates from x(0) ~ U(0, 1) (`simulation.simulate`). An error is given only if the
    first half of the run, which is left out, lasts at least three relaxation times. `dt` (s) is
    by default the paper's 0.005, or half of a stable step if that is less. `worker` makes the
    replicas (see `noiseprune.cluster`); the result does not depend on it.

    Raises
    ------
    As `noiseprune.simulate`.
    """
    if seed is None or isinstance(seed, np.random.Generator):
        seed = seed_sequence(seed)
    if dt is None:
        dt = simulation.default_step(net, activation=activation)
    options: dict[str, Any] = {
        "duration": duration,
        "dt": dt,
        "noise": noise,
        "drive": drive,
        "replicas": replicas,
        "activation": activation,
        "seed": seed,
        "progress": progress,
        "worker": worker,
    }
    burn_in = duration / 2
    relaxation, note = _relaxation(net, activation)
    streamed, trajectory = None, None
    if relaxation is not None:
        start = time.perf_counter()
        streamed = simulation.streaming_covariance(
            net, burn_in=burn_in, record_every=record_every, **options
        )
        n_steps = streamed.n_steps
        seconds = time.perf_counter() - start
    if store or streamed is None:
        every = record_every if store else max(1, round(duration / dt))
        start = time.perf_counter()
        trajectory = simulation.simulate(net, record_every=every, **options)
        n_steps = trajectory.n_steps
        seconds = time.perf_counter() - start
    error, sampling_error = None, None
    if streamed is not None and relaxation is not None:
        if burn_in < 3 * relaxation:
            note = (
                f"the run is a transient: its first half lasts {burn_in:.3g} s, but the slowest "
                f"mode relaxes in {relaxation:.3g} s; for a stationary covariance simulate at "
                f"least {6 * relaxation:.3g} s"
            )
        else:
            exact = lyapunov.discrete_covariance(net, dt, noise).covariance
            size = float(np.linalg.norm(exact))
            error = float(np.linalg.norm(streamed.covariance - exact)) / size
            note = "against the exact covariance of the discrete scheme; compare the sampling error"
            if streamed.sampling_error is not None:
                sampling_error = streamed.sampling_error / size
    return SimulationRun(
        n_neurons=net.n_neurons,
        n_steps=n_steps,
        replicas=replicas,
        dt=dt,
        covariance_error=error,
        covariance_sampling_error=sampling_error,
        relaxation_time=relaxation,
        mean_variance=None if streamed is None else float(np.mean(np.diag(streamed.covariance))),
        note=note,
        stepping_seconds=seconds,
        trajectory=trajectory if store else None,
    )


def _relaxation(net: RateNetwork, activation: str) -> tuple[float | None, str]:
    """Slowest relaxation time (s) of a linear network small enough for its covariance."""
    if activation != "linear":
        return None, "only linear networks have an exact covariance"
    limit = STREAMED_SYMMETRIC if net.is_symmetric else STREAMED_DIRECTED
    if net.n_neurons > limit:
        return None, f"the covariance is not formed above {limit:,} neurons"
    abscissa = net.spectral_abscissa()
    if not abscissa < -1e-12 * float(np.max(net.leak)):
        return None, f"no stationary covariance: the spectral abscissa is {abscissa:.3g} 1/s"
    return -1.0 / abscissa, ""
