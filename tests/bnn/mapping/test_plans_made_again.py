"""A stage that is planned again is planned in the same way, as those who share a plan rely on."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
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
from pimsim.remembered import Later

from ..backends.faulty_networks import faults_of
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
@settings(SLOW, max_examples=10)
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
    contents = _Contents()
    assert contents.of(first) == contents.of(again)
    if not mitigation.screening:
        failing = replace(system, faults=faults_of(0.1, 0.01, rows=mitigation.activation_rows))
        spoilt = MAPPINGS[mapping].map_stage(case.stage, failing, len(case.operands))
        assert contents.of([replace(one, system=system) for one in spoilt]) == contents.of(first)


class _Contents:
    """What values hold, as what can be compared; of an object that several share, once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any) -> Any:
        """All of a value, in depth."""
        match value:
            case np.ndarray():
                return value.dtype.str, value.shape, value.tobytes()
            case str() | bytes() | slice() | range() | Enum() | None:
                return value
            case dict():
                return [(self.of(key), self.of(one)) for key, one in value.items()]
            case list() | tuple() | Later():
                return [self.of(one) for one in value]
            case set() | frozenset():
                return sorted(map(repr, map(self.of, value)))
            case System() | Number() | np.bool_():
                return value
        if id(value) not in self._known:
            own = fields(value) if is_dataclass(value) else None
            names = list(vars(value)) if own is None else [one.name for one in own]
            found = [(name, self.of(getattr(value, name))) for name in names]
            self._known[id(value)] = value, (type(value).__name__, found)
        return self._known[id(value)][1]
