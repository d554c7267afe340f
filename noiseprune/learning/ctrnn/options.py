"""What `noiseprune train ctrnn` can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from noiseprune.learning.training import TrainOptions

TASKS = ("decision", "match", "sine")


@dataclass(frozen=True, kw_only=True)
class Options(TrainOptions):
    """A rate network with biological constraints: a decision, a match to sample, or a sine."""

    epochs: Annotated[int, "Epochs to train."] = 50
    task: Annotated[str, "decision, match or sine."] = "decision"
    steps: Annotated[int, "Steps of the optimizer in an epoch."] = 10
    batch: Annotated[int | None, "New trials of each step (64; sine 1, as all are equal)."] = None
    test_trials: Annotated[int | None, "Trials of the test (500; sine 1)."] = None
    hidden: Annotated[int, "Neurons."] = 100
    activation: Annotated[str, "relu, tanh, sigmoid, retanh, softplus or linear."] = "relu"
    dt: Annotated[float | None, "Step, in the unit of tau (20; sine 10)."] = None
    tau: Annotated[float, "Time constant."] = 100.0
    learn_alpha: Annotated[bool, "Learn dt / tau of every neuron."] = False
    excitatory: Annotated[
        float | None, "Fraction of excitatory neurons under Dale's law (default: free signs)."
    ] = None
    dale: Annotated[str | None, "How signs are kept: parametrisation (default) or projection."] = (
        None
    )
    density: Annotated[float, "Of the recurrent synapses at the start."] = 1.0
    growth: Annotated[float, "Probability that an absent synapse grows, per epoch."] = 0.0
    budget: Annotated[int | None, "Most recurrent synapses that growth leads to."] = None
    preact_noise: Annotated[float, "Noise before the activation, in training."] = 0.0
    postact_noise: Annotated[float, "Noise after the activation, in training."] = 0.0
    noise_scaling: Annotated[
        str | None, "Of the noise before: alpha (default), or sqrt (of 2 alpha)."
    ] = None
    init_state: Annotated[str, "First state of a trial: zero or learn."] = "zero"
    spectral_radius: Annotated[float | None, "Of the initial recurrent weights."] = None
    biases: Annotated[str | None, "Initial: zero, uniform, normal (default: no biases)."] = None
    optimizer: Annotated[str, "adam, adamw or sgd."] = "adam"
    lr: Annotated[float, "Learning rate."] = 1e-3
    weight_decay: Annotated[float, "Of the optimizer."] = 0.0
    prune: Annotated[float | None, "When trained: fraction of the synapses to keep."] = None
    rule: Annotated[
        str | None, "To prune by: noise (default), paper, weight, uniform, magnitude or random."
    ] = None
    fine_tune: Annotated[int, "Steps of the optimizer after pruning."] = 0


@dataclass(frozen=True, kw_only=True)
class Effective(Options):
    """Options with values where None says that none was given."""

    dale: str = "parametrisation"
    noise_scaling: str = "alpha"
    rule: str = "noise"
