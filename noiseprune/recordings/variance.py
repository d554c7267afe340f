"""Synapse variances from a recording: on the synapses only, with error bars.

    v_ij = Var(x_i - sgn(w_ij) x_j) = C_ii + C_jj - 2 sgn(w_ij) C_ij

Scale. Pruning to a number of synapses does not depend on the scale of v, since the gain K adapts:
a recording may be in any unit. The accuracy promised by `epsilon` needs the strength of the noise
in the recording's own units. The trace of the Lyapunov equation A C + C A^T + sigma^2 1 = 0 has it:

    sigma^2 = -(2 / N) tr(A C) = (2 / N) [sum_i leak_i C_ii - sum_ij w_ij C_ij]

which is local to neurons and synapses. It is as good as the network and its leak are.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, get_args

import numpy as np

from noiseprune.checks import Seed, noise_strength, one_of
from noiseprune.choices import Match, Shrinkage, ZeroLag
from noiseprune.errors import NetworkError, RecordingError
from noiseprune.network import RateNetwork, not_a_network
from noiseprune.progress import Progress, silent
from noiseprune.pruning.surgeon import SAMPLED_DAMPENING, Activity
from noiseprune.recordings import statistics
from noiseprune.recordings.matching import channels_of
from noiseprune.recordings.record import Recording, refuse_silent
from noiseprune.records import Rows, plain
from noiseprune.variance import SynapseVariance
from noiseprune.weights import FloatArray
from noiseprune.work import Worker, serial


@dataclass(frozen=True, repr=False)
class RecordedVariance(SynapseVariance):
    """Synapse variances of a recording, with what else is known of them.

    noise : sigma in the recording's units, from the trace of the Lyapunov equation or as given;
        1 where that trace is not positive (then `noise_known` is False)
    standard_error : (n_synapses,) by block bootstrap; the bias of the shrinkage is not in it
    n_raised : variances that were below their standard error, and were set to it, so that no
        synapse is lost for lack of data alone
    Others : as in `RecordedCovariance`.
    """

    standard_error: FloatArray | None = None
    noise_known: bool = True
    n_raised: int = 0
    shrinkage: float = 0.0
    n_samples: int = 0
    n_effective: float = 0.0
    n_blocks: int = 0
    length: float = 0.0
    units: str = "dimensionless"
    source: str = ""
    spikes: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def of_network(self) -> bool:
        """False: the theorem is about a network's own noise, not about recorded activity."""
        return False

    def to_dict(self) -> dict[str, Any]:
        """As of `SynapseVariance`, with what else is known under "recording"; no arrays."""
        return super().to_dict() | {"recording": self.evidence()}

    def evidence(self) -> dict[str, Any]:
        """What is known beside the arrays, as JSON-ready values."""
        names = [found.name for found in fields(self) if found.name not in _ELSEWHERE]
        found: dict[str, Any] = plain({name: getattr(self, name) for name in names})
        return found

    def in_words(self) -> Rows:
        """The recording in words."""
        line = (
            f"{self.source}, {self.length:.4g} s, {self.n_samples:,} samples, worth "
            f"{self.n_effective:,.0f} for the slowest channel; relative error "
            f"{self.relative_error:.2g}"
        )
        rows = [("recording", line)]
        if self.shrinkage:
            rows.append(("shrinkage", f"{self.shrinkage:.2g} (Ledoit-Wolf)"))
        if self.n_raised:
            line = f"{self.n_raised:,} variances below their error, set to it"
            rows.append(("in doubt", line))
        return [*rows, *(("note", note) for note in self.notes)]


_ELSEWHERE = (
    *("variance", "standard_error", "covariance"),
    *("method", "residual", "n_probes", "seed", "solver", "solver_steps", "activity"),
)
"""Fields that are arrays, or that stand beside "recording"."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Synapse variances from a recording, as a source; the options of `synapse_variance`."""

    recording: Recording
    match: Match = "auto"
    shrink: Shrinkage = "auto"
    zero_lag: ZeroLag = "poisson"
    scale: FloatArray | None = None
    keep_activity: bool = False

    def measure(
        self,
        net: RateNetwork,
        noise: float | None = None,
        *,
        seed: Seed = None,
        progress: Progress = silent,
        worker: Worker = serial,
    ) -> RecordedVariance:
        options = {key: x for key, x in vars(self).items() if key != "keep_activity"}
        found = synapse_variance(net, noise=noise, progress=progress, **options)
        return replace(found, activity=self._activity(net)) if self.keep_activity else found

    def _activity(self, net: RateNetwork) -> Activity:
        """The covariance of the channels, made positive: with what the spikes add taken off, and
        few samples, it need not be.
        """
        recording = self.recording.chosen(channels_of(net, self.recording, self.match))
        found = statistics.covariance(recording, shrink=self.shrink, zero_lag=self.zero_lag)
        moment = found.covariance
        if self.scale is not None:
            moment = moment / np.outer(self.scale, self.scale)
        values, vectors = np.linalg.eigh(moment)
        return Activity((vectors * np.maximum(values, 0.0)) @ vectors.T, True, SAMPLED_DAMPENING)


def synapse_variance(
    net: RateNetwork,
    recording: Recording,
    *,
    match: Match = "auto",
    shrink: Shrinkage = "auto",
    zero_lag: ZeroLag = "poisson",
    block: float | None = None,
    noise: float | None = None,
    scale: FloatArray | None = None,
    progress: Progress = silent,
) -> RecordedVariance:
    """v_ij of every synapse of `net`, (n_synapses,), from a recording of its neurons.

    match : "auto", "name" or "order" (see `recordings.matching`)
    shrink, zero_lag, block : as for `recordings.covariance`
    noise : sigma in the recording's units, if it is known
    scale : (N,) by which every neuron's activity is divided, such as `InferredNetwork.scale`

    Raises
    ------
    RecordingError
        If a neuron has no channel or never changes, or the recording is too short.
    """
    if not isinstance(net, RateNetwork):
        raise NetworkError(not_a_network(net))
    one_of("shrinkage", shrink, get_args(Shrinkage))
    noise = None if noise is None else noise_strength(noise)
    recording = recording.chosen(channels_of(net, recording, match))
    refuse_silent(recording, what="record longer, or give a network of the neurons that are active")
    cut = statistics.cut_into_blocks(recording, zero_lag, block)
    indptr, pre, signs = net.csr.indptr, net.csr.indices, np.sign(net.synapse_weights)
    variance, error = np.empty(pre.size), np.empty(pre.size)
    own = statistics.BlockSums(cut, net.n_neurons)
    unit = np.ones(net.n_neurons) if scale is None else np.asarray(scale, dtype=np.float64)
    diagonals = [cut.diagonal(b) / unit**2 for b in range(len(cut.cuts))]
    for b, diagonal in enumerate(diagonals):
        own.add(b, diagonal)
    norm = total_error = 0.0
    for first in range(0, net.n_neurons, statistics.ROWS):
        last = min(first + statistics.ROWS, net.n_neurons)
        chosen = slice(indptr[first], indptr[last])
        post = np.repeat(np.arange(first, last), np.diff(indptr[first : last + 1]))
        rows = statistics.BlockSums(cut, (last - first, net.n_neurons))
        synapses = statistics.BlockSums(cut, pre[chosen].size)
        for b, diagonal in enumerate(diagonals):
            covariances = cut.rows(b, first, last) / np.outer(unit[first:last], unit)
            rows.add(b, covariances)
            shared = covariances[post - first, pre[chosen]]
            sums = diagonal[post] + diagonal[pre[chosen]]
            synapses.add(b, sums - 2.0 * signs[chosen] * shared)
        norm += float(np.sum(rows.mean**2))
        total_error += float(np.sum(rows.squared_error))
        variance[chosen], error[chosen] = synapses.mean, synapses.squared_error
        progress(last, net.n_neurons)
    error = np.sqrt(error)
    trace = float(own.mean.sum())
    amount = statistics.shrinkage(shrink, cut, trace=trace, norm=norm, error=total_error)
    if not trace > 0:
        raise RecordingError(
            f"{recording.source}: beyond what the spikes add, the variance of the rates comes to "
            f"{trace:.3g} {recording.units}^2, so that nothing is left to learn from: record longer"
            ", or choose other bins"
        )
    level = trace / net.n_neurons
    known, strength = _noise(net, own.mean, variance, noise)
    variance = (1.0 - amount) * variance + 2.0 * amount * level
    error *= 1.0 - amount
    low = variance < error
    variance[low] = error[low]
    size = float(np.linalg.norm(variance))
    return RecordedVariance(
        variance=variance,
        noise=strength,
        method="recording",
        residual=None,
        relative_error=float(np.linalg.norm(error)) / size if size > 0 else 0.0,
        standard_error=error,
        noise_known=known,
        n_raised=int(low.sum()),
        shrinkage=amount,
        n_samples=recording.n_samples,
        n_effective=cut.n_effective,
        n_blocks=len(cut.cuts),
        length=recording.length,
        units=recording.units if scale is None else f"{recording.units} / scale",
        source=recording.source,
        spikes=recording.spikes.method if recording.spikes else None,
        notes=cut.notes,
    )


def _noise(
    net: RateNetwork, own: FloatArray, variance: FloatArray, given: float | None
) -> tuple[bool, float]:
    """sigma, and whether it is known. w_ij C_ij = |w_ij| (C_ii + C_jj - v_ij) / 2."""
    if given is not None:
        return True, given
    post, pre = net.synapses
    shared = 0.5 * np.abs(net.synapse_weights) * (own[post] + own[pre] - variance)
    square = 2.0 / net.n_neurons * float(np.sum(net.leak * own) - np.sum(shared))
    return (True, square**0.5) if square > 0 else (False, 1.0)
