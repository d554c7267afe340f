"""BurstCCN in continuous time, and the regression it learns.

    tau_z dz_l/dt = -z_l + W_l e_(l-1) + c_l,         e_l = logistic(z_l),  e_0 = inputs
    tau_u du_l/dt = -u_l + (b_(l+1) Y_l - e_(l+1) Q_l) o (1 - e_l)          hidden layers
    p_l = p_b + p_b tanh(u_l / p_b), at most 1,   b = p e                  hidden layers
    p_L = p_b (1 + (t - e_L) o (1 - e_L)) with the teacher, p_b without
    tau_w dW_l/dt = ((p_l - p_b) o e_l) e_(l-1)^T                          likewise c_l

with Q = p_b Y. All derivatives are taken at the same time and advanced by explicit Euler steps dt,
which converge to the equations as dt falls. dt = tau_z = tau_u is the published case, in which
the leak is total and the dynamics are delays of one step.

Task: inputs cos(f_i t + phi_i), f_i ~ U(0, pi/2) per second, phi_i ~ U(0, 2 pi); the target is the
output of a fixed logistic network 3-25-1 with weights and biases from U(-3^(1/2), 3^(1/2)) below
and U(-3/5, 3/5) above, at the same time: what the student takes to respond counts as error.

Source: as of `burstccn`, its figure 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from noiseprune.choices import Seed, count, generator, one_of, positive
from noiseprune.errors import OptionError
from noiseprune.learning.burst.continuous import kernel
from noiseprune.weights import FloatArray, IntArray

Y_MODES = ("tied", "symmetric_init", "random_init")
INPUTS, TEACHER_UNITS = 3, 25


@dataclass(frozen=True)
class Task:
    """frequency, phase : (3,) of the inputs; weights (25, 4) and readout (26,) with biases last"""

    frequency: FloatArray
    phase: FloatArray
    weights: FloatArray
    readout: FloatArray

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

    sizes : (L + 1,) inputs, hidden layers, outputs (1)
    z, u, c : (L, n), n the largest size; w, y : (L, n, n); step : Euler steps taken so far
    """

    sizes: IntArray
    dt: float
    tau_z: float
    tau_u: float
    tau_w: float
    p_baseline: float
    tied: bool
    z: FloatArray = field(repr=False)
    u: FloatArray = field(repr=False)
    c: FloatArray = field(repr=False)
    w: FloatArray = field(repr=False)
    y: FloatArray = field(repr=False)
    step: int = 0

    @classmethod
    def drawn(
        cls,
        hidden: int = 50,
        layers: int = 1,
        *,
        dt: float = 0.1,
        tau_z: float = 0.1,
        tau_u: float = 0.1,
        tau_w: float = 100.0,
        p_baseline: float = 0.5,
        Y_mode: str = "tied",
        Y_scale: float = 1.0,
        seed: Seed = None,
    ) -> ContinuousBurstCCN:
        """A network with W ~ N(0, 2 / (in + out)), c = 0, z = u = 0.

        Y_mode : "tied" to W, "symmetric_init" Y_scale W at first, "random_init" N(0, Y_scale^2)

        Raises
        ------
        OptionError
            If an option has no meaning, or dt is larger than a time constant.
        """
        for name, value in {"dt": dt, "tau_z": tau_z, "tau_u": tau_u, "tau_w": tau_w}.items():
            positive(name, value)
        shortest = min(tau_z, tau_u)
        if dt > shortest * (1 + 1e-12):
            raise OptionError(
                f"dt is {dt:g}, longer than the time constant {shortest:g}: give at most that"
            )
        if not 0 < p_baseline < 1:
            raise OptionError(f"p_baseline is {p_baseline}, but must lie in (0, 1)")
        one_of("Y mode", Y_mode, Y_MODES)
        if not 0 <= Y_scale < np.inf:
            raise OptionError(f"Y_scale is {Y_scale}, but is at least 0")
        if Y_mode == "tied" and Y_scale != 1:
            raise OptionError("tied Y is W itself: leave its scale out")
        units = [count("hidden", hidden)] * count("layers", layers)
        sizes = np.array([INPUTS, *units, 1])
        rng = generator(seed)
        n, n_layers = int(sizes.max()), sizes.size - 1
        w, y = np.zeros((n_layers, n, n)), np.zeros((n_layers, n, n))
        for k in range(n_layers):
            post, pre = sizes[k + 1], sizes[k]
            w[k, :post, :pre] = rng.normal(0, np.sqrt(2 / (pre + post)), (post, pre))
        for k in range(n_layers - 1):
            post, pre = sizes[k + 2], sizes[k + 1]
            y[k, :post, :pre] = (
                rng.normal(0, Y_scale, (post, pre))
                if Y_mode == "random_init"
                else Y_scale * w[k + 1, :post, :pre]
            )
        return cls(
            sizes=sizes,
            dt=dt,
            tau_z=tau_z,
            tau_u=tau_u,
            tau_w=tau_w,
            p_baseline=p_baseline,
            tied=Y_mode == "tied",
            z=np.zeros((n_layers, n)),
            u=np.zeros((n_layers, n)),
            c=np.zeros((n_layers, n)),
            w=w,
            y=y,
        )

    def advance(
        self,
        task: Task,
        steps: int,
        *,
        teacher: bool,
        learn: bool,
        trace: bool = False,
        compare: bool = False,
    ) -> Passage:
        """Take steps; the mean squared error on the way, and what was asked for beside."""
        shape = self.w.shape if compare else (1, 1, 1)
        ours, theirs = np.zeros(shape), np.zeros(shape)
        output = np.zeros((steps if trace else 0, 2))
        rates = self.dt / np.array([1.0, self.tau_z, self.tau_u, self.tau_w])
        squares = kernel.advance(
            self.sizes, rates, self.p_baseline, self.step, steps, teacher, learn,
            task.frequency, task.phase, task.weights, task.readout,
            self.z, self.u, self.w, self.c, self.y, self.tied,
            compare, ours, theirs, output,
        )  # fmt: skip
        self.step += steps
        return Passage(squares / steps, output, ours, theirs)

    def copy(self) -> ContinuousBurstCCN:
        """With a state of its own."""
        arrays = {name: getattr(self, name).copy() for name in ("z", "u", "c", "w", "y")}
        return ContinuousBurstCCN(**{**vars(self), **arrays})


@dataclass(frozen=True)
class Passage:
    """Of some steps: mean squared error; (steps, 2) target and output; summed updates of W, the
    local ones and backprop's."""

    error: float
    output: FloatArray = field(repr=False)
    ours: FloatArray = field(repr=False)
    theirs: FloatArray = field(repr=False)

    @property
    def angle(self) -> float:
        """Degrees between the local updates and backprop's; nan where one of them is 0."""
        sizes = np.linalg.norm(self.ours), np.linalg.norm(self.theirs)
        if 0.0 in sizes:
            return float("nan")
        chord = float(np.linalg.norm(self.ours / sizes[0] - self.theirs / sizes[1]))
        return float(np.degrees(2 * np.arcsin(min(1.0, chord / 2))))
