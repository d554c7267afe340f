"""What recordings tell: synapse variances from spikes alone, and networks from simulated rates.

    python benchmarks/recordings.py [kept]

Measures the figures `spikes` and `inference` anew, and writes their numbers as tables; with "kept"
it takes the numbers from `figures/` as they are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import machine

from noiseprune.figures import remake
from noiseprune.figures.spikes import SOURCES

FIGURES = Path(__file__).parents[1] / "figures"


def numbers(name: str, *, kept: bool) -> dict[str, Any]:
    if not kept:
        remake(name, FIGURES)
    return json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))["numbers"]


def spikes(found: dict[str, Any]) -> None:
    rows = [
        (
            SOURCES[name].label,
            f"{point['length']:,.0f} s",
            f"{point['correlation']:.3f}",
            f"{point['log_correlation']:.3f}",
            f"{point['epsilon']:.3f}",
        )
        for name, points in found["sources"].items()
        for point in points
    ]
    exact, weight = found["exact"]["epsilon"], found["weight"]["epsilon"]
    rows.append(("exact variances", "", "1", "1", f"{exact:.3f}"))
    rows.append(("weights alone", "", "", "", f"{weight:.3f}"))
    machine.write_table(
        "recordings",
        "Synapse variances from Poisson spikes of a simulated network",
        (
            "source",
            "recording",
            "correlation with exact",
            "of the logarithms",
            "epsilon",
        ),
        rows,
        f"Clustered network of {found['network']['n_neurons']} neurons, "
        f"{100 * found['keep']:.0f} % kept, mean of {found['draws']} draws with the default draw "
        f"and balance; baseline {found['baseline']:g} Hz, mean rate {found['mean_rate']:.1f} Hz, "
        f"gain {found['gain']:.3g} Hz per unit of rate at sigma = 1, {100 * found['clipped']:.2g} "
        f"% of rates cut at 0; bins of {found['bin']:g} s, kernels of {found['kernel']:g} s.",
    )


def inference(found: dict[str, Any]) -> None:
    rows = [
        (name, *(f"{error:.3f}" for error in curve["errors"]), f"{curve['slope']:.2f}")
        for name, curve in found["curves"].items()
    ]
    machine.write_table(
        "inference",
        "Relative error of drifts inferred from simulations",
        ("network, method", *(f"{length:,.0f} s" for length in found["lengths"]), "slope"),
        rows,
        f"{found['n_neurons']} neurons, leak {found['leak']:g} 1/s, sampled every "
        f"{found['sampled_every']:g} s, mean of {found['runs']} runs.",
    )


if __name__ == "__main__":
    kept = sys.argv[1:] == ["kept"]
    spikes(numbers("spikes", kept=kept))
    inference(numbers("inference", kept=kept))
