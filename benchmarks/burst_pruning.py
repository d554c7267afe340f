"""Trained BurstCCN layers pruned by every rule: test error on the digits against density.

python benchmarks/burst_pruning.py

64-100-100-10, tied Y and Q, 40 epochs; every layer pruned to the same fraction, without training
afterwards, and after 5 more epochs in which what was pruned stays pruned.
"""

from __future__ import annotations

import json
from typing import Any

import machine
import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure

from noiseprune.figures.style import RC
from noiseprune.learning import prune_layers, train
from noiseprune.learning.experiments.burst import LocalExperiment
from noiseprune.learning.models.burst.network import LocalNetwork
from noiseprune.learning.options.burst import BurstCCNOptions
from noiseprune.learning.training.supervised import Batches, test_classifier

PICTURES = machine.TABLES.parent / "figures"
SEEDS, DRAWS = (1, 3, 5, 7, 9), 3
DENSITIES = (0.5, 0.3, 0.2, 0.1, 0.05)
WAYS: dict[str, dict[str, Any]] = {
    "noise, propagated": {"rule": "noise"},
    "noise, of activity": {"rule": "noise", "variance": "activity"},
    "weight": {"rule": "weight"},
    "uniform": {"rule": "uniform"},
    "noise, propagated, largest": {"rule": "noise", "sampling": "largest"},
    "noise, of activity, largest": {
        "rule": "noise", "variance": "activity", "sampling": "largest",
    },
    "magnitude": {"rule": "magnitude"},
}  # fmt: skip
COLOURS = ("#0072b2", "#56b4e9", "#d55e00", "#999999", "#009e73", "#cc79a7", "#000000")
FURTHER = 5


def trained(seed: int) -> LocalExperiment:
    """An experiment after its training."""
    kept: list[LocalExperiment] = []

    def experiment(options: BurstCCNOptions) -> LocalExperiment:
        kept.append(LocalExperiment(options))
        return kept[0]

    options = BurstCCNOptions(
        seed=seed, epochs=40, log_every=40, layers=2, hidden=100, lr=2.0, y_mode="tied",
        q_mode="tied", diagnostics=0,
    )  # fmt: skip
    train(experiment, options)
    return kept[0]


def error(net: LocalNetwork, batches: Batches) -> float:
    """Per cent wrong."""
    return 100 * float(test_classifier(net.eval(), batches, 10, "mse").error)


def further(net: LocalNetwork, batches: Batches, seed: int) -> None:
    """More epochs."""
    optimizer = torch.optim.SGD(net.groups(2.0), 2.0)
    order = Batches(batches.x, batches.y, 32, torch.Generator().manual_seed(seed))
    for _ in range(FURTHER):
        for x, y in order:
            net(x)
            net.learn(torch.nn.functional.one_hot(y, 10).float())
            optimizer.step()


def main() -> None:
    found: dict[tuple[str, float], list[tuple[float, float]]] = {}
    whole = []
    for seed in SEEDS:
        made = trained(seed)
        whole.append(error(made.model, made.test))
        for density in DENSITIES:
            for name, way in WAYS.items():
                for draw in range(1 if "magnitude" in name or "largest" in name else DRAWS):
                    pruned = prune_layers(
                        made.model, density, x=made.training.x[:1000], seed=draw, **way
                    ).network
                    before = error(pruned, made.test)
                    after = before
                    if draw == 0:
                        further(pruned, made.training, seed)
                        after = error(pruned, made.test)
                    found.setdefault((name, density), []).append((before, after, draw))
        print(seed, whole[-1], flush=True)
    rows = []
    for name in WAYS:
        cells = []
        for density in DENSITIES:
            each = found[name, density]
            before = np.mean([b for b, _, _ in each])
            after = np.mean([a for _, a, draw in each if draw == 0])
            cells.append(f"{before:.1f} / {after:.1f}")
        rows.append((name, *cells))
    draw_figure(found, float(np.mean(whole)))
    machine.write_table(
        "burst_pruning",
        "BurstCCN layers pruned: test error on the digits in per cent, as pruned / trained further",
        ("rule", *(f"kept {100 * density:g} %" for density in DENSITIES)),
        rows,
        f"64-100-100-10, tied, {len(SEEDS)} networks (test error {np.mean(whole):.2f} % before), "
        f"{DRAWS} draws each; then {FURTHER} epochs more with one of them. Balanced draws and "
        'homeostatic balance; magnitude and "largest" draw, strengthen and balance nothing. '
        "[Figure](../figures/burst_pruning.png).",
    )


def draw_figure(found: dict, whole: float) -> None:
    PICTURES.mkdir(exist_ok=True)
    numbers = {}
    with mpl.rc_context(RC):
        figure = Figure(figsize=(7.2, 3.0), layout="constrained")
        for axes, place, title in zip(
            figure.subplots(1, 2, sharey=True), (0, 1), ("as pruned", "trained 5 epochs further")
        ):
            for name, colour in zip(WAYS, COLOURS):
                means = [
                    float(np.mean([e[place] for e in found[name, d] if not place or e[2] == 0]))
                    for d in DENSITIES
                ]
                numbers[f"{name}, {title}"] = means
                axes.plot([100 * d for d in DENSITIES], means, "o-", color=colour, label=name)
            axes.axhline(whole, color="#999999", linestyle=":", linewidth=1)
            axes.set(xscale="log", xlabel="kept, %", title=title)
            axes.set_xticks([100 * d for d in DENSITIES], [f"{100 * d:g}" for d in DENSITIES])
            axes.minorticks_off()
        figure.axes[0].set(ylabel="wrong on the test data, %", ylim=(0, None))
        figure.axes[0].legend()
        figure.savefig(PICTURES / "burst_pruning.png")
    document = {"kept": DENSITIES, "unpruned": whole, **numbers}
    (PICTURES / "burst_pruning.json").write_text(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
