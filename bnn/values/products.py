"""Products of real numbers that do not depend on what else is multiplied."""

from __future__ import annotations

from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Real = TypeVar("Real", np.float32, np.float64)


def rowwise(rows: NDArray[Real], matrix: NDArray[Real]) -> NDArray[Real]:
    """Multiply rows ``(..., in)`` with a matrix ``(..., in, out)``, each row alone.

    How BLAS rounds the sums of a row depends on the number of rows: on some processors OpenBLAS
    0.3.23, which comes with NumPy 1.26, rounds 16 rows differently from 24. But the result of an
    image must not depend on the other images.

    >>> rowwise(np.float32([[1, 2], [3, 4]]), np.float32([[1], [10]])).tolist()
    [[21.0], [43.0]]
    """
    together = np.ascontiguousarray(rows)  # NumPy does not ask BLAS where numbers lie apart
    return cast(NDArray[Real], (together[..., None, :] @ np.ascontiguousarray(matrix))[..., 0, :])
