"""Ties: decisions so close to a threshold that rounding in float32 may turn them either way.

Sums of fractions such as thirds are exact here, and rounded in Keras. If the exact sum lies on a
threshold, or closer to it than float32 can resolve, rounding decides in Keras. Such a decision is a
tie, and both answers are right. To compare the layers after a tie, the network is followed with the
tie decided as in Keras.

Every value has a radius: how far Keras's float32 value may lie from it. For sums it is the bound of
rounding errors. For layers on the host it is a few units in the last place of their inputs and
outputs. Each layer also passes on the radius of its inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn import reference
from bnn.keras.accumulators import rounded_by, sums_bound
from bnn.lowering.operand_analysis import OperandAnalysis, analyse, worth
from bnn.model import quantizers
from bnn.model.layers.activation import BatchNorm
from bnn.model.layers.layer import Layer
from bnn.model.layers.product import Product, finish, real_kernel
from bnn.model.network import Network
from bnn.values.encoding import Encoding

_ROUNDS = 2.0**-22
"""Largest relative error of a layer on the host: four roundings of float32."""

Radius = NDArray[np.float64]
Value = tuple[NDArray[Any], Radius]


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """A network with ties decided as Keras decides them; images along the first axis everywhere."""

    operands: dict[str, NDArray[np.integer[Any]]]
    """By layer, the integers that it multiplies."""
    sums: dict[str, NDArray[np.int32]]
    """By layer."""
    ties: dict[str, NDArray[np.bool_]]
    """For each layer, which of its operands are ties that Keras decides in another way."""
    logits: NDArray[np.float32]
    open: NDArray[np.bool_]
    """``(n,)``: images in which some decision may be a tie."""


def follow(
    network: Network,
    x: reference.Inputs,
    encoding: Encoding | None,
    theirs: Mapping[str, NDArray[np.integer[Any]]],
) -> Followed:
    """Run a network on images, with ties decided as in Keras.

    Args:
        network: the layers, without a softmax at the end.
        x: images.
        encoding: how they are integers.
        theirs: by layer, the integers that Keras multiplies.
    """
    analysis = analyse(network, encoding)
    first = x.astype(np.float32)
    result = Followed({}, {}, {}, np.empty(0, np.float32), np.zeros(len(x), np.bool_))

    def one(index: int, inputs: list[Value]) -> Value:
        layer, fed = network.layers[index], analysis.fed.get(index)
        if not isinstance(layer, Product):
            return _on_host(layer, inputs)
        if fed is None:
            return _product(layer, inputs[0])
        operands = _operands(layer, inputs[0], fed, encoding, theirs.get(layer.name), result)
        sums = reference.sums(layer, operands, fed.pad)
        result.operands[layer.name], result.sums[layer.name] = operands, sums
        exact = worth(layer, fed.encoding)(sums)
        bound = sums_bound(layer, fed, encoding, inputs[0][0], operands)
        kind = np.float64 if analysis.exact[index] else np.float32
        return _finished(layer, exact.astype(kind), np.broadcast_to(bound, sums.shape))

    logits, _ = network.walk((first, np.zeros(first.shape)), one)
    return replace(result, logits=logits.astype(np.float32))


def _operands(
    layer: Product,
    value: Value,
    fed: OperandAnalysis,
    encoding: Encoding | None,
    theirs: NDArray[np.integer[Any]] | None,
    into: Followed,
) -> NDArray[np.integer[Any]]:
    """Integers that a layer multiplies; notes ties, and images that may have some."""
    middle, radius = value
    found = fed.integers(layer, middle, encoding)
    if fed.encoded:
        return found
    ends = [fed.integers(layer, end, encoding) for end in _ends(middle, radius)]
    low, high = np.minimum.reduce([found, *ends]), np.maximum.reduce([found, *ends])
    into.open[:] |= (low != high).reshape(len(found), -1).any(axis=1)
    if theirs is None:
        return found
    ties = (theirs != found) & (low <= theirs) & (theirs <= high)
    into.ties[layer.name] = ties
    return np.where(ties, theirs, found).astype(found.dtype)


def _on_host(layer: Layer, inputs: Sequence[Value]) -> Value:
    middles = [middle for middle, _ in inputs]
    given = layer.run(*middles)
    radius: Radius = _ROUNDS * np.abs(given, dtype=np.float64)
    if isinstance(layer, BatchNorm):
        shift = np.abs(layer.mean * layer.scale)
        shift += 0.0 if layer.beta is None else np.abs(layer.beta)
        radius = radius + _ROUNDS * shift
    for place, (middle, own) in enumerate(inputs):
        off = own + _ROUNDS * np.abs(middle, dtype=np.float64)
        before, after = middles[:place], middles[place + 1 :]
        ends = (layer.run(*before, end, *after) for end in _ends(middle, off))
        radius = radius + _reach(given, *ends)
    return given, radius


def _product(layer: Product, value: Value) -> Value:
    """Follow a layer with real operands; see :func:`bnn.keras.accumulators.fraction_bound`."""
    middle, radius = (part.astype(np.float32) for part in value)
    operands = middle
    off: Radius = radius.astype(np.float64)
    if layer.input_quantizer not in (None, quantizers.NO_OP):
        quantize = quantizers.named(str(layer.input_quantizer)).values
        operands = quantize(middle)
        off = _reach(operands, quantize(middle - radius), quantize(middle + radius))
    kernel = real_kernel(layer)
    sums = layer.multiply(operands, kernel, layer.pad_values)
    reach = layer.multiply(np.abs(operands), np.abs(kernel), abs(layer.pad_values))
    carried = layer.multiply(off.astype(np.float32), np.abs(kernel), 0.0)
    kind = value[0].dtype
    return _finished(layer, sums.astype(kind), carried + rounded_by(layer.fan_in + 3) * reach)


def _finished(layer: Product, sums: NDArray[Any], bound: NDArray[Any]) -> Value:
    """Add bias and activation."""
    given = finish(layer, sums.copy())
    off = bound + _ROUNDS * np.abs(sums, dtype=np.float64)
    if not np.any(bound):  # whole numbers: only the bias is rounded
        off = np.zeros(sums.shape)
    if layer.bias is not None:
        off = off + _ROUNDS * np.abs(layer.bias, dtype=np.float64)
    ends = (finish(layer, end) for end in _ends(sums, off))
    return given, _reach(given, *ends) + _ROUNDS * np.abs(given, dtype=np.float64)


def _ends(middle: NDArray[Any], by: Radius) -> list[NDArray[Any]]:
    return [(middle + side * by).astype(middle.dtype) for side in (-1.0, 1.0)]


def _reach(middle: NDArray[Any], *ends: NDArray[Any]) -> Radius:
    offs = [np.abs(end - middle, dtype=np.float64) for end in ends]
    result: Radius = np.maximum.reduce(offs)
    return result
