"""Bits that follow from the sums of a binary layer, found by evaluating the layers after it.

Except for max poolings, the layers between a sum and its bit treat every channel by itself. So they
are evaluated once for every sum that a channel can have, in float64, by their own formulas. A
pooling takes the largest value of a window. That is the value of the largest sum if values
increase, and of the smallest sum if they decrease. If they do neither, or if there are more
possible sums than actual ones, the layers themselves are run.

>>> from bnn.lowering.lower import lower
>>> from bnn.lowering.operand_analysis import analyse
>>> from bnn.model.network import BatchNorm, Dense, Network
>>> ones, kernel = np.ones(2, np.float32), np.ones((4, 2), np.float32)
>>> net = Network("n", (4,), (
...     Dense("a", kernel, None, "ste_sign", "ste_sign"),
...     BatchNorm("b", np.float32([2, 2]), ones, np.float32([1, -1]), None, 0.0),
...     Dense("c", kernel[:2], None, "ste_sign", "ste_sign"),
... ))
>>> bits = DecidedBits(net, lower(net, None)[0], analyse(net, None).fed[0], sums=6)
>>> bits.of(np.int32([[[0], [2], [4]], [[0], [2], [4]]]))[..., 0].astype(int).tolist()
[[0, 1, 1], [1, 1, 0]]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.lowering import thresholds
from bnn.lowering.operand_analysis import OperandAnalysis, values_behind
from bnn.lowering.stage import Stage
from bnn.model import quantizers
from bnn.model.geometry import OUTSIDE, Indices
from bnn.model.layers.product import reach
from bnn.model.network import Flatten, MaxPool2D, Network

Bits = NDArray[np.bool_]


class _Table(NamedTuple):
    """What every sum of a channel decides."""

    reached: range
    bits: Bits
    """``(sums, outputs)``."""
    falling: Bits | None
    """``(outputs,)`` whether values fall where they are pooled; None: nothing is pooled."""

    def of(self, sums: NDArray[np.int32]) -> Bits:
        """Look sums ``(outputs, images, positions)`` up, which are pooled if they are to be."""
        start, step, bits = self.reached.start, self.reached.step, self.bits
        changes = bits[1:] != bits[:-1]
        if (changes.sum(axis=0) <= 1).all():  # comparing is faster than looking up
            place = np.where(changes.any(axis=0), changes.argmax(axis=0) + 1, len(self.reached))
            at = (start + step * place).astype(np.int32)
            compared: Bits = (sums >= at[:, None, None]) ^ bits[0][:, None, None]
            return compared
        found: Bits = bits[(sums - start) // step, np.arange(len(sums))[:, None, None]]
        return found


class Limits(NamedTuple):
    """Bits that are whether a sum is at least some limit, or that it is not."""

    at: NDArray[np.int64]
    """``(outputs,)``."""
    turned: Bits
    """``(outputs,)`` whether the bit is that the sum is less."""
    least: Bits
    """``(outputs,)`` whether the smallest sum of a window decides, and not the largest."""
    windows: Indices
    """``(windows, places)`` sums that decide together in order, -1 before the first: padding."""


class DecidedBits:
    """Bits of a stage with thresholds.

    Args:
        network: the layers, up to the logits.
        stage: the stage.
        fed: what its layer multiplies.
        sums: how many will be asked for.

    """

    def __init__(self, network: Network, stage: Stage, fed: OperandAnalysis, sums: int) -> None:
        index = stage.index
        self._stage, self._fed = stage, fed
        self._shape = network.shapes()[index]
        self._decision = next(
            one
            for one in thresholds.decisions(network, index, thresholds.questions(network))
            if one.end == stage.end
        )
        self._quantizer = quantizers.named(self._decision.quantizer)
        self._table = self._tabulated(sums)

    def of(self, sums: NDArray[np.int32]) -> Bits:
        """Decide ``(outputs, images, positions)``; positions are those that the stage gives."""
        table = self._table
        if table is None:
            return self._run(sums)
        return table.of(sums if table.falling is None else self._pooled(sums, table.falling))

    def limits(self) -> Limits | None:
        """Return what decides, if bits do nothing but compare each sum, or that of a window."""
        table = self._table
        if table is None:
            return None
        changes = table.bits[1:] != table.bits[:-1]
        if (changes.sum(axis=0) > 1).any():
            return None
        place = np.where(changes.any(axis=0), changes.argmax(axis=0) + 1, len(table.reached))
        falling = table.falling
        least = np.zeros(len(place), np.bool_) if falling is None else falling
        at = table.reached.start + table.reached.step * place
        return Limits(at, table.bits[0], least, self._windows(pooled=falling is not None))

    def _windows(self, *, pooled: bool) -> Indices:
        """Sums that each window of the pooling takes, asked of that layer itself."""
        if not pooled:
            return np.arange(int(np.prod(self._shape[:-1])))[:, None]
        (pool,) = (step for step in self._decision.steps if isinstance(step, MaxPool2D))
        down, across = (side.taps() for side in pool.axes(self._shape))
        laid = down[:, None, :, None] * pool.axes(self._shape)[1].size + across[:, None]
        outside = (down[:, None, :, None] == OUTSIDE) | (across[:, None] == OUTSIDE)
        whole = np.where(outside, OUTSIDE, laid)
        return np.sort(whole.reshape(len(down) * len(across), -1), axis=1)

    def _pooled(self, sums: NDArray[np.int32], falling: Bits) -> NDArray[np.int32]:
        """Sums with the largest value of each window: the smallest where values fall."""
        outputs, images, _ = sums.shape
        turn = np.where(falling, -1, 1).astype(np.int32)[:, None, None]
        (pool,) = (step for step in self._decision.steps if isinstance(step, MaxPool2D))
        laid = (sums * turn).reshape(outputs * images, *self._shape[:-1], 1)
        pooled: NDArray[np.int32] = pool.run(laid).reshape(outputs, images, -1) * turn
        return pooled

    def _run(self, sums: NDArray[np.int32]) -> Bits:
        """Run the layers."""
        outputs, images, _ = sums.shape
        laid = sums.transpose(1, 2, 0).reshape(images, *self._shape)
        values: NDArray[Any] = self._behind(laid)
        for step in self._decision.steps:
            values = step.run(values)
        bits = self._quantizer.integers(values) > 0
        return bits.reshape(images, -1, outputs).transpose(2, 0, 1)

    def _behind(self, sums: NDArray[np.integer[Any]]) -> NDArray[Any]:
        return values_behind(self._stage.layer, sums, self._fed.encoding, exact=True)

    def _tabulated(self, sums: int) -> _Table | None:
        """Evaluate all sums; None if there are too many, or pooled values turn around."""
        layer = self._stage.layer
        reached, outputs = reach(layer, self._fed.whole), layer.outputs
        if len(reached) * outputs > sums:
            return None
        values = self._behind(np.repeat(np.array(reached)[:, None], outputs, axis=1))
        falling: Bits | None = None
        for step in self._decision.steps:
            if isinstance(step, Flatten):
                if step is not self._decision.steps[-1]:
                    return None  # channels are different ones behind it
            elif isinstance(step, MaxPool2D):
                rises, falls = ((np.diff(sign * values, axis=0) >= 0).all(0) for sign in (1, -1))
                if falling is not None or not (rises | falls).all():
                    return None
                falling = ~rises
            else:
                values = step.run(values)
        return _Table(reached, self._quantizer.integers(values) > 0, falling)
