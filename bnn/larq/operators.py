"""Operators between layers: what Keras writes down for ``x + shortcut`` and its relatives.

Keras keeps a call of a TensorFlow function as a layer of class TFOpLambda, whose first input stands
like that of any layer and whose others stand among its arguments. Those that are layers of ours are
read as such.

>>> as_layer({"function": "__operators__.add"}, [["a", 0, 0, {"y": ["b", 0, 0], "name": None}]])
('Add', {}, [[['a', 0, 0, {}], ['b', 0, 0, {}]]])
>>> as_layer({"function": "math.exp"}, [["a", 0, 0, {}]]) is None
True
"""

from __future__ import annotations

KIND = "TFOpLambda"
"""Class of such layers."""

_OF_TWO = {
    "__operators__.add": "Add",
    "math.add": "Add",
    "math.maximum": "Maximum",
    "math.minimum": "Minimum",
    "math.multiply": "Multiply",
    "math.subtract": "Subtract",
}
_OF_ONE = {"nn.relu": "ReLU"}
_OF_MANY = {"concat": "Concatenate"}

Understood = tuple[str, dict[str, object], list[object]]
"""Class of the layer, more fields of its configuration, and its calls, as of any layer."""


def as_layer(config: object, nodes: object) -> Understood | None:
    """Return the layer that an operator is; None for one that pimsim does not carry out.

    Args:
        config: configuration of the TFOpLambda.
        nodes: its ``inbound_nodes``.
    """
    function = config.get("function") if isinstance(config, dict) else None
    calls = nodes if isinstance(nodes, list) else []
    if function in _OF_TWO:
        both = [_of_two(call) for call in calls]
        return None if None in both else (_OF_TWO[str(function)], {}, list(both))
    if function in _OF_ONE:
        one = [[call[:3]] for call in calls if isinstance(call, list) and len(call) >= 3]
        return (_OF_ONE[str(function)], {}, [[[*call[0], {}]] for call in one]) if one else None
    if function in _OF_MANY:
        return _concatenated(_OF_MANY[str(function)], calls)
    return None


def _of_two(call: object) -> list[object] | None:
    match call:
        case [str(name), int(use), 0, {"y": [str(other), int(its), 0]}]:
            return [[name, use, 0, {}], [other, its, 0, {}]]
    return None


def _concatenated(kind: str, calls: list[object]) -> Understood | None:
    axes: set[int] = set()
    result: list[object] = []
    for call in calls:
        inputs: list[object] = []
        for one in call if isinstance(call, list) else []:
            match one:
                case [str(name), int(use), 0, {"axis": int(axis)}]:
                    axes.add(axis)
                    inputs.append([name, use, 0, {}])
                case _:
                    return None
        result.append(inputs)
    return (kind, {"axis": axes.pop()}, result) if len(axes) == 1 else None
