"""Texts of functions: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.errors import InputError
from pimsim.synthesis.expression import assignments

NAMES = ("a", "b", "c")
INFIX = {
    "&": lambda x, y: x & y, "and": lambda x, y: x & y, "|": lambda x, y: x | y,
    "or": lambda x, y: x | y, "^": lambda x, y: x ^ y, "xor": lambda x, y: x ^ y,
    "xnor": lambda x, y: 1 ^ x ^ y,
}  # fmt: skip
CALLS = {
    "maj": (3, lambda v: int(sum(v) >= 2)), "and": (2, min), "or": (2, max),
    "xor": (3, lambda v: sum(v) & 1), "nand": (2, lambda v: 1 - min(v)),
    "nor": (2, lambda v: 1 - max(v)), "xnor": (2, lambda v: 1 ^ sum(v) & 1),
    "not": (1, lambda v: 1 - v[0]),
}  # fmt: skip


Meaning = Callable[[list[int]], int]
Pair = tuple[str, Meaning]
LEAVES: list[Pair] = [("0", lambda _: 0), ("1", lambda _: 1)]
LEAVES += [(name, lambda values, at=at: values[at]) for at, name in enumerate(NAMES)]


def _infix(operator: str, left: Pair, right: Pair) -> Pair:
    meaning = INFIX[operator]
    return f"({left[0]} {operator} {right[0]})", lambda v: meaning(left[1](v), right[1](v))


def _call(name: str, parts: list[Pair]) -> Pair:
    meaning = CALLS[name][1]
    text = ", ".join(text for text, _ in parts)
    return f"{name}({text})", lambda v: meaning([part(v) for _, part in parts])


def _grown(parts: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    """Texts of smaller ones, in brackets wherever they have an operator."""
    calls = [
        st.tuples(st.just(name), st.lists(parts, min_size=count, max_size=count))
        for name, (count, _) in CALLS.items()
    ]
    return st.one_of(
        st.tuples(st.sampled_from([*INFIX]), parts, parts).map(lambda some: _infix(*some)),
        parts.map(lambda part: (f"(~{part[0]})", lambda v: 1 - part[1](v))),
        parts.map(lambda part: (f"(not {part[0]})", lambda v: 1 - part[1](v))),
        *(call.map(lambda some: _call(*some)) for call in calls),
    )


@given(st.recursive(st.sampled_from(LEAVES), _grown, max_leaves=12))
def test_a_text_means_what_it_says_on_every_input(pair: Pair) -> None:
    text, meaning = pair
    found = assignments(f"z = a | b | c; out = {text}")
    for x in range(8):
        values = [x >> found.inputs.index(name) & 1 for name in NAMES]
        assert found.outputs["out"] >> x & 1 == meaning(values), text


@pytest.mark.parametrize(
    ("text", "brackets"),
    [
        ("a | b & c", "a | (b & c)"),
        ("a ^ b & c", "a ^ (b & c)"),
        ("a | b ^ c", "a | (b ^ c)"),
        ("~a & b", "(~a) & b"),
        ("not a and b or c", "((not a) and b) or c"),
        ("not (a and b) or c", "(not (a and b)) or c"),
        ("a xnor b xnor c", "(a xnor b) xnor c"),
        ("~~a", "a"),
    ],
)
def test_operators_bind_as_stated(text: str, brackets: str) -> None:
    order = "z = a | b | c; "
    assert (
        assignments(order + "o = " + text).outputs == assignments(order + "o = " + brackets).outputs
    )


def test_names_are_inputs_until_they_are_assigned() -> None:
    found = assignments("s = a ^ b ^ c; c = maj(a, b, c); t = c | a\n u = s")
    assert found.inputs == ("a", "b", "c")
    maj = 0b11101000
    assert found.outputs["c"] == maj
    assert found.outputs["t"] == maj | 0b10101010
    assert found.outputs["u"] == found.outputs["s"] == 0b10010110


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must assign an output"),
        (" ; ", "must assign an output"),
        ("a ^ b", "must be `NAME = ...`"),
        ("1 = a", "must be `NAME = ...`"),
        ("not = a", "must be `NAME = ...`"),
        ("o = a +b", "not '+' in 'o = a +b'"),
        ("o = a b", "must go on with an operator or end, not 'b', behind 'o = a'"),
        ("o = a ^", "must go on with a name, a constant or `(`, not end, behind 'o = a ^'"),
        ("o = (a ^ b", "must go on with an operator or `)`, not end"),
        ("o = maj(a, b)", "`maj` must be of 3 operands, not 2"),
        ("o = not(a, b)", "`not` must be of 1 operands, not 2"),
        ("o = nand(a)", "`nand` must be of two or more operands, not 1"),
        ("o = maj", "with a name, a constant or `(`, not 'maj'"),
        ("o = 12", "not '1' in 'o = 12'"),
        ("o = a; o = b", "must assign every output once, not 'o' twice"),
        ("o = 1", "must have 1 to 5 inputs, not 0"),
        ("o = a^b^c^d^e^f", "must have 1 to 5 inputs, not 6: a, b, c, d, e, f"),
        ("o = " + "~" * 60 + "a", "must be nested at most 50 deep"),
        ("o = " + "(" * 900 + "a", "must be nested at most 50 deep"),
        ("o = a" + " & a" * 600, "must be of at most 2,000 characters, not 2,405"),
        ("o = __import__('os')", "an operator or end, not '(', behind 'o = __import__'"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_one_line(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        assignments(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
