"""Values on their way from layer to layer: bits out of DRAM, or numbers on the host.

Values reach the next layer only through simulated rows: the results of a stage are what was read
out of them. They are kept until their last use.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn import reference
from bnn.lowering.operand_analysis import Analysis, analyse, values_behind
from bnn.lowering.stage import HostStage, Stage
from bnn.mapped.mapped_stage import Result
from bnn.model.layers.shape import Reshape
from bnn.model.network import INPUT, Flatten, Layer, Network, Product
from bnn.model.operand_encoding import OperandEncoding
from bnn.run.doubts import Disputes
from bnn.values.bitstrings import BitStrings, Pictures, unpacked
from bnn.values.encoding import Encoding


@dataclass(frozen=True, slots=True, eq=False)
class Bits:
    """What was decided of the outputs of a layer, read out of DRAM."""

    strings: BitStrings
    shape: tuple[int, ...]
    """``(n, ...)``."""
    encoding: OperandEncoding
    """What they stand for: -1 and +1, or 0 and 1."""

    @classmethod
    def of(cls, bits: NDArray[np.uint8], encoding: OperandEncoding) -> Bits:
        """Pack bits ``(n, ..., channels)``."""
        strings = BitStrings.of(bits.reshape(len(bits), -1, bits.shape[-1]))
        return cls(strings, bits.shape, encoding)

    def bits(self) -> NDArray[np.uint8]:
        """Unpack, ``(n, ...)``."""
        return self.strings.integers().astype(np.uint8, copy=False).reshape(self.shape)

    def numbers(self) -> NDArray[np.float32]:
        """Return the values that a sign, or a step, gives."""
        return self.bits().astype(np.float32) * self.encoding.step + self.encoding.low


class Flow:
    """A network on its images, from pixels to logits, while its stages are carried out in order.

    It gives each stage its operands, takes its results, and computes the layers that run on the
    host. It keeps the values of every layer until their last use.

    Args:
        network: the layers, up to the logits.
        x: images ``(n, ...)``, as the Keras model would be fed.
        encoding: how ``x`` is integers; None leaves a first layer with real inputs to the host.
        threads: processors used to encode the images, all if None.

    """

    def __init__(
        self,
        network: Network,
        x: NDArray[np.float32] | NDArray[np.uint8],
        encoding: Encoding | None,
        threads: int | None = None,
    ) -> None:
        self.network, self.images, self.encoding = network, x, encoding
        self._threads = threads
        self.analysis: Analysis = analyse(network, encoding)
        self.disputes = Disputes(network)
        self._values: dict[int, NDArray[Any] | Bits] = {INPUT: x}
        self._uses = Counter(i for sources in network.inputs for i in set(sources))
        self._positions: Counter[int] = Counter()
        self._parts: dict[int, NDArray[np.int64]] = {}

    def pictures(self, stage: Stage) -> Pictures | None:
        """The images, if the stage is fed with them as they are encoded; they are not yet."""
        value = self._values[self.network.inputs[stage.index][0]]
        encoded = self.analysis.fed[stage.index].encoded
        if not encoded or self.encoding is None or isinstance(value, Bits):
            return None
        return Pictures(value, self.encoding, stage.windows.channels, self._threads)

    def operands(self, stage: Stage) -> BitStrings:
        """Integers whose bits the stage is fed with, (images, pixels, channels)."""
        fed, channels = self.analysis.fed[stage.index], stage.windows.channels
        value = self._values[self.network.inputs[stage.index][0]]
        if isinstance(value, Bits) and value.encoding == fed.encoding:
            pixels = value.strings.pixels * value.strings.channels // channels
            return value.strings.reshaped(pixels, channels)  # a sign of a sign is that sign
        pictures = self.pictures(stage)
        if pictures is not None:
            return pictures.some(slice(len(pictures)))
        found = fed.integers(stage.layer, _numbers(value), self.encoding)
        stored = fed.encoding.stored(found)
        return BitStrings.of(stored.reshape(len(stored), -1, channels), fed.encoding.planes)

    def expected(
        self, stage: Stage, images: slice | NDArray[np.intp]
    ) -> NDArray[np.integer[Any]] | None:
        """What must be stored of the operands of some images; None if they were not moved.

        In the shape of the value that the stage is fed with.
        """
        fed = self.analysis.fed[stage.index]
        value = self._values[self.network.inputs[stage.index][0]]
        if not isinstance(value, Bits):
            found = fed.integers(stage.layer, _numbers(value[images]), self.encoding)
            return fed.encoding.stored(found)
        if value.encoding == fed.encoding:
            return None
        two = np.arange(2) * value.encoding.step + value.encoding.low
        meant = fed.encoding.stored(fed.integers(stage.layer, two.astype(np.float32), None))
        return meant[value.strings.chosen(images).integers()]

    def take(self, stage: Stage, result: Result) -> None:
        """Go on with what the stage's rows held."""
        network, layer, values = self.network, stage.layer, result.values
        if stage.thresholds is not None:
            strings = values if isinstance(values, BitStrings) else BitStrings.of(values)
            shape = (strings.images, *network.shapes()[stage.end - 1])
            self._values[stage.end - 1] = Bits(strings, shape, stage.gives)
        else:
            sums = self._whole(stage, unpacked(values))
            if sums is None:
                return
            self._behind(stage.index, layer, sums)
        self._used(*network.inputs[stage.index])

    def _behind(self, place: int, layer: Product, sums: NDArray[np.integer[Any]]) -> None:
        """Go on with the integer sums of a layer."""
        operand, exact = self.analysis.fed[place].encoding, self.analysis.exact[place]
        self._values[place] = values_behind(layer, sums, operand, exact=exact)
        if self.disputes.watches(place):
            before = values_behind(_linear(layer), sums, operand, exact=exact)
            self.disputes.look(place, before)

    def _whole(
        self, stage: Stage, sums: NDArray[np.integer[Any]]
    ) -> NDArray[np.integer[Any]] | None:
        """Sums of a layer in its shape, once all of its stages have given theirs."""
        shape = (len(sums), *self.network.shapes()[stage.index])
        positions = int(np.prod(shape[1:-1]))
        if stage.windows.positions == positions:
            return sums.reshape(shape)
        parts = self._parts.setdefault(
            stage.index, np.empty((shape[0], positions, shape[-1]), np.int64)
        )
        parts[:, stage.windows.outputs[0]] = sums
        self._positions[stage.index] += stage.windows.positions
        if self._positions[stage.index] < positions:
            return None
        return self._parts.pop(stage.index).reshape(shape)

    def run_on_host(self, stage: HostStage) -> None:
        """Carry out the layers that the DRAM does not; in integers those that it might."""
        for place, layer in zip(stage.places, stage.layers, strict=True):
            sources = self.network.inputs[place]
            values = [self._values[source] for source in sources]
            first = values[0]
            if isinstance(layer, Product) and place in self.analysis.fed:
                fed = self.analysis.fed[place]
                integers = fed.integers(layer, _numbers(first), self.encoding)
                self._behind(place, layer, reference.sums(layer, integers, fed.pad))
                self._used(*sources)
                continue
            if (  # it only moves bits, or takes the largest of some
                isinstance(first, Bits)
                and len(values) == 1
                and layer.commutes
                and layer.encoding_after(first.encoding) == first.encoding
            ):
                self._values[place] = _moved(layer, first)
            else:
                self._values[place] = layer.run(*map(_numbers, values))
            if self.disputes.watches(place):
                before = _linear(layer).run(_numbers(first)) if isinstance(layer, Product) else None
                self.disputes.look(place, _numbers(first) if before is None else before)
            self._used(*sources)

    def logits(self) -> NDArray[np.float32]:
        """Output of the network."""
        return _numbers(self._values[len(self.network.layers) - 1]).astype(np.float32)

    def _used(self, *sources: int) -> None:
        """Drop values that nothing needs any more."""
        for source in set(sources):
            self._uses[source] -= 1
            if not self._uses[source]:
                del self._values[source]


def _numbers(value: NDArray[Any] | Bits) -> NDArray[Any]:
    if isinstance(value, Bits):
        return value.numbers()
    return value.astype(np.float32) if value.dtype == np.uint8 else value


def _linear(layer: Product) -> Product:
    """Return a product without its activation."""
    plain: Product = replace(layer, activation="linear")
    return plain


def _moved(layer: Layer, value: Bits) -> Bits:
    if isinstance(layer, Flatten | Reshape):
        shape = (value.shape[0], *layer.shape_after(value.shape[1:]))
        return Bits(value.strings, shape, value.encoding)
    return Bits.of(layer.run(value.bits()), value.encoding)
