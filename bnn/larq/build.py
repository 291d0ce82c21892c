"""From the entries of a model file to layers with weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bnn.larq.graph import Call, LayerEntry
from bnn.larq.nodes import OPERATORS
from bnn.larq.weights import WeightSource
from bnn.model.layers import merge
from bnn.model.layers.layer import Layer, Shape, Weights
from bnn.model.layers.reading import Reading
from bnn.model.network import FLOAT32
from bnn.model.readers import READERS
from bnn.values.fields import Fields, known_class, shown
from pimsim.errors import InputError

PRECISIONS = (FLOAT32, "mixed_float16", "mixed_bfloat16")
"""Precisions of layers that are carried out, all of them in float32."""

_DEEPEST = 64
"""Activations inside activations, models around them counted."""


def build(call: Call, shapes: tuple[Shape, ...], weights: WeightSource) -> tuple[Layer, ...]:
    """Make the layers that an entry stands for, each fed with what the one before it gives.

    None for a layer that acts in training only.

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
