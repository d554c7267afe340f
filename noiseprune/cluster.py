"""Workers in other processes and on other machines, by Dask; and pieces kept on disk.

    with workers("local:2") as worker: ...
    with workers("tcp://10.0.0.1:8786") as worker: ...
    with workers("slurm", config="cluster.toml") as worker: ...

What the pieces share is sent to every worker once. A lost worker costs its piece only, which is
made elsewhere. The results do not depend on the number of workers.
`resumed` remembers what any of them has made, so that an interrupted run goes on.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import tomllib
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numba
import numpy as np
from threadpoolctl import threadpool_limits

from noiseprune import __version__
from noiseprune.errors import ClusterError, FileError, MissingExtraError, OptionError
from noiseprune.files.atomic import write_atomically
from noiseprune.work import Result, Shared, Worker, digest, serial

ATTEMPTS = 5
"""How often one piece may lose its worker."""
WAIT = 60
"""Seconds to wait for the first worker of a scheduler, or for the next when all are lost."""
POLL = 5
"""Seconds after which it is looked whether there is still a worker."""
SLURM_KEYS = {
    "queue": str,
    "account": str,
    "cores": int,
    "memory": str,
    "walltime": str,
    "jobs": int,
    "extra": list,
}
_CALLED = {str: "a text", int: "a whole number of at least 1", list: "a list of texts"}
_ONE_PIECE = threading.Lock()


@contextmanager
def workers(
    where: str | None, *, config: str | os.PathLike[str] | None = None, threads: int | None = None
) -> Iterator[Worker]:
    """The worker of that name: None for this process, "local:N", "tcp://HOST:PORT" or "slurm".

    Parameters
    ----------
    config : TOML file for "slurm", see `slurm_options`
    threads : of every local worker; by default the cores are shared out

    Raises
    ------
    OptionError
        If the name is none of these.
    MissingExtraError
        If Dask is not installed.
    ClusterError
        If the cluster cannot be reached.
    """
    if where is None:
        yield serial
        return
    distributed = _imported("distributed")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with _cluster(where, config, threads) as (address, each):
        try:
            client = distributed.Client(address, timeout=20, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise ClusterError(
                f"no scheduler answers at {where} ({error}): start one with `dask scheduler`, or "
                "use --cluster local:2"
            ) from error
        with client:
            if address == where:
                _wait_for_one(client, where)
            yield _DaskWorker(client, each, patient=where == "slurm")


def _wait_for_one(client: Any, where: str) -> None:
    """A queue may let its jobs wait for hours; a scheduler of one's own should have workers."""
    try:
        client.wait_for_workers(1, timeout=WAIT)
    except TimeoutError as error:
        raise ClusterError(
            f"the scheduler at {where} has had no worker for {WAIT} s: start some with "
            f"`dask worker {where}`"
        ) from error


@contextmanager
def _cluster(
    where: str, config: str | os.PathLike[str] | None, threads: int | None
) -> Iterator[tuple[Any, int | None]]:
    """What a client connects to, and the threads of every worker that is started here."""
    kind, _, rest = where.partition(":")
    if kind == "local":
        number = int(rest) if rest.isdigit() else 0
        if number < 1:
            raise OptionError(f"cluster is {where!r}: give the number of workers, as in local:2")
        each = threads or max(1, (os.cpu_count() or 1) // number)
        names = ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        make = partial(
            _imported("distributed").LocalCluster,
            n_workers=number,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
            env=dict.fromkeys(names, str(each)),
            silence_logs=logging.CRITICAL,
        )
        with _started(make, where) as cluster:
            yield cluster, each
    elif kind in ("tcp", "tls"):
        yield where, None
    elif where == "slurm":
        with slurm_cluster(config) as cluster:
            yield cluster, None
    else:
        raise OptionError(f"unknown cluster {where!r}: give local:N, tcp://HOST:PORT or slurm")


def _started(make: Callable[[], Any], where: str) -> Any:
    """The cluster, or why there is none."""
    try:
        return make()
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise ClusterError(
            f"the cluster {where!r} cannot be started ({error}): see what it says, or use "
            "--cluster local:2"
        ) from error


@contextmanager
def slurm_cluster(config: str | os.PathLike[str] | None) -> Iterator[Any]:
    """Jobs of a SLURM queue, each one worker; closed in the end."""
    options = slurm_options(config)
    jobs = options.pop("jobs")
    make = partial(_imported("dask_jobqueue").SLURMCluster, **options)
    with _started(make, "slurm") as cluster:
        cluster.scale(jobs=jobs)
        yield cluster


def job_script(config: str | os.PathLike[str] | None) -> str:
    """The script that every SLURM job would run, without submitting any."""
    options = slurm_options(config)
    del options["jobs"]
    make = partial(_imported("dask_jobqueue").SLURMCluster, **options)
    with _started(make, "slurm") as cluster:
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
        if name not in SLURM_KEYS:
            raise FileError(
                f"{path} has an unknown key {name!r} in its [slurm] table: known are "
                + ", ".join(SLURM_KEYS)
            )
        kind = SLURM_KEYS[name]
        right = type(value) is kind
        right = right and not (kind is int and value < 1)
        right = right and not (kind is list and any(type(line) is not str for line in value))
        if not right:
            raise FileError(f"{path} has {name} = {value!r}: give {_CALLED[kind]}")
    for name in sorted({"queue", "cores", "memory", "walltime"} - set(found)):
        raise FileError(
            f"{path} has no key {name!r} in its [slurm] table: give queue, cores, memory and "
            "walltime"
        )
    cores = found["cores"]
    _check_memory(path, found["memory"])
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


def _check_memory(path: Path, memory: str) -> None:
    try:
        size = _imported("dask.utils").parse_bytes(memory)
    except ValueError:
        size = 0
    if size < 1:
        raise FileError(f"{path} has memory = {memory!r}: give it with its unit, such as '64 GB'")


class _DaskWorker:
    """A `Worker` that hands the pieces to the workers of a Dask client.

    threads : of each worker; None for what its environment says
    patient : whether to wait for ever for a first or next worker, as for jobs in a queue
    """

    def __init__(self, client: Any, threads: int | None, *, patient: bool) -> None:
        self._client, self._threads, self._patient = client, threads, patient

    def __call__(
        self, function: Callable[[Any, Any], Result], shared: Any, items: Sequence[Any], /
    ) -> Iterator[tuple[int, Result]]:
        distributed = _imported("distributed")
        losses = (distributed.KilledWorker, distributed.CancelledError, OSError, TimeoutError)
        attempts = [0] * len(items)
        waiting = list(range(len(items)))
        while waiting:
            # With pure=False two runs in one session never meet in the scheduler's memory.
            everywhere, copies = self._sent(shared)
            futures = {
                self._client.submit(
                    _piece, self._threads, function, everywhere, items[index], pure=False
                ): index
                for index in waiting
            }
            waiting = []
            for future in self._finished(set(futures)):
                index = futures[future]
                try:
                    result = future.result()
                except losses as error:
                    attempts[index] += 1
                    self._check(error)
                    if attempts[index] >= ATTEMPTS:
                        raise ClusterError(
                            f"piece {index} of the work lost its worker {ATTEMPTS} times "
                            f"({error}): give the workers more memory, or use fewer"
                        ) from error
                    waiting.append(index)
                    continue
                future.release()
                yield index, result
            del copies

    def _finished(self, futures: set[Any]) -> Iterator[Any]:
        """The futures as they are done; in between it is seen to that there is a worker left."""
        distributed = _imported("distributed")
        alone = 0
        while futures:
            try:
                with self._client.as_current():
                    done, futures = distributed.wait(futures, POLL, return_when="FIRST_COMPLETED")
            except distributed.CancelledError:
                done = {future for future in futures if future.status != "pending"}
                futures -= done
            except TimeoutError as error:
                self._check(error)
                alone = 0 if self._client.scheduler_info()["workers"] else alone + POLL
                if self._patient or alone < WAIT:
                    continue
                raise ClusterError(
                    f"the last worker was lost {alone} s ago and none came back: give the workers "
                    "more memory, and repeat the command with --resume DIR to keep what is made"
                ) from error
            alone = 0
            yield from done

    def _sent(self, shared: Any) -> tuple[Any, list[Any]]:
        """The future of what the pieces share, and those of a copy on every worker.

        Not scattered: what is scattered is gone with its last worker, and the call waits for ever
        for one that dies meanwhile. The argument of a task the scheduler keeps, and sends again.
        """
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Sending large graph")
                everywhere = self._client.submit(_given, shared, pure=False)
            copies = [
                self._client.submit(
                    _held, everywhere, workers=[address], allow_other_workers=True, pure=False
                )
                for address in self._client.scheduler_info(n_workers=-1)["workers"]
            ]
        except (OSError, RuntimeError, TimeoutError) as error:
            self._check(error)
            raise
        return everywhere, copies

    def _check(self, error: BaseException) -> None:
        """Raise ClusterError if it is the scheduler that is lost, not one of its workers."""
        if self._client.status != "running":
            raise ClusterError(
                f"the connection to the scheduler is lost ({error}): repeat the command with "
                "--resume DIR, which keeps what was made, once it is up again"
            ) from error


def _piece(
    threads: int | None, function: Callable[[Any, Any], Result], shared: Any, item: Any
) -> Result:
    """One at a time, for a worker of many threads must not start compiled loops from all.

    The number of threads is set here, too: a script that its workers import may have loaded Numba
    before their environment was there.
    """
    with _ONE_PIECE, threadpool_limits(threads):
        if threads is not None:
            numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        return function(shared, item)


def _given(shared: Any) -> Any:
    return shared


def _held(shared: Any) -> None:
    """Nothing; but its worker then has a copy."""


def resumed(worker: Worker, folder: Path) -> Worker:
    """A worker that keeps every result in `folder`, and makes only those that are not there.

    Raises
    ------
    FileError
        If the folder cannot be written, or holds the results of other work.
    """

    def run(
        function: Callable[[Any, Any], Result], shared: Shared, items: Sequence[Any], /
    ) -> Iterator[tuple[int, Result]]:
        own = folder / function.__name__.strip("_")
        _claim(own, {"version": __version__, "digest": digest(shared.digest(), *items)})
        paths = [own / f"piece-{index:06d}.npz" for index in range(len(items))]
        missing = [index for index, path in enumerate(paths) if not path.exists()]
        made, following = set(range(len(items))) - set(missing), 0
        for place, result in worker(function, shared, [items[index] for index in missing]):
            with write_atomically(paths[missing[place]]) as temporary:
                np.savez(temporary, *result)
            made.add(missing[place])
            del result  # read again in its turn: pieces may be many, and large
            while following in made:
                yield following, _read(paths[following])
                following += 1
        for index in range(following, len(items)):
            yield index, _read(paths[index])

    return run


def _claim(folder: Path, manifest: dict[str, str]) -> None:
    """Make the folder this work's own, or find that it is: pieces of other versions may differ."""
    path = folder / "work.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with write_atomically(path) as temporary:
                temporary.write_text(json.dumps(manifest), encoding="utf-8")
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(
            f"{folder} cannot hold an interrupted run ({error}): name another"
        ) from error
    if found != manifest:
        raise FileError(
            f"{folder} holds another run, of another network, seed, options or version: name an "
            "empty folder, or repeat that run's command"
        )


def _read(path: Path) -> Result:
    try:
        with np.load(path) as stored:
            return tuple(stored[name] for name in stored.files)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise FileError(f"{path} is damaged ({error}): remove it, and it is made again") from error


def _imported(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"--cluster needs the package {name}: pip install 'noiseprune[cluster]'"
        ) from error
