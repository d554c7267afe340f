"""Networks of directed equilibrium propagation pruned by Boltzmann draws, by noise and its rivals.

python benchmarks/deep_pruning.py [SEEDS]        (default 50)

First, DEEP with L1 and sparsification in training, as published, beside the same networks (the same
seeds) trained without and pruned to the same number of synapses each. Then, the improved networks
pruned to several densities: accuracy as pruned and after 20 more epochs, and what it does to the
spectrum.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Sequence
from typing import Any

import machine
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from noiseprune.figures import style
from noiseprune.learning.data.logic import LogicTask, answers_of, logic_task
from noiseprune.learning.models.equilibrium.building import network_of
from noiseprune.learning.models.equilibrium.network import DirectedEP
from noiseprune.learning.options.equilibrium import DeepOptions as Options
from noiseprune.learning.prune.equilibrium import prune_equilibrium

PICTURES = machine.TABLES.parent / "figures"
EPOCHS, TUNED = 200, 20
FRACTIONS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
HIDDEN = "10"
EXTRA = {
    "noise-largest": style.Look("noise, largest importance", "#cc79a7", "P", (0, (6, 1.5))),
    "random": style.Look("random", "#555555", "x", ":"),
    "boltzmann": style.Look("Boltzmann, T = 5, rising tolerance", "#009e73", "*", "-"),
    "boltzmann, cold": style.Look("Boltzmann, T = 0.05, the same", "#000000", "h", "--"),
}
LOOKS = {name: style.LOOKS[name] for name in ("noise", "weight", "uniform", "magnitude")} | EXTRA
"""By the name of a way to prune."""
DRAWS = (
    "Boltzmann: the published draws, repeated with no learning between, take weak synapses alone, "
    "up to a tolerance that starts at 0.01 and rises by as much with each draw until enough are "
    "gone; at T = 5, or cold, at T = 0.05."
)
EPSILON = (
    "Epsilon: median relative change of the drift among the neurons that are no inputs, mean over "
    "the rows at the states of rest, where clipped neurons hear nobody (in the norm of the "
    "symmetric part where that is positive). The noise of rules 'noise' runs there, and the inputs "
    "carry none; no theorem covers these directed networks."
)


def trained(options: Options) -> tuple[DirectedEP, LogicTask]:
    network, task = network_of(options), logic_task(options.task)
    for _ in range(EPOCHS):
        network.learn(task.inputs, task.targets)
    return network, task


def right(network: DirectedEP, task: LogicTask) -> np.ndarray:
    """(K, m) which rows are right in the free phase, from a random start."""
    states = network.settle(task.inputs, network.starts(len(task.inputs), 5)).states
    found: np.ndarray = (answers_of(network.outputs(states)) == task.targets).all(axis=2)
    return found


def tuned(network: DirectedEP, task: LogicTask) -> DirectedEP:
    further = copy.deepcopy(network)
    for _ in range(TUNED):
        further.learn(task.inputs, task.targets)
    return further


def measured(
    network: DirectedEP, task: LogicTask, name: str, keep: float | Sequence[int]
) -> dict[str, Any]:
    """One way to prune, over all networks."""
    temperature = 0.05 if name.endswith("cold") else 5.0
    rule = name.partition(",")[0]
    found = prune_equilibrium(network, task.inputs, keep, rule, temperature=temperature, seed=7)
    now = right(found.network, task)
    before = network.stability().eigenvalues
    after = found.network.stability()
    norms = [norm or "none" for norm in found.epsilon_norm]
    scale = np.abs(before).max(axis=1)
    moved = np.abs(after.abscissa - before.real[:, 0]) / scale
    return {
        "name": name,
        "kept": float((found.n_kept / found.n_synapses).mean()),
        "zeros": float(found.network.sparsity.mean()),
        "success": float(now.all(axis=1).mean()),
        "rows": float(now.mean()),
        "tuned": float(right(tuned(found.network, task), task).all(axis=1).mean()),
        "epsilon": float(np.nanmedian(found.epsilon)),
        "abscissa": float(np.median(after.abscissa)),
        "abscissa_moved": float(np.median(moved)),
        "stable": float(after.stable.mean()),
        "contracts": float(after.contracts.mean()),
        "norm": max(norms, key=norms.count),
        "own_leak": float(found.own_leak.mean()),
    }


def in_training(seeds: int) -> list[tuple[str, ...]]:
    """DEEP with L1 and sparsification, and the same networks pruned to the same counts."""
    rows = []
    for preset in ("published", "improved"):
        for task_name in ("xor", "and"):
            options = {"preset": preset, "task": task_name, "seeds": seeds}
            plain, task = trained(Options(**options))
            sparse, _ = trained(Options(**options, l1=1.5e-4, sparse=True))
            cases: list[dict[str, Any]] = [
                {"name": name, "zeros": network.sparsity.mean(), "rows": found.mean(),
                 "success": found.all(axis=1).mean(), "tuned": again.all(axis=1).mean(),
                 "contracts": network.stability().contracts.mean()}
                for name, network in (("not pruned", plain), ("L1 and sparse in training", sparse))
                for found, again in
                [(right(network, task), right(tuned(network, task), task))]
            ]  # fmt: skip
            counts = (sparse.weights != 0).sum(axis=(1, 2)).tolist()
            cases += [measured(plain, task, name, counts) for name in LOOKS]
            for case in cases:
                rows.append(
                    (
                        f"{preset}, {task_name}",
                        case["name"],
                        f"{case['zeros']:.0%}",
                        f"{case['success']:.0%}",
                        f"{case['rows']:.0%}",
                        f"{case['tuned']:.0%}",
                        f"{case['contracts']:.0%}",
                        f"{case['epsilon']:.2g}" if "epsilon" in case else "",
                        f"{case['own_leak']:.0%}" if "own_leak" in case else "",
                    )
                )
                print(*rows[-1], flush=True)
    return rows


def against_density(seeds: int) -> dict[str, Any]:
    numbers: dict[str, Any] = {"hidden": HIDDEN, "seeds": seeds, "tasks": {}}
    for task_name in ("xor", "and"):
        options = Options(preset="improved", task=task_name, seeds=seeds, hidden=HIDDEN)
        network, task = trained(options)
        report, now = network.stability(), right(network, task)
        whole = {
            "success": float(now.all(axis=1).mean()),
            "abscissa": float(np.median(report.abscissa)),
        }
        cases = []
        for keep in FRACTIONS:
            for name in LOOKS:
                cases.append({"keep": keep, **measured(network, task, name, keep)})
                print(task_name, cases[-1], flush=True)
        numbers["tasks"][task_name] = {"whole": whole, "cases": cases}
    return numbers


def draw(numbers: dict[str, Any]) -> Figure:
    """A row a task: right as pruned, right after more epochs, epsilon, spectral abscissa."""
    figure = Figure(figsize=(9.6, 5.4), layout="constrained")
    panels = figure.subplots(2, 4, sharex=True)
    keys = ("success", "tuned", "epsilon", "abscissa")
    titles = ("right as pruned", f"right after {TUNED} more epochs", "epsilon", "abscissa of J")
    for line, (task, found) in zip(panels, numbers["tasks"].items()):
        for axes, key, title in zip(line, keys, titles):
            for name, look in LOOKS.items():
                cases = [case for case in found["cases"] if case["name"] == name]
                axes.plot(
                    [100 * case["kept"] for case in cases],
                    [case[key] for case in cases],
                    color=look.colour, marker=look.marker, linestyle=look.line, markersize=4,
                )  # fmt: skip
            axes.set_title(f"{task}: {title}")
            if key in ("success", "tuned"):
                axes.set_ylim(-0.03, 1.03)
                axes.axhline(found["whole"]["success"], color=style.INK, linewidth=1, linestyle=":")
            elif key == "epsilon":
                axes.set_yscale("log")
            else:
                axes.axhline(found["whole"][key], color=style.INK, linewidth=1, linestyle=":")
        line[0].set_ylabel("fraction of networks")
    for axes in panels[1]:
        axes.set_xlabel("synapses kept (%)")
    handles = [look.handle() for look in LOOKS.values()]
    handles.append(Line2D([], [], color=style.INK, linewidth=1, linestyle=":", label="not pruned"))
    style.below(figure, handles, 5)
    return figure


def main(seeds: int) -> None:
    machine.write_table(
        "deep_sparse",
        f"DEEP with L1 and sparsification beside its networks pruned: {seeds} networks a row",
        (
            "networks",
            "way",
            "zeros",
            "right",
            "rows right",
            "right after 20 epochs",
            "contracts",
            "epsilon",
            "own leak",
        ),
        in_training(seeds),
        "L1 1.5e-4 and Boltzmann sparsification (tolerance 0.01, T = 5) in all 200 epochs; all the "
        "other ways prune the networks of the same seeds trained without, to the same number of "
        "synapses. Right: all rows of the truth table, fraction of the networks. After 20 epochs: "
        "of learning, in which what was pruned stays so, but not what the sparsification in "
        "training set to 0. "
        + DRAWS
        + " "
        + EPSILON
        + " Own leak: networks of which the noise runs under their own leak; of the others that "
        "leaves no stationary state in one of the rows, and the dominant one takes its place. "
        "Contracts: after pruning.",
    )
    numbers = against_density(seeds)
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "deep_pruning.json").write_text(json.dumps(numbers) + "\n", encoding="utf-8")
    with mpl.rc_context(style.RC):
        draw(numbers).savefig(PICTURES / "deep_pruning.png")
    rows = [
        (
            task,
            f"{case['keep']:.0%}",
            case["name"],
            f"{case['success']:.0%}",
            f"{case['rows']:.0%}",
            f"{case['tuned']:.0%}",
            f"{case['epsilon']:.2g}",
            f"{case['abscissa']:.2f}",
            f"{case['abscissa_moved']:.0%}",
            f"{case['stable']:.0%}",
            f"{case['contracts']:.0%}",
        )
        for task, found in numbers["tasks"].items()
        for case in found["cases"]
        if case["keep"] in (0.8, 0.6, 0.4)
    ]
    machine.write_table(
        "deep_pruning",
        f"Improved DEEP networks pruned: {seeds} networks a row, {HIDDEN} hidden neurons",
        ("task", "kept", "way", "right", "rows right", "right after 20 epochs", "epsilon",
         "abscissa", "moved", "stable", "contracts"),
        rows,
        "Right: all rows of the truth table, fraction of the networks; not pruned: "
        + ", ".join(
            f"{task} {found['whole']['success']:.0%}, abscissa {found['whole']['abscissa']:.2f}"
            for task, found in numbers["tasks"].items()
        )
        + ". " + DRAWS + " " + EPSILON + " Abscissa: of J, median; moved: by how much of the "
        "largest eigenvalue. Contracts: as the improved networks before pruning, all of which do; "
        "what strengthens gets the cap back by scaling at once. No rule scales for balance. "
        "[Picture](../figures/deep_pruning.png), [numbers](../figures/deep_pruning.json).",
    )  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
