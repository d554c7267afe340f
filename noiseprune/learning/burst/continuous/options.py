"""What `noiseprune train burstccn-continuous` can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from noiseprune.learning.training import TrainOptions


@dataclass(frozen=True, kw_only=True)
class Options(TrainOptions):
    """BurstCCN in continuous time: a regression with the teacher off, on, and off again."""

    epochs: Annotated[int, "Blocks of simulated time."] = 102
    block: Annotated[float, "Seconds of a block."] = 1000.0
    before: Annotated[int, "Blocks without teacher and learning at first."] = 1
    learning: Annotated[int, "Blocks with them; all that follow are without."] = 100
    dt: Annotated[float, "Step in seconds."] = 0.1
    tau_z: Annotated[float, "Time constant of the somatic potentials."] = 0.1
    tau_u: Annotated[float, "Time constant of the apical potentials."] = 0.1
    tau_w: Annotated[float, "Time constant of the weights."] = 100.0
    layers: Annotated[int, "Hidden layers."] = 1
    hidden: Annotated[int, "Units of each."] = 50
    p_baseline: Annotated[float, "Baseline burst probability."] = 0.5
    y_mode: Annotated[str, "Feedback Y: tied (to W), symmetric_init or random_init."] = "tied"
    y_scale: Annotated[float, "Of the initial Y."] = 1.0
    task_seed: Annotated[int, "Of inputs and target."] = 1
