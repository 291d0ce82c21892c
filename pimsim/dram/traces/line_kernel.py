"""Machine code that writes columns of text side by side, line after line.

Each form of lines has code of its own, without a decision within a line. A text is written with
all bytes that there may be; what is too much is written over by the next. Digits come from a table,
four at a time.

>>> width_of(5), width_of(20), width_of(70)
(8, 32, 128)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from pimsim.executors.compiled.codegen import emit

Form = tuple[str, int, int]
"""Of a column: its kind, and two numbers that its code depends on.

``one`` text for all lines, or ``picked`` ones, of so many bytes; ``number``, its base and groups of
digits; ``stretch`` of a text.
"""

DIGITS = 4
"""Digits that one look-up gives."""
_VECTOR = 64
"""Bytes that one instruction copies, at most."""
_GIVEN = {"one": 2, "picked": 3, "number": 2, "stretch": 3}
"""Numbers that the code of a column is given."""


def width_of(length: int) -> int:
    """Return how many bytes are copied of a text of up to ``length`` bytes."""
    if length > _VECTOR:
        return -(-length // _VECTOR) * _VECTOR
    return max(8, 1 << (length - 1).bit_length())


@cache
def kernel(forms: tuple[Form, ...]) -> Callable[..., None] | None:
    """Return code that writes lines, or None if there is no compiler back end.

    Arguments: how many lines; the address of what columns are given, one after the other; where the
    text goes; and where it is written at which byte each line ends.
    """
    if emit.why_not() is not None:
        return None
    code = emit.Emit("pimsim_lines", "count *given *into *ends")
    given, at = list[list[str]](), 0
    for kind, width, _ in forms:
        own = [code.get("i64", "%given", at + number) for number in range(_GIVEN[kind])]
        at += len(own)
        addresses = own[:1] if kind == "one" else own
        given.append([
            *(code.put(f"inttoptr i64 {address} to ptr") for address in addresses),
            *own[len(addresses) :],
        ])  # fmt: skip
        if kind == "one":  # loaded once
            given[-1] += _loaded(code, given[-1][0], width)
    with code.carry("%count", "i64", ["0"]) as (line, (start,), after):
        place = start
        for form, own in zip(forms, given, strict=True):
            place = _column(code, form, own, line, place)
        code.do(f"store i64 {place}, ptr {code.at('i64', '%ends', line)}, align 8")
        after.append(place)
    return code.function()


def _column(code: emit.Emit, form: Form, given: list[str], line: str, place: str) -> str:
    """Write a column's text at a place of the text; return the place after it."""
    kind, one, groups = form
    if kind == "number":
        return _number(code, one, groups, given, line, place)
    if kind == "stretch":
        whole, starts, stops = given
        start, stop = code.get("i64", starts, line), code.get("i64", stops, line)
        size = code.put(f"sub i64 {stop}, {start}")
        with code.when(code.put(f"icmp sgt i64 {size}, 0")):
            code.copy(code.at("i8", "%into", place), code.at("i8", whole, start), size)
        return code.add(place, size)
    if kind == "one":
        _, length, *text = given
    else:
        table, lengths, which = given
        index = code.get("i64", which, line)
        length = code.get("i64", lengths, index)
        text = _loaded(code, code.at(f"[{one} x i8]", table, index), one)
    for number, vector in enumerate(text):
        to = code.at("i8", "%into", code.add(place, number * _VECTOR))
        code.do(f"store <{min(one, _VECTOR)} x i8> {vector}, ptr {to}, align 1")
    return code.add(place, length)


def _loaded(code: emit.Emit, address: str, width: int) -> list[str]:
    """A text as vectors."""
    size = min(width, _VECTOR)
    return [
        code.get(f"<{size} x i8>", code.at("i8", address, start), 0)
        for start in range(0, width, size)
    ]


def _number(
    code: emit.Emit, base: int, groups: int, given: list[str], line: str, place: str
) -> str:
    """The same of a number: groups of digits, without leading zeros."""
    values, table = given
    size = base**DIGITS
    nothing = 2 * size
    rest = value = code.get("i64", values, line)
    below = code.put(f"icmp slt i64 {value}, 0")
    found = []
    for number in range(groups):
        more = code.put(f"udiv i64 {rest}, {size}") if number < groups - 1 else "0"
        group = code.put(f"sub i64 {rest}, {code.mul(more, size)}")
        leads = code.put(f"icmp eq i64 {more}, 0")
        bare = code.add(group, size)
        if number:  # nothing instead of 0 before other digits
            none = code.put(f"icmp eq i64 {group}, 0")
            bare = code.put(f"select i1 {none}, i64 {nothing}, i64 {bare}")
        index = code.put(f"select i1 {leads}, i64 {bare}, i64 {group}")
        found.append(code.put(f"select i1 {below}, i64 {nothing}, i64 {index}"))
        rest = more
    for index in reversed(found):
        digits = code.get("i64", table, index)
        code.do(f"store i64 {digits}, ptr {code.at('i8', '%into', place)}, align 1")
        place = code.add(place, code.put(f"lshr i64 {digits}, 56"))
    return place
