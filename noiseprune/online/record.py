"""What a run of the plasticity leaves: a pruned network, and how it came to that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from noiseprune.checks import Seed
from noiseprune.network import RateNetwork
from noiseprune.weights import FloatArray


@dataclass(frozen=True, eq=False)
class Plasticity:
    """A network pruned by its own plasticity, with its evidence.

    Entry r of an array (rounds + 1,) is of the interval after the r-th round of pruning, at its
    end, when the neurons have restored their strengths; entry 0 is of the original.

    network, original : the pruned `RateNetwork`, and what it was
    times : (rounds + 1,) s, since the beginning of the run
    n_left : (rounds + 1,) synapses
    threshold : (rounds + 1,) theta of the last decision, 0 before the first
    epsilon : (rounds + 1,) of the drift against the original's (see `noiseprune.spectrum`);
        nan above 1,500 neurons
    epsilon_norm : which norm; None above 1,500 neurons
    trajectory_error : (rounds + 1,) root mean square of ||x'(t) - x(t)|| over that of ||x(t)||, of
        the plastic network against the original under the same noise
    mean_rate : (rounds + 1, 2) mean over neurons and time of x: original, plastic
    rate_original, rate_pruned : (N,) mean of every x_i over the last interval; both networks are
        under the same noise
    variance : (n_synapses,) what each synapse has last sensed, aligned with `original.synapses`
    kept : (n_synapses,) bool
    gain : K = 1 / theta, the largest theta of all rounds; inf where nothing was pruned
    imbalance : largest relative change, in the end, of a neuron's strengths S (see `homeostasis`)
    rounds, continuous, activation, scaling, adapt_leak : as asked for
    dt, interval : s;   n_steps : of each of the two networks
    noise, drive (N,) : as simulated;   seed : as given
    """

    network: RateNetwork
    original: RateNetwork
    times: FloatArray
    n_left: npt.NDArray[np.int64]
    threshold: FloatArray
    epsilon: FloatArray
    epsilon_norm: str | None
    trajectory_error: FloatArray
    mean_rate: FloatArray
    rate_original: FloatArray
    rate_pruned: FloatArray
    variance: FloatArray
    kept: npt.NDArray[np.bool_]
    gain: float
    imbalance: float
    rounds: int
    continuous: bool
    activation: str
    scaling: bool
    adapt_leak: bool
    dt: float
    interval: float
    n_steps: int
    noise: float
    drive: FloatArray
    seed: Seed

    @property
    def n_kept(self) -> int:
        return self.network.n_synapses

    @property
    def balance(self) -> str:
        """What a batch pruning calls it: "homeostatic", "leak" or "none"."""
        return "homeostatic" if self.scaling else "leak" if self.adapt_leak else "none"
