"""The compiled loop of equilibrium propagation: many networks, many samples, all phases.

    s <- clip(s + dt (J s + b + beta (y - s_out)), 0, 1)      s: the n neurons that are no inputs

J = W - diag(leak) among these neurons, b what the clamped inputs (and biases) drive, the last term
in the nudged phases alone and at the outputs, which are the last neurons. A phase ends early
where sum ((s(t) - s(t-1)) / dt)^2 <= stop, which the learning takes for rest: s stays what it is.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from noiseprune.kernels import kernel, sequential
from noiseprune.weights import FloatArray

IntCounts = npt.NDArray[np.int64]


@sequential
def relax(
    jacobian: FloatArray,
    drive: FloatArray,
    target: FloatArray,
    beta: float,
    dt: float,
    steps: int,
    stop: float,
    hebbian: bool,
    state: FloatArray,
    timing: FloatArray,
    coincidence: FloatArray,
    trace: FloatArray,
) -> tuple[int, float]:
    """One phase of one sample of one network; state (n,) is moved. -> (steps, last speed)

    To timing (n, n) is added sum_t (s_post(t) - s_post(t-1)) s_pre(t), and, if `hebbian`, to
    coincidence (n, n) sum_t s_post(t) s_pre(t) and to trace (n,) sum_t s(t), these also over the
    steps left out at rest. The speed is the sum of ((s(t) - s(t-1)) / dt)^2.
    """
    n = state.size
    first = n - target.size
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
            new = min(max(state[i] + dt * total, 0.0), 1.0)
            change[i] = new - state[i]
            speed += change[i] * change[i]
        for i in range(n):
            state[i] += change[i]
        speed /= dt * dt
        for i in range(n):
            if change[i] != 0.0:
                for j in range(n):
                    timing[i, j] += change[i] * state[j]
        rests = speed <= stop
        if hebbian:
            times = steps - t if rests else 1
            for i in range(n):
                trace[i] += times * state[i]
                for j in range(n):
                    coincidence[i, j] += times * state[i] * state[j]
        if rests:
            return t + 1, speed
    return steps, speed


@kernel
def phases(
    jacobian: FloatArray,
    drive: FloatArray,
    target: FloatArray,
    beta: FloatArray,
    dt: float,
    free_steps: int,
    nudged_steps: int,
    stop: float,
    hebbian: bool,
    states: FloatArray,
    timing: FloatArray,
    coincidence: FloatArray,
    trace: FloatArray,
    steps: IntCounts,
    speed: FloatArray,
) -> None:
    """The free phase, and a nudged one for each beta, of K networks and m samples.

    jacobian (K, n, n); drive (K, m, n); target (m, outputs); beta (P,). In states (P + 1, K, m, n)
    states[0] holds where the free phase starts, and then its end; states[p] the end of the nudged
    phase p, which starts from the free one's. timing, coincidence (P, K, n, n) are sums over
    samples and steps, trace (P, K, m, n) over steps; steps, speed (P + 1, K, m) are of each phase.
    """
    for k in numba.prange(jacobian.shape[0]):
        n = states.shape[3]
        none = np.zeros((n, n))
        for sample in range(states.shape[2]):
            state = states[0, k, sample]
            count, last = relax(
                jacobian[k], drive[k, sample], target[sample], 0.0, dt, free_steps, stop, False,
                state, none, none, none[0],
            )  # fmt: skip
            steps[0, k, sample] = count
            speed[0, k, sample] = last
            for p in range(beta.size):
                nudged = states[p + 1, k, sample]
                for i in range(n):
                    nudged[i] = state[i]
                count, last = relax(
                    jacobian[k], drive[k, sample], target[sample], beta[p], dt, nudged_steps, stop,
                    hebbian, nudged, timing[p, k], coincidence[p, k], trace[p, k, sample],
                )  # fmt: skip
                steps[p + 1, k, sample] = count
                speed[p + 1, k, sample] = last
