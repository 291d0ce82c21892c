"""Lines made of columns are those of Python's own formatting, with machine code and without."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pimsim.dram.traces import text
from pimsim.dram.traces.text import (
    Column,
    Stretch,
    constant,
    decimal,
    hexadecimal,
    lines,
    strings,
    texts,
)

NUMBERS = st.lists(
    st.integers(0, 2**62) | st.integers(0, 12_000) | st.integers(0, 18).map(lambda n: 10**n)
    | st.just(-1),
    min_size=1,
)  # fmt: skip
WORDS = ["", "ACT", "a longer text", "x" * 63, "y" * 64, "z" * 65, "w" * 130]

ANY_FIXTURE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture(params=[True, False], ids=["machine code", "without"])
def written(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[list[Column]], str]:
    """What makes lines of columns."""
    if not request.param:
        monkeypatch.setattr(text, "kernel", lambda _: None)
    return lambda columns: lines(columns).text.tobytes().decode()


@ANY_FIXTURE
@given(values=NUMBERS)
@example(values=[0, 9_999, 10_000, 99_999_999, 100_000_000, 10**16, 65_535, 65_536, 2**63 - 1, -1])
def test_numbers(values: list[int], written: Callable[[list[Column]], str]) -> None:
    column = np.array(values, np.int64)
    made = written([decimal(column), constant(" "), hexadecimal(column), constant("\n")])
    assert made == "".join(f"{value} {value:x}\n" if value >= 0 else " \n" for value in values)


@ANY_FIXTURE
@given(words=st.lists(st.sampled_from(WORDS), min_size=1))
def test_texts_of_any_length(words: list[str], written: Callable[[list[Column]], str]) -> None:
    columns = [constant("<"), texts(WORDS)[[WORDS.index(word) for word in words]], constant(">")]
    assert written(columns) == "".join(f"<{word}>" for word in words)


@ANY_FIXTURE
@given(cuts=st.lists(st.integers(0, 300).flatmap(lambda n: st.tuples(st.just(n),
       st.integers(n, 300))), min_size=1), width=st.sampled_from(range(len(WORDS))))  # fmt: skip
def test_stretches(
    cuts: list[tuple[int, int]], width: int, written: Callable[[list[Column]], str]
) -> None:
    whole = "".join(f"{number:03d}" for number in range(100))
    starts, stops = np.array(cuts, np.int64).T.copy()
    stretch = Stretch(np.frombuffer(whole.encode(), np.uint8), starts, stops)
    made = written([constant("<"), stretch, constant(WORDS[width])])
    assert made == "".join(f"<{whole[start:stop]}{WORDS[width]}" for start, stop in cuts)


def test_where_lines_end(written: Callable[[list[Column]], str]) -> None:
    columns: list[Column] = [decimal(np.array([7, 12_345, -1, 0])), constant(";")]
    assert lines(columns).ends.tolist() == [2, 8, 9, 11]
    assert strings(columns) == ["7;", "12345;", ";", "0;"]
    nothing: list[Column] = [decimal(np.zeros(0, np.int64)), constant(";")]
    assert (written(nothing), strings(nothing)) == ("", [])


@pytest.mark.parametrize("lengths", [[2, 3], []])
def test_columns_must_have_the_same_number_of_lines(lengths: list[int]) -> None:
    columns = [constant(";"), *(decimal(np.zeros(length, np.int64)) for length in lengths)]
    with pytest.raises(ValueError, match=r"the same number of lines, not \["):
        lines(columns)
