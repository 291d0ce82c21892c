"""From the entries of a model file to layers with weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bnn.larq.config import Call
from bnn.larq.fields import Fields
from bnn.larq.weights import WeightSource
from bnn.layers import READERS, merge
from bnn.layers.layer import Layer, Shape, Weights
from bnn.layers.reading import Reading
from pimsim.errors import InputError


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
    _check_precision(entry.fields)

    def arrays(wanted: Mapping[str, Shape]) -> dict[str, Weights]:
        return weights.read(entry.where, entry.path, entry.slot, wanted)

    made = READERS[entry.kind](Reading(entry.kind, entry.name, entry.fields, shapes, arrays))
    if not call.number:
        return made
    again: list[Any] = list(made)
    return tuple(replace(layer, name=f"{layer.name}#{call.number + 1}") for layer in again)


def _check_precision(fields: Fields) -> None:
    value = fields.get("dtype")
    if isinstance(value, dict):
        policy = value.get("config")
        value = policy.get("name") if isinstance(policy, dict) else value
    if value not in (None, "float32"):
        fields.refuse("dtype", "'float32'")
