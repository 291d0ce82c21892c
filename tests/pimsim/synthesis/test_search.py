"""The search against one that leaves nothing out, and what it says where there is no program."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.dram.array.address_map import AddressMap, ambit, parse
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard import standard as standards
from pimsim.errors import InputError
from pimsim.microprogram.logic import AND, OR, XOR
from pimsim.microprogram.program import Program
from pimsim.synthesis import certificate, objective, search
from pimsim.synthesis.check import WrongProgramError, require_right
from pimsim.synthesis.search import NothingFoundError, TooLargeError, synthesize
from pimsim.synthesis.task import Task, task

SMALL: dict[str, Any] = {
    "name": "small", "source": "a test", "cells": ["T0", "T1", "N"],
    "constants": {"C0": 0, "C1": 1},
    "addresses": {"B0": ["T0"], "B1": ["T1"], "B4": ["N"], "B5": ["!N"], "B12": ["T0", "T1", "N"]},
}  # fmt: skip
"""The least that computes everything."""


def _map(**changes: Any) -> AddressMap:
    return parse({**SMALL, **changes}, "small")


# -- a second search, written to be understood -------------------------------------------------

State = tuple[tuple[int | None, ...], tuple[int | None, ...]]
"""What cells hold, None if unknown, and what stands in the rows of outputs."""


def _plainly(wanted: Task, most: int) -> int | None:
    """Length of a shortest program, by looking at every state without any bound or symmetry."""
    rows, columns = wanted.address_map, 1 << len(wanted.inputs)
    everywhere = (1 << columns) - 1
    inputs = [sum((x >> at & 1) << x for x in range(columns)) for at in range(len(wanted.inputs))]
    over = {one.name for one in wanted.stored}
    fixed = [table for name, table in zip(wanted.inputs, inputs, strict=True)
             if name in wanted.rows and name not in over]  # fmt: skip
    fixed += [everywhere * bit for _, bit in rows.constants]
    first = tuple(
        inputs[wanted.inputs.index(one.name)] if one.name in wanted.rows else None
        for one in wanted.stored
    )
    start: State = (tuple(dict(wanted.start).get(c) for c in range(len(rows.cells))), first)

    def done(state: State) -> bool:
        stored = all(held in one.tables for held, one in zip(state[1], wanted.stored, strict=True))
        return stored and any(
            all(state[0][cell] == table for cell, table in ending.cells)
            for ending in wanted.endings
        )

    def sensed(cells: tuple[int | None, ...], lines: Any) -> tuple[int, Any] | None:
        levels = [
            None if cells[line.cell] is None else cells[line.cell] ^ everywhere * line.complement
            for line in lines
        ]
        if len(lines) < 3:
            return None if None in levels or len({*levels}) > 1 else (levels[0], cells)
        value = 0
        for x in range(columns):
            bits = [level >> x & 1 for level in levels if level is not None]
            if 2 * sum(bits) > len(lines):
                value |= 1 << x
            elif 2 * (len(bits) - sum(bits)) <= len(lines):
                return None
        return value, driven(cells, lines, value)

    def driven(cells: tuple[int | None, ...], lines: Any, value: int) -> tuple[int | None, ...]:
        new = list(cells)
        for line in lines:
            new[line.cell] = value ^ everywhere * line.complement
        return tuple(new)

    def following(state: State) -> Any:
        cells, outputs = state
        sources: list[tuple[int, Any, Any]] = [(table, cells, ()) for table in fixed]
        sources += [(held, cells, ()) for held in outputs if held is not None]
        for _, lines in rows.addresses:
            found = sensed(cells, lines)
            if found is not None:
                sources.append((*found, lines))
        for value, after, lines in sources:
            if len(lines) > 2:
                yield after, outputs
            for _, others in rows.addresses:
                sides = {(line.cell, not line.complement) for line in lines}
                if not sides & {(line.cell, line.complement) for line in others}:
                    yield driven(after, others, value), outputs
            for at, one in enumerate(wanted.stored):
                if value in one.tables:
                    yield after, (*outputs[:at], value, *outputs[at + 1 :])

    layer, seen = {start}, {start}
    for length in range(1, most + 1):
        layer = {new for state in layer for new in following(state)} - seen
        seen |= layer
        if any(map(done, layer)):
            return length
    return None


TASKS: list[dict[str, Any]] = [
    {"functions": "out = a & b"},
    {"functions": "out = ~a"},
    {"functions": "out = a", "scratch": 1},
    {"functions": "out = a & ~b"},
    {"functions": "out = ~(a | b)"},
    {"functions": "out = maj(a, b, c)"},
    {"functions": "out = maj(a, ~b, c); not_out = ~out"},
    {"functions": "a = a & b"},
    {"functions": "a = ~a; out = a"},
    {"functions": "out = a & b", "either": ("out",)},
    {"functions": "out = a & b; other = a | b", "either": ("other",)},
    {"functions": "out = v & b", "start": "T0 = v"},
    {"functions": "out = v & b", "start": "T0 = v, T1 = 0"},
    {"functions": "out = v & b", "start": "N = ~v", "end": "T0 = out"},
    {"functions": "out = v | b", "either": ("out",), "start": "N = v", "end": "T0 = out, N = ~out"},
    {"functions": "o = v & b; k = v", "start": "T0 = v", "end": "T1 = o"},]  # fmt: skip


@pytest.mark.parametrize("address_map", [
    _map(),
    _map(addresses={**SMALL["addresses"], "B8": ["T0", "!N"]}),
    _map(addresses={**SMALL["addresses"], "B9": ["T0", "T1"]}, constants={"C1": 1}),
], ids=["small", "pair", "agreeing"])  # fmt: skip
@pytest.mark.parametrize("told", TASKS, ids=lambda told: told["functions"])
def test_it_finds_what_a_search_without_bounds_finds(
    address_map: AddressMap, told: dict[str, Any]
) -> None:
    wanted = task(address_map=address_map, **{**told, "scratch": 0})
    length = _plainly(wanted, 5 if len(address_map.cells) < 4 else 4)
    if length is None:
        with pytest.raises(NothingFoundError):
            synthesize(wanted, most_commands=4)
    else:
        found = synthesize(wanted)
        assert (len(found.program), found.bound, found.optimal) == (length, length, True)


@settings(max_examples=10, deadline=None)
@given(table=st.integers(1, 254), either=st.booleans())
def test_any_function_of_three_is_found_and_right(table: int, either: bool) -> None:
    terms = [
        " & ".join(("" if x >> at & 1 else "~") + name for at, name in enumerate("abc"))
        for x in range(8) if table >> x & 1
    ]  # fmt: skip
    functions = "z = a & b & c; out = " + " | ".join(terms)
    wanted = task(functions, ambit(), outputs=("out",), either=("out",) if either else ())
    try:
        found = synthesize(wanted, most_commands=5)
    except NothingFoundError:
        return
    require_right(wanted, found.program, found.complemented, seed=7)  # as synthesize has, seed 1


# -- what is minimised -------------------------------------------------------------------------


def test_what_is_minimised_is_least() -> None:
    ddr3, bare = standards.load("ddr3-1600-8-8-8"), ModelOptions(extra_wordline_factor=0.22)
    wanted = task("out = ~(a & b)", ambit())
    found = {
        name: synthesize(wanted, objective.minimise(name, ddr3, bare)) for name in objective.NAMES
    }
    assert all(one.optimal for one in found.values())
    programs = {name: one.program for name, one in found.items()}
    measures = {
        "commands": len,
        "activations": lambda program: 2 * program.aap + program.ap,
        "latency": lambda program: 49 * program.aap + 45 * program.ap,
        "energy": lambda program: len(program) + 0.22 * program.extra_wordlines(),
    }
    for name, measure in measures.items():
        assert measure(programs[name]) == min(map(measure, programs.values())), name
    # One more wordline a command and it is not the energy that a shorter time has.
    assert programs["commands"].ap == 1


def test_scratch_rows_can_be_written_and_read() -> None:
    # Three cells, all in the one majority: the first of two products must wait in a row.
    with pytest.raises(NothingFoundError, match="all 813 states"):
        synthesize(task("out = a ^ b", _map()))
    found = synthesize(task("out = a ^ b", _map(), scratch=1))
    assert (len(found.program), found.optimal, found.program.scratch) == (10, True, ("t0",))


# -- what has no program -----------------------------------------------------------------------


def _refused(functions: str, address_map: AddressMap, **told: Any) -> str:
    with pytest.raises(InputError) as caught:
        synthesize(task(functions, address_map, **told))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_map_that_cannot_is_refused_by_what_it_lacks() -> None:
    no_majority = _map(addresses={"B0": ["T0"], "B4": ["N"], "B5": ["!N"]})
    assert "has no majority" in _refused("out = a & b", no_majority)
    assert len(synthesize(task("out = ~a", no_majority)).program) == 2
    no_not = _map(addresses={"B0": ["T0"], "B1": ["T1"], "B4": ["N"], "B12": ["T0", "T1", "N"]})
    assert "cannot express NOT" in _refused("out = a ^ b", no_not)
    assert "cannot express NOT" in _refused("out = ~a", no_not)
    assert len(synthesize(task("out = a & b", no_not)).program) == 4
    assert len(synthesize(task("out = ~a", no_not, either=("out",))).program) == 1


def test_where_every_state_was_tried_it_says_so() -> None:
    no_zero = parse({**SMALL, "constants": {"C1": 1}}, "small")
    no_not = parse({**SMALL, "constants": {"C1": 1}, "addresses": {
        "B0": ["T0"], "B1": ["T1"], "B4": ["N"], "B12": ["T0", "T1", "N"]}}, "small")  # fmt: skip
    assert len(synthesize(task("out = a & b", no_zero)).program) == 4  # it is NOT 1
    message = _refused("out = a & b", no_not)
    assert "no program on the address map 'small' does this" in message
    assert "states that cells and rows can take were tried" in message


def test_an_input_that_is_written_over_too_early_is_lost() -> None:
    # The sum needs c, so that the row of c is written last, or c is copied first.
    found = synthesize(task("c = a & c; out = a | c", _map()), most_commands=12)
    require_right(found.task, found.program)


def test_more_commands_than_allowed_is_one_line() -> None:
    wanted = task("out = a ^ b", ambit())
    with pytest.raises(NothingFoundError, match="no program of up to 5 commands"):
        synthesize(wanted, most_commands=5)


def test_out_of_memory_samples_go_on_and_the_bound_is_said() -> None:
    wanted = task("s = a ^ b ^ c; k = maj(a, b, c)", ambit())
    found = synthesize(wanted, memory_mb=2)
    assert not found.optimal
    assert found.bound <= 8 <= len(found.program)
    assert certificate.certificate(found).startswith(
        f"best found, {len(found.program)} commands: no program has fewer than {found.bound}"
    )
    with pytest.raises(TooLargeError, match=r"must fit into 1 MB.*More memory"):
        synthesize(task("s = a^b^c^d^e; k = maj(a, b, maj(c, d, e))", ambit()), memory_mb=1)


@pytest.mark.parametrize(
    ("functions", "told", "said"),
    [
        ("out = a", {"either": ("uot",)}, "`either` must be among the outputs out, not 'uot'; did"),
        ("out = a", {"outputs": ("x",)}, "`outputs` must be among the outputs out, not 'x'"),
        ("out = a", {"start": "T9 = a"}, "`start` must name compute cells of the map 'ambit'"),
        ("out = a", {"start": "T0 = b"}, "names of inputs and outputs only (a), not 'b'"),
        ("out = a", {"start": "T0 = a, T0 = a"}, "`start` must name every cell once, not 'T0'"),
        ("out = a", {"end": "T0 = q"}, "not 'q'"),
        ("out = a", {"scratch": 5}, "`scratch` must be an integer from 0 to 4, not 5"),
        ("B0 = a", {}, "must not be named like the address B0"),
        ("out = D7", {}, "must not be named like the address D7"),
        ("out = T0", {}, "must not be named like the cell T0"),
        ("v = ~v", {"start": "T0 = v"}, "the output 'v' must have a row, or be named by `end`"),
    ],
)
def test_a_task_that_is_none_is_one_line(functions: str, told: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        task(functions, ambit(), **told)
    assert said in str(caught.value)


# -- programs that are wrong -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "(a,B0)(b,B1)(C1,B2)(B12,out)",  # OR
        "(a,B0)(b,B1)(B12,out)",  # a majority over what is unknown
        "(a,B0)(b,B1)(C0,B2)(B12,out)(a,D1)",  # writes a row of its own
    ],
)
def test_a_wrong_program_is_noticed(text: str) -> None:
    program = Program.parse("wrong", text, inputs=("a", "b"), outputs=("out",))
    with pytest.raises(WrongProgramError):
        require_right(task("out = a & b", ambit()), program)


def test_right_ones_pass() -> None:
    for program, functions in ((AND, "a & b"), (OR, "a | b"), (XOR, "a ^ b")):
        require_right(task(f"out = {functions}", ambit()), program)


# -- the certificate ---------------------------------------------------------------------------


def test_rules_say_all_that_a_program_may_use() -> None:
    wanted = task(
        "c = maj(v, b, c); s = v ^ b ^ c", ambit(), either=("s",),
        start="T0 = v, T1 = 0", end="T0 = s, DCC0 = ~s", scratch=2,
    )  # fmt: skip
    assert certificate.rules(wanted) == (
        "row commands of the address map ambit; the input b in a row that is only read; the input "
        "c in the row that then takes the output of this name; the input v in compute cells "
        "alone; s in either polarity; at the start T0 = v and T1 = 0; all other compute cells "
        "unknown at the start, and nothing depends on what is unknown; at the end T0 = s and "
        "DCC0 = ~s, or all of this complemented; 2 scratch rows"
    )


def test_symmetries_leave_a_task_as_it_is() -> None:
    counts = {
        "s = a ^ b ^ c": 12, "k = maj(a, b, c)": 12, "o = a & b": 2, "o = a & ~b": 1, "o = a": 2,
    }  # fmt: skip
    for functions, count in counts.items():
        encoded = search.encode(task(functions, ambit()), objective.EACH_ONE)
        assert len(encoded.rules.values) == count, functions


def test_states_with_several_words_are_searched_as_well() -> None:
    # Four inputs: three truth tables of 17 bits a word.
    wanted = task("out = a & b & c & d", _map(), scratch=1)
    assert search.encode(wanted, objective.EACH_ONE).words > 1
    assert len(synthesize(wanted).program) == 10


def test_all_orders_of_inputs_give_the_same_length() -> None:
    lengths = {
        len(synthesize(task(f"out = {x} & ~{y} | {z}", _map())).program)
        for x, y, z in itertools.permutations("abc")
    }
    assert len(lengths) == 1
