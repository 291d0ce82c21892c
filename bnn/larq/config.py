"""The architecture in a model file: which layers, what feeds them, each an entry of a known class.

Sequential models and functional ones are read, also inside one another: a model inside a model is
taken apart into its layers. Classes are recognised by name and package, never imported or called;
a class of somebody's own, derived from Model, by what it saved: a graph of layers.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from bnn.larq.nodes import OPERATORS, Node, Use, layer_use, operator_use
from bnn.model.layers import READERS
from bnn.model.network import INPUT
from bnn.values.fields import Fields, known_class, own_class, shown
from pimsim.errors import InputError

MODELS = frozenset({"Sequential", "Functional", "Model"})
_GRAPH = frozenset({"layers", "input_layers", "output_layers"})
"""What a functional model saves, whatever its class is called."""

_CHAIN = frozenset({"name", "trainable", "dtype", "layers", "build_input_shape"})
"""All that a Sequential model saves, whatever its class is called."""

_SAVE_GRAPH = (
    "x = keras.Input(shape); keras.Model(x, model.call(x)).save('name.keras') makes one of it"
)
_INPUT = "InputLayer"
_LAMBDA = (
    "holds code, and code from a file is never run: build the model with a layer of Keras or the "
    "TensorFlow function itself in its place (x + y, tf.split(x, 2, -1)), take over the weights "
    "(new.set_weights(old.get_weights())) and save that"
)

_DEEPEST = 32
"""Models inside models; more are refused before Python's stack ends."""

_SHOWN = 5
"""Names that a message lists at most."""

_MOST = 100_000
"""Layers of a model, those of models that are used several times counted each time."""


@dataclass(frozen=True, slots=True)
class Entry:
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
    inner: Architecture | None = None
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

    entry: Entry
    sources: tuple[int, ...]
    """Positions of the calls that feed it, or ``INPUT``."""
    number: int = 0
    """How many uses of the same layer come before it."""
    output: int = 0
    """Which of the outputs, of an operator that has several."""
    arguments: Mapping[str, object] = field(default_factory=dict)
    """Of an operator: see :class:`bnn.larq.nodes.Use`."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """The layers of a model, each behind all that feed it; the last is the output."""

    name: str
    input_shape: tuple[int | None, ...] | None
    """Without the batch axis, None for a size that the file leaves open; None as a whole where
    only the model around it says it."""
    calls: tuple[Call, ...]
    """Without input layers."""


def read_architecture(config: object) -> Architecture:
    """Understand the parsed JSON of a model.

    Raises:
        InputError: it is no Sequential or functional model, a layer is of an unknown class (named
            with its position), or the graph has several inputs or outputs, or runs in a circle.

    >>> layer = {"class_name": "Flatten", "config": {"name": "f", "batch_input_shape": [None, 4]}}
    >>> read_architecture({"class_name": "Sequential", "config": [layer]}).input_shape
    (4,)
    """
    model = Fields.of(config, "the model")
    kind = kind_of_model(model)
    if kind is None:
        kind = known_class(model) if own_class(model) is None else own_class(model)
        raise InputError(
            f"the model must be Sequential or functional, not a {shown(kind)} without a graph of "
            f"layers: {_SAVE_GRAPH}"
        )
    found = _model(kind, model.get("config"), "configuration of the model", (), "", "")
    return Architecture(found.name, found.input_shape, tuple(_flat(found)))


def kind_of_model(outer: Fields) -> str | None:
    """Return ``Functional`` or ``Sequential`` for a model, also of a class of its own, else None.

    >>> graph = {"layers": [], "input_layers": [], "output_layers": []}
    >>> kind_of_model(Fields({"class_name": "MyNet", "config": graph}, "the model"))
    'Functional'
    >>> kind_of_model(Fields({"class_name": "MyNet", "config": {"units": 3}}, "the model"))
    """
    config = outer.get("config")
    keys = config.keys() if isinstance(config, dict) else ()
    if own_class(outer) is None:
        kind = known_class(outer)
        if kind in MODELS:
            return "Sequential" if kind == "Sequential" else "Functional"
        if kind in READERS:
            return None
    if set(keys) >= _GRAPH:
        return "Functional"
    return "Sequential" if "layers" in keys and set(keys) <= _CHAIN else None


def _model(
    kind: str, body: object, where: str, path: tuple[str, ...], slot: str, of: str
) -> Architecture:
    """Understand one model.

    Args:
        kind: its class.
        body: its configuration.
        where: how messages call that.
        path: names of the models around its layers.
        slot: where a ``.keras`` file keeps its layers.
        of: what the position of a layer is followed by in messages.
    """
    if len(path) > _DEEPEST:
        raise InputError(f"{where} must not lie in more than {_DEEPEST} models")
    if isinstance(body, list):  # Keras before 2.2.3
        body = {"name": "sequential", "layers": body}
    fields = Fields.of(body, where)
    listed = fields.get("layers")
    if not isinstance(listed, list) or not listed:
        fields.refuse("layers", "a list of layers")
    entries = _entries(listed, path, slot, of)
    calls = _chain(entries) if kind == "Sequential" else _graph(entries, fields)
    name = fields.get("name")
    shape = _input_shape(entries[0] if kind == "Sequential" else _only_input(entries), fields)
    if shape is None and not path:
        raise InputError(
            f"{entries[0].where} must say its input shape: build the model before saving it"
        )
    return Architecture(name if isinstance(name, str) else "network", shape, tuple(calls))


def _flat(model: Architecture) -> Iterator[Call]:
    """Give the calls of a model with the calls of inner models in their place."""
    uses: dict[tuple[str, int], int] = {}
    total = 0

    def walk(architecture: Architecture, start: int) -> Iterator[Call]:
        nonlocal total
        ends: list[int] = []
        for call in architecture.calls:
            sources = tuple(start if i == INPUT else ends[i] for i in call.sources)
            if call.entry.inner is not None:
                if len(sources) != 1:
                    raise InputError(f"{call.entry.where} must have one input")
                before = total
                yield from walk(call.entry.inner, sources[0])
                ends.append(total - 1 if total > before else sources[0])
                continue
            number = uses.get((call.entry.name, call.output), 0)
            uses[call.entry.name, call.output] = number + 1
            total += 1
            if total > _MOST:
                raise InputError(f"the model must have at most {_MOST} layers")
            ends.append(total - 1)
            yield replace(call, sources=sources, number=number)

    yield from walk(model, INPUT)


def _entries(listed: list[object], path: tuple[str, ...], slot: str, of: str) -> list[Entry]:
    entries: list[Entry] = []
    used: dict[str, int] = {}
    for position, item in enumerate(listed, 1):
        where = f"layer {position} of {len(listed)}{of}"
        outer = Fields.of(item, where)
        config = outer.get("config")
        name = outer.get("name")
        if not isinstance(name, str) and isinstance(config, dict):
            name = config.get("name")
        if not isinstance(name, str) or not name:
            outer.refuse("name", "a name")
        where = f"{where}, {shown(name)}"
        model = kind_of_model(Fields(outer.values, where))
        written = own_class(outer) if model else None
        kind = written = written or known_class(Fields(outer.values, where))
        kind = model or kind
        calls = outer.get("inbound_nodes")
        if kind == "Lambda":
            raise InputError(f"{where}, must not be a Lambda: it {_LAMBDA}")
        if kind not in READERS and kind not in MODELS | {_INPUT}:
            raise InputError(
                f"{where}, must be a layer that pimsim carries out (docs/layers.md lists them), "
                f"not one of class {shown(kind)}"
            )
        snake = _snake_case(written)
        count = used.get(snake, -1) + 1
        used[snake] = count
        place = f"{slot}layers/{snake}_{count}" if count else f"{slot}layers/{snake}"
        whole = (*path, name)
        inner = None
        if kind in MODELS:
            inside = f" of {shown('/'.join(whole))}"
            inner = _model(kind, config, f"{where} ({kind})", whole, f"{place}/", inside)
        fields = Fields.of(config, f"{where} ({kind})")
        entries.append(Entry(kind, whole, place, fields, calls, inner))
    return entries


def _chain(entries: list[Entry]) -> list[Call]:
    rest = entries[1:] if entries[0].kind == _INPUT else entries
    for entry in rest:
        if entry.kind == _INPUT:
            raise InputError(f"{entry.where} must be the first layer, as a network has one input")
    return [Call(entry, (place - 1,)) for place, entry in enumerate(rest)]


def _only_input(entries: list[Entry]) -> Entry:
    inputs = [entry for entry in entries if entry.kind == _INPUT]
    return inputs[0] if inputs else entries[0]


def _graph(entries: list[Entry], model: Fields) -> list[Call]:
    """Order the calls of a functional model so that each follows what feeds it."""
    by_name = {entry.path[-1]: entry for entry in entries}
    if len(by_name) != len(entries):
        model.refuse("layers", "layers of different names")
    uses: dict[tuple[str, int], Use] = {}
    for entry in entries:
        if entry.kind == _INPUT and not entry.nodes:
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
    if by_name[first[0]].kind != _INPUT:
        model.refuse("input_layers", "one input layer")
    order = _ordered(last, uses, by_name)
    for entry in entries:
        leads = any(name == entry.path[-1] for name, *_ in order)
        if not leads or (entry.kind == _INPUT and entry.path[-1] != first[0]):
            raise InputError(f"{entry.where} must lie between the input and the output")
    calls = [node for node in order if by_name[node[0]].kind != _INPUT]
    place = {node: number for number, node in enumerate(calls)}
    result = []
    for node in calls:
        use = uses[node[:2]]
        sources = tuple(place.get(source, INPUT) for source in use.sources)
        result.append(Call(by_name[node[0]], sources, 0, node[2], use.arguments))
    return result


def _ordered(
    last: Node, uses: Mapping[tuple[str, int], Use], by_name: Mapping[str, Entry]
) -> list[Node]:
    """Everything that leads to ``last``, each after what feeds it, one branch after the other."""
    order: list[Node] = []
    done: set[Node] = set()

    def feeding(node: Node) -> Iterator[Node]:
        use, entry = uses.get(node[:2]), by_name[node[0]]
        if use is None and entry.kind != _INPUT:
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


def _uses(entry: Entry, names: Container[str]) -> list[Use]:
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


def _only(model: Fields, key: str, by_name: dict[str, Entry]) -> Node:
    match model.get(key):
        case [[str(name), int(use), int(one)]] | [str(name), int(use), int(one)] if (
            name in by_name and (one == 0 or by_name[name].kind in OPERATORS)
        ):
            return name, use, one
        case dict() | [[str(), *_], *_] as several if len(several) > 1:
            _refuse_several(model, key, several)
        case _:
            model.refuse(key, "one layer")


def _refuse_several(
    model: Fields, key: str, several: Mapping[str, object] | Sequence[object]
) -> NoReturn:
    """Refuse a model of several inputs or outputs, by their names."""
    nodes = list(several.values() if isinstance(several, Mapping) else several)
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


def _input_shape(first: Entry, model: Fields) -> tuple[int | None, ...] | None:
    for fields, key in (
        (first.fields, "batch_input_shape"),
        (first.fields, "batch_shape"),
        (model, "build_input_shape"),
    ):
        shape = fields.get(key)
        if shape is None:
            continue
        if not isinstance(shape, list) or len(shape) < 2:
            fields.refuse(key, "a batch axis and at least one more")
        sizes = [
            size for size in shape[1:] if size is None or (type(size) is int and 0 < size < 2**31)
        ]
        if len(sizes) != len(shape) - 1:
            fields.refuse(key, "positive sizes, or null for those that are left open")
        return tuple(sizes)
    return None


def _snake_case(kind: str) -> str:
    """Write a class name as Keras does for the groups of a ``.keras`` file.

    >>> _snake_case("QuantConv2D"), _snake_case("MaxPooling2D"), _snake_case("BatchNormalization")
    ('quant_conv2d', 'max_pooling2d', 'batch_normalization')
    """
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
