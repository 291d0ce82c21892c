"""Whether the accumulators of a layer in Keras are those of the integer reference.

A hidden layer sums products of +-1. Its accumulators are integers in Keras too, whatever the order
of summation, and must equal the reference's. So must its operands, which are the sign decisions of
the layer before.

In a first layer with encoded inputs, Keras sums float32 numbers, and rounds. Three things are
checked. If it gets the integers that stand for its inputs, Keras must compute exactly the integers
of the reference. If it gets the inputs themselves, its sums must stay within the bound of rounding
errors (:func:`rounding_bound`). And the sign decisions after the layer, which are the operands of
the next one, must be the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.keras.observer import DEPTHWISE, Observer
from bnn.lowering.operand_analysis import OperandAnalysis, analyse, worth
from bnn.model import quantizers
from bnn.model.layers.product import Product, real_kernel, unit
from bnn.model.network import Conv1D, Conv2D, Dense, Network
from bnn.model.operand_encoding import OperandEncoding
from bnn.values.encoding import Encoding
from pimsim.errors import InputError

_EXACT = 1 << 24
"""float32 holds every integer up to here."""


@dataclass(frozen=True, slots=True)
class LayerCheck:
    """How one binary layer compares with Keras's."""

    name: str
    accumulators: int
    """How many were compared: images x outputs, every position counted."""
    accumulators_wrong: int
    """How many of them differ (in a first layer: by more than rounding can explain)."""
    operands: int
    """How many were compared."""
    operands_wrong: int
    """How many of them (sign decisions of the layer before) differ."""
    ties: int = 0
    """Operands that Keras decides in another way, and that still count as right: the deciding
    number is so close to the threshold that float32 may round it to either side
    (:mod:`bnn.keras.ties`)."""


def rounded_by(roundings: int) -> float:
    """Largest relative change of a number that float32 rounds ``roundings`` times.

    ``n*u / (1 - n*u)`` with u = 2^-24: Higham, Accuracy and Stability of Numerical Algorithms,
    section 3.1.
    """
    part = roundings * 2.0**-24
    return part / (1 - part)


def rounding_bound(
    layer: Product, x: NDArray[np.float32], p: NDArray[np.integer[Any]], encoding: Encoding
) -> NDArray[np.float64]:
    """How far a float32 sum over encoded inputs may lie from the exact one.

    With weights of +-1 the products are exact, and only the K - 1 additions round, each by at most
    a factor 1 + u, u = 2^-24. However they are ordered, the sum of K terms is off by at most
    ``g * sum|x|`` with ``g = (K-1)u / (1 - (K-1)u)`` (Higham, Accuracy and Stability of Numerical
    Algorithms, section 4.2), and by ``sum|x - (scale*p + offset)|`` more, as the float32 inputs
    are themselves rounded. A float64 rounding of the largest input for every term is added for
    the comparison itself.

    Args:
        layer: the first layer.
        x: what it is fed with, ``(n, ..., in)``.
        p: the integers that stand for it, of the same shape.
        encoding: how they do.

    Returns:
        ``(n, ..., out)``, or ``(n, ..., 1)`` where it is the same for every output.

    >>> from bnn.values.encoding import ENCODINGS
    >>> dense = Dense("d", np.ones((3, 2), np.float32), None, None, "ste_sign")
    >>> x = np.float32([[0.2, 0.4, 1.0]])
    >>> bound = rounding_bound(dense, x, np.uint8([[51, 102, 255]]), ENCODINGS["unit"])
    >>> bound.shape, bool(1.6 * 2**-23 < bound[0, 0] < 2 * 2**-23)
    ((1, 1), True)
    """
    growth = rounded_by(layer.fan_in - 1)
    wide = x.astype(np.float64)
    exact = p * float(encoding.scale) + float(encoding.offset)
    ends = encoding.offset, encoding.offset + encoding.largest * encoding.scale
    reach = max(abs(float(end)) for end in ends)
    floor = 2.0**-50 * reach
    terms = growth * np.abs(wide) + np.abs(wide - exact) + floor
    pad = growth * abs(layer.pad_values) + floor
    one: Product = layer
    if isinstance(layer, Conv1D | Conv2D | Dense) and layer.groups == 1:  # all outputs alike
        one = replace(layer, kernel=layer.kernel[..., :1], bias=None)
    return one.multiply(terms, np.ones(one.kernel.shape), pad)


def fraction_bound(layer: Product, operand: OperandEncoding) -> float:
    """How far a float32 sum of operands and weights that are fractions may lie from the exact one.

    Operand, weight and their product round, each by at most a factor 1 + u, u = 2^-24, and so do
    the additions of K products: together no more than K + 3 such factors, on K products of at most
    the largest operand times the largest weight (see :func:`rounding_bound`).

    >>> from bnn.model.operand_encoding import fractions_of_one
    >>> dense = Dense("d", np.ones((3, 2), np.float32), None, "dorefa(2)", "ste_sign")
    >>> fraction_bound(dense, fractions_of_one(2)) < 2e-6
    True
    """
    ends = [float(operand.scale * u + operand.offset) for u in (operand.low, operand.high)]
    ends.append(float(operand.offset))  # values are sums of two numbers, which float32 rounds
    weight = float(np.abs(real_kernel(layer)).max())
    return rounded_by(layer.fan_in + 3) * layer.fan_in * max(map(abs, ends)) * weight


def sums_bound(
    layer: Product,
    fed: OperandAnalysis,
    encoding: Encoding | None,
    x: NDArray[np.float32],
    operands: NDArray[np.integer[Any]],
) -> float | NDArray[np.float64]:
    """How far Keras's sums in float32 may lie from the exact ones; 0 for whole numbers.

    Args:
        layer: the product.
        fed: which integers it multiplies.
        encoding: that of the network's inputs.
        x: what it is fed with, as numbers ``(n, ..., in)``.
        operands: the integers.
    """
    ones = _worth_themselves(layer)
    if not fed.encoded or encoding is None:
        whole = fed.encoding.scale == 1 and fed.encoding.offset == 0
        return 0.0 if whole and ones else fraction_bound(layer, fed.encoding)
    if ones and quantizers.named(str(layer.kernel_quantizer)).odd_weights:
        return rounding_bound(layer, x, operands, encoding)
    return fraction_bound(layer, fed.encoding)


def _worth_themselves(layer: Product) -> bool:
    """Whether Keras multiplies by the integer weights themselves."""
    weight = unit(layer)
    return isinstance(weight, Fraction) and weight == 1


class Tally:
    """Counts how one layer compares, batch by batch."""

    def __init__(
        self,
        layer: Product,
        fed: OperandAnalysis,
        first: OperandAnalysis,
        encoding: Encoding | None,
        observer: Observer,
    ) -> None:
        """Begin at zero.

        Args:
            layer: the binary layer.
            fed: the integers that it multiplies.
            first: those that Keras shows: of a separable layer, what its first step multiplies.
            encoding: of its operands if they are encoded inputs, else None.
            observer: of the Keras model.
        """
        self._layer, self._encoding, self._observer = layer, encoding, observer
        self._fed, self._worth = fed, worth(layer, fed.encoding)
        self._shown = first.encoding
        kernel = quantizers.named(str(layer.kernel_quantizer))
        self._signs = kernel.odd_weights and _worth_themselves(layer)
        self._feeds_integers = (
            encoding is not None
            and layer.fan_in * encoding.largest <= _EXACT
            and fed.pad == layer.pad_values
        )
        self._counts = np.zeros(5, np.int64)

    def shown(self, their_operands: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the integers that Keras's operands stand for; other numbers if they are none."""
        scale, offset = float(self._shown.scale), float(self._shown.offset)
        if (scale, offset) == (1, 0):
            return their_operands
        whole: NDArray[np.float32] = np.rint((their_operands - offset) / scale)  # float32 rounds
        return whole

    def add(
        self,
        operands: NDArray[np.integer[Any]],
        sums: NDArray[np.int32],
        their_operands: NDArray[np.float32],
        their_sums: NDArray[np.float32],
        ties: int = 0,
    ) -> None:
        """Compare operands ``(n, ..., in)`` and sums ``(n, ..., out)`` of a batch with Keras's.

        Args:
            operands: the reference's, with ties decided as in Keras.
            sums: the sums of these.
            their_operands: Keras's.
            their_sums: Keras's.
            ties: how many of ``operands`` are such ties.
        """
        operands_wrong = self.shown(their_operands) != operands
        bound = sums_bound(self._layer, self._fed, self._encoding, their_operands, operands)
        sums_wrong = ~(np.abs(their_sums - self._worth(sums)) <= bound)  # NaN is wrong, too
        if self._feeds_integers and self._signs:
            fed = self._observer.sums(self._layer.name, operands.astype(np.float32))
            sums_wrong |= sums.astype(np.float32) != fed
        sums_counted = sums_wrong.size, np.count_nonzero(sums_wrong)
        self._counts += (*sums_counted, operands_wrong.size, np.count_nonzero(operands_wrong), ties)

    def result(self) -> LayerCheck:
        """Return the counts over all batches so far."""
        return LayerCheck(self._layer.name, *self._counts.tolist())


def tallies(network: Network, encoding: Encoding | None, observer: Observer) -> dict[str, Tally]:
    """Begin to count for every binary layer, by name, from input to output.

    Raises:
        InputError: the Keras model has no such layer, or one with a kernel of another shape.
    """
    result, found = {}, analyse(network, encoding).fed
    for index, fed in found.items():
        layer = network.layers[index]
        name = layer.name.partition("#")[0]
        if not isinstance(layer, Product) or observer.kernels.get(name) != layer.kernel.shape:
            shape = layer.kernel.shape if isinstance(layer, Product) else None
            raise InputError(
                f"`network` must be the one in the model file, which has no layer {layer.name!r} "
                f"with a kernel of shape {shape}"
            )
        if not name.endswith(DEPTHWISE):  # Keras shows no sums of that step
            pixels = encoding if fed.encoded else None
            first = found.get(network.inputs[index][0], fed)
            shown = first if observer.kernels.get(name + DEPTHWISE) is not None else fed
            result[layer.name] = Tally(layer, fed, shown, pixels, observer)
    return result
