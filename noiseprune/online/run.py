"""A network that prunes itself, in one call."""

from __future__ import annotations

import numpy.typing as npt

from noiseprune.checks import Seed
from noiseprune.choices import Activation
from noiseprune.network import RateNetwork
from noiseprune.online.plan import Request
from noiseprune.online.process import Process
from noiseprune.online.record import Plasticity
from noiseprune.progress import Progress, silent


def plasticity(
    net: RateNetwork,
    keep: float | None = None,
    *,
    gain: float | None = None,
    rounds: int = 10,
    continuous: bool = False,
    activation: Activation = "linear",
    noise: float = 1.0,
    drive: float | npt.ArrayLike | None = None,
    interval: float | None = None,
    dt: float | None = None,
    scaling: bool = True,
    adapt_leak: bool = True,
    regrow: bool = False,
    seed: Seed = None,
    progress: Progress = silent,
) -> Plasticity:
    """Let a network prune itself, during one simulation; see the module for the rule.

    Parameters
    ----------
    keep : fraction in (0, 1] or number of synapses to keep; 0.2 if neither it nor `gain` is given.
        The number falls geometrically over the rounds, and is met exactly
    gain : instead of `keep`: K = 1 / theta of the last round, under noise of strength `noise`; the
        threshold rises in equal steps, and how many synapses are left is what comes of it
    rounds : rounds of pruning, each after an interval in which the synapses sense their variances
        anew
    continuous : prune ten times an interval instead, a little each time, by variances that fade
        with the interval as their time constant
    activation : "linear" or "rectified"
    noise : sigma
    drive : b, 1/s, a number or (N,). By default 0 for the linear network, and for the rectified one
        noise (leak / 2)^1/2: alone, a neuron would then have a mean rate of one standard deviation
    interval : s between two rounds; by default three relaxation times, or what is simulated in a
        third of a second, but at least 2,000 steps. The run lasts rounds + 2 intervals
    dt : s; by default a tenth of a stable step
    scaling : neurons restore their strengths by scaling their synapses
    adapt_leak : the leak makes up for what scaling leaves, and for all without it
    regrow : neurons mend the errors of their own input currents by a delta rule, and places that
        once held a synapse regrow (see `online.regrowth`). No decision strengthens a synapse then,
        and the leak stays. In rounds only
    seed : of the noise and of the coins; the same gives the same result on any number of threads
    progress : called with (tenths of an interval done, in all)

    A synapse centres its variance by a running mean of its own, unless the network is linear and
    without drive: its mean is 0.

    Returns
    -------
    Plasticity. A symmetric network stays exactly symmetric: a pair is one synapse.

    Raises
    ------
    OptionError
        If an argument lies outside its range.
    UnstableError
        If there is no stationary state, or the network loses it during the run.

    >>> from noiseprune import datasets
    >>> plasticity(datasets.load("mushroom-body"), keep=0.5, rounds=2, seed=3).n_kept
    3712
    """
    asked = Request(
        keep=keep,
        gain=gain,
        rounds=rounds,
        continuous=continuous,
        activation=activation,
        noise=noise,
        drive=drive,
        interval=interval,
        dt=dt,
        scaling=scaling,
        adapt_leak=adapt_leak,
        regrow=regrow,
        seed=seed,
    )
    return Process(asked.plan(net)).run(progress)
