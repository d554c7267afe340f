"""Networks of equilibrium propagation as their options ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from noiseprune.learning.data.logic import logic_task
from noiseprune.learning.models.equilibrium.network import DirectedEP
from noiseprune.learning.models.equilibrium.settings import (
    Dynamics,
    Learning,
    Topology,
    layer_sizes,
)
from noiseprune.learning.models.equilibrium.sparsification import Sparsification
from noiseprune.learning.options.equilibrium import DeepOptions, EquilibriumOptions


def network_of(options: EquilibriumOptions, *, seeds: Sequence[int] | None = None) -> DirectedEP:
    """Untrained networks as the options ask for; by default with their seeds."""
    o, deep = options, isinstance(options, DeepOptions)
    task = logic_task(o.task, one_hot=o.one_hot)
    known: dict[str, Any] = {**vars(o), **o.chosen(), "rule": "stdp" if deep else "ep"}
    known |= {"leak": known["leakage"], "constant": known["leak_constant"]}
    hidden = layer_sizes(known["hidden"])
    return DirectedEP(
        Topology(task.inputs.shape[1], hidden, task.targets.shape[1], o.topology),
        dynamics=Dynamics(**_among(Dynamics, known)),
        learning=Learning(**_among(Learning, known)),
        sparsification=draws(o) if o.sparse else None,
        scale=known["scale"],
        seeds=range(o.seed, o.seed + o.seeds) if seeds is None else seeds,
    )


def _among(record: type[Dynamics] | type[Learning], known: dict[str, Any]) -> dict[str, Any]:
    """What concerns a record, which calls it as the options do."""
    return {each.name: known[each.name] for each in fields(record) if each.name in known}


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
