"""The choices of the model: what is no such choice is refused in one line."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from pimsim.dram.options import ModelOptions
from pimsim.errors import InputError

BY_TYPE: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "bool": ((True, False), ("off", "x", 1, None, [])),
    "int": ((1, 2), (0, -1, 1.5, "2", None, True)),
    "float": ((0, 0.5, np.float32(1)), (-0.1, float("nan"), float("inf"), "1", True, None)),
    "float | None": ((0.0, 1, None), (-0.1, 1.1, float("nan"), "1", True)),
    "str": (("ambit-paper", "datasheet"), ("", "paper", 1, None)),
}
"""By the type of a field: values that it takes, and values that it refuses."""


@pytest.mark.parametrize("name", [one.name for one in fields(ModelOptions)])
def test_every_choice_is_held_to_its_type(name: str) -> None:
    (kind,) = (str(one.type) for one in fields(ModelOptions) if one.name == name)
    good, bad = BY_TYPE[kind]
    for value in good:
        assert getattr(ModelOptions(**{name: value}), name) == value
    for value in bad:
        with pytest.raises(InputError) as caught:
            ModelOptions(**{name: value})
        said = str(caught.value)
        assert said.startswith(f"`{name}` must be ")
        assert repr(value) in said
        assert "\n" not in said
