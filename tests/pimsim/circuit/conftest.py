"""Every scenario of the reference circuit, which is compared with ngspice."""

from __future__ import annotations

import pytest

from pimsim.circuit.transient.scenarios import (
    Scenario,
    dual_contact_not,
    majority,
    many_input,
    read,
    rowclone,
    tra,
)

PATTERNS = [f"{i:03b}" for i in range(8)]
SCENARIOS = (
    *(read(value) for value in (0, 1)),
    *(tra(pattern) for pattern in PATTERNS),
    *(tra(pattern, copy_out=True) for pattern in PATTERNS),
    *(rowclone(value) for value in (0, 1)),
    *(dual_contact_not(value) for value in (0, 1)),
    *(majority(pattern) for pattern in ("11100", "11000", "1111000", "111110000")),
    *(majority(pattern, 32) for pattern in ("110", "100", "11100", "1111000", "111110000")),
    *(many_input("or", "1" * ones + "0" * (16 - ones)) for ones in (0, 1)),
    *(many_input("and", "1" * ones + "0" * (16 - ones)) for ones in (15, 16)),
)


@pytest.fixture(params=SCENARIOS, ids=lambda scenario: scenario.name)
def reference_scenario(request: pytest.FixtureRequest) -> Scenario:
    """Each of them in turn."""
    found: Scenario = request.param
    return found
