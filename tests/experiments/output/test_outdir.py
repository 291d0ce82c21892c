from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.output import outdir
from pimsim.errors import InputError


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def fill(folder: Path, content: str) -> None:
    for name in ("report.json", "a.csv", "z.csv"):
        (folder / name).write_text(content)


def attempt(folder: Path, action: Callable[[Path], object], last: str | None = None) -> None:
    with outdir.filled(folder, last) as staging:
        action(staging)


def test_everything_comes_at_once_and_the_report_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = []
    move = os.replace

    def replace(source: Path, target: Path) -> None:
        order.append(target.name)
        move(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with outdir.filled(tmp_path / "out", last="report.json") as staging:
        fill(staging, "new")
        assert files(tmp_path / "out").keys() == {
            f"{staging.name}/{name}" for name in ("report.json", "a.csv", "z.csv")
        }
    assert order == ["a.csv", "z.csv", "report.json"]
    assert files(tmp_path) == {f"out/{name}": "new" for name in order}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, ZeroDivisionError])
def test_what_stops_before_the_end_changes_nothing(
    tmp_path: Path, error: type[BaseException]
) -> None:
    fill(tmp_path, "old")

    def write(staging: Path) -> None:
        fill(staging, "new")
        raise error

    with pytest.raises(error):
        attempt(tmp_path, write)
    assert files(tmp_path) == dict.fromkeys(("report.json", "a.csv", "z.csv"), "old")
    assert len(list(tmp_path.iterdir())) == 3


def test_a_report_never_stands_beside_files_of_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "old")
    move = os.replace

    def replace(source: Path, target: Path) -> None:
        if target.name == "z.csv":
            raise KeyboardInterrupt
        move(source, target)

    monkeypatch.setattr(os, "replace", replace)

    with pytest.raises(KeyboardInterrupt):
        attempt(tmp_path, lambda staging: fill(staging, "new"), "report.json")
    assert files(tmp_path) == {"a.csv": "new", "z.csv": "old"}


def test_folders_made_in_vain_are_removed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(ZeroDivisionError):
        attempt(tmp_path / "mine" / "some" / "new", lambda _: 1 / 0)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


def test_a_folder_that_somebody_else_uses_by_now_stays(tmp_path: Path) -> None:
    def write(staging: Path) -> None:
        (staging.parents[1] / "other.txt").touch()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        attempt(tmp_path / "new" / "deep", write)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["new", "other.txt"]


@pytest.mark.parametrize("full", ["ENOSPC", "EDQUOT", "EFBIG"])
def test_a_folder_that_is_full_is_named(tmp_path: Path, full: str) -> None:
    number = getattr(errno, full)

    def write(_: Path) -> None:
        raise OSError(number, os.strerror(number))  # as a write has it: without a name

    with pytest.raises(InputError, match=f"`--out` must be a folder .*new': {os.strerror(number)}"):
        attempt(tmp_path / "new", write)
    assert not (tmp_path / "new").exists()


def test_an_error_that_is_not_the_folders_stays_as_it_is(tmp_path: Path) -> None:
    def read(_: Path) -> None:
        (tmp_path / "not there").read_text()

    with pytest.raises(FileNotFoundError):
        attempt(tmp_path / "new", read)
