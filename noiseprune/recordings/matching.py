"""Which channel is which neuron."""

from __future__ import annotations

from collections import Counter

import numpy as np

from noiseprune.checks import one_of
from noiseprune.errors import RecordingError
from noiseprune.network import RateNetwork
from noiseprune.recordings.record import Recording
from noiseprune.weights import IntArray

MATCHES = ("auto", "name", "order")


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
    one_of("match", match, MATCHES)
    n, found = net.n_neurons, recording.n_channels
    if match == "order" or (match == "auto" and net.labels is None and found == n):
        if found != n:
            raise RecordingError(
                f"{recording.source} has {found} channels and the network {n} neurons: in order "
                "they match only one to one; name the channels as the neurons, and match by name"
            )
        return np.arange(n)
    names = net.labels or tuple(str(k) for k in range(n))
    counts = Counter(recording.channels)
    place = {name: k for k, name in enumerate(recording.channels)}
    missing = [name for name in names if name not in place]
    if missing:
        hint = (
            "--match order takes them one to one"
            if found == n
            else "name the channels as the neurons"
        )
        raise RecordingError(
            f"{recording.source}: {len(missing)} of {n} neurons have no channel (first "
            f"{missing[0]!r}; the channels are {_some(recording.channels)}): {hint}"
        )
    twice = [name for name in names if counts[name] > 1]
    if twice or len(set(names)) < n:
        name = twice[0] if twice else next(k for k, c in Counter(names).items() if c > 1)
        raise RecordingError(
            f"{recording.source}: the name {name!r} stands for more than one channel or neuron: "
            "give each its own"
        )
    return np.array([place[name] for name in names], dtype=np.intp)


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(repr(name) for name in names[:2])
    return shown if len(names) <= 2 else f"{shown}, ..."
