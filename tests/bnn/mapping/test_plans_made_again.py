"""A stage that is planned again is planned in the same way, as those who share a plan rely on."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from numbers import Number
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bnn.mapping import MAPPINGS
from bnn.system.mitigation import NONE, Mitigation
from bnn.system.system import System
from pimsim.errors import InputError, OutOfRowsError

from .stage_cases import (
    MITIGATIONS,
    ROWS,
    SHARED,
    SLOW,
    Case,
    assume_checkable,
    cases,
    machine_with,
)


@pytest.mark.parametrize("mapping", MAPPINGS)
@settings(SLOW, max_examples=15)
@given(
    case=cases() | SHARED,
    rows=ROWS,
    banks=st.sampled_from([1, 4, 8]),
    mitigation=st.just(NONE) | MITIGATIONS,
    moves=st.sampled_from(["host", "psm"]),
)
def test_a_stage_planned_again_is_planned_in_the_same_way(
    mapping: str, case: Case, rows: int, banks: int, mitigation: Mitigation, moves: str
) -> None:
    assume_checkable(case, mitigation)
    try:
        system = machine_with(rows, banks, mitigation, moves).system
        first, again = (
            MAPPINGS[mapping].map_stage(case.stage, system, len(case.operands)) for _ in range(2)
        )
    except (InputError, OutOfRowsError):
        assume(False)
    assert first is not again
    assert _content(first) == _content(again)


def _content(value: Any) -> Any:
    """All that a value holds, as what can be compared."""
    match value:
        case np.ndarray():
            return value.dtype.str, value.shape, value.tobytes()
        case str() | bytes() | slice() | range() | Enum() | None:
            return value
        case dict():
            return [(_content(key), _content(one)) for key, one in value.items()]
        case list() | tuple():
            return [_content(one) for one in value]
        case set() | frozenset():
            return sorted(map(repr, map(_content, value)))
        case System() | Number() | np.bool_():
            return value
    if is_dataclass(value):
        return type(value).__name__, [_content(getattr(value, one.name)) for one in fields(value)]
    return type(value).__name__, _content(vars(value))
