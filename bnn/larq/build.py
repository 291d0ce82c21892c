"""From the entries of a model file to layers with weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bnn.larq.config import Call
from bnn.larq.fields import Fields, shown
from bnn.larq.weights import WeightSource
from bnn.layers import READERS, merge
from bnn.layers.layer import Layer, Shape, Weights
from bnn.layers.reading import Reading
from bnn.network import FLOAT32
from pimsim.errors import InputError

PRECISIONS = (FLOAT32, "mixed_float16", "mixed_bfloat16")
"""Precisions of layers that are carried out, all of them in float32."""


def build(call: Call, shapes: tuple[Shape, ...], weights: WeightSource) -> tuple[Layer, ...]:
    """Make the layers that an entry stands for, each fed with what the one before it gives.

    None for a layer that acts in training only.

    Args:
        call: of an entry of a class in :data:`bnn.layers.READERS`.
        shapes: of the inputs, without the batch axis.
        weights: where arrays come from.

    Raises:
        InputError: a setting that pimsim does not carry out, or weights that do not fit.
    """
    entry = call.entry
    if len(shapes) != 1 and entry.kind not in merge.READERS:
        raise InputError(f"{entry.where} must have one input, not {len(shapes)}")
    precision(entry.fields)

    def arrays(wanted: Mapping[str, Shape]) -> dict[str, Weights]:
        return weights.read(entry.where, entry.path, entry.slot, wanted)

    made = READERS[entry.kind](Reading(entry.kind, entry.name, entry.fields, shapes, arrays))
    if not call.number:
        return made
    again: list[Any] = list(made)
    return tuple(replace(layer, name=f"{layer.name}#{call.number + 1}") for layer in again)


def precision(fields: Fields) -> str:
    """Return the precision in which Keras computes a layer, as its ``dtype`` or policy says.

    Mixed policies keep their weights in float32, so that the exact network is in the file.

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
