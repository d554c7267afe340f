"""A search that is killed and taken up again ends with the same bytes.

    python benchmarks/killed.py [N] [SECONDS ...]     (default 1500 14 26 38 50 62)

The paper's network of N neurons, 5 % kept, `--effort regrow --resume FOLDER`. It is killed
(SIGKILL) after so many seconds, each time from the start in a folder of its own, and run again
there to the end. The network's file is held against that of a run that nobody stopped.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine

import noiseprune as npr
from noiseprune.generators import paper_long_range, paper_sizes


def main(n: int, moments: list[float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        sizes = paper_sizes(n)
        net = npr.clustered_network(sizes, long_range=paper_long_range(sizes), seed=3)
        npr.save(net, here / "net.npz")
        whole, seconds = finished(here, "whole")
        rows = [("never", "", f"{seconds:.0f} s", whole[:16], "")]
        for moment in moments:
            name = f"killed{moment:g}"
            process = subprocess.Popen(command(here, name))
            time.sleep(moment)
            before_end = process.poll() is None
            process.kill()
            process.wait()
            kept = "yes" if any((here / name).rglob("*.npz")) else "no"
            found, seconds = finished(here, name)
            rows.append((
                f"{moment:g} s" if before_end else f"{moment:g} s, after its end",
                kept,
                f"{seconds:.0f} s",
                found[:16],
                "yes" if found == whole else "NO",
            ))  # fmt: skip
            print(*rows[-1], sep=" | ", flush=True)
    machine.write_table(
        "killed",
        "Killed at several moments and run again",
        ("killed after", "a state was kept", "then took", "digest", "same bytes"),
        rows,
        f"The paper's network of {n:,} neurons, 5 % kept, effort regrow.",
    )


def command(here: Path, name: str) -> list[str]:
    pruned = here / f"{name}.npz"
    return [
        *(sys.executable, "-m", "noiseprune", "prune", str(here / "net.npz"), "--keep", "0.05"),
        *("--effort", "regrow", "--seed", "5", "--resume", str(here / name), "-o", str(pruned)),
        "--json",
    ]


def finished(here: Path, name: str) -> tuple[str, float]:
    """Digest of the network that the run writes, and the seconds that it took."""
    start = time.perf_counter()
    subprocess.run(command(here, name), check=True, capture_output=True)
    seconds = time.perf_counter() - start
    return hashlib.sha256((here / f"{name}.npz").read_bytes()).hexdigest(), seconds


if __name__ == "__main__":
    n, *moments = [float(text) for text in sys.argv[1:]] or [1500.0]
    main(int(n), moments or [14, 26, 38, 50, 62])
