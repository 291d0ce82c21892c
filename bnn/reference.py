"""What a network computes, exactly, in plain integer arithmetic: the yardstick for the DRAM.

Nothing here knows of rows or commands. Sums of +-1 products are integers; BLAS computes them in
floating point without rounding as long as no partial sum can leave the integers that the type
holds, which is checked.

>>> import numpy as np
>>> from bnn.network import Dense
>>> layer = Dense("d", np.float32([[0.3], [-0.2], [0.1]]), None, "ste_sign", "ste_sign")
>>> sums(layer, np.int8([[1, 1, 1], [-1, 1, -1]])).tolist()
[[1], [-3]]
>>> run = forward(Network("n", (3,), (layer,)), np.float32([[2, -1, 0]]), None)
>>> run.operands["d"].tolist(), run.logits.tolist()
([[1, -1, 1]], [[3.0]])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn import host, quantizers
from bnn.alphabet import Operand, binary_layers, operands, pad_operand
from bnn.encoding import Encoding, Integers, encode
from bnn.network import Conv2D, Dense, Network, Product, binary_kernel
from pimsim.errors import InputError

Inputs = NDArray[np.float32] | NDArray[np.uint8]
Operands = NDArray[np.int8] | Integers

_BATCH = 1 << 23
"""Values of the widest layer in one batch: 64 MB of float64."""


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceRun:
    """What :func:`forward` found, images along the first axis everywhere."""

    logits: NDArray[np.float32]
    """``(n, classes)``: output of the network before a final softmax."""
    operands: dict[str, Operands]
    """By layer name, what each binary layer multiplied: int8 -1 and +1, or the first layer's
    integers; ``(n, ...)`` without padding."""
    sums: dict[str, NDArray[np.int32]]
    """By layer name, the sums of each binary layer, ``(n, ..., out)``, before the bias."""


def sums(
    layer: Product, operands: NDArray[np.integer[Any]], pad: int | None = None
) -> NDArray[np.int32]:
    """Return the exact integer sums of a layer with +-1 weights, without its bias.

    Args:
        layer: a layer with a binary kernel.
        operands: integers, ``(n, ..., in)`` or ``(n, height, width, in)``; already quantized.
        pad: operand in the padding of a ``same`` convolution; ``layer.pad_values`` if None.

    Returns:
        ``(n, ..., out)``.

    Raises:
        InputError: the kernel is not binary, or operands so large that the sums leave int32.
    """
    if pad is None:
        pad = int(layer.pad_values) if isinstance(layer, Conv2D) else 0
    low = min(int(operands.min(initial=0)), pad)
    high = max(int(operands.max(initial=0)), pad)
    bound = layer.fan_in * max(-low, high)
    if bound >= 2**31:
        raise InputError(f"sums of layer {layer.name!r} must stay below 2**31, not reach {bound}")
    kernel = binary_kernel(layer)
    if bound <= 2**24:  # every partial sum is an integer that float32 holds
        return host.product(layer, operands, kernel.astype(np.float32), pad).astype(np.int32)
    return host.product(layer, operands, kernel.astype(np.float64), pad).astype(np.int32)


def forward(
    network: Network,
    x: Inputs,
    encoding: Encoding | None,
    *,
    keep_operands: bool = True,
    keep_sums: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ReferenceRun:
    """Run a network on images, a batch at a time.

    Between two binary layers, bias, BatchNorm and activations are evaluated in float64; before a
    layer with real operands and behind the last binary layer in float32, as Keras does.

    Args:
        network: the chain of layers.
        x: images, ``(n, *network.input_shape)``, as the Keras model would be fed.
        encoding: how ``x`` is integers; None runs a first layer with real inputs in float32.
        keep_operands: fill ``ReferenceRun.operands``.
        keep_sums: fill ``ReferenceRun.sums``.
        progress: called with the number of images done so far.

    Raises:
        InputError: ``x`` has another shape or dtype, holds NaN, or does not fit the encoding.
    """
    network = network.before_softmax()
    if x.shape[1:] != network.input_shape or x.ndim == 0 or len(x) == 0:
        wanted = ", ".join(str(size) for size in network.input_shape)
        raise InputError(f"`x` must have shape (n, {wanted}), not {x.shape}")
    if x.dtype not in (np.float32, np.uint8):
        raise InputError(f"`x` must be an array of float32 or uint8, not {x.dtype}")
    if not np.isfinite(x).all():
        raise InputError("`x` must hold finite values, not NaN or infinity")
    widest = max(prod(shape) for shape in (network.input_shape, *network.shapes()))
    step = max(1, _BATCH // widest)
    binary = binary_layers(network, encoding)
    logits: list[NDArray[np.float32]] = []
    kept_operands: dict[str, Operands] = {}
    kept_sums: dict[str, NDArray[np.int32]] = {}
    for start in range(0, len(x), step):
        part = x[start : start + step]
        place = slice(start, start + len(part))

        def keep(name: str, fed: Operands, found: NDArray[np.int32], place: slice = place) -> None:
            if keep_operands:
                _put(kept_operands, name, fed, place, len(x))
            if keep_sums:
                _put(kept_sums, name, found, place, len(x))

        logits.append(_run(network, part, encoding, binary, keep))
        if progress is not None:
            progress(place.stop)
    return ReferenceRun(np.concatenate(logits), kept_operands, kept_sums)


def _run(
    network: Network,
    x: Inputs,
    encoding: Encoding | None,
    binary: Sequence[int],
    keep: Callable[[str, Operands, NDArray[np.int32]], None],
) -> NDArray[np.float32]:
    alphabets = operands(network, encoding)
    encoded = any(alphabets[index] is Operand.PIXEL for index in binary)
    values: NDArray[Any] = encode(x, encoding) if encoded and encoding else x.astype(np.float32)
    for index, layer in enumerate(network.layers):
        if index not in binary or not isinstance(layer, Dense | Conv2D):
            values = host.apply((layer,), values)
            continue
        pixels = None
        if alphabets[index] is Operand.PIXEL and encoding is not None:
            found = sums(layer, values, pad_operand(layer, encoding))
            keep(layer.name, values, found)
            pixels = encoding
        else:
            fed = quantizers.sign(values)
            found = sums(layer, fed)
            keep(layer.name, fed, found)
        values = host.behind(layer, found, pixels, exact=exact_after(network, index, binary))
    return values.astype(np.float32)


def exact_after(network: Network, index: int, binary: Sequence[int]) -> bool:
    """Whether what binary layer ``index`` gives runs in float64 until the next product.

    It does when that product is binary too: all that matters then is a sign. Otherwise the values
    themselves matter, and they are Keras's, in float32.
    """
    for later in range(index + 1, len(network.layers)):
        if isinstance(network.layers[later], Dense | Conv2D):
            return later in binary
    return False


def _put(
    store: dict[str, NDArray[Any]], name: str, values: NDArray[Any], place: slice, count: int
) -> None:
    if name not in store:
        store[name] = np.empty((count, *values.shape[1:]), values.dtype)
    store[name][place] = values
