"""What a network computes, exactly, in plain integer arithmetic: what the DRAM is checked against.

Nothing here knows of rows or commands. Sums of products of small integers are integers. BLAS
computes them in floating point without rounding, as long as no partial sum exceeds the integers
that the type holds, which is checked. :mod:`bnn.reference.packed` computes them faster, in integers
and many products at a time. :mod:`bnn.reference.decided` computes the bits that follow from them,
and :mod:`bnn.reference.checker` compares the contents of DRAM rows with both.

>>> import numpy as np
>>> from bnn.model.network import Dense
>>> layer = Dense("d", np.float32([[0.3], [-0.2], [0.1]]), None, "ste_sign", "ste_sign")
>>> sums(layer, np.int8([[1, 1, 1], [-1, 1, -1]])).tolist()
[[1], [-3]]
>>> run = forward(Network("n", (3,), (layer,)), np.float32([[2, -1, 0]]), None)
>>> run.operands["d"].tolist(), run.logits.tolist()
([[1, -1, 1]], [[3.0]])
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.operand_analysis import analyse, values_behind
from bnn.model.layers.product import Product, integer_kernel
from bnn.model.network import Network
from bnn.values.encoding import Encoding
from pimsim.errors import InputError

Inputs = NDArray[np.float32] | NDArray[np.uint8]
Operands = NDArray[np.integer[Any]]

_BATCH = 1 << 23
"""Values of the widest layer in one batch: 64 MB of float64."""


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceRun:
    """What :func:`forward` found, images along the first axis everywhere."""

    logits: NDArray[np.float32]
    """``(n, classes)``: output of the network before a final softmax."""
    operands: dict[str, Operands]
    """By layer name, the integers that each binary layer multiplied; ``(n, ...)`` without
    padding."""
    sums: dict[str, NDArray[np.int32]]
    """By layer name, the sums of each binary layer, ``(n, ..., out)``, before the bias."""


def sums(
    layer: Product, operands: NDArray[np.integer[Any]], pad: int | None = None
) -> NDArray[np.int32]:
    """Return the exact integer sums of a layer with integer weights, without its bias.

    Args:
        layer: a layer with integer weights.
        operands: integers, ``(n, ..., in)`` or ``(n, height, width, in)``; already quantized.
        pad: integer operand in the padding of a convolution; ``layer.pad_values`` if None.

    Returns:
        ``(n, ..., out)``.

    Raises:
        InputError: the weights are no integers, or operands so large that the sums leave int32.
    """
    if pad is None:
        pad = int(layer.pad_values)
    low = min(int(operands.min(initial=0)), pad)
    high = max(int(operands.max(initial=0)), pad)
    kernel = integer_kernel(layer)
    bound = layer.fan_in * max(-low, high) * max(1, int(np.abs(kernel).max()))
    if bound >= 2**31:
        raise InputError(f"sums of layer {layer.name!r} must stay below 2**31, not reach {bound}")
    if bound <= 2**24:  # every partial sum is an integer that float32 holds
        return layer.multiply(operands, kernel.astype(np.float32), pad).astype(np.int32)
    return layer.multiply(operands, kernel.astype(np.float64), pad).astype(np.int32)


def refuse_unfit(network: Network, x: Inputs) -> None:
    """Raise InputError for images of another shape or dtype than the network takes, or with NaN."""
    if x.shape[1:] != network.input_shape or x.ndim == 0 or len(x) == 0:
        wanted = ", ".join(str(size) for size in network.input_shape)
        raise InputError(f"`x` must have shape (n, {wanted}), not {x.shape}")
    if x.dtype not in (np.float32, np.uint8):
        raise InputError(f"`x` must be an array of float32 or uint8, not {x.dtype}")
    if x.dtype == np.float32:
        with np.errstate(over="ignore", invalid="ignore"):
            whole = x.sum()  # finite, if all are: one pass, and no flag for each value
        if not np.isfinite(whole) and not np.isfinite(x).all():
            raise InputError("`x` must hold finite values, not NaN or infinity")


def forward(
    network: Network,
    x: Inputs,
    encoding: Encoding | None,
    *,
    keep_sums: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ReferenceRun:
    """Run a network on images, a batch at a time.

    Between two binary layers, bias, BatchNorm and activations are evaluated in float64; before a
    layer with real operands and behind the last binary layer in float32, as Keras does.

    Args:
        network: the layers.
        x: images, ``(n, *network.input_shape)``, as the Keras model would be fed.
        encoding: how ``x`` is integers; None runs a first layer with real inputs in float32.
        keep_sums: fill ``ReferenceRun.sums``.
        progress: called with the number of images done so far.

    Raises:
        InputError: ``x`` has another shape or dtype, holds NaN, or does not fit the encoding.
    """
    network = network.before_softmax()
    refuse_unfit(network, x)
    widest = max(prod(shape) for shape in (network.input_shape, *network.shapes()))
    step = max(1, _BATCH // widest)
    analysis = analyse(network, encoding)
    logits: list[NDArray[np.float32]] = []
    kept_operands: dict[str, Operands] = {}
    kept_sums: dict[str, NDArray[np.int32]] = {}
    for start in range(0, len(x), step):
        part = x[start : start + step]
        place = slice(start, start + len(part))

        def one(
            index: int, inputs: list[NDArray[Any]], place: slice = place
        ) -> NDArray[np.floating[Any]]:
            layer, fed = network.layers[index], analysis.fed.get(index)
            if fed is None or not isinstance(layer, Product):
                return layer.run(*inputs)
            operands = fed.integers(layer, inputs[0], encoding)
            found = sums(layer, operands, fed.pad)
            _put(kept_operands, layer.name, operands, place, len(x))
            if keep_sums:
                _put(kept_sums, layer.name, found, place, len(x))
            return values_behind(layer, found, fed.encoding, exact=analysis.exact[index])

        logits.append(network.walk(part.astype(np.float32), one).astype(np.float32))
        if progress is not None:
            progress(place.stop)
    return ReferenceRun(np.concatenate(logits), kept_operands, kept_sums)


def _put(
    store: dict[str, NDArray[Any]], name: str, values: NDArray[Any], place: slice, count: int
) -> None:
    if name not in store:
        store[name] = np.empty((count, *values.shape[1:]), values.dtype)
    store[name][place] = values
