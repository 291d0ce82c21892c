"""From layers to stages: binary matrix products for the DRAM, and what stays on the host.

Every binary layer becomes a :class:`bnn.lowering.stage.Stage` in DRAM. If a sign follows, bias,
BatchNorm and sign become a comparison of the count of ones with a constant. A max pooling in
between becomes an OR or AND of bits, if a subarray has room for the whole pooling window. Otherwise
the sums are read out and the host goes on with them. All other layers run on the host, and so do
layers for which the DRAM has no room.

>>> import numpy as np
>>> from bnn.model.network import Dense, Network
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

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bnn.lowering import host_reasons, thresholds
from bnn.lowering.operand_analysis import Analysis, OperandAnalysis, analyse
from bnn.lowering.stage import HostStage, Stage, Windows, lay, offsets, windows
from bnn.lowering.thresholds import Thresholds
from bnn.model import quantizers
from bnn.model.layers.product import digits
from bnn.model.network import (
    INPUT,
    Conv1D,
    Conv2D,
    Flatten,
    LocallyConnected,
    MaxPool2D,
    Network,
    Product,
    Shape,
)
from bnn.model.operand_encoding import BIPOLAR, OperandEncoding
from bnn.values.encoding import Encoding


def lower(
    network: Network,
    encoding: Encoding | None,
    data_rows: int | None = None,
    refused: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Stage | HostStage, ...]:
    """Split a network (without its final softmax) into stages, in an order to carry them out.

    A locally connected layer becomes one stage for each of its positions, as each has weights of
    its own.

    Args:
        network: the layers.
        encoding: how its inputs are integers; None leaves a first layer with real inputs to the
            host.
        data_rows: data rows of a subarray, which the windows of a pooling must fit (see
            :meth:`bnn.lowering.stage.Stage.holds_patch`) to be pooled in DRAM; as many as needed if
            None.
        refused: layers that the DRAM could take and the host carries out, and why.
    """
    analysis, asked = analyse(network, encoding), thresholds.questions(network)
    stages: list[Stage | HostStage] = []
    taken: set[int] = set()
    waiting: list[int] = []
    before: int | None = None
    for index, layer in enumerate(network.layers):
        if index in taken:
            continue
        if index not in analysis.fed or not isinstance(layer, Product) or layer.name in refused:
            waiting.append(index)
            continue
        if waiting:
            stages.append(_host(network, waiting, before, (analysis, refused)))
            waiting = []
        made = _stages(network, index, layer, analysis, asked)
        pooled = made[0].windows.offsets > 1
        if pooled and data_rows is not None and not made[0].holds_patch(data_rows):
            made = _stages(network, index, layer, analysis, asked, pools=False)
        stages += made
        before = place = made[-1].end - 1
        while (
            place != index
        ):  # the layers in between become part of the stage; each has a single input
            taken.add(place)
            (place,) = network.inputs[place]
    if waiting:
        stages.append(_host(network, waiting, before, (analysis, refused)))
    return tuple(stages)


def _stages(
    network: Network,
    index: int,
    layer: Product,
    analysis: Analysis,
    asked: Sequence[str | None],
    *,
    pools: bool = True,
) -> list[Stage]:
    """Stages of a product; without ``pools`` any pooling behind it is the host's."""
    fed, shape, every = analysis.fed[index], network.shape_before(index), digits(layer)
    found, pool, conjunction, end, gives = _decided(network, index, layer, fed, asked, pooled=pools)
    if isinstance(layer, LocallyConnected):
        parts = _local(layer, shape, every)
    else:
        parts = [(layer.name, windows(layer, shape, pool), every)]
    encoding, shifts = fed.encoding, tuple(range(len(every)))
    return [
        Stage(
            name,
            layer,
            index,
            end,
            shape,
            laid,
            weights,
            shifts,
            layer.groups,
            encoding.planes,
            fed.encoded,
            0 if fed.zeros else int(encoding.stored(np.array(fed.pad))),
            fed.zeros and bool((laid.pixels < 0).any()),
            encoding.step,
            offsets(weights, shifts, encoding.planes, encoding.step, encoding.low),
            found,
            conjunction,
            gives,
        )
        for name, laid, weights in parts
    ]


def _local(
    layer: LocallyConnected, shape: Shape, every: NDArray[np.int8]
) -> list[tuple[str, Windows, NDArray[np.int8]]]:
    """Name, window and weights of each position, out of the digits of all."""
    whole = lay(shape[-1], layer.sides(shape))
    every = every.reshape(len(every), whole.positions, -1, *every.shape[2:])
    found = []
    for position in range(whole.positions):
        one = slice(position, position + 1)
        laid = Windows(whole.channels, whole.pixels[one], whole.taps, whole.outputs[:, one])
        found.append((f"{layer.name}[{position}]", laid, every[:, position]))
    return found


def _decided(
    network: Network,
    index: int,
    layer: Product,
    fed: OperandAnalysis,
    asked: Sequence[str | None],
    *,
    pooled: bool,
) -> tuple[Thresholds | None, MaxPool2D | None, NDArray[np.bool_], int, OperandEncoding]:
    """Threshold, pooling and its kind, where the stage ends (as late as rows can do), answers."""
    neither = np.zeros(layer.outputs, dtype=np.bool_)
    undecided = None, None, neither, index + 1, BIPOLAR
    if isinstance(layer, LocallyConnected):  # whose biases differ with the position
        return undecided
    for sign_at in reversed(thresholds.decisions(network, index, asked)):
        pools = [step for step in sign_at.steps if isinstance(step, MaxPool2D)]
        first = next((one for one in sign_at.steps if isinstance(one, MaxPool2D | Flatten)), None)
        lies_over = isinstance(layer, Conv1D | Conv2D) and isinstance(first, MaxPool2D)
        if len(pools) > 1 or (pools and not (pooled and lies_over)):
            continue
        found = thresholds.crossing(layer, sign_at, fed)
        if found.at.size != layer.outputs:
            continue
        kinds = thresholds.conjunctions(layer, sign_at)
        conjunction = kinds[0] if kinds else neither
        gives = quantizers.named(sign_at.quantizer).encoding or BIPOLAR
        return found, pools[0] if pools else None, conjunction, sign_at.end, gives
    return undecided


def _host(
    network: Network,
    places: Sequence[int],
    before: int | None,
    known: tuple[Analysis, Mapping[str, str]],
) -> HostStage:
    """Layers at ``places``; ``before`` is the one whose values the stage before has given.

    ``known`` is what is known of the network, and which layers the DRAM has no room for.
    """
    analysis, refused = known
    layers = tuple(network.layers[place] for place in places)
    macs = sum(
        layer.macs(network.shape_before(place))
        for place, layer in zip(places, layers, strict=True)
        if isinstance(layer, Product)
    )
    weights = sum(layer.weights for layer in layers)
    at_hand, fetched = {before, *places}, 0
    for place in places:
        sources = network.inputs[place]
        for source in set(sources) - at_hand:
            if source != INPUT or weights or len(sources) > 1:
                shape = network.input_shape if source == INPUT else network.shapes()[source]
                fetched += int(np.prod(shape))
            at_hand.add(source)
    name = "+".join(layer.name for layer in layers)
    why = {layer.name: refused[layer.name] for layer in layers if layer.name in refused}
    reasons = {
        layer.name: refused.get(layer.name) or host_reasons.reason(network, analysis, place)
        for place, layer in zip(places, layers, strict=True)
    }
    return HostStage(name, layers, tuple(places), macs, weights, fetched, why, reasons)


def consecutive(
    network: Network, stages: Sequence[Stage | HostStage], folded: Sequence[bool]
) -> list[range]:
    """Return the longest runs of stages in which each takes the results of the one before.

    ``folded`` says for which stages the results stay where they are computed.
    """
    found, start = [], 0
    for end in range(1, len(stages) + 1):
        whole = end < len(stages) and folded[end - 1] and folded[end]
        if not (whole and _follows(network, stages[end - 1], stages[end])):
            if end - start > 1:
                found.append(range(start, end))
            start = end
    return found


def _follows(network: Network, one: Stage | HostStage, other: Stage | HostStage) -> bool:
    """Whether the result bits of ``one`` are the operands of ``other`` alone, row for row."""
    if isinstance(one, HostStage) or isinstance(other, HostStage):
        return False
    given = one.end - 1
    readers = [place for place, sources in enumerate(network.inputs) if given in sources]
    return (
        one.thresholds is not None
        and one.groups == other.groups == 1
        and other.windows.reads_itself
        and readers == [other.index]
        and tuple(network.inputs[other.index]) == (given,)
        and other.planes == 1
        and not other.encoded
        and other.scale == one.gives.step
        and other.windows.channels == one.outputs
        and other.windows.positions == one.windows.positions
    )
