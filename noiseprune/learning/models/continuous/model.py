"""BurstCCN in continuous time, and the regression it learns.

    tau_z dz_l/dt = -z_l + W_l e_(l-1) + c_l,         e_l = logistic(z_l),  e_0 = inputs
    tau_u du_l/dt = -u_l + (b_(l+1) Y_l - e_(l+1) Q_l) o (1 - e_l)          hidden layers
    p_l = p_b + p_b tanh(u_l / p_b), at most 1,   b = p e                  hidden layers
    p_L = p_b (1 + (t - e_L) o (1 - e_L)) with the teacher, p_b without
    tau_w dW_l/dt = ((p_l - p_b) o e_l) e_(l-1)^T                          likewise c_l
    tau_Q dQ_l/dt = e_(l+1) u_l^T                                          if Q learns

Q is p_b Y unless it is given values of its own. Then the dendrites are at rest only as far as Q
cancels the events of the layer above. Without a teacher and with W fixed, a Q that learns makes it
so: with D = p_b Y - Q below an output e,

    dD_j/dt = -(e^2 (1 - e_j) / tau_Q) D_j + O(tau_u),   u_j = e (1 - e_j) D_j + O(tau_u).

All derivatives are taken at the same time and advanced by explicit Euler steps dt, which converge
to the equations as dt falls. dt = tau_z = tau_u is the published case, in which the leak is total
and the dynamics are delays of one step. Beside it the source has Burstprop in continuous time, with
moving averages of events and bursts; that is not here.

Task: inputs cos(f_i t + phi_i), f_i ~ U(0, pi/2) per second, phi_i ~ U(0, 2 pi); the target is the
output of a fixed logistic network 3-25-1 with weights and biases from U(-3^(1/2), 3^(1/2)) below
and U(-3/5, 3/5) above, at the same time: what the student takes to respond counts as error.

Source: as of `burstccn`, its figure 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from noiseprune.checks import Seed, generator
from noiseprune.errors import OptionError
from noiseprune.learning.models.continuous import kernel
from noiseprune.learning.options.continuous import ContinuousOptions
from noiseprune.weights import FloatArray, IntArray

INPUTS, TEACHER_UNITS = 3, 25
STATE = ("z", "u", "c", "w", "y", "q")
"""The arrays of a network, which its steps change."""


class Task(kernel.Inputs):
    """The inputs and their target; see `kernel.Inputs`, with 3 inputs and 25 hidden units."""

    @classmethod
    def drawn(cls, seed: Seed) -> Task:
        """A task of this seed."""
        rng = generator(seed)
        lower, upper = 3 * INPUTS**-0.5, 3 * TEACHER_UNITS**-0.5
        return cls(
            frequency=rng.uniform(0, np.pi / 2, INPUTS),
            phase=rng.uniform(0, 2 * np.pi, INPUTS),
            weights=rng.uniform(-lower, lower, (TEACHER_UNITS, INPUTS + 1)),
            readout=rng.uniform(-upper, upper, TEACHER_UNITS + 1),
        )

    def target(self, time: FloatArray) -> FloatArray:
        """The target at times (n,) in seconds: (n,)."""
        x = np.cos(np.outer(time, self.frequency) + self.phase)
        hidden = 1 / (1 + np.exp(-(x @ self.weights[:, :-1].T + self.weights[:, -1])))
        return np.asarray(1 / (1 + np.exp(-(hidden @ self.readout[:-1] + self.readout[-1]))))


@dataclass
class ContinuousBurstCCN:
    """The network with its state; `advance` moves it on.

    options : dt, time constants, p_b, and the modes of Y and Q: where "tied", Y is W and `y` not
        read, Q is p_b Y and `q` not read
    sizes : (L + 1,) inputs, hidden layers, outputs (1)
    z, u, c : (L, n), n the largest size; w, y, q : (L, n, n); step : Euler steps taken so far
    """

    options: ContinuousOptions
    sizes: IntArray
    z: FloatArray = field(repr=False)
    u: FloatArray = field(repr=False)
    c: FloatArray = field(repr=False)
    w: FloatArray = field(repr=False)
    y: FloatArray = field(repr=False)
    q: FloatArray = field(repr=False)
    step: int = 0

    @classmethod
    def drawn(cls, options: ContinuousOptions, seed: Seed = None) -> ContinuousBurstCCN:
        """A network with W ~ N(0, 2 / (in + out)), c = 0, z = u = 0.

        y_mode : "tied" to W, "symmetric_init" y_scale W at first, "random_init" N(0, y_scale^2)
        q_mode : "tied" always p_b Y, "symmetric_init" p_b q_scale Y at first, "random_init"
            N(0, q_scale^2), "W_symmetric_init" p_b q_scale W at first
        """
        o, p_b = options, options.p_baseline
        sizes = np.array([INPUTS, *[o.hidden] * o.layers, 1])
        rng = generator(seed)
        n, n_layers = int(sizes.max()), sizes.size - 1
        w, y, q = np.zeros((3, n_layers, n, n))
        for k in range(n_layers):
            post, pre = sizes[k + 1], sizes[k]
            w[k, :post, :pre] = rng.normal(0, np.sqrt(2 / (pre + post)), (post, pre))
        back = [(k, slice(sizes[k + 2]), slice(sizes[k + 1])) for k in range(n_layers - 1)]
        for k, post, pre in back:
            shape = (post.stop, pre.stop)
            drawn = rng.normal(0, o.y_scale, shape) if o.y_mode == "random_init" else None
            y[k, post, pre] = o.y_scale * w[k + 1, post, pre] if drawn is None else drawn
        for k, post, pre in back:
            if o.q_mode == "random_init":
                q[k, post, pre] = rng.normal(0, o.q_scale, (post.stop, pre.stop))
            else:
                like = w[k + 1] if o.q_mode == "W_symmetric_init" else y[k]
                q[k, post, pre] = p_b * o.q_scale * like[post, pre]
        z, u, c = np.zeros((3, n_layers, n))
        return cls(options=o, sizes=sizes, z=z, u=u, c=c, w=w, y=y, q=q)

    @property
    def Y(self) -> FloatArray:
        """Feedback weights (L - 1, n, n), in the shape of the W above."""
        return self.w[1:] if self.options.y_mode == "tied" else self.y[:-1]

    @property
    def Q(self) -> FloatArray:
        """Weights of the cancelling input (L - 1, n, n)."""
        tied = self.options.q_mode == "tied"
        return self.options.p_baseline * self.Y if tied else self.q[:-1]

    def advance(
        self,
        task: Task,
        steps: int,
        *,
        teacher: bool,
        learn: bool,
        learn_Q: bool = False,
        trace: bool = False,
        compare: bool = False,
    ) -> Passage:
        """Take steps; what was seen on the way.

        learn : W and c learn; learn_Q : Q learns; trace, compare : see `Passage`

        Raises
        ------
        OptionError
            If a tied Q is to learn.
        """
        o = self.options
        if learn_Q and o.q_mode == "tied":
            raise OptionError("tied Q is p_b Y itself and cannot learn: choose another Q mode")
        shape = self.w.shape if compare else (1, 1, 1)
        seen = kernel.Seen(np.zeros(shape), np.zeros(shape), np.zeros((steps if trace else 0, 2)))
        network = kernel.Network(self.sizes, self.z, self.u, self.w, self.c, self.y, self.q)
        rates = o.dt / np.array([1.0, o.tau_z, o.tau_u, o.tau_w, o.tau_q or 100.0])
        how = kernel.How(
            o.p_baseline, teacher, learn, learn_Q, o.y_mode == "tied", o.q_mode == "tied", compare
        )
        squares, potentials = kernel.advance(network, task, rates, how, self.step, steps, seen)
        self.step += steps
        n = max(steps, 1)  # no steps, no error
        apical = potentials / (n * int(self.sizes[1:-1].sum()))
        return Passage(squares / n, apical, seen.output, seen.ours, seen.theirs)

    def copy(self) -> ContinuousBurstCCN:
        """With a state of its own."""
        return replace(self, **{name: getattr(self, name).copy() for name in STATE})


@dataclass(frozen=True)
class Passage:
    """What was seen in some steps.

    error, apical : mean squared error, and mean |u| of hidden units
    output : (steps, 2) target and output of every step, with `trace`
    ours, theirs : (L, n, n) updates of W, the local ones and backprop's, summed over the steps,
        with `compare`
    """

    error: float
    apical: float
    output: FloatArray = field(repr=False)
    ours: FloatArray = field(repr=False)
    theirs: FloatArray = field(repr=False)

    @property
    def angle(self) -> float:
        """Degrees between the two summed updates; nan where one of them is 0.

        The updates are summed over steps; the published log has the angle of every single step's.
        """
        sizes = np.linalg.norm(self.ours), np.linalg.norm(self.theirs)
        if 0.0 in sizes:
            return float("nan")
        chord = float(np.linalg.norm(self.ours / sizes[0] - self.theirs / sizes[1]))
        return float(np.degrees(2 * np.arcsin(min(1.0, chord / 2))))
