"""What tests share. One BLAS thread: their matrices are small, and threads that wait burn a core.

For the same reason the threads of OpenMP (Numba's and PyTorch's) sleep while they wait: as many
processes as cores, each with as many threads, otherwise spin most of their time away.
"""

import functools
import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when the library is loaded

import numpy  # noqa: F401  (loads the BLAS that is to be limited)
import pytest
import scipy.linalg  # noqa: F401
from threadpoolctl import threadpool_limits

threadpool_limits(1, user_api="blas")


@pytest.fixture(scope="module")
def digits_are_read_once():
    """Of tests that make many experiments on scikit-learn's digits."""
    import sklearn.datasets

    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(sklearn.datasets.load_digits)
        patch.setattr(sklearn.datasets, "load_digits", once)
        yield
