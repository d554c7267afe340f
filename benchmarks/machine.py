"""What every benchmark shares: the machine it ran on, timing, and its table on disk."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy
import scipy
from threadpoolctl import threadpool_info

TABLES = Path(__file__).parent / "tables"


def description() -> str:
    """Processor, threads and library versions, in one line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    threads = max((pool["num_threads"] for pool in threadpool_info()), default=1)
    return (
        f"{model}, {threads} threads; Python {platform.python_version()}, "
        f"NumPy {numpy.__version__}, SciPy {scipy.__version__}"
    )


def median_seconds(function: Callable[[], object], repeats: int, *, warm_up: bool = True) -> float:
    """Median wall time of `repeats` calls, after one that is not counted."""
    if warm_up:
        function()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def write_table(
    name: str, title: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: str = ""
) -> None:
    """Print a Markdown table and keep it in tables/NAME.md."""
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
    (TABLES / f"{name}.md").write_text(text)
