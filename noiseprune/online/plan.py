"""What is asked of the plasticity, checked once: how many are to be left when, and which run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from noiseprune import simulation
from noiseprune.checks import Seed, count, noise_strength, one_of, positive
from noiseprune.errors import NetworkError, OptionError
from noiseprune.network import RateNetwork, not_a_network, unstable
from noiseprune.pruning.rules import budget
from noiseprune.simulation import Simulation
from noiseprune.simulation.engine import ACTIVATIONS, Run

TICKS = 10
"""Parts of an interval: the neurons scale in each, continuous pruning happens in each."""
RECORD_EVERY = 10
"""Steps between two samples that the synapses sense."""
_SAMPLES = 20
"""Samples of a tick, at least, where no interval is given."""
_WORK, _WORK_OF_A_NEURON = 5e9, 1300.0
"""What an interval may cost without being asked, in products of a weight and a rate: a third of a
second. A neuron takes as long in a step, for its noise above all, as that many."""
_RELAXATIONS = 3.0
"""Relaxation times of an interval, if that is less."""
_STEP = 0.1
"""Step over a stable one: the fastest mode is 11 % too strong."""
DEFAULT_KEEP = 0.2


@dataclass(frozen=True, eq=False)
class Plan:
    """A checked request.

    asked : the request; run : one tick of the original network, from zero
    unit_size : entries of W that a synapse stands for, 2 if it is a symmetric pair
    n_units : synapses at the start; final : those to be left, None if the gain is given
    gain : K of the last decision, None if the count is given
    events : decisions in all
    """

    asked: Request
    run: Run
    unit_size: int
    n_units: int
    final: int | None
    gain: float | None
    events: int

    @property
    def net(self) -> RateNetwork:
        return self.run.net

    @property
    def ticks(self) -> int:
        """Ticks of the whole run: of all intervals, and of the warm-up."""
        return (self.asked.rounds + 2) * TICKS

    @property
    def centred(self) -> bool:
        """True if the mean of the activity is not known to be zero."""
        return self.run.activation == "rectified" or bool(np.any(self.run.drive))

    @property
    def interval(self) -> float:
        """s between two rounds."""
        return TICKS * self.run.n_steps * self.run.dt

    @property
    def decay(self) -> float:
        """What a sample leaves of the weight of older ones in the trace."""
        if not self.asked.continuous:
            return 1.0
        return float(np.exp(-self.run.every * self.run.dt / self.interval))

    def left(self, event: int) -> int:
        """Synapses to be left after this decision, of `events`: geometric."""
        final = self.n_units if self.final is None else self.final
        share = (final / self.n_units) ** (event / self.events)
        return max(final, int(np.rint(self.n_units * share)))

    def threshold(self, event: int, gain: float) -> float:
        """theta of this decision where the last one is 1 / gain: in equal steps."""
        return event / self.events / gain


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of the plasticity, but for the network; see `noiseprune.plasticity`."""

    keep: float | None = None
    gain: float | None = None
    rounds: int = 10
    continuous: bool = False
    activation: str = "linear"
    noise: float = 1.0
    drive: float | npt.ArrayLike | None = None
    interval: float | None = None
    dt: float | None = None
    scaling: bool = True
    adapt_leak: bool = True
    regrow: bool = False
    seed: Seed = None

    def plan(self, net: RateNetwork) -> Plan:
        """The plan for a network, or one clear sentence."""
        if not isinstance(net, RateNetwork):
            raise NetworkError(not_a_network(net))
        if net.n_synapses == 0:
            raise OptionError("the network has no synapses: there is nothing to prune")
        if self.keep is not None and self.gain is not None:
            raise OptionError("keep and gain were both given: leave one of them out")
        if self.regrow and self.continuous:
            raise OptionError("synapses regrow in rounds: leave continuous or regrow out")
        activation = one_of("activation", self.activation, ACTIVATIONS)
        rounds, noise = count("rounds", self.rounds), noise_strength(self.noise)
        unit_size = 2 if net.is_symmetric else 1
        final = gain = None
        if self.gain is None:
            wanted = budget(DEFAULT_KEEP if self.keep is None else self.keep, net.n_synapses)
            final = max(1, round(wanted / unit_size))
        else:
            gain = positive("gain", self.gain)
        step = _default_step(net, activation) if self.dt is None else positive("dt", self.dt)
        drive = self.drive
        if drive is None:
            drive = noise * np.sqrt(net.leak / 2.0) if activation == "rectified" else 0.0
        run = Simulation(
            duration=self._samples(net, step) * RECORD_EVERY * step,
            dt=step,
            noise=noise,
            drive=drive,
            x0="zero",
            record_every=RECORD_EVERY,
            activation=activation,
            seed=self.seed,
        ).of(net)
        run.check_step(stationary=True)
        events = TICKS * (rounds - 1) + 1 if self.continuous else rounds
        adapt_leak = self.adapt_leak and not self.regrow
        asked = replace(self, rounds=rounds, adapt_leak=adapt_leak)
        n_units = net.n_synapses // unit_size
        return Plan(asked, run, unit_size, n_units, final, gain, events)

    def _samples(self, net: RateNetwork, step: float) -> int:
        """Samples of a tick: by the interval, what one may cost, or its relaxation times."""
        steps = TICKS * RECORD_EVERY
        if self.interval is not None:
            shortest = steps * step
            if not positive("interval", self.interval) >= shortest * (1.0 - 1e-9):
                raise OptionError(
                    f"interval is {self.interval:g} s, but {steps} steps of {step:.3g} s last "
                    f"{shortest:.3g} s: give at least that, or a smaller dt"
                )
            return round(self.interval / shortest)
        work = net.n_synapses + _WORK_OF_A_NEURON * net.n_neurons
        affordable = int(_WORK / work / steps)
        if affordable <= _SAMPLES:
            return _SAMPLES
        linear = self.activation == "linear"
        slowest = -net.spectral_abscissa() if linear else float(np.min(net.leak))
        if not slowest > 0:
            raise unstable(net, -slowest)
        return max(_SAMPLES, min(affordable, round(_RELAXATIONS / slowest / step / steps)))


def _default_step(net: RateNetwork, activation: str) -> float:
    """A small share of a stable step, s."""
    if activation == "rectified":  # whatever the rectifier lets through
        strength = np.minimum(np.max(net.input_strength), np.max(net.output_strength))
        return _STEP * 2.0 / float(np.max(net.leak) + strength)
    return _STEP * (simulation.safe_step(net) or simulation.largest_stable_step(net))
