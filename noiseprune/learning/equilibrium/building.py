"""Networks of equilibrium propagation as the options of the command line ask for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from noiseprune.checks import count, one_of
from noiseprune.errors import OptionError
from noiseprune.learning.equilibrium.logic import logic_task
from noiseprune.learning.equilibrium.network import DirectedEP
from noiseprune.learning.equilibrium.options import DeepOptions, EPOptions, EquilibriumOptions
from noiseprune.learning.equilibrium.pruning import RULES
from noiseprune.learning.equilibrium.settings import Dynamics, Learning
from noiseprune.learning.equilibrium.sparsification import Sparsification
from noiseprune.learning.equilibrium.topology import Topology, layer_sizes
from noiseprune.learning.training import check_pruning

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


def network_of(options: EquilibriumOptions, *, seeds: Sequence[int] | None = None) -> DirectedEP:
    """Untrained networks as the options ask for; by default with their seeds.

    Raises
    ------
    OptionError
        If an option has no meaning.
    """
    o = options
    task = logic_task(o.task, one_hot=o.one_hot)
    deep = isinstance(o, DeepOptions)
    chosen = chosen_values(o)
    hidden = layer_sizes(chosen["hidden"])
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
        seeds=range(o.seed, o.seed + count("seeds", o.seeds)) if seeds is None else seeds,
    )


def chosen_values(options: EquilibriumOptions) -> dict[str, Any]:
    """What else depends on preset and model: as given, or theirs; None: no cap, no bound."""
    if isinstance(options, EPOptions):
        own = {name: getattr(options, name) for name in ("scale", "beta", "lr")}
        hidden = "5" if options.hidden is None else options.hidden
        return {"hidden": hidden, "leakage": "none", "leak_constant": 1.0, **own}
    if not isinstance(options, DeepOptions):
        raise OptionError("give the options of a model: DeepOptions or EPOptions")
    preset = PRESETS[one_of("preset", options.preset, PRESETS)]
    if options.one_hot and options.preset == "published":
        preset = preset | ONE_HOT
    preset = {"hidden": "2" if options.one_hot else "5", "bound": None, "cap": None} | preset
    given = {name: getattr(options, name) for name in preset}
    chosen = {name: preset[name] if value is None else value for name, value in given.items()}
    return chosen | {name: None for name in ("bound", "cap") if chosen[name] == math.inf}


def draws(options: EquilibriumOptions) -> Sparsification:
    """Of --sparse, and of --rule boltzmann."""
    o = options
    return Sparsification(
        tolerance=Sparsification.tolerance if o.tol_w is None else o.tol_w,
        temperature=Sparsification.temperature if o.temp is None else o.temp,
        permanent=o.permanent,
        schedule=o.sparse_schedule,
        final_temperature=o.temp_end,
    )


def check(options: EquilibriumOptions) -> None:
    """Refuse options that would do nothing, or have no meaning."""
    o = options
    if o.rule is not None:
        one_of("rule", o.rule, RULES)
        if o.prune is None:
            raise OptionError("a rule is of pruning: give --prune, or leave --rule out")
    if (o.tol_w, o.temp) != (None, None) and not o.sparse and o.rule != "boltzmann":
        raise OptionError(
            "tol_W and temp are of the Boltzmann draws: give --sparse, or --prune with --rule "
            "boltzmann"
        )
    check_pruning(o.prune, o.fine_tune)
    if not o.sparse and (o.permanent or o.sparse_schedule or o.temp_end is not None):
        raise OptionError("permanent and scheduled draws are of the sparsification: give --sparse")
