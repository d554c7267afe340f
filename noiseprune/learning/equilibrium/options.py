"""What `noiseprune train deep` and `noiseprune train ep` can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from noiseprune.learning.training import TrainOptions


@dataclass(frozen=True, kw_only=True)
class EquilibriumOptions(TrainOptions):
    """Networks that learn a logic task by settling twice."""

    epochs: Annotated[int, "Epochs to train; in each, all rows of the task."] = 200
    log_every: Annotated[int, "Epochs between rows of the log."] = 10
    seeds: Annotated[int, "Networks."] = 10
    task: Annotated[str, "xor, and, or, not or identity."] = "xor"
    one_hot: Annotated[bool, "An output for each answer."] = False
    hidden: Annotated[
        str | None, "Hidden neurons of each layer, with commas (5; deep with --one-hot 2)."
    ] = None
    topology: Annotated[str, "complete or layered."] = "complete"
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
        float | None, "Largest weak weight of --sparse or of --rule boltzmann (0.01)."
    ] = None
    temp: Annotated[float | None, "Temperature of the same (5)."] = None
    permanent: Annotated[bool, "What was set to 0 stays so."] = False
    sparse_schedule: Annotated[
        int, "Epochs over which tol_w rises from 0 to its value, and temp falls to temp_end."
    ] = 0
    temp_end: Annotated[float | None, "Temperature at the end of that."] = None
    prune: Annotated[float | None, "When trained: fraction of the synapses to keep."] = None
    rule: Annotated[
        str | None,
        "Rule: noise (default), noise-largest, weight, uniform, magnitude, random or boltzmann.",
    ] = None
    fine_tune: Annotated[int, "Epochs after pruning."] = 0


@dataclass(frozen=True, kw_only=True)
class DeepOptions(EquilibriumOptions):
    """Directed equilibrium propagation (DEEP): directed networks that learn a logic task."""

    preset: Annotated[
        str,
        "published or improved: leak, constant, scale, cap, beta, lr where left out, or none in "
        "--vary.",
    ] = "published"
    leakage: Annotated[str | None, "Kind of leak: signed, absolute or none."] = None
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


@dataclass(frozen=True, kw_only=True)
class EPOptions(EquilibriumOptions):
    """Asymmetric equilibrium propagation: directed networks with biases and a leak of 1."""

    scale: Annotated[float, "Standard deviation of the initial weights."] = 0.05
    beta: Annotated[float, "Strength of the nudging."] = 10.0
    lr: Annotated[float, "Learning rate (dt_W)."] = 1.0
