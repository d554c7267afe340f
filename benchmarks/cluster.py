"""Probes on one and on two local Dask workers, one thread each: seconds, and the same bytes.

python benchmarks/cluster.py [N]        (default 200000)
"""

from __future__ import annotations

import hashlib
import statistics
import sys
import time

import machine

import noiseprune as npr
from noiseprune.cluster import workers

REPEATS = 3
PROBES = 256


def main(n: int) -> None:
    net = npr.clustered_network(
        [1000] * (n // 1000), 0.04, long_range=n // 50, leak_margin=1e-3, seed=1
    )
    seconds: dict[int, list[float]] = {1: [], 2: []}
    digests = set()
    for _ in range(REPEATS):
        for number in seconds:
            with workers(f"local:{number}", threads=1) as worker:
                # The first pieces load the compiled loops.
                npr.synapse_variance(net, method="probe", n_probes=64, seed=9, worker=worker)
                start = time.perf_counter()
                found = npr.synapse_variance(
                    net, method="probe", n_probes=PROBES, seed=5, worker=worker
                )
                seconds[number].append(time.perf_counter() - start)
            digests.add(hashlib.sha256(found.variance.tobytes()).hexdigest())
    one, two = (statistics.median(times) for times in seconds.values())
    machine.write_table(
        "cluster",
        f"{PROBES} probes of {n:,} neurons on local Dask workers of one thread",
        ("workers", "seconds", "speed-up", "different results"),
        [
            ("1", f"{one:.1f}", "1", ""),
            ("2", f"{two:.1f}", f"{one / two:.2f}", str(len(digests) - 1)),
        ],
        f"Median of {REPEATS} turns, sending the network included.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
