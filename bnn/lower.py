"""From layers to stages: binary matrix products for the DRAM, and what stays on the host.

Every binary layer becomes a :class:`Stage` in DRAM. Where a sign follows, bias, BatchNorm and sign
become a comparison of the count of ones with a constant, and a max pooling in between becomes an
OR or AND of bits; otherwise the sums are read out and the host goes on with them. Layers that no
stage takes in are the host's.

The DRAM counts ones. Operands are integers u = step p + low, of which the bits of p >= 0 lie in
rows; weights are integers v that are sums of digits -1, 0 and +1 with weights 2**shift. A product
with a digit contributes p for +1, the complement (largest - p) for -1 and nothing for 0. That total
A is tied to the reference's sum S of the products of u and v by S = scale A + offset, per output;
the scale is the step, and :func:`offsets` gives the rest.

>>> import numpy as np
>>> from bnn.network import Dense, Network
>>> kernel = np.float32([[1, -1], [1, 1], [-1, -1]])
>>> net = Network("n", (3,), (
...     Dense("a", kernel, None, "ste_sign", "ste_sign"),
...     Dense("b", kernel[:2], None, "ste_sign", "ste_sign"),
... ))
>>> first, second = lower(net, None)
>>> first.name, first.planes, first.scale, first.offsets.tolist()
('a', 1, 2, [-3, -3])
>>> first.thresholds is not None, second.thresholds is not None
(True, False)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bnn import quantizers, thresholds
from bnn.alphabet import Analysis, Fed, analyse
from bnn.encoding import Encoding
from bnn.geometry import Axis, Spread
from bnn.layers.product import digits
from bnn.network import (
    INPUT,
    Conv1D,
    Conv2D,
    Flatten,
    Layer,
    LocallyConnected,
    MaxPool2D,
    Network,
    PRelu,
    Product,
    Shape,
)
from bnn.operand import BIPOLAR, Alphabet
from bnn.thresholds import Decision, Thresholds
from bnn.windows import Side, Windows, each_pixel, lay
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A binary matrix product for the DRAM, with the sign and pooling behind it if there are."""

    name: str
    layer: Product
    index: int
    """Position of the layer in the network."""
    end: int
    """One past the position of the layer whose values, or what is decided of them, it gives; in a
    chain that of the first layer that is fed with them."""
    shape: Shape
    """Shape of the layer's input, without the batch axis."""
    windows: Windows
    weights: NDArray[np.int8]
    """``(digits, kernel taps, channels of a group, outputs)``, -1, 0 and +1; 0 adds nothing."""
    shifts: tuple[int, ...]
    """Per digit, the exponent of its weight: v = sum of 2**shift * digit."""
    groups: int
    """Output o reads the channels of group o // (outputs // groups), which lie side by side."""
    planes: int
    """Bits of an operand; 1 for -1 and +1."""
    encoded: bool
    """Whether operands are the integers of the network's encoded inputs."""
    pad: int
    """Operand stored in the padding, as the integer that the bits hold."""
    zero_padding: bool
    """Whether the padding is really 0, which a -1 or +1 cannot hold: counts need a correction."""
    scale: int
    """S = scale * A + offsets, where nothing is padded with 0; the step between operands."""
    offsets: NDArray[np.int64]
    """``(outputs,)``; see :func:`offsets`."""
    thresholds: Thresholds | None
    """Comparison that gives the output bits; None where the sums themselves are wanted."""
    conjunction: NDArray[np.bool_]
    """``(outputs,)`` True where pooling is an AND of bits, False where it is an OR."""
    gives: Alphabet = BIPOLAR
    """What the output bits stand for."""

    def __post_init__(self) -> None:
        _check(self)

    @property
    def outputs(self) -> int:
        """Output channels."""
        return int(self.weights.shape[3])

    @property
    def fan_in(self) -> int:
        """Products that one output sums."""
        return int(self.weights.shape[1] * self.weights.shape[2])

    @property
    def largest(self) -> int:
        """Largest operand, and so what a product with a digit of weight 1 adds at most."""
        return (1 << self.planes) - 1

    @property
    def tap_sums(self) -> NDArray[np.int64]:
        """``(kernel taps, outputs)`` sums of the weights v at a tap."""
        return _weigh(self.weights.sum(axis=2, dtype=np.int64), self.shifts)

    @property
    def group_of(self) -> NDArray[np.intp]:
        """``(outputs,)`` group whose channels each output reads."""
        return np.arange(self.outputs) // (self.outputs // self.groups)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an image in this layer, by Larq's count: weights x positions."""
        positions = self.windows.positions
        if self.windows.offsets > 1:  # a column computes a whole window of the pooling
            positions = int(np.prod(self.layer.shape_after(self.shape)[:-1], dtype=np.int64))
        return int(self.weights[0].size) * positions

    def highest(self, channels: slice = slice(None)) -> int:
        """Largest count that any output can reach with some ``channels`` of its group."""
        used = np.count_nonzero(self.weights[:, :, channels], axis=(1, 2)).astype(np.int64)
        return int(_weigh(used, self.shifts).max()) * self.largest

    def of_groups(self, first: int, last: int) -> Stage:
        """Return the stage of groups ``first`` to ``last`` - 1 alone, with their channels."""
        width, each = self.weights.shape[2], self.outputs // self.groups
        some = slice(first * each, last * each)
        found = self.thresholds
        return replace(
            self,
            windows=replace(self.windows, channels=(last - first) * width),
            weights=self.weights[..., some],
            groups=last - first,
            offsets=self.offsets[some],
            thresholds=found and Thresholds(found.at[some], found.falling[some]),
            conjunction=self.conjunction[some],
        )


def offsets(
    weights: NDArray[np.int8], shifts: Sequence[int], planes: int, step: int, low: int
) -> NDArray[np.int64]:
    """Return what S = step * A + offset adds for every output, ``(outputs,)``.

    Args:
        weights: digits, as in :attr:`Stage.weights`.
        shifts: exponents of their weights.
        planes: bits of a stored operand p.
        step: operands are u = step * p + low.
        low: the operand stored as 0.

    >>> digits = np.int8([[[[1], [-1], [0]]]])
    >>> offsets(digits, (0,), planes=1, step=2, low=-1).tolist()  # two operands of -1 and +1
    [-2]
    >>> offsets(digits, (0,), planes=8, step=1, low=0).tolist()  # a pixel is taken from 255
    [-255]
    """
    values = _weigh(weights.sum(axis=(1, 2), dtype=np.int64), shifts)
    negative = _weigh((weights < 0).sum(axis=(1, 2), dtype=np.int64), shifts)
    return low * values - step * ((1 << planes) - 1) * negative


def _weigh(digits: NDArray[np.int64], shifts: Sequence[int]) -> NDArray[np.int64]:
    """Numbers (...) that digits (digits, ...) make."""
    return np.tensordot(np.int64(1) << np.array(shifts, np.int64), digits, axes=1)


def _check(stage: Stage) -> None:
    """Raise InputError for fields of a stage that contradict one another."""
    name, weights = stage.name, stage.weights
    taps, channels = stage.windows.taps.shape[1], stage.windows.channels
    if stage.groups < 1 or channels % stage.groups or weights.shape[-1] % stage.groups:
        raise InputError(
            f"`groups` of stage {name!r} must divide its {channels} channels and "
            f"{weights.shape[-1]} outputs, not be {stage.groups}"
        )
    wanted = (len(stage.shifts), taps, channels // stage.groups)
    if weights.shape[:-1] != wanted or not weights.size:
        raise InputError(
            f"`weights` of stage {name!r} must have the shape {wanted} and outputs, "
            f"not {weights.shape}"
        )
    if min(stage.shifts) < 0:
        raise InputError(f"`shifts` of stage {name!r} must not be negative, as {stage.shifts} are")
    if stage.zero_padding and (stage.planes, stage.scale, stage.pad) != (1, 2, 0):
        raise InputError(
            f"operands of stage {name!r} must be -1 and +1, stored as 0 and 1, for zero padding"
        )
    reach = stage.scale * stage.highest()
    if reach >= 1 << 31:
        raise InputError(f"sums of stage {name!r} must stay below 2**31, not reach {reach}")


@dataclass(frozen=True, slots=True, eq=False)
class HostStage:
    """Layers, one after the other in the order of the network, that the host carries out."""

    name: str
    layers: tuple[Layer, ...]
    places: tuple[int, ...]
    """Positions of the layers in the network."""
    macs: int
    weights: int
    """Numbers that are fetched once: kernels and slopes."""
    fetched: int
    """Numbers that are fetched for each image. What the stage before has read out of DRAM or
    computed is at hand; left are the images, and what was put aside for a later use: the other
    inputs of a merge, a branch that begins behind something else."""


def lower(network: Network, encoding: Encoding | None) -> tuple[Stage | HostStage, ...]:
    """Split a network (without its final softmax) into stages, in an order to carry them out.

    A locally connected layer becomes one stage for each of its positions, as each has weights of
    its own.

    Args:
        network: the layers.
        encoding: how its inputs are integers; None leaves a first layer with real inputs to the
            host.
    """
    analysis, asked = analyse(network, encoding), thresholds.questions(network)
    stages: list[Stage | HostStage] = []
    taken: set[int] = set()
    waiting: list[int] = []
    before: int | None = None
    for index, layer in enumerate(network.layers):
        if index in taken:
            continue
        if index not in analysis.fed or not isinstance(layer, Product):
            waiting.append(index)
            continue
        if waiting:
            stages.append(_host(network, waiting, before))
            waiting = []
        made = _stages(network, index, layer, analysis, asked)
        stages += made
        before = made[-1].end - 1
        taken.update(_behind(network, index, made[0].end))
    if waiting:
        stages.append(_host(network, waiting, before))
    return tuple(stages)


def _behind(network: Network, index: int, end: int) -> list[int]:
    """Positions of the layers behind product ``index`` that its stage takes in."""
    result = []
    while index != end - 1:
        (index,) = network.consumers[index]
        result.append(index)
    return result


def _stages(
    network: Network,
    index: int,
    layer: Product,
    analysis: Analysis,
    asked: Sequence[str | None],
) -> list[Stage]:
    fed, shape = analysis.fed[index], network.shape_before(index)
    if isinstance(layer, LocallyConnected):
        return _local(layer, index, shape, fed)
    weights = digits(layer)
    shifts = tuple(range(len(weights)))
    found, pool, conjunction, end, gives = _decided(network, index, layer, fed, asked)
    laid = _windows(layer, shape, pool)
    alphabet = fed.alphabet
    return [
        Stage(
            layer.name,
            layer,
            index,
            end,
            shape,
            laid,
            weights,
            shifts,
            layer.groups,
            alphabet.planes,
            fed.encoded,
            0 if fed.zeros else int(alphabet.stored(np.array(fed.pad))),
            fed.zeros and bool((laid.pixels < 0).any()),
            alphabet.step,
            offsets(weights, shifts, alphabet.planes, alphabet.step, alphabet.low),
            found,
            conjunction,
            gives,
        )
    ]


def _local(layer: LocallyConnected, index: int, shape: Shape, fed: Fed) -> list[Stage]:
    """One stage for each position; the sums are read out, as biases differ with the position."""
    rows, columns = layer.sides(shape)
    whole = lay(shape[-1], [Side.of(rows), Side.of(columns)])
    every = digits(layer)
    positions, alphabet = whole.positions, fed.alphabet
    every = every.reshape(len(every), positions, -1, *every.shape[2:])
    shifts = tuple(range(len(every)))
    stages = []
    for position in range(positions):
        one = slice(position, position + 1)
        weights = every[:, position]
        stages.append(
            Stage(
                f"{layer.name}[{position}]",
                layer,
                index,
                index + 1,
                shape,
                Windows(whole.channels, whole.pixels[one], whole.taps, whole.outputs[:, one]),
                weights,
                shifts,
                1,
                alphabet.planes,
                fed.encoded,
                0,
                False,
                alphabet.step,
                offsets(weights, shifts, alphabet.planes, alphabet.step, alphabet.low),
                None,
                np.zeros(layer.outputs, np.bool_),
            )
        )
    return stages


def _decided(
    network: Network, index: int, layer: Product, fed: Fed, asked: Sequence[str | None]
) -> tuple[Thresholds | None, MaxPool2D | None, NDArray[np.bool_], int, Alphabet]:
    """Threshold, pooling and its kind, where the stage ends (as late as rows can do), answers."""
    neither = np.zeros(layer.outputs, dtype=np.bool_)
    for sign_at in reversed(thresholds.decisions(network, index, asked)):
        pools = [step for step in sign_at.steps if isinstance(step, MaxPool2D)]
        if len(pools) > 1 or (pools and not _can_pool(layer, sign_at)):
            continue
        found = thresholds.crossing(layer, sign_at, fed)
        if found.at.size != layer.outputs:
            continue
        kinds = thresholds.conjunctions(layer, sign_at)
        conjunction = kinds[0] if kinds else neither
        gives = quantizers.named(sign_at.quantizer).alphabet or BIPOLAR
        return found, pools[0] if pools else None, conjunction, sign_at.end, gives
    return None, None, neither, index + 1, BIPOLAR


def _can_pool(layer: Product, sign_at: Decision) -> bool:
    """Whether the windows of the pooling lie over those of the convolution."""
    before = (step for step in sign_at.steps if isinstance(step, MaxPool2D | Flatten))
    return isinstance(layer, Conv1D | Conv2D) and isinstance(next(before), MaxPool2D)


def _windows(layer: Product, shape: Shape, pool: MaxPool2D | None) -> Windows:
    sides = layer.sides(shape)
    if sides is None:
        return each_pixel(int(np.prod(shape[:-1], dtype=np.intp)), shape[-1])
    over = None if pool is None else pool.axes(layer.shape_after(shape))
    return lay(shape[-1], [_side(side) for side in sides], over)


def _side(side: Axis | Spread) -> Side:
    if isinstance(side, Axis):
        return Side.of(side)
    # The kernel is turned round, so the last tap is what the first window begins with.
    before = (side.kernel - 1) * side.dilation - side.before
    return Side(side.size, side.kernel, side.out, 1, side.dilation, before, side.stride)


def _host(network: Network, places: Sequence[int], before: int | None) -> HostStage:
    """Layers at ``places``; ``before`` is the one whose values the stage before has given."""
    layers = tuple(network.layers[place] for place in places)
    macs = sum(
        layer.macs(network.shape_before(place))
        for place, layer in zip(places, layers, strict=True)
        if isinstance(layer, Product)
    )
    weights = sum(layer.weights for layer in layers if isinstance(layer, Product | PRelu))
    at_hand, fetched = {before, *places}, 0
    for place in places:
        sources = network.inputs[place]
        for source in set(sources) - at_hand:
            if source != INPUT or weights or len(sources) > 1:
                shape = network.input_shape if source == INPUT else network.shapes()[source]
                fetched += int(np.prod(shape))
            at_hand.add(source)
    name = "+".join(layer.name for layer in layers)
    return HostStage(name, layers, tuple(places), macs, weights, fetched)
