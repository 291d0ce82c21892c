"""What feeds each use of a layer, as Keras writes it into a model file.

An ordinary layer is fed with outputs of others and with nothing else. A call of a TensorFlow
function, which Keras keeps as a layer of class TFOpLambda or SlicingOpLambda, also has arguments:
numbers, lists of them, and among them outputs of layers, for which :class:`Given` stands here.

>>> use = operator_use(["x", 0, 0, {"y": ["z", 0, 1], "name": None}], {"x", "z"})
>>> use.sources, use.arguments["input"], use.arguments["y"]
((('x', 0, 0), ('z', 0, 1)), input 1, input 2)
>>> operator_use(["_CONSTANT_VALUE", -1, 2.0, {"y": ["x", 0, 0]}], {"x"}).arguments["input"]
2.0
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from bnn.model.operations.operation import FIRST, Given

Node = tuple[str, int, int]
"""Name of a layer, which use of it, and which of its outputs."""

OPERATORS = frozenset({"TFOpLambda", "SlicingOpLambda"})
"""Classes of layers that are calls of TensorFlow functions."""

_PLAIN_CALLS: tuple[dict[str, bool | None], ...] = ({}, {"training": None}, {"training": False})
"""Arguments besides the input with which a layer of a graph may have been called."""

_CONSTANT = "_CONSTANT_VALUE"
_DEEPEST = 16
"""Lists inside lists among arguments."""


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a layer."""

    sources: tuple[Node, ...]
    """What feeds it."""
    arguments: Mapping[str, object] = field(default_factory=dict)
    """Of an operator: its first argument as :data:`FIRST`, and the others by name."""


def layer_use(call: object) -> Use | None:
    """Understand a use of an ordinary layer; None if it is written in no known way."""
    sources: list[Node] = []
    for one in call if isinstance(call, list) else []:
        match one:
            case [str(name), int(use), int(output)]:
                sources.append((name, use, output))
            case [str(name), int(use), int(output), dict() as more] if more in _PLAIN_CALLS:
                sources.append((name, use, output))
            case _:
                return None
    return Use(tuple(sources)) if sources else None


def operator_use(call: object, names: Container[str]) -> Use | None:
    """Understand a use of an operator; None if it is written in no known way.

    Args:
        call: an element of ``inbound_nodes``.
        names: of the layers of the model: what looks like an output of another is a plain list.
    """
    sources: list[Node] = []

    def given(name: str, use: int, output: int) -> Given:
        sources.append((name, use, output))
        return Given(len(sources) - 1)

    def read(value: object, depth: int = 0) -> object:
        if depth > _DEEPEST:
            raise ValueError(f"`value` must be at most {_DEEPEST} lists deep")
        match value:
            case [str(name), int(use), int(output), *rest] if name in names and len(rest) <= 1:
                return given(name, use, output)
            case list():
                return [read(one, depth + 1) for one in value]
            case dict():
                return {key: read(one, depth + 1) for key, one in value.items()}
        return value

    def first(one: object) -> object:
        match one:
            case [str(name), int(), value, dict()] if name == _CONSTANT:
                return value
            case [str(name), int(use), int(output), dict()]:
                return given(name, use, output)
        raise ValueError(f"`one` must be an output of a layer or a constant, not {one!r}")

    leading: list[object]
    match call:
        case [str(), int(), _, dict() as more]:
            leading = [call]
        case [[str(), int(), _, dict() as more], *_]:
            leading = list(call)
        case _:
            return None
    try:
        inputs = [first(one) for one in leading]
        rest = {str(key): read(value) for key, value in more.items()}
    except ValueError:
        return None
    if any(one[3:] != [more] for one in leading if isinstance(one, list)):
        return None
    return Use(tuple(sources), {FIRST: inputs[0] if isinstance(call[0], str) else inputs, **rest})
