"""Tables with other channels are tables: shapes chain, and what must stay stays."""

from __future__ import annotations

from math import prod

import pytest

from bnn.tables import catalog
from bnn.tables.channels import multiples
from bnn.tables.graph import Drawing, ProductNode
from pimsim.errors import InputError


@pytest.mark.parametrize("of", [1, 8, 48])
@pytest.mark.parametrize("name", catalog.names())
def test_shapes_chain_and_hidden_layers_are_at_multiples(name: str, of: int) -> None:
    table, before = multiples(catalog.entry(name), of), catalog.entry(name)
    shapes = {node.name: node.shape for node in table.nodes}
    assert [*shapes] == [node.name for node in before.nodes]
    changed = 0
    for node, was in zip(table.nodes, before.nodes, strict=True):
        read = [shapes[one] for one in node.reads]
        assert node.shape[:-1] == was.shape[:-1]
        if isinstance(node, ProductNode):
            assert node.input == read[0]
            assert node.input[-1] % node.groups == node.outputs % node.groups == 0
            assert node.outputs == was.outputs or node.outputs % of == 0
            assert abs(node.outputs - was.outputs) <= max(of, of / 2)
            changed += node.outputs != was.outputs
        elif node.kind == "add":
            assert read[0] == read[1] == node.shape
        elif node.kind == "concat":
            assert node.shape[-1] == sum(shape[-1] for shape in read)
        elif node.kind == "flatten":
            assert node.size == prod(read[0])
        elif node.reads:
            assert node.shape[-1] == read[0][-1]
    for node in table.nodes:
        if not table.readers(node.name):
            assert node.shape == before.node(node.name).shape  # answers
    if of == 1:
        assert changed == 0
    if of == 48 and "mobile" not in name:  # whose layers read each channel apart
        assert changed


def test_what_is_added_up_keeps_its_channels() -> None:
    drawing = Drawing("tiny", (6, 6, 3), "")
    x = drawing.conv("a", drawing.input, 12, 3)
    y = drawing.conv("b", drawing.pool("p", drawing.conv("c", x, 12, 3), 1, 1), 12, 3)
    z = drawing.conv("d", drawing.add("sum", x, y), 20, 3)
    drawing.dense("e", drawing.mean(z), 10)
    table = multiples(drawing.table(), 8)
    assert {node.name: node.outputs for node in table.products} == {
        "a": 12, "c": 16, "b": 12, "d": 24, "e": 10,
    }  # fmt: skip


def test_no_multiple_is_refused() -> None:
    with pytest.raises(InputError, match="`of` must be"):
        multiples(catalog.entry("lenet5"), 0)
