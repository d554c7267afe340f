"""What `noiseprune train burstccn-continuous` can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from noiseprune.learning.training import TrainOptions


@dataclass(frozen=True, kw_only=True)
class Options(TrainOptions):
    """BurstCCN in continuous time: a regression with the teacher off, on, and off again."""

    epochs: Annotated[int, "Blocks with the teacher, in which W learns."] = 100
    before: Annotated[int, "Blocks without the teacher ahead of them; at least 1."] = 1
    after: Annotated[int, "Blocks without the teacher behind them; at least 1."] = 1
    block: Annotated[float, "Seconds of a block."] = 1000.0
    probe: Annotated[
        float, "Fraction of a block to simulate twice after each, for test_loss and angle_bp."
    ] = 0.1
    dt: Annotated[float, "Step in seconds."] = 0.1
    tau_z: Annotated[float, "Time constant of the somatic potentials."] = 0.1
    tau_u: Annotated[float, "Time constant of the apical potentials."] = 0.1
    tau_w: Annotated[float, "Time constant of the weights."] = 100.0
    tau_q: Annotated[float | None, "Time constant of a Q that learns (default: 100)."] = None
    layers: Annotated[int, "Hidden layers."] = 1
    hidden: Annotated[int, "Units of each."] = 50
    p_baseline: Annotated[float, "Baseline burst probability."] = 0.5
    y_mode: Annotated[str, "Feedback Y: tied (to W), symmetric_init or random_init."] = "tied"
    y_scale: Annotated[float, "Of the initial Y."] = 1.0
    q_mode: Annotated[str, "Q: tied (to Y), symmetric_init, random_init, W_symmetric_init."] = (
        "tied"
    )
    q_scale: Annotated[float, "Of the initial Q."] = 1.0
    q_learning: Annotated[bool, "Q learns, before the teacher comes and with it."] = False
    task_seed: Annotated[int, "Of inputs and target."] = 1
