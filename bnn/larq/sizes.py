"""Sizes that a model asks for while it runs: ``tf.shape(x)[0]`` and what is made of it.

All of them are known from the file but that of the batch, for which
:data:`bnn.model.operations.moves.BATCH` stands.

>>> sizes = computed("compat.v1.shape", {"input": Given(0)}, [(4, 3)], "layer 2")
>>> sizes
Known(value=['the number of images', 4, 3])
>>> arguments = {"input": Given(0), "slice_spec": 0}
>>> computed("__operators__.getitem", arguments, [sizes], "layer 3")
Known(value='the number of images')
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from bnn.model.layers.layer import Shape
from bnn.model.operations.moves import BATCH
from bnn.model.operations.operation import FIRST, Given
from pimsim.errors import InputError


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
    """Return what an operator gives if that depends on shapes alone; else None.

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
