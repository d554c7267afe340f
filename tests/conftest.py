"""One BLAS thread for the tests: their matrices are small, and threads that wait burn a core."""

import numpy  # noqa: F401  (loads the BLAS that is to be limited)
import scipy.linalg  # noqa: F401
from threadpoolctl import threadpool_limits

threadpool_limits(1, user_api="blas")
