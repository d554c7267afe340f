"""What `noiseprune train ctrnn` can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from noiseprune.checks import count, not_negative, positive
from noiseprune.errors import OptionError
from noiseprune.learning.options import names
from noiseprune.learning.options.base import CHANGEABLE, PruneOptions, at_least_0, proportion


@dataclass(frozen=True, kw_only=True)
class CTRNNOptions(PruneOptions):
    """A rate network with biological constraints: a decision, a match to sample, or a sine."""

    MODEL: ClassVar[str] = "ctrnn"

    epochs: Annotated[int, "Epochs to train.", at_least_0] = 50
    task: Annotated[names.RateTask, "What is learned."] = "decision"
    steps: Annotated[int, "Steps of the optimizer in an epoch.", count] = 10
    batch: Annotated[
        int | None, "New trials of each step (64; sine 1, as all are equal).", count
    ] = None
    test_trials: Annotated[int | None, "Trials of the test (500; sine 1).", count] = None
    hidden: Annotated[int, "Neurons.", count] = 100
    activation: Annotated[names.RateActivation, "Of every neuron."] = "relu"
    dt: Annotated[float | None, "Step, in the unit of tau (20; sine 10).", positive] = None
    tau: Annotated[float, "Time constant."] = 100.0
    learn_alpha: Annotated[bool, "Learn dt / tau of every neuron."] = False
    excitatory: Annotated[
        float | None,
        "Fraction of excitatory neurons under Dale's law (default: free signs).",
        proportion,
    ] = None
    dale: Annotated[names.Dale | None, "How signs are kept (default: parametrisation)."] = None
    density: Annotated[float, "Of the recurrent synapses at the start.", proportion] = 1.0
    growth: Annotated[float, "Probability that an absent synapse grows, per epoch.", proportion] = (
        0.0
    )
    budget: Annotated[int | None, "Most recurrent synapses that growth leads to.", count] = None
    preact_noise: Annotated[float, "Noise before the activation, in training."] = 0.0
    postact_noise: Annotated[float, "Noise after the activation, in training."] = 0.0
    noise_scaling: Annotated[
        names.NoiseScaling | None, "Of the noise before: alpha (default), or sqrt (of 2 alpha)."
    ] = None
    init_state: Annotated[names.FirstState, "First state of a trial."] = "zero"
    spectral_radius: Annotated[float | None, "Of the initial recurrent weights."] = None
    biases: Annotated[names.Initial | None, "Initial (default: no biases)."] = None
    optimizer: Annotated[names.Optimizer, "What follows the gradient."] = "adam"
    lr: Annotated[float, "Learning rate.", positive] = 1e-3
    weight_decay: Annotated[float, "Of the optimizer.", not_negative] = 0.0
    rule: Annotated[names.RecurrentRule | None, "To prune by (default: noise).", CHANGEABLE] = None
    fine_tune: Annotated[int, "Steps of the optimizer after pruning.", at_least_0, CHANGEABLE] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.growth == 0:
            self.refuse_idle(("budget",), "is for growth: give --growth, or")
        elif self.density == 1:
            raise OptionError(
                "nothing can grow where every synapse is there: give a --density below 1, or leave "
                "--growth out"
            )
        if self.excitatory is None:
            self.refuse_idle(
                ("dale",), "is how signs are kept, but here they are free: give --excitatory, or"
            )
        if self.preact_noise == 0:
            own = ("noise_scaling",)
            self.refuse_idle(own, "is of the noise before the activation: give --preact-noise, or")
