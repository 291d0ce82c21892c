"""Functions in LLVM IR are made once, and taken only as they were written."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

import pytest

from pimsim import object_code
from pimsim.executors.compiled.codegen import kept_text
from pimsim.executors.compiled.codegen.emit import Emit

NEW_ENGINE = kept_text._engine.__wrapped__
ADDING = """\
define i64 @{name}(i64 %x) {{
  %y = add i64 %x, {number}
  ret i64 %y
}}
"""


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Texts of which machine code is made; nothing is kept yet, and nothing elsewhere."""
    found: list[str] = []
    emitted = kept_text._emitted

    def noted(code: str) -> bytes:
        found.append(code)
        return emitted(code)

    monkeypatch.setattr(kept_text, "_emitted", noted)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _as_in_a_new_process(monkeypatch)
    return found


def _as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_text, "_ADDRESSES", {})
    engine = NEW_ENGINE()
    monkeypatch.setattr(kept_text, "_engine", lambda: engine)


def _adds(folder: Path, number: int, name: str = "f") -> int:
    """What a function makes of 1 that adds a number."""
    code = ADDING.format(name=name, number=number)
    address = kept_text.address(code, name, folder / "mine.py")
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(1)


def test_code_is_made_once_whatever_its_name_and_process(
    made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [_adds(tmp_path, 4), _adds(tmp_path, 5), _adds(tmp_path, 4, "g")] == [5, 6, 5]
    assert len(made) == 2
    _as_in_a_new_process(monkeypatch)
    assert [_adds(tmp_path, 5, "h"), _adds(tmp_path, 4)] == [6, 5]
    assert len(made) == 2
    assert len([*(tmp_path / "__pycache__").glob("*.o")]) == 2


def test_the_oldest_code_goes_if_there_is_too_much(
    made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_code, "MOST_FILES", 2)
    for second, number in enumerate((4, 5, 6)):
        assert _adds(tmp_path, number) == 1 + number
        for path in (tmp_path / "__pycache__").glob("*.o"):
            if path.stat().st_mtime > 1000:
                os.utime(path, (second, second))
    assert len([*(tmp_path / "__pycache__").glob("*.o")]) == 2
    _as_in_a_new_process(monkeypatch)
    assert [_adds(tmp_path, number) for number in (6, 5)] == [7, 6]
    assert len(made) == 3
    assert _adds(tmp_path, 4) == 5
    assert len(made) == 4


def test_what_is_damaged_or_of_another_processor_is_made_again(
    made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _adds(tmp_path, 4) == 5
    (kept,) = (tmp_path / "__pycache__").glob("*.o")
    whole = kept.read_bytes()
    every = (b"", whole[:100], whole[:-1], whole[:-9] + b"x" + whole[-8:], b"x" + whole[1:])
    for times, damaged in enumerate(every, 2):
        kept.write_bytes(damaged)
        _as_in_a_new_process(monkeypatch)
        assert (_adds(tmp_path, 4), len(made)) == (5, times)
        assert kept.read_bytes()[:64] == whole[:64]
    monkeypatch.setattr(kept_text.object_code, "machine", lambda: b"another")
    _as_in_a_new_process(monkeypatch)
    assert (_adds(tmp_path, 4), len(made)) == (5, 2 + len(every))


def test_where_nothing_can_be_written_code_is_made_each_time(
    made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "__pycache__").write_text("")  # no folder
    monkeypatch.setattr(kept_text.object_code.machine_code, "own_folder", lambda: None)
    for times in (1, 2):
        _as_in_a_new_process(monkeypatch)
        assert (_adds(tmp_path, 7), len(made)) == (8, times)


def test_what_is_written_as_a_function_is_kept(made: list[str]) -> None:
    code = Emit("some", "*values count")
    with code.loop("%count") as place:
        code.do(f"store i64 {place}, ptr {code.at('i64', '%values', place)}")
    values: Any = (ctypes.c_int64 * 3)()
    code.function()(ctypes.addressof(values), 3)
    assert [*values] == [0, 1, 2]
    assert all("@some(" not in text for text in made)
