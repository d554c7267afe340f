"""Workers as jobs of a SLURM queue, described by a TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from noiseprune.cluster.extra import import_extra, start
from noiseprune.errors import FileError, OptionError

_IS: dict[str, Callable[[Any], bool]] = {
    "a text": lambda value: type(value) is str,
    "a whole number of at least 1": lambda value: type(value) is int and value > 0,
    "a list of texts": lambda value: type(value) is list and {*map(type, value)} <= {str},
}
_TEXT, _NUMBER, _TEXTS = _IS
NEEDED = {"queue": _TEXT, "cores": _NUMBER, "memory": _TEXT, "walltime": _TEXT}
KEYS = {**NEEDED, "account": _TEXT, "jobs": _NUMBER, "extra": _TEXTS}


@contextmanager
def slurm_cluster(config: str | os.PathLike[str] | None, *, jobs: bool = True) -> Iterator[Any]:
    """A SLURM queue with its `jobs`, or none; each is one worker. Closed in the end."""
    options = slurm_options(config)
    number = options.pop("jobs")
    make = partial(import_extra("dask_jobqueue").SLURMCluster, **options)
    with start(make, "slurm") as cluster:
        if jobs:
            cluster.scale(jobs=number)
        yield cluster


def job_script(config: str | os.PathLike[str] | None) -> str:
    """The script that every SLURM job would run, without submitting any."""
    with slurm_cluster(config, jobs=False) as cluster:
        return str(cluster.job_script())


def slurm_options(config: str | os.PathLike[str] | None) -> dict[str, Any]:
    """Options of the jobs from a TOML file:

    [slurm]
    queue = "compute"           # partition
    cores = 16                  # of a job, all for one worker
    memory = "64 GB"
    walltime = "02:00:00"
    jobs = 4                    # how many
    account = "..."             # optional
    extra = ["--exclusive"]     # optional: further lines for sbatch
    """
    if config is None:
        raise OptionError("cluster 'slurm' needs a TOML file: give --cluster-config FILE")
    path = Path(config)
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8")).get("slurm", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FileError(
            f"{path} cannot be read as TOML ({error}): write a [slurm] table"
        ) from error
    if not isinstance(found, dict):
        raise FileError(f"{path} has slurm = {found!r}: write a [slurm] table")
    for name, value in found.items():
        if name not in KEYS:
            raise FileError(
                f"{path} has an unknown key {name!r} in its [slurm] table: known are "
                + ", ".join(KEYS)
            )
        if not _IS[KEYS[name]](value):
            raise FileError(f"{path} has {name} = {value!r}: give {KEYS[name]}")
    for name in sorted(set(NEEDED) - set(found)):
        raise FileError(
            f"{path} has no key {name!r} in its [slurm] table: give queue, cores, memory and "
            "walltime"
        )
    cores = found["cores"]
    try:
        size = import_extra("dask.utils").parse_bytes(found["memory"])
    except ValueError:
        size = 0
    if size < 1:
        raise FileError(
            f"{path} has memory = {found['memory']!r}: give it with its unit, such as '64 GB'"
        )
    return {
        "queue": found["queue"],
        "account": found.get("account"),
        "cores": cores,
        "processes": 1,
        "memory": found["memory"],
        "walltime": found["walltime"],
        "job_extra_directives": list(found.get("extra", [])),
        "worker_extra_args": ["--nthreads", "1"],
        "job_script_prologue": [f"export NUMBA_NUM_THREADS={cores} OPENBLAS_NUM_THREADS={cores}"],
        "jobs": found.get("jobs", 1),
    }
