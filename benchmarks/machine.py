"""What every benchmark shares: the machine it ran on, timing, and its table on disk."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numba
import numpy
import scipy
import scipy.linalg  # loads its BLAS
from threadpoolctl import threadpool_info

try:
    import slycot  # SLICOT, a peer that not every machine has
except ImportError:
    slycot = None

TABLES = Path(__file__).parent / "tables"
RESULTS = Path(__file__).parent / "RESULTS.md"


def description() -> str:
    """Processor, memory, threads and library versions, in one line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    blas = {
        f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip()
        for pool in pools
    }
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"{max((pool['num_threads'] for pool in pools), default=1)} threads; "
        f"Python {platform.python_version()}, NumPy {numpy.__version__}, "
        f"SciPy {scipy.__version__}, Numba {numba.__version__}, {', '.join(sorted(blas))}"
    )


def median_seconds(function: Callable[[], object], repeats: int, *, warm_up: bool = True) -> float:
    """Median wall time of `repeats` calls, after one that is not counted."""
    return interleaved_seconds([function], repeats, warm_up=warm_up)[0]


def interleaved_seconds(
    functions: Sequence[Callable[[], object]], repeats: int, *, warm_up: bool = True
) -> list[float]:
    """Median wall time of each, in turns, so that other work on the machine meets all of them."""
    seconds: list[list[float]] = [[] for _ in functions]
    for turn in range(-warm_up, repeats):
        for function, found in zip(functions, seconds):
            start = time.perf_counter()
            function()
            if turn >= 0:
                found.append(time.perf_counter() - start)
    return [statistics.median(found) for found in seconds]


def command(*arguments: str) -> tuple[dict[str, Any], int]:
    """JSON of one run of the command line, and its peak memory in bytes."""
    words = [sys.executable, "-m", "noiseprune", *arguments, "--json"]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(words, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{' '.join(words)} failed")
        output.seek(0)
        return json.load(output), 1024 * usage.ru_maxrss


def relative_difference(found: numpy.ndarray, reference: numpy.ndarray) -> float:
    """In the Frobenius norm."""
    return float(numpy.linalg.norm(found - reference) / numpy.linalg.norm(reference))


def write_table(
    name: str, title: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: str = ""
) -> None:
    """Print a Markdown table, keep it in tables/NAME.md, and RESULTS.md up to date."""
    lines = [
        f"# {title}",
        "",
        "| " + " | ".join(header) + " |",
        "|" + "---|" * len(header),
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
        *([notes, ""] if notes else []),
        f"Measured on {description()}.",
        "",
    ]
    text = "\n".join(lines)
    print(text)
    TABLES.mkdir(exist_ok=True)
    (TABLES / f"{name}.md").write_text(text, encoding="utf-8")
    write_results()


def write_results() -> None:
    """RESULTS.md, of all the tables on disk."""
    tables = [path.read_text(encoding="utf-8") for path in sorted(TABLES.glob("*.md"))]
    machines = {
        line for table in tables for line in table.splitlines() if line.startswith("Measured on ")
    }
    head = "# Results\n\nPut together from `tables/` by `python benchmarks`.\n"
    bullets = "".join(f"- {line}\n" for line in sorted(machines))
    text = "\n".join([head, bullets, *(f"#{table}" for table in tables)])
    RESULTS.write_text(text, encoding="utf-8")
