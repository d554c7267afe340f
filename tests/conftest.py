"""What tests share. One BLAS thread: their matrices are small, and threads that wait burn a core.

For the same reason the threads of OpenMP (Numba's and PyTorch's) sleep while they wait. Where there
are as many processes as cores, compiled loops take one thread each: with more, every loop waits for
a thread that has no core. Tests of threads take as many as they say.
"""

import functools
import os
from contextlib import contextmanager

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when the library is loaded

import numba
import numpy  # noqa: F401  (loads the BLAS that is to be limited)
import pytest
import scipy.linalg  # noqa: F401
import typer.testing
from threadpoolctl import threadpool_limits

threadpool_limits(1, user_api="blas")
processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
numba.set_num_threads(max(1, numba.config.NUMBA_NUM_THREADS // processes))


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Give every process a run of neighbouring tests, which share fixtures and compiled loops."""
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "worksteal"


# A runner makes all commands of an application anew at every call: as much work as the call itself.
typer.testing._get_command = functools.cache(typer.testing._get_command)


@contextmanager
def loops_of(threads):
    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    try:
        yield
    finally:
        numba.set_num_threads(before)


@pytest.fixture(name="loops_of")
def _loops_of():
    """A context in which compiled loops run in so many threads."""
    return loops_of


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"])
def by_one_thread_and_by_two(request):
    """Compiled loops run in one thread, and in two."""
    with loops_of(request.param):
        yield


@pytest.fixture
def without_pictures(monkeypatch):
    """Of tests of trainings that look at no picture: drawing takes longer than small trainings."""
    monkeypatch.setattr("noiseprune.cli.trained.draw", lambda *_: [])


@pytest.fixture(scope="module")
def digits_are_read_once():
    """Of tests that make many experiments on scikit-learn's digits."""
    import sklearn.datasets

    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(sklearn.datasets.load_digits)
        patch.setattr(sklearn.datasets, "load_digits", once)
        yield
