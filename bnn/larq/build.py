"""From the entries of a model file to layers with weights, or to sizes known in advance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from bnn.larq.graph import OPERATORS, Call, LayerEntry
from bnn.larq.weights import WeightSource
from bnn.model.activation_functions import BEHIND_DENSE, OF_DENSE
from bnn.model.layers import merge
from bnn.model.layers.layer import Layer, Reading, Shape, Weights
from bnn.model.network import FLOAT32, INPUT, Activation, Dense, Network
from bnn.model.operations.moves import BATCH
from bnn.model.operations.operation import FIRST, Given
from bnn.model.readers import READERS
from bnn.values.fields import Fields, known_class, shown
from pimsim.errors import InputError

PRECISIONS = (FLOAT32, "mixed_float16", "mixed_bfloat16")
"""Precisions of layers that are carried out, all of them in float32."""

_DEEPEST = 64
"""Activations inside activations, models around them counted."""


def build(call: Call, shapes: tuple[Shape, ...], weights: WeightSource) -> tuple[Layer, ...]:
    """Make the layers that an entry stands for; each takes the output of the one before it.

    There are none for a layer that acts only in training.

    Args:
        call: of an entry of a class in :data:`bnn.model.readers.READERS`.
        shapes: of the inputs, without the batch axis.
        weights: where arrays come from.

    Raises:
        InputError: a setting that pimsim does not carry out, or weights that do not fit.
    """
    entry = call.entry
    if len(shapes) != 1 and entry.kind not in merge.READERS.keys() | OPERATORS:
        raise InputError(f"{entry.where} must have one input, not {len(shapes)}")
    precision(entry.fields)

    made: list[Any] = list(_with_activation(call, entry, shapes, weights))
    more = f":{call.output}" if call.output else ""
    if call.number:
        more = f"#{call.number + 1}{more}"
    return tuple(replace(layer, name=layer.name + more) if more else layer for layer in made)


def _with_activation(
    call: Call, entry: LayerEntry, shapes: tuple[Shape, ...], weights: WeightSource
) -> tuple[Layer, ...]:
    """Read an entry, and behind it the layer that it has in the place of an activation."""
    inside: str | None = None

    def arrays(wanted: Mapping[str, Shape]) -> dict[str, Weights]:
        return weights.read(entry, wanted, inside)

    reading = Reading(
        entry.kind, entry.name, entry.fields, shapes, arrays, call.arguments, call.output
    )
    given = reading.layer_as_activation()
    if given is None:
        return READERS[entry.kind](reading)
    kind = known_class(given)
    fields = Fields.of(given.get("config"), f"{given.where} ({kind})")
    inside = fields.text("name")
    if len(entry.path) > _DEEPEST:
        raise InputError(f"{entry.where} must lie in fewer than {_DEEPEST} others")
    made = READERS[entry.kind](reading)
    for layer in made:
        shapes = (layer.shape_after(*shapes),)
    inner = LayerEntry(kind, (*entry.path, inside), f"{entry.slot}/activation", fields)
    more = _with_activation(call, inner, shapes, weights)
    return (*made, *more)


def precision(fields: Fields) -> str:
    """Return the precision in which Keras computes a layer, as its ``dtype`` or policy says.

    Mixed policies keep their weights in float32 (the statistics of a Normalization in float16), so
    that the exact network is in the file.

    Raises:
        InputError: one whose weights are not float32.

    >>> precision(Fields({"dtype": {"class_name": "Policy", "config": {"name": "mixed_float16"}}},
    ...                  "a layer"))
    'mixed_float16'
    """
    value = fields.get("dtype")
    if isinstance(value, dict):
        policy = value.get("config")
        value = policy.get("name") if isinstance(policy, dict) else value
    if value is None:
        return FLOAT32
    if value not in PRECISIONS:
        repair = ""
        if value in ("float16", "bfloat16", "float64"):
            repair = (
                f"; new = keras.models.model_from_json(model.to_json().replace('{value}', "
                "'float32')); new.set_weights(model.get_weights()) makes a float32 model of it"
            )
        allowed = ", ".join(repr(one) for one in PRECISIONS[:-1])
        raise InputError(
            f"{fields.where}: `dtype` must be {allowed} or {PRECISIONS[-1]!r}, "
            f"not {shown(value)}{repair}"
        )
    return str(value)


def joined(network: Network) -> Network:
    """Return the network with the activations that Keras joins with a dense layer named so.

    TensorFlow's graph optimizer joins a matrix product, its bias and a gelu to one operation. That
    operation computes the tail of the gelu in another way, so a sign after it may differ. Keras
    does so for a dense layer with a bias and vectors as inputs, if only the activation uses its
    output.

    >>> import numpy as np
    >>> dense = Dense("d", np.ones((2, 3), np.float32), np.zeros(3, np.float32), None, None)
    >>> layers = dense, Activation("a", "gelu"), Activation("s", "ste_sign")
    >>> [layer.function for layer in joined(Network("n", (2,), layers)).layers[1:]]
    ['gelu behind dense', 'ste_sign']
    """
    layers = list(network.layers)
    for index, layer in enumerate(network.layers):
        if isinstance(layer, Dense) and layer.activation in OF_DENSE:
            if _is_joined(network, index):
                layers[index] = replace(layer, activation=layer.activation + BEHIND_DENSE)
        elif isinstance(layer, Activation) and layer.function in OF_DENSE:
            source = _before(network, index)
            dense = network.layers[source] if source != INPUT else None
            plain = isinstance(dense, Dense) and dense.activation == "linear"
            if plain and _is_joined(network, source):
                layers[index] = replace(layer, function=layer.function + BEHIND_DENSE)
    return replace(network, layers=tuple(layers))


def _is_joined(network: Network, index: int) -> bool:
    dense = network.layers[index]
    vectors = len(network.shape_before(index)) == 1
    return isinstance(dense, Dense) and dense.bias is not None and vectors


def _before(network: Network, index: int) -> int:
    """Find what an activation is fed with, beyond activations that do nothing.

    ``INPUT`` where something else is fed with it as well.
    """
    while True:
        (index,) = network.inputs[index]
        if index == INPUT or len(network.consumers[index]) != 1:
            return INPUT
        layer = network.layers[index]
        if not (isinstance(layer, Activation) and layer.function == "linear"):
            return index


@dataclass(frozen=True, slots=True)
class Known:
    """A value that is known before any image is seen."""

    value: object
    """An integer, :data:`BATCH`, or a list of these."""


def computed(
    function: object,
    arguments: Mapping[str, object],
    sources: Sequence[Shape | Known],
    where: str,
) -> Known | None:
    """Return the result of an operator that depends only on shapes; else None.

    Models compute with sizes: ``tf.shape(x)[0]`` and so on. All sizes are known from the file
    except that of the batch, for which :data:`BATCH` stands.

    >>> sizes = computed("compat.v1.shape", {"input": Given(0)}, [(4, 3)], "layer 2")
    >>> sizes
    Known(value=['the number of images', 4, 3])
    >>> arguments = {"input": Given(0), "slice_spec": 0}
    >>> computed("__operators__.getitem", arguments, [sizes], "layer 3")
    Known(value='the number of images')

    Raises:
        InputError: an operator that pimsim does not carry out on sizes.
    """
    if function in ("shape", "compat.v1.shape") and isinstance(sources[0], tuple):
        return Known([BATCH, *sources[0]])
    if not all(isinstance(one, Known) for one in sources):
        return None
    values = filled(arguments, sources)
    first = values[FIRST]
    match function, values:
        case "__operators__.getitem", {"slice_spec": spec} if isinstance(first, list):
            found = _item(first, spec)
            if found is not None:
                return Known(found)
        case "stack" | "convert_to_tensor" | "identity" | "cast", _:
            return Known(first)
        case "math.multiply", {"y": int(y)} if isinstance(first, int):
            return Known(first * y)
        case "math.reduce_prod", _ if isinstance(first, list):
            sizes = [one for one in first if isinstance(one, int)]
            if len(sizes) == len(first):
                return Known(prod(sizes))
        case "concat", {"axis": 0} if isinstance(first, list):
            return Known([x for one in first for x in (one if isinstance(one, list) else [one])])
    raise InputError(f"{where} must be an operator on values of layers, not tf.{function} of sizes")


def filled(arguments: Mapping[str, object], sources: Sequence[Shape | Known]) -> dict[str, object]:
    """Put known values in their places among arguments, and number the inputs that are left."""
    kept = [place for place, one in enumerate(sources) if not isinstance(one, Known)]

    def fill(value: object) -> object:
        match value:
            case Given(place):
                source = sources[place]
                return source.value if isinstance(source, Known) else Given(kept.index(place))
            case list():
                return [fill(one) for one in value]
            case dict():
                return {key: fill(one) for key, one in value.items()}
        return value

    return {key: fill(value) for key, value in arguments.items()}


def _item(values: list[object], spec: object) -> object:
    if isinstance(spec, list) and len(spec) == 1:
        (spec,) = spec
    match spec:
        case int() if -len(values) <= spec < len(values):
            return values[spec]
        case {"start": start, "stop": stop, "step": step} if (
            all(one is None or type(one) is int for one in (start, stop, step)) and step != 0
        ):
            return values[start:stop:step]
    return None
