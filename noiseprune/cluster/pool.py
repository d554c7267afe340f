"""Workers in other processes and on other machines, by Dask."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numba
from threadpoolctl import threadpool_limits

from noiseprune.cluster.extra import import_extra, start
from noiseprune.cluster.slurm import slurm_cluster, slurm_options
from noiseprune.errors import ClusterError, OptionError
from noiseprune.work import Result, Worker, serial

ATTEMPTS = 5
"""How often one piece may lose its worker."""
ANSWER = 20
"""Seconds that a scheduler has to answer in, at first or after the connection was lost."""
WAIT = 60
"""Seconds to wait for the first worker of a scheduler, or for the next when all are lost."""
POLL = 5
"""Seconds after which it is looked whether there is still a worker."""
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
    check_workers(where, config=config)
    if where is None:
        yield serial
        return
    distributed = import_extra("distributed")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with _cluster(where, config, threads) as (address, each):
        try:
            client = distributed.Client(address, timeout=ANSWER, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise ClusterError(
                f"no scheduler answers at {where} ({error}): start one with `dask scheduler`, or "
                "use --cluster local:2"
            ) from error
        with client:
            if address == where:
                _wait_for_one(client, where)
            yield _DaskWorker(client, each, patient=where == "slurm")


def check_workers(where: str | None, *, config: str | os.PathLike[str] | None = None) -> None:
    """Refuse what `workers` would refuse before it opens anything."""
    if where is None:
        return
    import_extra("distributed")
    kind, _, rest = where.partition(":")
    if where == "slurm":
        slurm_options(config)
    elif kind == "local" and not (rest.isdigit() and int(rest)):
        raise OptionError(f"cluster is {where!r}: give the number of workers, as in local:2")
    elif kind not in ("local", "tcp", "tls"):
        raise OptionError(f"unknown cluster {where!r}: give local:N, tcp://HOST:PORT or slurm")


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
        number = int(rest)
        each = threads or max(1, (os.cpu_count() or 1) // number)
        names = ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        make = partial(
            import_extra("distributed").LocalCluster,
            n_workers=number,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
            env=dict.fromkeys(names, str(each)),
            silence_logs=logging.CRITICAL,
        )
        with start(make, where) as cluster:
            yield cluster, each
    elif where == "slurm":
        with slurm_cluster(config) as cluster:
            yield cluster, None
    else:
        yield where, None


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
        distributed = import_extra("distributed")
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
        distributed = import_extra("distributed")
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
