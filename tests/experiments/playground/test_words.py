"""What the page says of a command is true: every formula gives the bits that the row then holds."""

from __future__ import annotations

import re
from typing import Any

import pytest

from experiments.playground.page import embedded
from experiments.playground.programs import program_data
from experiments.playground.words import LONGEST, Teller

PROGRAMS = {one["name"]: one for one in program_data()}


def _majority(*bits: int) -> bool:
    return 2 * sum(bits) > len(bits)


def _value(formula: str, bits: dict[str, Any]) -> int:
    python = re.sub(r"\b(AND|OR|NOT)\b", lambda word: word[0].lower(), formula)
    return int(eval(python, {"MAJ": _majority}, bits))


@pytest.mark.parametrize("name", PROGRAMS)
def test_formulas_are_what_rows_hold(name: str) -> None:
    program = PROGRAMS[name]
    named: dict[str, str] = {}
    for command, rows in zip(program["commands"], program["states"][1:], strict=True):
        found = re.search(r": ([^:]*), from here on (m\d+)\.", command["words"])
        if found:
            named[found[2]] = found[1]
        for row, formula in command["holds"].items():
            assert (rows[row] is None) == (formula == ""), row
            for column in range(program["columns"]) if formula else ():
                bits: dict[str, Any] = {n: int(b[column]) for n, b in program["held"].items()}
                for short, meaning in named.items():
                    bits[short] = _value(meaning, bits)
                assert _value(formula, bits) == int(rows[row][column]), (row, formula)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_row_that_a_command_opens_is_named(name: str) -> None:
    for command in PROGRAMS[name]["commands"]:
        for line in (*command["source"], *(command["destination"] or ())):
            assert re.search(rf"\b{line['row']}\b", command["words"])
        assert command["words"].startswith("AAP." if command["destination"] else "AP.")


def test_a_long_formula_gets_a_name() -> None:
    long = "x" * LONGEST
    told = Teller({"T0": long, "T1": "b", "T2": "c"})
    assert "from here on m1" in told.command((("T0", False), ("T1", True), ("T2", False)), None)
    assert (told.holds("T0"), told.holds("T1")) == ("m1", "NOT m1")


@pytest.mark.parametrize("text", ["</script><b>", "<!--", "\u2028", "@DATA@", '"'])
def test_data_cannot_end_the_script(text: str) -> None:
    assert "<" not in embedded({"name": text})
