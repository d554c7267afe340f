"""A trained network pruned: accuracy against density for every rule, fine-tuned and not.

    python benchmarks/trained.py [SEEDS]        (default 5)

200 neurons that keep to Dale's law (160 excitatory), trained on the perceptual decision task for
250 steps of Adam (64 trials each), then pruned by every rule to several densities of the recurrent
weights, and trained further for 20 steps of 32 trials. One network a seed; accuracy on 400 new
trials.
The numbers go to benchmarks/figures/trained.json, from which the picture is drawn.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import machine
import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from noiseprune.figures import style
from noiseprune.learning.data.trials import PerceptualDecision
from noiseprune.learning.models.ctrnn.constraints import dale_signs
from noiseprune.learning.models.ctrnn.network import CTRNN
from noiseprune.learning.models.ctrnn.objective import training_step
from noiseprune.learning.prune.comparison import RIVALS, compare_recurrent

FIGURES = Path(__file__).parent / "figures"
FRACTIONS = (0.5, 0.2, 0.1, 0.05)
NEURONS, STEPS, FINE_TUNE, BATCH, RATE = 200, 250, 20, 64, 1e-3
TUNE_BATCH, TEST = 32, 400
EXTRA = {
    "noise, largest": style.Look("noise, largest importance", "#cc79a7", "P", (0, (6, 1.5))),
    "random": style.Look("random", "#555555", "x", ":"),
}


def trained(seed: int, task: PerceptualDecision) -> CTRNN:
    """A network that has learned the task."""
    signs = dale_signs(NEURONS)
    model = CTRNN(
        (task.n_inputs, NEURONS, task.n_outputs),
        dt=20.0,
        tau=100.0,
        ei_masks=[None, signs, signs],
        biases="zero",
        preact_noise=0.1,
        noise_scaling="sqrt",
        seed=seed,
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    rng = np.random.default_rng(seed)
    for _ in range(STEPS):
        training_step(model, optimizer, task, BATCH, rng)
    return model


def measure(seeds: int) -> dict[str, Any]:
    """All rows of all seeds; written after each, so that an interrupted run leaves the others."""
    task = PerceptualDecision()
    numbers: dict[str, Any] = {
        "figure": "trained",
        "task": asdict(task) | {"ideal_accuracy": task.ideal_accuracy},
        "neurons": NEURONS,
        "steps": STEPS,
        "fine_tune": FINE_TUNE,
        "seeds": [],
        "rows": [],
    }
    for seed in range(1, 2 * seeds, 2):
        model = trained(seed, task)
        for row in compare_recurrent(
            model,
            task,
            FRACTIONS,
            fine_tune=FINE_TUNE,
            batch=TUNE_BATCH,
            n_trials=128,
            n_test=TEST,
            seed=seed,
        ):
            found = row.pruning
            epsilon, norm = found.certificate
            numbers["rows"].append({
                "seed": seed, "rival": row.rival, "keep": row.keep,
                "kept_fraction": found.n_kept / found.n_synapses, "density": found.density[1],
                "epsilon": epsilon, "epsilon_norm": norm, "abscissa": found.spectral_abscissa[1],
                "pruned": asdict(row.pruned), "tuned": row.tuned and asdict(row.tuned),
            })  # fmt: skip
            print(seed, row.rival, row.keep, epsilon, row.pruned, row.tuned, flush=True)
        numbers["seeds"].append(seed)
        (FIGURES / "trained.json").write_text(json.dumps(numbers) + "\n", encoding="utf-8")
    return numbers


def cell(numbers: Mapping[str, Any], rival: str, keep: float) -> dict[str, list[float]]:
    """Values over the seeds of one way at one density."""
    rows = [r for r in numbers["rows"] if (r["rival"], r["keep"]) == (rival, keep)]
    return {
        "pruned": [row["pruned"]["accuracy"] for row in rows],
        "tuned": [row["tuned"]["accuracy"] for row in rows],
        "loss": [row["pruned"]["loss"] for row in rows],
        "epsilon": [row["epsilon"] for row in rows if row["epsilon"] is not None],
        "kept": [row["kept_fraction"] for row in rows],
        "stable": [row["abscissa"] < 0 for row in rows],
    }


def draw(numbers: Mapping[str, Any]) -> Figure:
    """Accuracy as it is, accuracy trained further, and epsilon: mean over the seeds."""
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    panels = figure.subplots(1, 3)
    for panel, (key, title) in zip(
        panels,
        (
            ("pruned", "as pruned"),
            ("tuned", f"after {numbers['fine_tune']} more steps"),
            ("epsilon", "change of the drift"),
        ),
    ):
        for rival in RIVALS:
            look = (style.LOOKS | EXTRA)[rival]
            cells = [cell(numbers, rival, keep) for keep in FRACTIONS]
            mean = [np.mean(found[key]) for found in cells]
            kept = [100 * np.mean(found["kept"]) for found in cells]
            panel.plot(kept, mean, color=look.colour, marker=look.marker, linestyle=look.line)
        if key != "epsilon":
            whole = np.mean(cell(numbers, "unpruned", 1.0)[key])
            panel.axhline(whole, color=style.INK, linewidth=1, linestyle=":")
            panel.set_ylim(0.45, 0.9)
        else:
            panel.set_yscale("log")
        panel.set_xscale("log")
        style.plain_ticks(panel.xaxis, FixedLocator([100 * fraction for fraction in FRACTIONS]))
        panel.set_title(title)
        panel.set_xlabel("synapses kept (%)")
    panels[0].set_ylabel("accuracy")
    panels[2].set_ylabel("epsilon")
    handles = [(style.LOOKS | EXTRA)[rival].handle() for rival in RIVALS]
    handles.append(Line2D([], [], color=style.INK, linewidth=1, linestyle=":", label="not pruned"))
    style.below(figure, handles, 4)
    return figure


def main(seeds: int) -> None:
    torch.set_num_threads(1)
    write(measure(seeds))


def write(numbers: Mapping[str, Any]) -> None:
    """The table and the picture of these numbers."""
    with mpl.rc_context(style.RC):
        draw(numbers).savefig(FIGURES / "trained.png")
    whole = cell(numbers, "unpruned", 1.0)
    rows = [
        ("unpruned", "100 %", _mean(whole["pruned"]), _mean(whole["tuned"]),
         f"{np.mean(whole['loss']):.3f}", "", "")
    ]  # fmt: skip
    for keep in FRACTIONS:
        for rival in RIVALS:
            found = cell(numbers, rival, keep)
            epsilons = found["epsilon"]
            rows.append(
                (
                    rival,
                    f"{100 * np.mean(found['kept']):.1f} %",
                    _mean(found["pruned"]),
                    _mean(found["tuned"]),
                    f"{np.mean(found['loss']):.3f}",
                    f"{np.mean(epsilons):.2f}" if epsilons else "",
                    f"{sum(found['stable'])}/{len(found['stable'])}",
                )
            )
    machine.write_table(
        "trained",
        "A trained network pruned: accuracy on the decision task",
        ("rule", "kept", "accuracy", "after more training", "loss", "epsilon", "stable"),
        rows,
        f"{numbers['neurons']} neurons under Dale's law, {len(numbers['seeds'])} networks: mean "
        "(least, largest). Loss: cross-entropy as pruned. Stable: the drift at the working point "
        "of the network before it was pruned. An observer who adds up all the evidence reaches "
        f"{numbers['task']['ideal_accuracy']:.3f}.",
    )


def _mean(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f}, {max(values):.3f})"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
