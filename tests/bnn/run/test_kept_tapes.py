"""Tapes that were kept: nothing is planned where they are, and damaged ones are made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bnn.run import kept
from bnn.run.execute import Execution
from pimsim.errors import InputError
from pimsim.kept import Shelf

from .kept_plans import (
    SYSTEMS,
    costed,
    forget,
    fresh,
    held,
    only_records,
    only_tapes,
    ran,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for records, which is empty."""
    return fresh(tmp_path, monkeypatch)


@pytest.mark.parametrize("check", [True, False, 3])
def test_where_tapes_were_kept_no_stream_is_made(
    check: bool | int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = Execution(check=check)
    for system, name, chain in (
        ("as it is", "dense", "always"), ("psm", "dense", "always"),
        ("another map", "dense", "never"), ("as it is", "pictures", "auto"),
        ("three times", "pictures", "auto"),
    ):  # fmt: skip
        arguments = name, "output-tree", SYSTEMS[system], chain
        first = ran(*arguments, execution=how)
        with monkeypatch.context() as patched:
            only_tapes(patched)
            assert ran(*arguments, execution=how) == first
            assert costed(*arguments)[0] == first[2]
            patched.setattr(Shelf, "get", lambda *_: None)
            with pytest.raises(AssertionError, match="nothing must be planned"):
                ran(*arguments, execution=how)


def test_other_tapes_are_written_from_programs_that_were_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = "dense", "output-tree", SYSTEMS["as it is"], "always"
    checked = ran(*arguments)
    assert len(list(folder.iterdir())) == 3
    with monkeypatch.context() as patched:
        only_records(patched)
        found = ran(*arguments, execution=Execution(check=False))
        assert (found[0], found[2:]) == (checked[0], checked[2:])
        assert ran(*arguments, execution=Execution(compiled=False)) == checked
    assert len(list(folder.iterdir())) == 4  # one for each way to read digits
    with monkeypatch.context() as patched:
        only_tapes(patched)
        assert ran(*arguments, execution=Execution(check=False)) == found


@pytest.mark.parametrize("damage", ["gone", "cut", "flipped", "emptied", "other"])
@pytest.mark.parametrize("kinds", [["programs"], ["tapes"], ["tapes", "programs"], ["plan"]])
def test_parts_that_are_damaged_are_made_anew(
    kinds: list[str], damage: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = "dense", "output-tree", SYSTEMS["as it is"], "always"
    first = ran(*arguments)
    wholes = {kind: (path, path.read_bytes()) for kind, (path, _) in held(folder).items()}
    for path, whole in map(wholes.__getitem__, kinds):
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 16
        damaged = {"cut": whole[:-7], "flipped": changed, "emptied": b"", "other": b"x" * 999}
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(damaged[damage])
    with monkeypatch.context() as patched:
        forget(patched)
        assert ran(*arguments) == first
        for path, whole in map(wholes.__getitem__, set(kinds) - {"programs"}):
            assert path.read_bytes() == whole
    with monkeypatch.context() as patched:  # what was missed was kept again
        only_records(patched)
        if kinds != ["programs"]:
            wholes["tapes"][0].unlink()
        assert ran(*arguments) == first


def test_tapes_of_another_shape_are_written_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = "dense", "output-tree", SYSTEMS["as it is"], "always"
    first = ran(*arguments)
    (path, whole), shelf = held(folder)["tapes"], Shelf(folder)
    written = path.read_bytes()
    stage = next(iter(whole))
    own = whole[stage]
    others: list[Any] = [
        {"words": own["words"][:-1]}, {"slots": own["slots"] // 2}, {"given": own["given"] + 999},
        {"given": own["given"] - 999}, {"numbers": [[0, 1]]}, {"given": None}, {"more": 1},
    ]  # fmt: skip
    for value in ([], 7, *({**whole, stage: {**own, **other}} for other in others)):
        assert shelf.put(path.stem, value)
        with monkeypatch.context() as patched:
            only_records(patched)
            assert ran(*arguments) == first
        assert path.read_bytes() == written
    assert shelf.put(path.stem, {**whole, stage: {**own, "words": own["words"] + 1}})
    only_records(monkeypatch)
    with pytest.raises(InputError, match="tape 0, record at"):  # never run unseen
        ran(*arguments)


def test_tapes_that_would_take_too_much_are_not_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = "dense", "output-tree", SYSTEMS["as it is"], "always"
    monkeypatch.setattr(kept, "LARGEST_BYTES", 1 << 13)
    first = ran(*arguments)
    assert "tapes" not in held(folder) if folder.exists() else True
    with monkeypatch.context() as patched:
        forget(patched)
        assert ran(*arguments) == first
