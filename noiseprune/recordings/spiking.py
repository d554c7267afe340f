"""Spikes from simulated rates, by Elephant, and the negative control that has none of a network's.

    lambda_i(t) = max(0, baseline + gain x_i(t))        inhomogeneous Poisson, one train a neuron

One gain for all neurons: a synapse compares the two sides as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from noiseprune.checks import Seed, positive, seed_sequence
from noiseprune.errors import OptionError
from noiseprune.network import RateNetwork
from noiseprune.recordings.record import Recording, from_arrays

CONTROL = "independent-poisson"


def poisson_spikes(
    trajectory: Any, *, baseline: float = 20.0, gain: float | None = None, seed: Seed = None
) -> Any:
    """neo.Block of spike trains, inhomogeneous Poisson with the rates of a `Trajectory`.

    baseline : Hz; gain : Hz per unit of the simulated rate, by default so that three standard
        deviations of the neuron that fluctuates most just reach zero. Rates below zero are cut,
        and `clipped` annotates the block with their share.

    A segment a replica; trains bear the neurons' labels; `gain` and `baseline` are annotations.

    Raises
    ------
    OptionError
        If the baseline is not above 0, or the rates never change and no gain is given.
    """
    import neo
    import quantities as pq
    from elephant.spike_train_generation import NonStationaryPoissonProcess

    baseline = positive("baseline", baseline)
    period = trajectory.record_every * trajectory.dt
    if gain is None:
        largest = float(trajectory.rates.std(axis=(0, 1)).max())
        if not largest > 0:
            raise OptionError("the simulated rates never change: give a gain")
        gain = baseline / (3.0 * largest)
    rates = baseline + gain * np.asarray(trajectory.rates, dtype=np.float64)
    block = neo.Block(name="noiseprune spikes", gain=float(gain), baseline=baseline)
    block.annotate(clipped=float(np.mean(rates < 0)))
    np.maximum(rates, 0.0, out=rates)
    root = seed_sequence(seed)
    with _elephants_seed(root):
        for replica in range(rates.shape[1]):
            segment = neo.Segment(name=f"replica {replica}", index=replica)
            for neuron, name in enumerate(trajectory.labels):
                signal = neo.AnalogSignal(
                    rates[:, replica, neuron : neuron + 1],
                    units=pq.Hz,
                    sampling_period=period * pq.s,
                )
                if np.any(signal.magnitude > 0):
                    train = NonStationaryPoissonProcess(signal).generate_spiketrain()
                    train.name = name
                else:  # Elephant divides by the mean rate
                    train = neo.SpikeTrain([], units="s", t_stop=signal.t_stop, name=name)
                segment.spiketrains.append(train)
            block.segments.append(segment)
    return block


def independent_poisson(
    net: RateNetwork,
    *,
    rate: float = 10.0,
    duration: float = 10.0,
    period: float = 0.05,
    seed: Seed = None,
) -> Recording:
    """The negative control: Poisson trains that know nothing of the network, as rates.

    Elephant's instantaneous rate of independent trains of `rate` Hz, with a Gaussian kernel of
    standard deviation `period` sampled every `period`, taken for the network's activity as they
    are. Their covariance tends to a multiple of the unit matrix, so that v_ij tends to the same
    number for all synapses and the rule to one by weight alone.
    """
    import quantities as pq
    from elephant.kernels import GaussianKernel
    from elephant.spike_train_generation import StationaryPoissonProcess
    from elephant.statistics import instantaneous_rate

    rate, duration = positive("rate", rate), positive("duration", duration)
    process = StationaryPoissonProcess(rate=rate * pq.Hz, t_stop=duration * pq.s)
    with _elephants_seed(seed_sequence(seed)):
        trains = process.generate_n_spiketrains(net.n_neurons)
    found = instantaneous_rate(
        trains,
        sampling_period=positive("period", period) * pq.s,
        kernel=GaussianKernel(sigma=period * pq.s),
    )
    return from_arrays(
        np.asarray(found.rescale("Hz").magnitude),
        period,
        net.labels,
        units="Hz",
        source=f"{CONTROL} (a negative control)",
    )


@contextmanager
def _elephants_seed(root: np.random.SeedSequence) -> Iterator[None]:
    """Elephant draws from NumPy's global generator: seed it, and put it back as it was."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(root.generate_state(8))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
