"""Which synapses to keep, and how strong: descent on the relative change, with regrowth.

    x <- max(0, x - rate * m / sqrt(s)),   m, s running means of the gradient and of its square

on the synapses that are kept (Adam, Kingma and Ba 2015, whose noisy gradients come from new probes
at every step; see `change`). When the support may change, every ten steps

    the k largest x_e importance_e stay
    the f k others whose growth would lower the objective most, by m_e / sqrt(importance_e), join

until six tenths of the steps are done; f falls from 0.3 to 0. So a synapse that was pruned may grow
back, at a place that held one before. The steps get shorter as half a cosine, and q grows.

Source: this package's; prune and regrow by gradient, Evci et al., ICML 2020 (RigL).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from noiseprune.progress import Progress
from noiseprune.pruning.change import Change, Single
from noiseprune.pruning.sampling import BoolArray
from noiseprune.weights import FloatArray

RATE = 0.3
ORDERS = (5, 9, 17)
EVERY = 10
SHARE = 0.3
SETTLE = 0.6
_MEAN, _SQUARE = 0.9, 0.99


@dataclass(frozen=True)
class Fit:
    steps: int
    rounds: int
    swaps: int
    norm_before: float
    norm_after: float
    activity_before: float
    activity_after: float


@dataclass
class _State:
    multiplier: Single
    kept: BoolArray
    mean: Single
    square: Single


def search(
    change: Change,
    start: FloatArray,
    importance: FloatArray,
    *,
    steps: int,
    regrow: bool,
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[FloatArray, Fit]:
    """(n_units,) multipliers, 0 where a synapse is pruned."""
    x = start.astype(np.float32)
    kept = x > 0
    budget = int(np.count_nonzero(kept))
    importance = importance.astype(np.float32)
    mean, square = np.zeros_like(x), np.zeros_like(x)
    before = change.slope(x, ORDERS[-1], rng)
    rounds = swaps = 0
    settle = int(SETTLE * steps) if regrow else 0
    for step in range(steps):
        order = ORDERS[len(ORDERS) * step // steps]
        gradient = change.slope(x, order, rng).gradient
        mean += (1 - _MEAN) * (gradient - mean)
        square += (1 - _SQUARE) * (gradient * gradient - square)
        rate = 0.5 * RATE * (1 + np.cos(np.pi * step / steps))
        scale = np.sqrt(square / (1 - _SQUARE ** (step + 1)))
        move = mean * np.float32(rate / (1 - _MEAN ** (step + 1)))
        x -= np.divide(move, scale, out=np.zeros_like(x), where=scale > 0)
        x[~kept | (x < 0)] = 0
        if step < settle and step % EVERY == EVERY - 1:
            old = kept
            kept = _largest(x * importance, budget)
            x[~kept] = 0
            kept = kept.copy()
            share = SHARE * (1 - step / settle)
            n_new = int(share * budget)
            if n_new:
                score = np.where(kept, np.inf, mean / np.sqrt(importance))
                new = np.argpartition(score, n_new)[:n_new]
                kept[new[score[new] < 0]] = True
            rounds += 1
        elif step == settle and regrow:
            kept = _largest(x * importance, budget)
            x[~kept] = 0
        progress(step + 1, steps)
    after = change.slope(x, ORDERS[-1], rng)
    fit = Fit(steps, rounds, swaps, float(np.exp(before.log_norm)), float(np.exp(after.log_norm)), float(np.exp(before.log_activity)), float(np.exp(after.log_activity)))
    return x.astype(np.float64), fit


def _largest(value: Single, number: int) -> BoolArray:
    kept = np.zeros(value.size, dtype=np.bool_)
    kept[np.argpartition(-value, number - 1)[:number]] = True
    return kept
