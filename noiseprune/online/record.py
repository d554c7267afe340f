"""What a run of the plasticity leaves: a pruned network, and how it came to that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from noiseprune.checks import Seed
from noiseprune.network import RateNetwork
from noiseprune.records import Table, plain
from noiseprune.weights import FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class Plasticity(Table):
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
    rounds, continuous, activation, scaling, adapt_leak, regrow : as asked for
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
    regrow: bool
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

    def over_time(self) -> dict[str, list[Any]]:
        """The measures at the end of every round; None where one was not taken."""
        measures = {name: getattr(self, name) for name in _OVER_TIME}
        measures["mean_rate"] = self.mean_rate[:, 1]
        return {name: plain(values) for name, values in measures.items()}

    def to_dict(self) -> dict[str, Any]:
        """The run as JSON-ready values, under the keys of the command line."""
        return {
            "n_neurons": self.original.n_neurons,
            "n_synapses": self.original.n_synapses,
            "n_kept": self.n_kept,
            "rule": "noise",
            "method": "plasticity",
            "sampling": "priority",
            "balance": self.balance,
            "adapt_leak": self.adapt_leak,
            "regrow": self.regrow,
            "gain": self.gain,
            "guarantee": "none",
            "rounds": self.rounds,
            "continuous": self.continuous,
            "activation": self.activation,
            "imbalance": self.imbalance,
            "over_time": self.over_time(),
            "dt": self.dt,
            "interval": self.interval,
            "n_steps": self.n_steps,
            "noise": self.noise,
        }

    def header(self) -> tuple[str, ...]:
        return tuple(self.over_time())

    def lines(self) -> list[tuple[Any, ...]]:
        return list(zip(*self.over_time().values()))


_OVER_TIME = ("times", "n_left", "threshold", "epsilon", "trajectory_error", "mean_rate")
"""What `over_time` tells; of the rates, those of the plastic network."""
