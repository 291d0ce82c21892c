"""The architecture in a model file: which layers, in which order, each an entry of a known class.

Sequential models and functional ones are read; a functional graph must be one chain from its
input to its output. Classes are recognised by name and package, never imported or called.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from bnn.larq.fields import Fields, shown
from bnn.network import Shape
from pimsim.errors import InputError

DROPPED = frozenset(
    {
        "ActivityRegularization",
        "AlphaDropout",
        "Dropout",
        "GaussianDropout",
        "GaussianNoise",
        "SpatialDropout1D",
        "SpatialDropout2D",
    }
)
"""Layers that do something in training only."""

EXECUTED = (
    "QuantDense",
    "QuantConv2D",
    "Dense",
    "Conv2D",
    "BatchNormalization",
    "MaxPooling2D",
    "Flatten",
    "Activation",
    "Softmax",
)
"""Layers with something to compute."""

QUANTIZERS = frozenset(
    {
        "ApproxSign",
        "DoReFa",
        "DoReFaQuantizer",
        "MagnitudeAwareSign",
        "NoOp",
        "SteHeaviside",
        "SteSign",
        "SteTern",
        "SwishSign",
    }
)
"""Larq's quantizers, which are layers themselves and may stand in a model as such."""

_MODELS = frozenset({"Sequential", "Functional", "Model"})
_INPUT = "InputLayer"
_PLAIN_CALLS: tuple[list[dict[str, bool | None]], ...] = (
    [],
    [{}],
    [{"training": None}],
    [{"training": False}],
)
"""Arguments besides the input with which a layer of a graph may have been called."""

_PACKAGES = ("keras", "tf_keras", "tensorflow", "larq", "builtins")


@dataclass(frozen=True, slots=True)
class Entry:
    """One layer as the file describes it."""

    kind: str
    """Class, without its package."""
    name: str
    slot: str
    """Where a ``.keras`` file keeps its weights: the class in snake case, counted."""
    fields: Fields
    """Its configuration."""

    @property
    def where(self) -> str:
        """How messages call the layer: position, name, class."""
        return self.fields.where


@dataclass(frozen=True, slots=True)
class Architecture:
    """The layers of a model from input to output."""

    name: str
    input_shape: Shape
    """Without the batch axis."""
    entries: tuple[Entry, ...]
    """Without the input layer and without layers that act in training only."""


def read_architecture(config: object) -> Architecture:
    """Understand the parsed JSON of a model.

    Raises:
        InputError: it is no Sequential or functional model, a layer is of an unknown class (named
            with its position), or the graph is no chain.

    >>> layer = {"class_name": "Flatten", "config": {"name": "f", "batch_input_shape": [None, 4]}}
    >>> read_architecture({"class_name": "Sequential", "config": [layer]}).input_shape
    (4,)
    """
    model = Fields.of(config, "the model")
    kind = known_class(model)
    if kind not in _MODELS:
        raise InputError(f"the model must be Sequential or functional, not a {shown(kind)}")
    body = model.get("config")
    if isinstance(body, list):  # Keras before 2.2.3
        body = {"name": "sequential", "layers": body}
    fields = Fields.of(body, "configuration of the model")
    listed = fields.get("layers")
    if not isinstance(listed, list) or not listed:
        fields.refuse("layers", "a list of layers")
    entries = _entries(listed)
    chain = entries if kind == "Sequential" else _chain(entries, listed, fields)
    name = fields.get("name")
    rest = chain[1:] if chain[0].kind == _INPUT else chain
    for entry in rest:
        if entry.kind == _INPUT:
            raise InputError(f"{entry.where} must be the first layer, as a network has one input")
    return Architecture(
        name if isinstance(name, str) else "network",
        _input_shape(chain[0], fields),
        tuple(entry for entry in rest if entry.kind not in DROPPED),
    )


def known_class(fields: Fields) -> str:
    """Return the class of a serialized object, without its package.

    Raises:
        InputError: a class that somebody else registered, even under the name of a known one.
    """
    package, _, kind = fields.text("class_name").rpartition(">")
    registered = fields.get("registered_name")
    module = fields.get("module")
    if isinstance(registered, str):
        registered_package, _, registered_kind = registered.rpartition(">")
        if registered_kind != kind or registered_package.lower() not in ("", *_PACKAGES):
            _custom(fields, registered)
    if isinstance(module, str) and module.partition(".")[0] not in _PACKAGES:
        _custom(fields, f"{module}.{kind}")
    if package.lower() not in ("", *_PACKAGES):
        _custom(fields, fields.text("class_name"))
    return kind


def _custom(fields: Fields, name: str) -> NoReturn:
    raise InputError(
        f"{fields.where} must be of a class of Keras or Larq, not of the custom class {shown(name)}"
    )


def _entries(listed: list[object]) -> list[Entry]:
    entries: list[Entry] = []
    used: dict[str, int] = {}
    for position, item in enumerate(listed, 1):
        where = f"layer {position} of {len(listed)}"
        outer = Fields.of(item, where)
        config = outer.get("config")
        name = outer.get("name")
        if not isinstance(name, str) and isinstance(config, dict):
            name = config.get("name")
        if not isinstance(name, str) or not name:
            outer.refuse("name", "a name")
        where = f"{where}, {shown(name)}"
        kind = known_class(Fields(outer.values, where))
        if kind in _MODELS:
            raise InputError(
                f"{where}, must not be a model inside the model ({kind}); "
                "put its layers into the outer model"
            )
        if kind == "Lambda":
            raise InputError(
                f"{where}, must not be a Lambda: it holds code, and code from a file is never run"
            )
        if kind not in (_INPUT, *EXECUTED) and kind not in DROPPED | QUANTIZERS:
            raise InputError(
                f"{where}, must be one of {', '.join(EXECUTED)}, not a layer of class {shown(kind)}"
            )
        snake = _snake_case(kind)
        count = used.get(snake, -1) + 1
        used[snake] = count
        slot = f"{snake}_{count}" if count else snake
        entries.append(Entry(kind, name, slot, Fields.of(config, f"{where} ({kind})")))
    return entries


def _chain(entries: list[Entry], listed: list[object], model: Fields) -> list[Entry]:
    """Order the layers of a functional model from its input to its output."""
    by_name = {entry.name: entry for entry in entries}
    if len(by_name) != len(entries):
        model.refuse("layers", "layers of different names")
    before: dict[str, str] = {}
    after: dict[str, Entry] = {}
    for entry, item in zip(entries, listed, strict=True):
        nodes = Fields.of(item, entry.where).get("inbound_nodes")
        if entry.kind == _INPUT and not nodes:
            continue
        source = _source(nodes, entry)
        if source not in by_name:
            raise InputError(f"{entry.where} must follow a layer of the model, not {shown(source)}")
        if source in after:
            raise InputError(
                f"{by_name[source].where} must feed one layer, not both "
                f"{shown(after[source].name)} and {shown(entry.name)}: a network must be a chain"
            )
        before[entry.name] = source
        after[source] = entry
    first = _only(model, "input_layers", by_name)
    last = _only(model, "output_layers", by_name)
    chain = [first]
    while chain[-1] is not last:
        follower = after.get(chain[-1].name)
        if follower is None or len(chain) > len(entries):
            model.refuse("output_layers", "reached from the input through one chain of layers")
        chain.append(follower)
    for entry in entries:
        if entry not in chain:
            raise InputError(f"{entry.where} must lie between the input and the output")
    return chain


def _source(nodes: object, entry: Entry) -> str:
    """Return the name of the one layer that feeds ``entry``."""
    match nodes:
        case [[[str(name), 0, 0, *call]]] if call in _PLAIN_CALLS:
            return name
        case [{"args": _}]:
            raise InputError(
                f"{entry.where} must be saved by Keras 2 (tf-keras), as Larq does, not by Keras 3"
            )
        case [[[*_], [*_], *_]]:
            raise InputError(f"{entry.where} must have one input: a network must be a chain")
        case [_, _, *_]:
            raise InputError(f"{entry.where} must be used once: a network must be a chain")
        case _:
            raise InputError(f"{entry.where} must follow one layer, not {shown(nodes)}")


def _only(model: Fields, key: str, by_name: dict[str, Entry]) -> Entry:
    match model.get(key):
        case [[str(name), 0, 0]] | [str(name), 0, 0] if name in by_name:
            return by_name[name]
        case _:
            model.refuse(key, "one layer")


def _input_shape(first: Entry, model: Fields) -> Shape:
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
        sizes = [size for size in shape[1:] if type(size) is int and 0 < size < 2**31]
        if len(sizes) != len(shape) - 1:
            fields.refuse(key, "of fixed sizes apart from the batch")
        return tuple(sizes)
    raise InputError(f"{first.where} must say its input shape: build the model before saving it")


def _snake_case(kind: str) -> str:
    """Write a class name as Keras does for the groups of a ``.keras`` file.

    >>> _snake_case("QuantConv2D"), _snake_case("MaxPooling2D"), _snake_case("BatchNormalization")
    ('quant_conv2d', 'max_pooling2d', 'batch_normalization')
    """
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
