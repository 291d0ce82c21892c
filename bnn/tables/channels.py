"""The same table of layers with other numbers of channels: what a wider or a leaner one would take.

>>> from bnn.tables.catalog import entry
>>> table = multiples(entry("lenet5"), 8)
>>> [(each.name, each.input, each.shape) for each in table.products][1:3]
[('c3', (14, 14, 8), (10, 10, 16)), ('c5', (400,), (120,))]
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from bnn.tables.graph import Node, ProductNode, Table
from pimsim.errors import require_positive


def multiples(table: Table, of: int) -> Table:
    """Return the table with the channels of every hidden layer at the nearest multiple.

    At least one multiple; a half goes up. What is added to something else keeps its channels, as do
    layers in groups and the last layers, whose outputs are answers.

    Raises InputError unless ``of`` is positive.
    """
    require_positive(of=of)
    fixed = _fixed(table)
    made: dict[str, Node] = {}
    for node in table.nodes:
        read = [made[name] for name in node.reads]
        made[node.name] = _rebuilt(node, read, None if node.name in fixed else of)
    return replace(table, nodes=tuple(made.values()))


def _fixed(table: Table) -> set[str]:
    """Nodes whose channels something else rests on."""
    fixed: set[str] = set()
    for node in reversed(table.nodes):  # readers before those that they read
        readers = table.readers(node.name)
        bound = not readers or any(
            reader.kind == "add" or _groups(reader) > 1 or (
                reader.name in fixed and not isinstance(reader, ProductNode)
            )
            for reader in readers
        )  # fmt: skip
        if bound or _groups(node) > 1:
            fixed.add(node.name)
    return fixed


def _groups(node: Node) -> int:
    return node.groups if isinstance(node, ProductNode) else 1


def _rebuilt(node: Node, read: list[Node], of: int | None) -> Node:
    """A node that reads others than before."""
    if not read:
        return node
    first = read[0].shape
    if isinstance(node, ProductNode):
        outputs = (
            node.outputs if of is None else max(of, of * ((2 * node.outputs + of) // (2 * of)))
        )
        return replace(node, shape=(*node.shape[:-1], outputs), input=first)
    if node.kind == "flatten":
        return replace(node, shape=(prod(first),))
    if node.kind == "concat":
        channels = sum(each.shape[-1] for each in read)
        return replace(node, shape=(*node.shape[:-1], channels))
    return replace(node, shape=(*node.shape[:-1], first[-1]))
