"""Records: back as they were put, or not at all."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pimsim import kept
from pimsim.dram.array.address_map import ambit
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.kept import OFF, VARIABLE, Shelf, digest, sources
from pimsim.remembered import Known, Later, Source

NAME = "ab" * 32
VALUE: dict[str, Any] = {
    "rows": np.arange(-5, 300, dtype=np.int32).reshape(5, -1),
    "wide": np.array([1 << 40], np.int64),
    "none": np.zeros((0, 3), np.uint16),
    "numbers": [1, 2.5, float("inf"), 1 << 80, None, True, "é"],
    "inside": {"a": [np.array([7], np.uint8)]},
}


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return bool(one.dtype == other.dtype and np.array_equal(one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other and type(one) is type(other))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    found = Shelf(tmp_path / "own" / "pimsim")
    assert found.put(NAME, VALUE)
    return found


def _file(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "own" / "pimsim").iterdir()
    return path


def test_a_record_comes_back_as_it_was_put(shelf: Shelf) -> None:
    found = shelf.get(NAME)
    assert _equal(found, VALUE)
    found["rows"][:] = 0  # arrays can be written to
    assert _equal(shelf.get(NAME), VALUE)


def test_nothing_is_found_under_another_name(shelf: Shelf, tmp_path: Path) -> None:
    assert shelf.get("cd" * 32) is None
    _file(tmp_path).rename(_file(tmp_path).with_stem("cd" * 32))
    assert shelf.get("cd" * 32) is None


def test_a_file_cut_off_anywhere_is_not_taken(shelf: Shelf, tmp_path: Path) -> None:
    path = _file(tmp_path)
    whole = path.read_bytes()
    for length in [*range(80), *range(80, len(whole), 41)]:
        path.write_bytes(whole[:length])
        assert shelf.get(NAME) is None, length
    path.write_bytes(whole + b"\0")
    assert shelf.get(NAME) is None
    path.write_bytes(whole)
    assert _equal(shelf.get(NAME), VALUE)


def test_a_file_with_one_bit_changed_is_not_taken(shelf: Shelf, tmp_path: Path) -> None:
    path = _file(tmp_path)
    whole = path.read_bytes()
    for place in [*range(60), *range(60, len(whole), 23)]:
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        assert shelf.get(NAME) is None, place


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff" * 8,
        b"\2" + bytes(7) + b"{}",
        b"\2" + bytes(7) + b"[]",
        b"\4" + bytes(7) + b"\xff\xfe{}",
        *(
            len(text).to_bytes(8, "little") + text
            for text in (
                b'{"name": "%s"}' % NAME.encode(),
                b'{"name": "%s", "value": {"array": 3}, "arrays": []}' % NAME.encode(),
                b'{"name": "%s", "value": 1, "arrays": [["|O", [1]]]}' % NAME.encode(),
                b'{"name": "%s", "value": 1, "arrays": [["<i8", [-1]]]}' % NAME.encode(),
                b'{"name": "%s", "value": 1, "arrays": [["<i8", [99999999999]]]}' % NAME.encode(),
                b"[" * 100_000,
            )
        ),
    ],
)
def test_a_file_that_somebody_else_made_up_is_not_taken(
    shelf: Shelf, tmp_path: Path, body: bytes
) -> None:
    path = _file(tmp_path)
    path.write_bytes(b"pimsim record 1\n" + hashlib.sha256(body).digest() + body)
    assert shelf.get(NAME) is None


def test_what_others_may_write_to_is_not_taken(shelf: Shelf, tmp_path: Path) -> None:
    path = _file(tmp_path)
    path.chmod(0o666)
    assert shelf.get(NAME) is None
    path.chmod(0o600)
    path.parent.chmod(0o777)
    assert shelf.get(NAME) is None
    assert not shelf.put(NAME, VALUE)
    path.parent.chmod(0o700)
    assert shelf.get(NAME) is not None


def test_what_belongs_to_somebody_else_is_not_taken(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert shelf.get(NAME) is None
    assert not shelf.put(NAME, VALUE)


def test_what_is_no_file_is_not_taken(shelf: Shelf, tmp_path: Path) -> None:
    path = _file(tmp_path)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert shelf.get(NAME) is None
    path.unlink()
    path.mkdir()
    assert shelf.get(NAME) is None
    assert not shelf.put(NAME, VALUE)
    path.rmdir()
    os.mkfifo(path)
    assert shelf.get(NAME) is None


def test_what_is_too_large_is_neither_kept_nor_taken(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "LARGEST_BYTES", 100)
    assert shelf.get(NAME) is None
    assert not shelf.put(NAME, VALUE)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    shelf = Shelf(tmp_path / "own")
    monkeypatch.setattr(Path, "replace", full)
    assert not shelf.put(NAME, VALUE)
    assert list((tmp_path / "own").iterdir()) == []


def test_nothing_is_kept_where_no_folder_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "pimsim", tmp_path / "file", None):
        shelf = Shelf(folder)
        assert not shelf.put(NAME, VALUE)
        assert shelf.get(NAME) is None


def test_those_not_asked_for_longest_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf, names = Shelf(tmp_path / "own"), [f"{number:064}" for number in range(4)]
    size = 0
    for number, name in enumerate(names[:3]):
        assert shelf.put(name, VALUE)
        path = tmp_path / "own" / f"{name}.record"
        size = path.stat().st_size
        os.utime(path, (number, number))
    assert shelf.get(names[0]) is not None  # which is now the one asked for last
    monkeypatch.setattr(kept, "_MOST_BYTES", 3 * size)
    assert shelf.put(names[3], VALUE)
    assert [shelf.get(name) is not None for name in names] == [True, False, True, True]


def _put_and_get(folder: Path, number: int) -> bool:
    shelf, value = Shelf(folder), {"rows": np.arange(50_000, dtype=np.int32)}
    for _ in range(30):
        if not shelf.put(NAME, value):
            return False
        found = shelf.get(NAME)
        if found is None or not _equal(found, value):
            return False
    return True


def test_processes_may_put_the_same_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        assert all(pool.map(_put_and_get, [folder] * 3, range(3)))
    assert len(list(folder.iterdir())) == 1


def test_records_lie_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    wanted = {
        str(tmp_path / "mine"): tmp_path / "mine",
        "": tmp_path / "xdg" / "pimsim",
        OFF: None,
    }
    for said, folder in wanted.items():
        monkeypatch.setenv(VARIABLE, said)
        assert Shelf.own().put(NAME, 1) == Shelf.own().open == (folder is not None)
        assert folder is None or len(list(folder.iterdir())) == 1
    for said in ("", "not/absolute"):
        monkeypatch.setenv(VARIABLE, "")
        monkeypatch.setenv("XDG_CACHE_HOME", said)
        assert Shelf.own().put(NAME, 1)
    assert len(list((tmp_path / "home" / ".cache" / "pimsim").iterdir())) == 1


def test_digests_tell_values_apart() -> None:
    array = np.arange(4, dtype=np.int32)
    values: list[Any] = [
        None, True, 1, 1.0, "1", b"1", (1,), [1], {"a": 1}, {"a": 2}, {"b": 1}, (1, 2, 3),
        ((1, 2), 3), (1, (2, 3)), "None", array, array.reshape(2, 2), array.astype(np.int64),
        array[::-1], np.int32(1), slice(1, 2), range(1, 2), frozenset({1}), ("ab", "c"),
        ("a", "bc"), ModelOptions(), ModelOptions(banks=4), load("hbm2"), ambit(),
    ]  # fmt: skip
    assert len({digest(value) for value in values}) == len(values)
    assert digest(array.reshape(2, 2).T) == digest(np.array([[0, 2], [1, 3]], np.int32))
    assert digest(frozenset({1, 2})) == digest(frozenset({2, 1}))
    with pytest.raises(TypeError, match="cannot say what function depends on"):
        digest(digest)


def test_sources_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    found = set()
    for name, text in (("a.py", "1"), ("a.py", "2"), ("inside/b.toml", "2"), ("inside/c.md", "")):
        (tmp_path / name).write_text(text)
        found.add(sources([tmp_path]))
    assert len(found) == 3  # a page is no source


def test_what_is_missing_is_asked_for_once() -> None:
    known: Known[int] = Known(size_bytes=20)
    asked = list[str]()

    def give(name: str) -> Source:
        def values() -> None:
            asked.append(name)
            known.give(name, 7, 1)

        return Source(values)

    held, gone = give("held"), give("gone")
    known.ask(held)
    known.ask(gone)
    del gone
    known.give("there", 3, 1)
    assert known.get("there") == 3
    assert asked == []
    assert [known.get(name) for name in ("held", "gone", "other")] == [7, None, None]
    assert asked == ["held"]
    del held


def test_items_are_made_when_one_is_asked_for() -> None:
    made = list[int]()

    def make() -> list[int]:
        made.append(1)
        return [4, 5]

    some = Later(2, make)
    assert len(some) == 2
    assert bool(some)
    assert made == []
    assert (some[1], some[-2], list(some), some[:1], 5 in some) == (5, 4, [4, 5], [4], True)
    assert made == [1]
    with pytest.raises(ValueError, match="3 items must be made, not 2"):
        Later(3, make)[0]


def test_only_so_much_is_remembered() -> None:
    known: Known[int] = Known(size_bytes=20)
    notes, made = known.notes(size_bytes=25), list[str]()

    def ask(key: str) -> int:
        def make() -> tuple[int, int]:
            made.append(key)
            return len(made), 10

        return known.of(key, make)

    assert [ask(key) for key in "ababcb"] == [1, 2, 1, 2, 3, 2]
    assert notes.values is None  # three are too many
    assert ask("a") == 4
    assert "".join(made) == "abca"
