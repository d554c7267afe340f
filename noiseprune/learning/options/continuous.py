"""What `noiseprune train burstccn-continuous` can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from noiseprune.checks import count, not_negative, positive
from noiseprune.errors import OptionError
from noiseprune.learning.options import names
from noiseprune.learning.options.base import (
    CHANGEABLE,
    TrainOptions,
    at_least_0,
    proportion,
    within_0_1,
)


@dataclass(frozen=True, kw_only=True)
class ContinuousOptions(TrainOptions):
    """BurstCCN in continuous time: a regression with the teacher off, on, and off again."""

    MODEL: ClassVar[str] = "burstccn-continuous"

    epochs: Annotated[int, "Blocks with the teacher, in which W learns.", at_least_0] = 100
    before: Annotated[int, "Blocks without the teacher ahead of them; at least 1.", count] = 1
    after: Annotated[
        int, "Blocks without the teacher behind them; at least 1.", count, CHANGEABLE
    ] = 1
    block: Annotated[float, "Seconds of a block.", positive] = 1000.0
    probe: Annotated[
        float,
        "Fraction of a block to simulate twice after each, for test_loss and angle_bp.",
        proportion,
    ] = 0.1
    dt: Annotated[float, "Step in seconds.", positive] = 0.1
    tau_z: Annotated[float, "Time constant of the somatic potentials.", positive] = 0.1
    tau_u: Annotated[float, "Time constant of the apical potentials.", positive] = 0.1
    tau_w: Annotated[float, "Time constant of the weights.", positive] = 100.0
    tau_q: Annotated[float | None, "Time constant of a Q that learns (default: 100).", positive] = (
        None
    )
    layers: Annotated[int, "Hidden layers.", count] = 1
    hidden: Annotated[int, "Units of each.", count] = 50
    p_baseline: Annotated[float, "Baseline burst probability.", within_0_1] = 0.5
    y_mode: Annotated[names.YMode, "Feedback Y: tied (to W), or drawn or set at first."] = "tied"
    y_scale: Annotated[float, "Of the initial Y.", not_negative] = 1.0
    q_mode: Annotated[names.QMode, "Q: tied (to Y), or drawn or set at first."] = "tied"
    q_scale: Annotated[float, "Of the initial Q.", not_negative] = 1.0
    q_learning: Annotated[bool, "Q learns, before the teacher comes and with it."] = False
    task_seed: Annotated[int, "Of inputs and target."] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.q_learning:
            self.refuse_idle(("tau_q",), "is of a Q that learns: give --q-learning, or")
        elif self.q_mode == "tied":
            raise OptionError("tied Q is p_b Y itself and cannot learn: choose another Q mode")
        for name in ("tau_z", "tau_u", "tau_w", "tau_q"):
            value = getattr(self, name)
            if value is not None and self.dt > value * (1 + 1e-12):
                raise OptionError(
                    f"dt is {self.dt:g}, longer than {name} = {value:g}: give a shorter one"
                )
        for name, like in (("y", "W"), ("q", "p_b Y")):
            if getattr(self, f"{name}_mode") == "tied":
                why = f"has no place: tied {name.upper()} is {like} itself,"
                self.refuse_idle((f"{name}_scale",), why)
        if round(self.block / self.dt) < 1:
            raise OptionError(f"a block of {self.block:g} s is shorter than dt: give a longer one")
