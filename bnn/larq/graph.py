"""The layers of a model in an order in which each follows all that feed it: chains and graphs.

A :class:`LayerEntry` is a layer as the file describes it, a :class:`Call` one use of it. A
Sequential model is a chain of its entries; a functional one says for each use what feeds it.

An ordinary layer has only outputs of other layers as inputs. A call of a TensorFlow function, which
Keras keeps as a layer of class TFOpLambda or SlicingOpLambda, also has arguments: numbers, and
lists of them. Outputs of layers among the arguments are represented by :class:`Given`.

>>> use = operator_use(["x", 0, 0, {"y": ["z", 0, 1], "name": None}], {"x", "z"})
>>> use.sources, use.arguments["input"], use.arguments["y"]
((('x', 0, 0), ('z', 0, 1)), input 1, input 2)
>>> operator_use(["_CONSTANT_VALUE", -1, 2.0, {"y": ["x", 0, 0]}], {"x"}).arguments["input"]
2.0
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field

from bnn.model.network import INPUT
from bnn.model.operations.operation import FIRST, Given
from bnn.values.fields import Fields, shown
from pimsim.errors import InputError

INPUT_LAYER = "InputLayer"
"""Class of the entry that stands for the input."""

_SHOWN = 5
"""Names that a message lists at most."""

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
    """Arguments of an operator: the first as :data:`FIRST`, and the others by name."""


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """One layer as the file describes it."""

    kind: str
    """Class, without its package."""
    path: tuple[str, ...]
    """Names of the models around it and its own."""
    slot: str
    """Where a ``.keras`` file keeps its weights: classes in snake case, counted."""
    fields: Fields
    """Its configuration."""
    nodes: object = None
    """What feeds each of its uses, as the file writes it."""
    inner: LayerGraph | None = None
    """The layers of a model that stands in the place of a layer."""

    @property
    def name(self) -> str:
        """What the network calls the layer."""
        return "/".join(self.path)

    @property
    def where(self) -> str:
        """How messages call the layer: position, name, class."""
        return self.fields.where


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a layer."""

    entry: LayerEntry
    sources: tuple[int, ...]
    """Positions of the calls that feed it, or ``INPUT``."""
    number: int = 0
    """How many uses of the same layer come before it."""
    output: int = 0
    """Which of the outputs, of an operator that has several."""
    arguments: Mapping[str, object] = field(default_factory=dict)
    """Arguments of an operator, see :class:`Use`."""


@dataclass(frozen=True, slots=True)
class LayerGraph:
    """The layers of a model, each behind all that feed it; the last is the output."""

    name: str
    input_shape: tuple[int | None, ...] | None
    """Without the batch axis, None for a size that the file leaves open; None as a whole where
    only the model around it says it."""
    calls: tuple[Call, ...]
    """Without input layers."""


def chain(entries: list[LayerEntry]) -> list[Call]:
    """Call each entry once, fed with the one before it; an input layer may lead."""
    rest = entries[1:] if entries[0].kind == INPUT_LAYER else entries
    for entry in rest:
        if entry.kind == INPUT_LAYER:
            raise InputError(f"{entry.where} must be the first layer, as a network has one input")
    return [Call(entry, (place - 1,)) for place, entry in enumerate(rest)]


def graph(entries: list[LayerEntry], model: Fields) -> list[Call]:
    """Order the calls of a functional model so that each follows what feeds it."""
    by_name = {entry.path[-1]: entry for entry in entries}
    if len(by_name) != len(entries):
        model.refuse("layers", "layers of different names")
    uses: dict[tuple[str, int], Use] = {}
    for entry in entries:
        if entry.kind == INPUT_LAYER and not entry.nodes:
            continue
        # A model's first use is its own, from when it was built.
        own = int(entry.inner is not None)
        for number, use in enumerate(_uses(entry, by_name.keys()), start=own):
            for name, _, output in use.sources:
                if name not in by_name:
                    raise InputError(
                        f"{entry.where} must follow a layer of the model, not {shown(name)}"
                    )
                if output and by_name[name].kind not in OPERATORS:
                    raise InputError(
                        f"{entry.where} must follow the only output of {shown(name)}, "
                        f"not number {output + 1}"
                    )
            uses[entry.path[-1], number] = use
    first, last = _only(model, "input_layers", by_name), _only(model, "output_layers", by_name)
    if by_name[first[0]].kind != INPUT_LAYER:
        model.refuse("input_layers", "one input layer")
    order = _ordered(last, uses, by_name)
    for entry in entries:
        leads = any(name == entry.path[-1] for name, *_ in order)
        if not leads or (entry.kind == INPUT_LAYER and entry.path[-1] != first[0]):
            raise InputError(f"{entry.where} must lie between the input and the output")
    calls = [node for node in order if by_name[node[0]].kind != INPUT_LAYER]
    place = {node: number for number, node in enumerate(calls)}
    result = []
    for node in calls:
        use = uses[node[:2]]
        sources = tuple(place.get(source, INPUT) for source in use.sources)
        result.append(Call(by_name[node[0]], sources, 0, node[2], use.arguments))
    return result


def _ordered(
    last: Node, uses: Mapping[tuple[str, int], Use], by_name: Mapping[str, LayerEntry]
) -> list[Node]:
    """Everything that leads to ``last``, each after what feeds it, one branch after the other."""
    order: list[Node] = []
    done: set[Node] = set()

    def feeding(node: Node) -> Iterator[Node]:
        use, entry = uses.get(node[:2]), by_name[node[0]]
        if use is None and entry.kind != INPUT_LAYER:
            raise InputError(f"{entry.where} must be used as often as the model follows it")
        return iter(() if use is None else use.sources)

    open_ = {last: feeding(last)}
    while open_:
        node = next(reversed(open_))
        source = next((one for one in open_[node] if one not in done), None)
        if source is None:
            del open_[node]
            done.add(node)
            order.append(node)
        elif source in open_:
            raise InputError(f"{by_name[source[0]].where} must not be fed with what it gives")
        else:
            open_[source] = feeding(source)
    return order


def _uses(entry: LayerEntry, names: Container[str]) -> list[Use]:
    """What every use of a layer is fed with."""
    nodes = entry.nodes
    calls = nodes if isinstance(nodes, list) else []
    result = []
    for call in calls:
        if isinstance(call, dict) and "args" in call:
            raise InputError(
                f"{entry.where} must be saved by Keras 2 (tf-keras), as Larq does, not by Keras 3"
            )
        use = operator_use(call, names) if entry.kind in OPERATORS else layer_use(call)
        if use is None or not use.sources:
            raise InputError(f"{entry.where} must follow a layer, not {shown(nodes)}")
        result.append(use)
    if not result:
        raise InputError(f"{entry.where} must follow a layer, not {shown(nodes)}")
    return result


def _only(model: Fields, key: str, by_name: dict[str, LayerEntry]) -> Node:
    """The only input or output of a model; several are refused by their names."""
    match model.get(key):
        case [[str(name), int(use), int(one)]] | [str(name), int(use), int(one)] if (
            name in by_name and (one == 0 or by_name[name].kind in OPERATORS)
        ):
            return name, use, one
        case dict() | [[str(), *_], *_] as several if len(several) > 1:
            nodes = list(several.values() if isinstance(several, dict) else several)
        case _:
            model.refuse(key, "one layer")
    names = ", ".join(repr(node[0] if isinstance(node, list) else node) for node in nodes[:_SHOWN])
    names += ", ..." if len(nodes) > _SHOWN else ""
    repair = ""
    if key == "output_layers":
        repair = (
            "; keras.Model(model.input, model.get_layer(NAME).output).save('name.keras') makes "
            "a model of one of them"
        )
    raise InputError(
        f"{model.where}: `{key}` must be one layer, not {len(nodes)} ({names}){repair}"
    )


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
