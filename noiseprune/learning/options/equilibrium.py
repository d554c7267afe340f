"""What `noiseprune train deep` and `noiseprune train ep` can be told.

The presets of `deep`:

                 leakage   leak_constant   scale   cap    beta   lr
    published    signed    0               0.05    none   10     100  (one-hot outputs: 1, 200)
    improved     none      1               1       0.9    10     100

The published leak lets no state rest but at the walls of the clip; the improved networks contract,
so that every start leads to the same state, and start from weights large enough to tell the hidden
neurons apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from noiseprune.checks import count, positive
from noiseprune.errors import OptionError
from noiseprune.learning.options import names
from noiseprune.learning.options.base import CHANGEABLE, Changeable, PruneOptions, at_least_0

OF_DRAWS = Changeable(unless="sparse")
PRESETS: dict[str, dict[str, Any]] = {
    "published": {
        "leakage": "signed", "leak_constant": 0.0, "scale": 0.05, "beta": 10.0, "lr": 100.0,
    },
    "improved": {
        "leakage": "none", "leak_constant": 1.0, "scale": 1.0, "beta": 10.0, "lr": 100.0,
        "cap": 0.9,
    },
}  # fmt: skip
ONE_HOT = {"beta": 1.0, "lr": 200.0}
"""What the published choices are with one-hot outputs, with 2 hidden neurons."""


@dataclass(frozen=True, kw_only=True)
class EquilibriumOptions(PruneOptions):
    """Networks that learn a logic task by settling twice."""

    epochs: Annotated[int, "Epochs to train; in each, all rows of the task.", at_least_0] = 200
    log_every: Annotated[int, "Epochs between rows of the log.", count] = 10
    seeds: Annotated[int, "Networks.", count] = 10
    task: Annotated[names.LogicName, "What is learned."] = "xor"
    one_hot: Annotated[bool, "An output for each answer."] = False
    hidden: Annotated[
        str | None, "Hidden neurons of each layer, with commas (5; deep with --one-hot 2)."
    ] = None
    topology: Annotated[names.TopologyKind, "Who may listen to whom."] = "complete"
    dt: Annotated[float, "Euler step."] = 0.05
    free_steps: Annotated[int, "Steps of the free phase."] = 1000
    nudged_steps: Annotated[int, "Steps of the nudged phase."] = 1000
    stop: Annotated[
        float, "Sum of squared speeds at which a phase ends; 0: at exact rest, published: 1e-10."
    ] = 0.0
    centred: Annotated[bool, "Learn from a second nudged phase too, nudged the other way."] = False
    sign: Annotated[bool, "Learn by the sign of the change alone."] = False
    l1: Annotated[float, "Strength of the L1 regularisation; published: 1.5e-4."] = 0.0
    sparse: Annotated[bool, "Boltzmann sparsification after every epoch."] = False
    tol_w: Annotated[
        float | None,
        "Largest weak weight of --sparse or of --rule boltzmann (0.01).",
        positive,
        OF_DRAWS,
    ] = None
    temp: Annotated[float | None, "Temperature of the same (5).", positive, OF_DRAWS] = None
    permanent: Annotated[bool, "What was set to 0 stays so."] = False
    sparse_schedule: Annotated[
        int, "Epochs over which tol_w rises from 0 to its value, and temp falls to temp_end."
    ] = 0
    temp_end: Annotated[float | None, "Temperature at the end of that."] = None
    rule: Annotated[names.EquilibriumRule | None, "To prune by (default: noise).", CHANGEABLE] = (
        None
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sparse:
            return
        if self.rule != "boltzmann":
            self.refuse_idle(
                ("tol_w", "temp"),
                "is of the Boltzmann draws: give --sparse, or --prune with --rule boltzmann, or",
            )
        own = ("permanent", "sparse_schedule", "temp_end")
        self.refuse_idle(own, "is of the sparsification: give --sparse, or")

    def chosen(self) -> dict[str, Any]:
        """What depends on preset and model: as given, or theirs; None: no cap, no bound."""
        raise OptionError("give the options of a model: DeepOptions or EPOptions")


@dataclass(frozen=True, kw_only=True)
class DeepOptions(EquilibriumOptions):
    """Directed equilibrium propagation (DEEP): directed networks that learn a logic task."""

    MODEL: ClassVar[str] = "deep"

    preset: Annotated[
        names.Preset, "Leak, constant, scale, cap, beta, lr where left out, or none in --vary."
    ] = "published"
    leakage: Annotated[names.Leak | None, "Kind of leak."] = None
    leak_constant: Annotated[float | None, "Added to the leak of every neuron."] = None
    scale: Annotated[float | None, "Standard deviation of the initial weights."] = None
    beta: Annotated[float | None, "Strength of the nudging."] = None
    lr: Annotated[float | None, "Learning rate (dt_W)."] = None
    beta_0: Annotated[float, "Weight of coincidence in the learning rule."] = 0.0
    beta_1: Annotated[float, "Weight of timing in the learning rule."] = 1.0
    bound: Annotated[float | None, "Largest weight, kept by clipping; inf: no bound."] = None
    cap: Annotated[
        float | None,
        "Largest total weight that a hidden or output neuron sends, kept by scaling; inf: no cap.",
    ] = None

    def chosen(self) -> dict[str, Any]:
        hidden = "2" if self.one_hot else "5"
        preset: dict[str, Any] = {"hidden": hidden, "bound": None, "cap": None}
        preset |= PRESETS[self.preset]
        if self.one_hot and self.preset == "published":
            preset |= ONE_HOT
        given = {name: getattr(self, name) for name in preset}
        found = {name: preset[name] if value is None else value for name, value in given.items()}
        return found | {name: None for name in ("bound", "cap") if found[name] == math.inf}


@dataclass(frozen=True, kw_only=True)
class EPOptions(EquilibriumOptions):
    """Asymmetric equilibrium propagation: directed networks with biases and a leak of 1."""

    MODEL: ClassVar[str] = "ep"

    scale: Annotated[float, "Standard deviation of the initial weights."] = 0.05
    beta: Annotated[float, "Strength of the nudging."] = 10.0
    lr: Annotated[float, "Learning rate (dt_W)."] = 1.0

    def chosen(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("scale", "beta", "lr")}
        hidden = "5" if self.hidden is None else self.hidden
        return {"hidden": hidden, "leakage": "none", "leak_constant": 1.0, **own}
