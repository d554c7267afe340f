"""The compiled loop of equilibrium propagation: many networks, many samples, all phases.

    s <- clip(s + dt (J s + b + beta (y - s_out)), 0, 1)      s: the n neurons that are no inputs

J = W - diag(leak) among these neurons, b what the clamped inputs (and biases) drive, the last term
in the nudged phases alone and at the outputs, which are the last neurons. A phase ends early
where sum ((s(t) - s(t-1)) / dt)^2 <= stop, which the learning takes for rest: s stays what it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from noiseprune.kernels import kernel, sequential
from noiseprune.weights import FloatArray

IntCounts = npt.NDArray[np.int64]


class Way(NamedTuple):
    """Euler step, steps of the phases, where they end; hebbian : coincidences are summed, too"""

    dt: float
    free_steps: int
    nudged_steps: int
    stop: float
    hebbian: bool


class Sums(NamedTuple):
    """Over the steps t of a phase, i post and j pre, also over those left out at rest:

    timing (n, n)       (s_i(t) - s_i(t-1)) s_j(t)
    coincidence (n, n)  s_i(t) s_j(t), and trace (n,) s(t), if `hebbian`
    """

    timing: FloatArray
    coincidence: FloatArray
    trace: FloatArray


@sequential
def relax(
    jacobian: FloatArray,
    drive: FloatArray,
    target: FloatArray,
    beta: float,
    way: Way,
    state: FloatArray,
    sums: Sums,
) -> tuple[int, float]:
    """One phase, free if beta is 0, of one sample of one network. -> (steps, last speed)

    state (n,) is moved, and the sums are added to. The speed is the sum of
    ((s(t) - s(t-1)) / dt)^2.
    """
    n = state.size
    first = n - target.size
    steps = way.nudged_steps if beta != 0.0 else way.free_steps
    change = np.empty(n)
    speed = 0.0
    for t in range(steps):
        speed = 0.0
        for i in range(n):
            total = drive[i]
            for j in range(n):
                total += jacobian[i, j] * state[j]
            if i >= first:
                total += beta * (target[i - first] - state[i])
            new = min(max(state[i] + way.dt * total, 0.0), 1.0)
            change[i] = new - state[i]
            speed += change[i] * change[i]
        for i in range(n):
            state[i] += change[i]
        speed /= way.dt * way.dt
        for i in range(n):
            if change[i] != 0.0:
                for j in range(n):
                    sums.timing[i, j] += change[i] * state[j]
        rests = speed <= way.stop
        if way.hebbian and beta != 0.0:
            times = steps - t if rests else 1
            for i in range(n):
                sums.trace[i] += times * state[i]
                for j in range(n):
                    sums.coincidence[i, j] += times * state[i] * state[j]
        if rests:
            return t + 1, speed
    return steps, speed


@kernel
def phases(
    jacobian: FloatArray,
    drive: FloatArray,
    target: FloatArray,
    beta: FloatArray,
    way: Way,
    states: FloatArray,
    sums: Sums,
    steps: IntCounts,
    speed: FloatArray,
) -> None:
    """The free phase, and a nudged one for each beta, of K networks and m samples.

    jacobian (K, n, n); drive (K, m, n); target (m, outputs); beta (P,). In states (P + 1, K, m, n)
    states[0] holds where the free phase starts, and then its end; states[p] the end of the nudged
    phase p, which starts from the free one's. The sums are (P, K, n, n) over samples and steps, the
    trace (P, K, m, n) over steps; steps, speed (P + 1, K, m) are of each phase.
    """
    for k in numba.prange(jacobian.shape[0]):
        n = states.shape[3]
        none = np.zeros((n, n))
        for sample in range(states.shape[2]):
            state = states[0, k, sample]
            count, last = relax(
                jacobian[k], drive[k, sample], target[sample], 0.0, way, state,
                Sums(none, none, none[0]),
            )  # fmt: skip
            steps[0, k, sample] = count
            speed[0, k, sample] = last
            for p in range(beta.size):
                nudged = states[p + 1, k, sample]
                for i in range(n):
                    nudged[i] = state[i]
                count, last = relax(
                    jacobian[k], drive[k, sample], target[sample], beta[p], way, nudged,
                    Sums(sums.timing[p, k], sums.coincidence[p, k], sums.trace[p, k, sample]),
                )  # fmt: skip
                steps[p + 1, k, sample] = count
                speed[p + 1, k, sample] = last
