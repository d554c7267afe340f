"""The experiment behind `noiseprune train burstccn-continuous`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noiseprune.choices import count, positive, seed_sequence
from noiseprune.errors import OptionError
from noiseprune.files.atomic import write_atomically
from noiseprune.learning.burst.continuous.model import ContinuousBurstCCN, Passage, Task
from noiseprune.learning.burst.continuous.options import Options
from noiseprune.learning.training import Experiment, Row

SHOWN, RESOLUTION = 40.0, 0.1
"""Seconds of a trace, and between its points."""
ARRAYS = ("z", "u", "c", "w", "y")


class ContinuousExperiment(Experiment):
    """The network, its task, and the schedule of the teacher; an epoch is a block of time."""

    def __init__(self, options: Options) -> None:
        o = self.options = options
        for name in ("before", "learning"):
            count(name, getattr(o, name), at_least=0)
        positive("block", o.block)
        self.task = Task.drawn(o.task_seed)
        self.model = ContinuousBurstCCN.drawn(
            o.hidden,
            o.layers,
            dt=o.dt,
            tau_z=o.tau_z,
            tau_u=o.tau_u,
            tau_w=o.tau_w,
            p_baseline=o.p_baseline,
            Y_mode=o.y_mode,
            Y_scale=o.y_scale,
            seed=seed_sequence(o.seed),
        )
        self._steps = round(o.block / o.dt)
        if self._steps < 1:
            raise OptionError(f"a block of {o.block:g} s is shorter than dt: give a longer one")
        self._epoch = 0
        self._errors: list[float] = []
        self._before = self._trace()

    def _taught(self, epoch: int) -> bool:
        """Whether the teacher is on in a block; the first is 1."""
        return self.options.before < epoch <= self.options.before + self.options.learning

    def train_epoch(self) -> Row:
        """One block."""
        self._epoch += 1
        taught = self._taught(self._epoch)
        found = self.model.advance(self.task, self._steps, teacher=taught, learn=taught)
        self._errors.append(found.error)
        return {"train_loss": found.error, "teacher": float(taught)}

    def measure(self) -> Row:
        """Error in a block without the teacher; angle to backprop in one with it; weights fixed."""
        silent = self._probe(self._steps, teacher=False)
        taught = self._probe(self._steps, teacher=True, compare=True)
        row = {"test_loss": silent.error}
        return row | ({"angle_bp": taught.angle} if np.isfinite(taught.angle) else {})

    def _probe(self, steps: int, *, teacher: bool, **asked: bool) -> Passage:
        """What would follow without learning."""
        return self.model.copy().advance(self.task, steps, teacher=teacher, learn=False, **asked)

    def _trace(self) -> list[list[float]]:
        """Times from now on, targets and outputs, without the teacher."""
        every = max(1, round(RESOLUTION / self.options.dt))
        steps = max(1, round(SHOWN / self.options.dt))
        found = self._probe(steps, teacher=False, trace=True).output[::every]
        times = np.arange(len(found)) * every * self.options.dt
        return [np.round(values, 6).tolist() for values in (times, *found.T)]

    def state(self) -> dict[str, Any]:
        """All that moves."""
        arrays = {name: getattr(self.model, name) for name in ARRAYS}
        return {"epoch": self._epoch, "errors": self._errors, "step": self.model.step, **arrays}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        self._epoch, self._errors = state["epoch"], list(state["errors"])
        self.model.step = state["step"]
        for name in ARRAYS:
            getattr(self.model, name)[:] = state[name]

    def result(self) -> Mapping[str, Any]:
        """Mean squared errors before, in the last tenth of learning, and after; two traces."""
        o, errors = self.options, self._errors
        last = max(1, o.learning // 10)
        parts = {
            "error_before": errors[: o.before],
            "error_during": errors[o.before : o.before + o.learning][-last:],
            "error_after": errors[o.before + o.learning :],
        }
        means = {name: float(np.mean(found)) for name, found in parts.items() if found}
        return {**means, "trace_before": self._before, "trace_after": self._trace()}

    def save(self, folder: Path) -> Sequence[Path]:
        """weights.npz: W (L, n, n) padded with zeros, c, Y, and the sizes of the layers."""
        path = folder / "weights.npz"
        with write_atomically(path) as temporary:
            np.savez(
                temporary,
                sizes=self.model.sizes,
                w=self.model.w,
                c=self.model.c,
                y=self.model.y,
            )
        return [path]
