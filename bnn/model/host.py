"""The arithmetic around the integer sums, as Keras does it: what a processor computes.

Values are float32, and then computed as Keras computes them up to the order of rounding, or
float64, which is how signs behind integer sums are decided: Keras's own float32 formulas differ
between its kernels, the signs do not, and float64 has them all, exact ties included.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model.layers.product import Product, finish, integer_kernel, unit
from bnn.model.operand_encoding import OperandEncoding
from bnn.values.encoding import Encoding

Integers = NDArray[np.integer[Any]]


def behind(
    layer: Product, sums: Integers, operand: OperandEncoding | Encoding | None, *, exact: bool
) -> NDArray[Any]:
    """Turn integer sums of a binary layer into what the network has behind the layer.

    Args:
        layer: the binary layer; its bias and activation are applied.
        sums: ``(n, ..., out)``, of the products of integer operands and weights.
        operand: what the integer operands are worth; None: themselves.
        exact: float64, for a sign to be taken; else float32, as Keras has it.

    >>> from bnn.model.network import Dense
    >>> dense = Dense("d", np.float32([[1], [1]]), np.float32([0.5]), None, "ste_sign")
    >>> behind(dense, np.array([[2], [-2]]), None, exact=True).tolist()
    [[2.5], [-1.5]]
    """
    wide = worth(layer, operand)(sums)
    return finish(layer, wide) if exact else finish(layer, wide.astype(np.float32))


def worth(
    layer: Product, operand: OperandEncoding | Encoding | None
) -> Callable[[Integers], NDArray[np.float64]]:
    """Return the function from a layer's integer sums ``(..., out)`` to what they stand for.

    Sums of w*u are worth ``scale*sum(w*u) + offset*sum(w)``.

    Args:
        layer: the binary layer, whose bias is left out.
        operand: what the integer operands are worth; None: themselves.
    """
    weight = unit(layer)
    scale = Fraction(1) if operand is None else operand.scale
    offset = Fraction(0) if operand is None else operand.offset
    if isinstance(weight, Fraction):
        scale, offset = scale * weight, offset * weight
    denominator = lcm(scale.denominator, offset.denominator)
    totals: Integers = np.zeros(layer.outputs, np.int64)
    if offset:
        matrix = layer.matrix(integer_kernel(layer))
        totals = int(offset * denominator) * matrix.sum(axis=(0, 1), dtype=np.int64)

    def real(sums: Integers) -> NDArray[np.float64]:
        if scale == 1 and not offset:
            wide = sums.astype(np.float64)
        else:  # computed in integers and rounded once
            whole = sums.astype(np.int64) * int(scale * denominator) + totals
            wide = whole / np.float64(denominator)
        return wide if isinstance(weight, Fraction) else wide * weight.astype(np.float64)

    return real
