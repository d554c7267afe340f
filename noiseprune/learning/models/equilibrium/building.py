"""Networks of equilibrium propagation as their options ask for them."""

from __future__ import annotations

from collections.abc import Sequence

from noiseprune.learning.data.logic import logic_task
from noiseprune.learning.models.equilibrium.network import DirectedEP
from noiseprune.learning.models.equilibrium.settings import Dynamics, Learning
from noiseprune.learning.models.equilibrium.sparsification import Sparsification
from noiseprune.learning.models.equilibrium.topology import Topology, layer_sizes
from noiseprune.learning.options.equilibrium import DeepOptions, EquilibriumOptions


def network_of(options: EquilibriumOptions, *, seeds: Sequence[int] | None = None) -> DirectedEP:
    """Untrained networks as the options ask for; by default with their seeds.

    Raises
    ------
    OptionError
        If an option has no meaning.
    """
    o, chosen = options, options.chosen()
    task = logic_task(o.task, one_hot=o.one_hot)
    hidden = layer_sizes(chosen["hidden"])
    deep = isinstance(o, DeepOptions)
    return DirectedEP(
        Topology(task.inputs.shape[1], hidden, task.targets.shape[1], o.topology),
        dynamics=Dynamics(
            leak=chosen["leakage"],
            constant=chosen["leak_constant"],
            dt=o.dt,
            free_steps=o.free_steps,
            nudged_steps=o.nudged_steps,
            stop=o.stop,
        ),
        learning=Learning(
            rule="stdp" if deep else "ep",
            beta=chosen["beta"],
            lr=chosen["lr"],
            beta_0=o.beta_0 if isinstance(o, DeepOptions) else 0.0,
            beta_1=o.beta_1 if isinstance(o, DeepOptions) else 1.0,
            centred=o.centred,
            sign=o.sign,
            l1=o.l1,
            bound=chosen.get("bound"),
            cap=chosen.get("cap"),
        ),
        sparsification=draws(o) if o.sparse else None,
        scale=chosen["scale"],
        seeds=range(o.seed, o.seed + o.seeds) if seeds is None else seeds,
    )


def draws(options: EquilibriumOptions) -> Sparsification:
    """The draws of --sparse, and of --rule boltzmann."""
    o = options
    return Sparsification(
        tolerance=Sparsification.tolerance if o.tol_w is None else o.tol_w,
        temperature=Sparsification.temperature if o.temp is None else o.temp,
        permanent=o.permanent,
        schedule=o.sparse_schedule,
        final_temperature=o.temp_end,
    )
