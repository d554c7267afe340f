"""Which channel is which neuron."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import numpy as np

from noiseprune.checks import one_of
from noiseprune.choices import Match
from noiseprune.errors import RecordingError
from noiseprune.network import RateNetwork
from noiseprune.recordings.record import Recording
from noiseprune.weights import IntArray


def channels_of(net: RateNetwork, recording: Recording, match: str = "auto") -> IntArray:
    """(N,) channel of every neuron.

    "name": channels bear the labels of the neurons (a network without labels has the numbers 0 to
    N-1 for names); channels of no neuron are left over. "order": the k-th channel is the k-th
    neuron. "auto": by name, and in order for a network without labels and as many channels.

    Raises
    ------
    RecordingError
        If a neuron has no channel, or two.
    """
    one_of("match", match, get_args(Match))
    n, found = net.n_neurons, recording.n_channels
    if match == "order" or (match == "auto" and net.labels is None and found == n):
        if found != n:
            raise RecordingError(
                f"{recording.source} has {found} channels and the network {n} neurons: in order "
                "they match only one to one; name the channels as the neurons, and match by name"
            )
        return np.arange(n)
    names = net.labels or tuple(str(k) for k in range(n))
    place = {name: k for k, name in enumerate(recording.channels)}
    missing = [name for name in names if name not in place]
    if missing:
        hint = "name the channels as the neurons"
        if found == n:
            hint = "--match order takes them one to one"
        first = ", ".join(map(repr, recording.channels[:2])) + ", ..." * (found > 2)
        raise RecordingError(
            f"{recording.source}: {len(missing)} of {n} neurons have no channel (first "
            f"{missing[0]!r}; the channels are {first}): {hint}"
        )
    channels, neurons = Counter(recording.channels), Counter(names)
    for name in names:
        if max(channels[name], neurons[name]) > 1:
            raise RecordingError(
                f"{recording.source}: the name {name!r} stands for more than one channel or "
                "neuron: give each its own"
            )
    return np.array([place[name] for name in names], dtype=np.intp)
