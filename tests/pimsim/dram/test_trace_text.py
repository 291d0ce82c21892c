"""Lines made of columns of bytes are those of Python's own formatting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pimsim.dram.traces import text
from pimsim.dram.traces.text import constant, decimal, hexadecimal, joined, texts

NUMBERS = st.lists(
    st.integers(0, 2**62) | st.integers(0, 12_000) | st.integers(0, 18).map(lambda n: 10**n),
    min_size=1,
)


@given(NUMBERS)
@example([0, 9_999, 10_000, 99_999_999, 100_000_000, 10**16, 65_535, 65_536])
def test_numbers(values: list[int]) -> None:
    column = np.array(values, np.int64)
    made = joined([decimal(column), constant(" "), hexadecimal(column), constant("\n")])
    assert made.decode() == "".join(f"{value} {value:x}\n" for value in values)


@pytest.mark.parametrize("with_machine_code", [True, False])
@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 1000])
def test_zero_bytes_are_left_out(
    size: int, with_machine_code: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_machine_code:
        monkeypatch.setattr(text, "_squeeze", lambda: None)
    table = np.random.default_rng(size).integers(0, 3, (size, 3)).astype(np.uint8)
    assert text.text_of(table) == bytes(one for one in table.ravel().tolist() if one)


@given(st.lists(st.sampled_from(["", "ACT", "a longer text"]), min_size=1))
def test_texts_of_any_length(words: list[str]) -> None:
    known = texts(["", "ACT", "a longer text"])
    column = known[[["", "ACT", "a longer text"].index(word) for word in words]]
    assert joined([constant("<"), column, constant(">")]).decode() == "".join(
        f"<{word}>" for word in words
    )
