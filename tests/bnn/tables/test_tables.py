"""Tables of well-known networks: as many operations and weights as published, shapes that chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from bnn.tables import catalog
from bnn.tables.catalog import INCEPTIONS
from bnn.tables.graph import (
    Drawing,
    Node,
    PoolNode,
    ProductNode,
    Table,
    Window,
)
from bnn.tables.published import published
from bnn.tables.stages import PIXEL_BITS, works
from pimsim.errors import InputError

every_table = pytest.mark.parametrize("name", catalog.names())


# What was published


def _norms(table: Table) -> list[Node]:
    return [node for node in table.nodes if node.kind == "norm"]


def _pools(table: Table) -> list[PoolNode]:
    return [node for node in table.nodes if isinstance(node, PoolNode)]


def _sizes(nodes: Iterable[Node]) -> int:
    return sum(node.size for node in nodes)


def _half_flops(table: Table) -> float:
    """What imgclsmob counts, halved: 2 operations a product with a bias, one fewer for each pair of
    maps without; 1 for each number that a ReLU takes, 4 for a normalized one, and the size of the
    window for each pooled one. Additions are not counted."""
    flops = 0
    for node in table.products:
        pairs = node.weights // node.taps
        flops += 2 * node.macs - (0 if node.bias else pairs)
        flops += 4 * node.size if node.norm else 0
    flops += 4 * _sizes(_norms(table))
    for pool in _pools(table):
        flops += pool.window.size**2 * pool.size
    dense = [node for node in table.products if node.window is None]
    activated = [node for node in table.products if node.norm or node.bias]
    activated += _norms(table)  # type: ignore[arg-type]
    return (flops + _sizes(node for node in activated if node not in dense[-1:])) / 2


def _googlenet_of_torchvision(table: Table) -> Callable[[int, int, int], float]:
    """How much less a total is with 3x3 kernels where the publication has 5x5."""
    five = [node for node in table.products if node.taps == 25]
    assert len(five) == len(INCEPTIONS)

    def less(weights: int, macs: int, biases: int) -> float:
        total = weights * sum(node.weights for node in five) * 16 / 25
        total += macs * sum(node.macs for node in five) * 16 / 25
        convolved = sum(node.outputs for node in table.products if node.window is not None)
        return total - biases * convolved  # a beta for each bias, and a gamma more

    return less


C3_MISSING = 36
"""Pairs of maps of S2 and C3 that LeCun et al., Table I, leave out: 60 of 96 are there."""


def _counted(name: str, quantity: str) -> float:
    """What the source counts, from the table."""
    table = catalog.entry(name)
    if name == "googlenet":
        less = _googlenet_of_torchvision(table)
        if quantity == "macs":
            return table.macs - less(0, 1, 0)
        return table.parameters - less(1, 0, 1)
    if name == "lenet5":
        # Subsampling: four inputs and a bias a unit; a coefficient and a bias a map.
        subsampled = [_sizes([node]) for node in _pools(table)]
        maps = [node.shape[-1] for node in _pools(table)]
        output = table.products[-1]
        if quantity == "macs":
            biases = _sizes(table.products[:-1])
            return table.macs - C3_MISSING * 25 * 100 + biases + 5 * sum(subsampled)
        return table.parameters - C3_MISSING * 25 + 2 * sum(maps) - output.weights - output.outputs
    if quantity == "macs" and name in ("nin", "wrn28-10", "zfnet"):
        return _half_flops(table)
    return table.macs if quantity == "macs" else table.parameters


@pytest.mark.parametrize("quantity", ["macs", "parameters"])
@every_table
def test_as_many_as_published(name: str, quantity: str) -> None:
    found = published(name, quantity)
    counted = _counted(name, quantity)
    assert abs(counted - found.value) <= found.step / 2
    table = catalog.entry(name)
    plain = table.macs if quantity == "macs" else table.parameters
    assert bool(found.counts) == (abs(plain - found.value) > found.step / 2), "say why it differs"
    assert len(found.source) >= 8


@every_table
def test_weights_are_the_parameters_without_biases_and_normalization(name: str) -> None:
    table = catalog.entry(name)
    biases = sum(node.shape[-1] for node in table.products if node.bias)
    norms = sum(node.shape[-1] for node in table.products if node.norm)
    norms += sum(node.shape[-1] for node in _norms(table))
    assert table.parameters - table.weights == biases + 2 * norms
    assert table.weights == sum(node.weights for node in table.products)


def test_convolutions_of_alexnet_and_vgg16_alone() -> None:
    # Chen et al., "Eyeriss", ISSCC 2016: AlexNet 2.3 million weights and 666 million MACs, VGG16
    # 14.7 million and 15.3 billion.
    for name, weights, macs in (("alexnet", 2.3e6, 666e6), ("vgg16", 14.7e6, 15.3e9)):
        convolutions = [node for node in catalog.entry(name).products if node.window]
        assert sum(node.weights for node in convolutions) == pytest.approx(weights, rel=0.015)
        assert sum(node.macs for node in convolutions) == pytest.approx(macs, rel=0.004)


@pytest.mark.parametrize(
    ("module", "m_macs"),
    # Szegedy et al., Table 1, operations in millions. Left out are its first row (34, where a 7x7
    # convolution of 3 channels takes 118) and 5a (54, where the widths beside it make 51); neither
    # do its numbers of parameters follow from its widths throughout.
    [("3a", 128), ("3b", 304), ("4a", 73), ("4b", 88), ("4c", 100), ("4d", 119), ("4e", 170),
     ("5b", 71)],
)  # fmt: skip
def test_modules_of_googlenet(module: str, m_macs: int) -> None:
    table = catalog.entry("googlenet")
    layers = [n for n in table.products if n.name.startswith(f"inception_{module}/")]
    assert abs(sum(layer.macs for layer in layers) / 1e6 - m_macs) < 1


@pytest.mark.parametrize(
    ("name", "convolutions", "dense"),
    [("alexnet", 5, 3), ("densenet121", 120, 1), ("googlenet", 57, 1), ("lenet5", 2, 3),
     ("mobilenet", 27, 1), ("nin", 9, 0), ("resnet50", 53, 1), ("resnext50", 53, 1),
     ("squeezenet", 26, 0), ("vgg16", 13, 3), ("wrn28-10", 28, 1), ("zfnet", 5, 3)],
)  # fmt: skip
def test_as_many_layers_as_the_publications_draw(name: str, convolutions: int, dense: int) -> None:
    products = catalog.entry(name).products
    assert len([node for node in products if node.window]) == convolutions
    assert len([node for node in products if not node.window]) == dense


@pytest.mark.parametrize(
    ("name", "node", "shape"),
    [("alexnet", "conv1", (55, 55, 96)), ("alexnet", "pool5", (6, 6, 256)),
     ("zfnet", "conv1", (110, 110, 96)), ("zfnet", "pool1", (55, 55, 96)),
     ("zfnet", "conv2", (26, 26, 256)), ("zfnet", "pool5", (6, 6, 256)),
     ("vgg16", "pool5", (7, 7, 512)), ("lenet5", "s4", (5, 5, 16)), ("nin", "pool2", (8, 8, 192)),
     ("mobilenet", "pointwise13", (7, 7, 1024)), ("googlenet", "pool2", (28, 28, 192)),
     ("googlenet", "inception_4e/output", (14, 14, 832)),
     ("googlenet", "inception_5b/output", (7, 7, 1024)),
     ("squeezenet", "fire9/concat", (13, 13, 512)), ("resnet50", "maxpool", (56, 56, 64)),
     ("resnet50", "layer4.2.add", (7, 7, 2048)), ("resnext50", "layer1.0.conv2", (56, 56, 128)),
     ("densenet121", "block1/layer6/concat", (56, 56, 256)),
     ("densenet121", "block4/layer16/concat", (7, 7, 1024)),
     ("wrn28-10", "group3/block4/add", (8, 8, 640))],
)  # fmt: skip
def test_maps_are_of_the_sizes_in_the_publications(
    name: str, node: str, shape: tuple[int, ...]
) -> None:
    assert catalog.entry(name).node(node).shape == shape


# Shapes chain


@every_table
def test_what_comes_out_of_a_layer_fits_the_next(name: str) -> None:
    table = catalog.entry(name)
    shapes = {"input": table.input_shape}
    for node in table.nodes[1:]:
        fed = [shapes[one] for one in node.reads]  # KeyError if it were not there yet
        match node:
            case ProductNode():
                assert fed == [node.input]
                assert node.input[-1] % node.groups == node.outputs % node.groups == 0
            case Node(kind="concat"):
                assert node.shape == (*fed[0][:-1], sum(shape[-1] for shape in fed))
                assert len({shape[:-1] for shape in fed}) == 1
            case Node(kind="add"):
                assert fed == [node.shape, node.shape]
            case Node(kind="norm"):
                assert fed == [node.shape]
            case Node(kind="flatten"):
                assert node.shape == (int(np.prod(fed[0])),)
            case PoolNode():
                assert node.shape[-1] == fed[0][-1]
        shapes[node.name] = node.shape
    read = {one for node in table.nodes for one in node.reads}
    unread = [node.name for node in table.nodes if node.name not in read]
    assert unread == [table.nodes[-1].name], "every branch must end in the output"
    classes = 1000 if table.input_shape[0] > 200 else 10
    assert table.nodes[-1].shape == (classes,)


@every_table
def test_stages_read_every_pixel_that_a_window_covers(name: str) -> None:
    table = catalog.entry(name)
    for number, work in enumerate(works(table)):
        product = work.product
        assert work.planes == (PIXEL_BITS if number == 0 else 1)
        roomy, plain = stages = work.stage(data_rows=10**6), work.stage(data_rows=0)
        for stage in stages:
            laid = stage.windows
            fan_in = laid.taps.shape[1] * laid.channels // stage.groups
            assert fan_in == product.fan_in == stage.fan_in
            assert stage.outputs * work.each == product.outputs
            assert not stage.zero_padding
            pooled_on_host = work.pool is not None and laid.offsets == 1
            assert (stage.thresholds is None) == (work.sums or pooled_on_host)
            if laid.offsets > 1:
                assert work.pool is not None
                assert laid.positions == work.pool.shape[0] * work.pool.shape[1]
            else:
                assert laid.positions == int(np.prod(product.shape[:-1]))
        assert (roomy.windows.offsets > 1) == (work.pool is not None)
        if product.window is not None and not isinstance(product.window.padding, int):
            pixels = plain.windows.pixels
            read = np.unique(pixels[pixels >= 0])
            if product.window.size >= product.window.stride:
                assert len(read) >= (product.input[0] - product.window.stride) ** 2


def test_who_reads_sums() -> None:
    gives = {
        name: {work.product.name: work.sums for work in works(catalog.entry(name))}
        for name in ("resnet50", "densenet121", "googlenet", "vgg16", "wrn28-10")
    }
    assert [name for name, sums in gives["vgg16"].items() if sums] == ["fc8"]
    summed = {name for name, sums in gives["resnet50"].items() if sums}
    assert summed == {
        name for name in gives["resnet50"] if name.endswith(("conv3", "downsample", "fc"))
    }
    summed = {name for name, sums in gives["googlenet"].items() if sums}
    assert summed == {"classifier", *(f"inception_5b/{part}" for part in (
        "1x1", "3x3", "5x5", "pool_proj"))}  # fmt: skip
    inside = {name for name, sums in gives["densenet121"].items() if not sums}
    assert inside == {name for name in gives["densenet121"] if "block" in name and "1x1" in name}
    inside = {name for name, sums in gives["wrn28-10"].items() if not sums}
    assert inside == {name for name in gives["wrn28-10"] if name.endswith("/conv1")}


# Drawing


def test_a_drawing_refuses_what_does_not_fit() -> None:
    net = Drawing("n", (8, 8, 6), "")
    x = net.conv("x", net.input, 4, 3)
    with pytest.raises(InputError, match=r"^names must be unique, not twice 'x'$"):
        net.conv("x", net.input, 4, 3)
    with pytest.raises(InputError, match=r"must reach over at most the 8 pixels"):
        net.conv("y", x, 3, 9, padding="valid")


def test_windows_by_counting() -> None:
    for size in (1, 2, 3, 5, 11):
        for stride in (1, 2, 4):
            for pad in (0, 1, 3):
                for pixels in range(max(size - 2 * pad, 1), 30):
                    starts = range(-pad, pixels + pad - size + 1, stride)
                    assert Window(size, stride, pad).along(pixels).out == len(starts)
                assert Window(size, stride, pad).along(30).before == pad


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(
        InputError,
        match=r"^`network` must be one of alexnet, .*, not 'vgg61'; did you mean 'vgg16'[?]$",
    ):
        catalog.entry("vgg61")
