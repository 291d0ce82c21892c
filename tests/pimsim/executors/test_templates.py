"""What templates compute, and which are refused."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest

from pimsim.errors import InputError
from pimsim.executors.compiled.lower.symbolic import PlaceKind
from pimsim.executors.compiled.tape.template import TemplateFunction, derived
from pimsim.microprogram.program import Program

from .template_tables import MAPS, PATTERNS, TABLES, One

# -- what templates compute ----------------------------------------------------------------------


def value(function: TemplateFunction, held: int, rows: Sequence[int], second: int = 0) -> list[int]:
    """Results of a template for one column."""
    network = function.network
    values = [rows[n] if kind == PlaceKind.ROW else (held, second)[n] for kind, n in network.inputs]
    for table, operands in network.nodes:
        values.append(table >> sum(values[one] << j for j, one in enumerate(operands)) & 1)
    return [values[result] for result in network.results]


@pytest.mark.parametrize("name", MAPS)
def test_templates_of_chains_are_full_adders(name: str) -> None:
    """Of digits, with some signs: what is held, and two rows, are twice the carry and a sum."""
    chained = [one for one in TABLES[name] if one.before in ("mixed", "equal")]
    adders = [one for one in chained if len(one.program.outputs) < 3]
    assert len(adders) == 9
    for one, function in zip(adders, derived(adders, PATTERNS), strict=True):
        seen = []
        for bits in product((0, 1), repeat=3):
            held, b, c = bits
            carry, total = value(function, held, (b, c))
            seen.append([2 * bit - 1 for bit in (held, b, c, carry, total)])
        digits = np.array(seen)
        fitting = [
            signs
            for signs in product((-1, 1), repeat=5)
            if not (digits @ (np.array(signs) * [1, 1, 1, -2, -1])).any()
        ]
        assert len(fitting) == 2, one.program.name  # and all of them turned


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize(("kind", "sign"), [("mixed", -1), ("chained", 1)])
def test_joint_adders_count_two_sums(name: str, kind: str, sign: int) -> None:
    """Of digits: x + y + z and x + y - z, whose sums are opposite; of *mixed* x - y."""
    table = TABLES[name]
    (one,) = (one for one in table if one.program.name == f"joint-{kind}")
    (function,) = derived([one], PATTERNS)
    rows = ["x", "y", "z"] if kind == "mixed" else ["y", "z"]
    assert list(one.program.inputs) == rows
    assert one.before == (None if kind == "mixed" else "equal")
    for bits in product((0, 1), repeat=3):
        # the pattern "equal" holds the complement of v in T2, where x is to be
        plus, minus, total = value(function, 1 - bits[0], bits[3 - len(rows) :])
        x, y, z = (2 * bit - 1 for bit in bits)
        assert 2 * (2 * plus - 1) - (2 * total - 1) == x + sign * y + z
        assert -2 * (2 * minus - 1) + (2 * total - 1) == x + sign * y - z


@pytest.mark.parametrize("name", MAPS)
def test_two_carries_are_those_of_a_sum_and_a_difference(name: str) -> None:
    """Whichever digits are turned round, of carries that are both plain or both not."""
    found = [one for one in TABLES[name] if one.program.name.startswith("carries-")]
    (begin, *steps) = zip(found, derived(found, PATTERNS), strict=True)
    assert len(steps) == 12
    assert [value(begin[1], 0, rows) for rows in product((0, 1), repeat=2)] == [
        [0, 0], [0, 1], [1, 0], [1, 1]
    ]  # fmt: skip
    lasts = ("", "plain", "complemented")
    for number, (one, function) in enumerate(steps):
        turned, last = one.program.name.removeprefix("carries-"), lasts[number % 3]
        held = last == "complemented"
        for plus, minus, s, d in product((0, 1), repeat=4):
            rows = [digit ^ held ^ (how == "t") for digit, how in zip((s, d), turned, strict=True)]
            carries = [int(plus + s + d >= 2), int(minus + s + 1 - d >= 2)]
            seen = value(function, plus ^ held, rows, minus ^ held)
            assert seen == carries, (one.program.name, last)
        assert (one.before, one.after) == ("carries", None if last else "carries")


def program_of(text: str) -> Program:
    return Program.parse("mine", text, inputs=("a",), outputs=("out",))


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (One(TABLES["ambit"][3].program, None, "mixed"), "must not depend on T0, DCC0,"),
        (One(TABLES["ambit"][3].program, "equal", "mixed"), "must not depend on T0, DCC0,"),
        (One(program_of("(a,B0)(B1,out)")), "must not depend on T1, where"),
        (One(program_of("(a,B0)(a,out)"), None, "mixed"), "must leave one value in T0, NOT DCC0"),
        (One(program_of("(a,B0)(B8,out)")), "two cells together that may differ"),
        (One(program_of("(a,C0)(a,out)")), "must not write a constant"),
        (One(Program.parse("mine", "[B14]", inputs=(), outputs=())), "must name a row"),
    ],
)
def test_templates_that_would_depend_on_garbage_are_refused(one: One, message: str) -> None:
    with pytest.raises(InputError, match=message):
        derived([one], PATTERNS)


def test_a_template_may_read_what_it_wrote_and_what_the_pattern_holds() -> None:
    program = program_of("(a,B1)(B4,out)(out,B2)(B15,a)")
    held = {"all": (("DCC0", True), ("DCC1", False), ("T0", False), ("T3", False))}
    (found,) = derived([One(program, "all", None)], held)
    assert (found.needed, found.stores) == ({0}, (0, 1))
    assert [value(found, held, (0, 0)) for held in (0, 1)] == [[0, 1], [1, 0]]
