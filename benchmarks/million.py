"""Up to a million neurons by the command line, from generation to certificate.

    python benchmarks/million.py [N ...]        (default 100000 1000000)

Clusters of 1,000 neurons, 20 synapse pairs a neuron, 16 % inhibitory, leak margin 0.001; 64
probes, kept 20 %. And a hard case: gap junctions on a sheet of 700 x 700 neurons with a leak margin
of 1e-6, eight systems by every preconditioner.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import get_args

import machine
import numpy as np
from scipy import sparse

import noiseprune as npr
from noiseprune.choices import Solver
from noiseprune.errors import ConvergenceError
from noiseprune.solvers import Dominant

STAGES = ("generate", "save", "load", "variance", "prune", "certificate")


def row(n: int, folder: Path) -> tuple[float, tuple[str, ...]]:
    clusters, path, pruned = n // 1000, str(folder / "net.npz"), str(folder / "pruned.npz")
    sizes = ",".join(["1000"] * clusters)
    made, made_peak = machine.command(
        "generate", "--n", str(n), "--sizes", sizes, "--density", "0.04", "--long-range",
        str(n // 50), "--leak-margin", "0.001", "--seed", "1", "-o", path,
    )  # fmt: skip
    found, peak = machine.command("prune", path, "--keep", "0.2", "--method", "probe", "-o", pruned)
    seconds = made["seconds"] | {f"{k}": v for k, v in found["seconds"].items() if k != "save"}
    seconds["save"] = made["seconds"]["save"] + found["seconds"]["save"]
    total = sum(seconds[stage] for stage in STAGES)
    low, high = found["epsilon_interval"]
    return total, (
        f"{n:,}",
        f"{found['n_synapses'] // 2:,}",
        *(f"{seconds[stage]:.1f}" for stage in STAGES),
        f"{total:.0f}",
        f"{max(made_peak, peak) / 1e9:.2f}",
        f"{found['variance_error']:.3f}",
        f"{found['solver']}, {found['solver_steps']}",
        f"{found['epsilon']:.3f} ({low:.3f} to {high:.3f})",
    )


def sheet(side: int, margin: float) -> npr.RateNetwork:
    line = sparse.diags_array([np.ones(side - 1)] * 2, offsets=[-1, 1])
    one = sparse.eye_array(side)
    return npr.RateNetwork(sparse.kron(line, one) + sparse.kron(one, line), leak_margin=margin)


def hard_case(side: int = 700) -> list[tuple[str, ...]]:
    net = sheet(side, 1e-6)
    load = np.random.default_rng(1).standard_normal((net.n_neurons, 8)) * np.sqrt(net.leak)[:, None]
    plain = Dominant.of(net)
    rows = []
    for name in get_args(Solver):
        start = time.perf_counter()
        system = plain.with_preconditioner(name)
        built = time.perf_counter()
        try:
            solution = system.solve(load.copy())
            steps, error = f"{solution.steps:,}", f"{solution.error:.1e}"
        except ConvergenceError:
            steps, error = "no convergence", ""
        end = time.perf_counter()
        chosen = f"auto: {system.name}" if name == "auto" else name
        rows.append((chosen, steps, error, f"{built - start:.1f} s", f"{end - built:.1f} s"))
    return rows


def main(sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        row(10_000, Path(folder))  # compiles
        totals, rows = zip(*(row(n, Path(folder)) for n in sizes))
    growth = ""
    if len(sizes) > 1:
        exponent = np.log(totals[-1] / totals[0]) / np.log(sizes[-1] / sizes[0])
        growth = f" Time grows as N^{exponent:.2f} from {sizes[0]:,} to {sizes[-1]:,} neurons."
    machine.write_table(
        "million",
        "From generation to certificate by 64 probes, kept 20 %",
        ("N", "pairs", *STAGES, "all, s", "peak, GB", "error of v", "solver, steps", "epsilon"),
        rows,
        f"Seconds a stage, by the command line.{growth}",
    )
    hard_case(50)  # compiles
    machine.write_table(
        "sheet",
        "Gap junctions on a sheet of 700 x 700 neurons, leak margin 1e-6: 8 systems to 1e-3",
        ("preconditioner", "steps", "error", "choice and set-up", "solution"),
        hard_case(),
    )


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [100_000, 1_000_000])
