"""pimsim: processing-using-DRAM, simulated row command by row command.

Three packages share the work: :mod:`pimsim` (DRAM, commands, microprograms, cost), :mod:`bnn`
(networks trained with Larq and how they are mapped to DRAM) and :mod:`experiments` (the command
line, reports and figures).

>>> import numpy as np
>>> from pimsim.dram.subarray import Subarray
>>> from pimsim.microprogram.executor import execute
>>> from pimsim.microprogram.primitives import PRIMITIVES
>>> subarray = Subarray(columns=4)
>>> subarray.write_bits(0, np.array([[0, 0, 1, 1]]))
>>> subarray.write_bits(1, np.array([[0, 1, 0, 1]]))
>>> execute(PRIMITIVES["xnor"].program(), subarray, a=0, b=1, out=2)
>>> subarray.read_bits(2)
array([[1, 0, 0, 1]], dtype=uint8)
"""

from __future__ import annotations

__version__ = "0.1.0"

RESULT_VERSION = 1
"""Raised with every change after which the same run gives other numbers; results that were kept
under another one are not used again."""

__all__ = ["RESULT_VERSION", "__version__"]
