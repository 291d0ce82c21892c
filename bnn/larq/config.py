"""The architecture in a model file: which layers, what feeds them, each an entry of a known class.

Sequential and functional models are read, also inside one another: a model inside a model is
replaced by its layers. Classes are recognised by name and package, and never imported or called. A
user's own class derived from Model is recognised by what it saved: a graph of layers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from bnn.larq.graph import INPUT_LAYER, Call, LayerEntry, LayerGraph, chain, graph
from bnn.model.network import INPUT
from bnn.model.readers import READERS
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
_LAMBDA = (
    "holds code, and code from a file is never run: build the model with a layer of Keras or the "
    "TensorFlow function itself in its place (x + y, tf.split(x, 2, -1)), take over the weights "
    "(new.set_weights(old.get_weights())) and save that"
)

_DEEPEST = 32
"""Models inside models; more are refused before Python's stack ends."""

_MOST = 100_000
"""Layers of a model, those of models that are used several times counted each time."""


def read_architecture(config: object) -> LayerGraph:
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
    return LayerGraph(found.name, found.input_shape, tuple(_flat(found)))


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
) -> LayerGraph:
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
    calls = chain(entries) if kind == "Sequential" else graph(entries, fields)
    name = fields.get("name")
    inputs = (entry for entry in entries if entry.kind == INPUT_LAYER)
    first = entries[0] if kind == "Sequential" else next(inputs, entries[0])
    shape = _input_shape(first, fields)
    if shape is None and not path:
        raise InputError(
            f"{entries[0].where} must say its input shape: build the model before saving it"
        )
    return LayerGraph(name if isinstance(name, str) else "network", shape, tuple(calls))


def _flat(model: LayerGraph) -> Iterator[Call]:
    """Give the calls of a model with the calls of inner models in their place."""
    uses: dict[tuple[str, int], int] = {}
    total = 0

    def walk(architecture: LayerGraph, start: int) -> Iterator[Call]:
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


def _entries(listed: list[object], path: tuple[str, ...], slot: str, of: str) -> list[LayerEntry]:
    entries: list[LayerEntry] = []
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
        if kind not in READERS and kind not in MODELS | {INPUT_LAYER}:
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
        entries.append(LayerEntry(kind, whole, place, fields, calls, inner))
    return entries


def _input_shape(first: LayerEntry, model: Fields) -> tuple[int | None, ...] | None:
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
