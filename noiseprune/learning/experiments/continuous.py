"""The experiment of `noiseprune train burstccn-continuous`: a regression in continuous time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noiseprune.checks import seed_sequence
from noiseprune.files.atomic import write_atomically
from noiseprune.learning.models.continuous.model import STATE, ContinuousBurstCCN, Passage, Task
from noiseprune.learning.options.continuous import ContinuousOptions
from noiseprune.learning.training.experiment import Experiment, Row, Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN, RESOLUTION = 40.0, 0.1
"""Seconds of a trace at most, and between its points."""


class ContinuousExperiment(Experiment):
    """The network, its task, and the schedule of the teacher.

    An epoch is a block of time with the teacher. The blocks before are simulated ahead of the first
    one; those after on a copy, when the training is over, so that a run can be taken further as if
    it had not ended.
    """

    def __init__(self, options: ContinuousOptions) -> None:
        self.options = options
        self.task = Task.drawn(options.task_seed)
        self.model = ContinuousBurstCCN.drawn(options, seed_sequence(options.seed))
        self._steps = round(options.block / options.dt)
        self._before: dict[str, list[Any]] = {}
        self._during: dict[str, list[float]] = {"errors": [], "apical": []}

    def train_epoch(self) -> Row:
        """One block with the teacher."""
        self._begin()
        found = self.model.advance(
            self.task, self._steps, teacher=True, learn=True, learn_Q=self.options.q_learning
        )
        self._during["errors"].append(found.error)
        self._during["apical"].append(found.apical)
        return {"train_loss": found.error, "apical": found.apical}

    def measure(self) -> Row:
        """Error and |u| of a probe without the teacher, angle to backprop of one with it."""
        self._begin()
        if not self.options.probe:
            return {}
        steps = max(1, round(self.options.probe * self._steps))
        silent = self._probe(steps, teacher=False)
        angle = self._probe(steps, teacher=True, compare=True).angle
        row = {"test_loss": silent.error, "silent_apical": silent.apical}
        return row | ({"angle_bp": angle} if np.isfinite(angle) else {})

    def _begin(self) -> None:
        """Ahead of anything else comes the time before."""
        if not self._before:
            self._before = self._rest(self.model, self.options.before, self.options.q_learning)

    def _probe(self, steps: int, *, teacher: bool, compare: bool = False) -> Passage:
        """What would follow without learning."""
        return self.model.copy().advance(
            self.task, steps, teacher=teacher, learn=False, compare=compare
        )

    def _rest(self, model: ContinuousBurstCCN, blocks: int, learn_q: bool) -> dict[str, list[Any]]:
        """Advance by blocks without the teacher and with W fixed.

        `errors` and mean |u| (`apical`) of each, and the `trace`: times, targets, outputs at last.
        """
        o, task = self.options, self.task
        shown = min(self._steps, max(1, round(SHOWN / o.dt)))
        every = max(1, round(RESOLUTION / o.dt))
        share = shown / self._steps
        silent = {"teacher": False, "learn": False, "learn_Q": learn_q}
        errors, apical = [], []
        for _ in range(blocks):
            early = model.advance(task, self._steps - shown, **silent)
            last = model.advance(task, shown, **silent, trace=True)
            errors.append((1 - share) * early.error + share * last.error)
            apical.append((1 - share) * early.apical + share * last.apical)
        times = (model.step - shown + np.arange(0, shown, every)) * o.dt
        trace = [np.round(row, 6).tolist() for row in (times, *last.output[::every].T)]
        return {"errors": errors, "apical": apical, "trace": trace}

    def state(self) -> dict[str, Any]:
        arrays = {name: getattr(self.model, name) for name in STATE}
        return {
            "before": self._before,
            "during": self._during,
            "step": self.model.step,
            "arrays": arrays,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._before = state["before"]
        self._during = {name: list(values) for name, values in state["during"].items()}
        self.model.step = state["step"]
        for name in STATE:
            getattr(self.model, name)[:] = state["arrays"][name]

    def result(self) -> Mapping[str, Any]:
        """Mean squared errors and mean |u| before, in the last tenth of learning, and after.

        Nothing is said of learning where there was none (epochs 0). The time after begins as the
        last of the teacher's signal dies away: its |u| is not 0 altogether. Beside these, of both
        times without the teacher: every block's number (that of the first with it is 1) and error,
        and at the end times, targets and outputs.
        """
        o, blocks = self.options, len(self._during["errors"])
        after = self._rest(self.model.copy(), o.after, False)
        last = slice(blocks - max(1, blocks // 10), blocks)
        found: dict[str, Any] = {}
        for name, values in (("error", "errors"), ("apical", "apical")):
            found[f"{name}_before"] = float(np.mean(self._before[values]))
            if blocks:
                found[f"{name}_during"] = float(np.mean(self._during[values][last]))
            found[f"{name}_after"] = float(np.mean(after[values]))
        for name, rest, first in (
            ("before", self._before, 1 - o.before),
            ("after", after, blocks + 1),
        ):
            numbers = list(range(first, first + len(rest["errors"])))
            found |= {f"blocks_{name}": [numbers, rest["errors"]], f"trace_{name}": rest["trace"]}
        return found

    def save(self, folder: Path) -> None:
        """weights.npz: sizes of the layers, W (L, n, n), c, Y and Q (L - 1, n, n) padded by 0."""
        model = self.model
        with write_atomically(folder / "weights.npz") as temporary:
            np.savez(temporary, sizes=model.sizes, w=model.w, c=model.c, y=model.Y, q=model.Q)

    @staticmethod
    def pictures(runs: Sequence[Training]) -> Mapping[str, Figure]:
        """Error over the schedule of the teacher, and traces before and after."""
        from noiseprune.learning.pictures.continuous import schedule

        return {"schedule": schedule(runs)}
