"""Run all benchmarks, or those named, each in a process of its own, and write RESULTS.md.

A benchmark that fails is named at the end, with exit code 1; the others run all the same, and its
table stays as it was.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import machine

MINUTES = {
    "failure_honesty": 5,
    "resistance": 1,
    "inverse": 1,
    "simulation": 2,
    "lyapunov": 13,
    "scale": 10,
    "clustered": 5,
    "connectomes": 5,
    "choices": 20,
    "best": 20,
    "effort": 10,
    "nonlinear": 8,
    "killed": 8,
    "optimum": 3,
    "rectified": 4,
    "plasticity": 12,
    "probing": 5,
    "million": 5,
    "large_connectomes": 2,
    "cluster": 3,
    "recordings": 20,
    "sine": 4,
    "ctrnn_speed": 2,
    "trained": 15,
    "failures_fixed_point": 3,
    "failures_theory": 6,
    "failures_speed": 1,
    "deep": 6,
    "deep_pruning": 8,
    "burst_exact": 1,
    "burst_digits": 15,
    "burst_mnist": 5,
    "burst_speed": 10,
    "burst_continuous": 12,
    "burst_pruning": 5,
}
"""The scripts in the order in which they run, and about how long each takes on two cores."""
LIBRARIES = ("OPENBLAS", "MKL", "OMP", "NUMBA")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MINUTES))
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: all cores")
    parser.add_argument(
        "--assemble", action="store_true", help="run nothing: RESULTS.md from the tables on disk"
    )
    options = parser.parse_args()
    if unknown := set(options.names) - set(MINUTES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: choose from {', '.join(MINUTES)}")
    names = [] if options.assemble else options.names or list(MINUTES)
    failed = run(Path(__file__).parent, names, options.threads)
    machine.write_results()
    for name in failed:
        print(f"FAILED: {name}", file=sys.stderr)
    return 1 if failed else 0


def run(folder: Path, names: list[str], threads: int) -> list[str]:
    """Run these scripts of a folder one after the other; which of them failed."""
    limits = {f"{library}_NUM_THREADS": str(threads) for library in LIBRARIES}
    failed = []
    for name in names:
        print(f"== {name}, about {MINUTES.get(name, 1)} min", flush=True)
        start = time.perf_counter()
        script = [sys.executable, str(folder / f"{name}.py")]
        if subprocess.run(script, env=os.environ | limits, check=False).returncode:
            failed.append(name)
        print(f"== {name} took {(time.perf_counter() - start) / 60:.1f} min", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
