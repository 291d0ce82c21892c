"""Object code is kept where there is a place for it, and taken only as it was written."""

from __future__ import annotations

import gc
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from llvmlite import ir
from numpy.typing import NDArray

from pimsim import object_code
from pimsim.object_code import Kept, part

MODULE = """\
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pimsim.object_code import Kept, part


class Pair(NamedTuple):
    numbers: np.ndarray
    flags: np.ndarray


@part
def _added(pair, place, number):
    if pair.flags[place]:
        pair.numbers[place, 1] += number


def _add(pair, number, twice):
    for place in range(len(pair.flags)):
        _added(pair, place, 2 * number if twice else number)
    return len(pair.flags)


add = Kept(_add, [Path(__file__)])
pair = Pair(np.zeros((3, 2), np.int16), np.array([True, False, True]))
print(add(pair, 3, True), add(pair, -1, False), pair.numbers.tolist(), "numba" in sys.modules)
"""
NEW = "3 3 [[0, 5], [0, 0], [0, 5]] True\n"
OLD = NEW.replace("True", "False")


def _run(folder: Path) -> str:
    path = folder / "mine.py"
    if not path.exists():
        path.write_text(MODULE)
    done = subprocess.run(
        [sys.executable, "mine.py"],
        cwd=folder,
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
            "TMPDIR": str(folder),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_later_process_does_without_the_compiler(tmp_path: Path) -> None:
    assert [_run(tmp_path), _run(tmp_path)] == [NEW, OLD]
    (tmp_path / "mine.py").write_text(MODULE.replace("+= number", "-= number"))
    assert _run(tmp_path) == NEW.replace("5", "-5")  # of other sources


def test_what_is_damaged_is_not_taken_and_is_made_again(
    tmp_path: Path, module_at: Callable[[Path], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bytes] = []
    compiled = object_code._compiled

    def once(*given: Any) -> bytes:  # what the compiler makes is the same each time
        made.append(made[0] if made else compiled(*given))
        return made[0]

    monkeypatch.setattr(object_code, "_compiled", once)
    path = tmp_path / "mine.py"
    path.write_text(MODULE)
    mine = module_at(path)

    def times_made() -> int:
        """As another process would load and call it."""
        pair = mine.Pair(np.zeros((3, 2), np.int16), np.array([True, False, True]))
        assert Kept(mine._add, [path])(pair, 3, False) == 3
        assert pair.numbers.tolist() == [[0, 3], [0, 0], [0, 3]]
        return len(made)

    (kept,) = (tmp_path / "__pycache__").glob("*.o")
    whole = kept.read_bytes()
    every = (b"", whole[:100], whole[:-1], whole[:-9] + b"x" + whole[-8:], b"x" + whole[1:])
    for times, damaged in enumerate(every, 2):
        kept.write_bytes(damaged)
        assert object_code._read(kept.parent, kept.name) is None  # before it would be run
        assert times_made() == times
        assert kept.read_bytes() == whole
    assert times_made() == 1 + len(every)


def test_what_was_written_under_another_name_is_not_taken(tmp_path: Path) -> None:
    beside, folder = tmp_path / "mine.py", tmp_path / "__pycache__"
    for name in ("one.o", "two.o"):
        assert object_code.kept(beside, name, name.encode) == name.encode()
    (folder / "one.o").replace(folder / "two.o")  # as the other function it could only crash
    made: list[str] = []
    assert object_code.kept(beside, "two.o", lambda: made.append("two.o") or b"two.o") == b"two.o"
    assert made
    assert object_code._read(folder, "two.o") == b"two.o"


@pytest.mark.parametrize("kind", ["fine", "open to others", "a link", "none"])
def test_it_is_kept_elsewhere_where_nothing_can_be_written_beside(
    tmp_path: Path, kind: str
) -> None:
    (tmp_path / "__pycache__").write_text("")  # no folder
    own = tmp_path / f"pimsim-{os.getuid()}"
    if kind == "none":
        own.write_text("")
    elif kind == "open to others":
        own.mkdir()
        own.chmod(0o777)
    elif kind == "a link":
        (tmp_path / "elsewhere").mkdir()
        own.symlink_to(tmp_path / "elsewhere")
    assert _run(tmp_path) == NEW
    assert len([*tmp_path.rglob("*.o")]) == (kind == "fine")
    if kind == "fine":
        assert _run(tmp_path) == OLD


class Inner(NamedTuple):
    flags: NDArray[np.bool_]
    places: tuple[int, int]


class Outer(NamedTuple):
    small: NDArray[np.int8]
    factor: int
    inner: Inner
    cube: NDArray[np.int64]
    single: NDArray[np.float32]


@part
def _member(outer: Outer, extra: tuple[int, Inner]) -> int:
    first, second = outer.inner.places
    if extra[1].flags[second]:
        outer.cube[first, second, 1] += outer.factor * outer.small[1, second]
    return outer.cube.shape[2] + len(outer.single) + extra[0]


def _members(number: int, outer: Outer, extra: tuple[int, Inner]) -> int:
    outer.single[2] = number
    return _member(outer, extra) + number


def test_tuples_hold_arrays_numbers_and_tuples() -> None:
    inner = Inner(np.array([True, False, True]), (1, 2))
    small, cube = np.arange(6, dtype=np.int8).reshape(2, 3), np.zeros((2, 3, 4), np.int64)
    outer = Outer(small, -7, inner, cube, np.zeros(5, np.float32))
    kept = Kept(_members, [Path(__file__)])
    assert kept(100, outer, (1000, inner)) == 4 + 5 + 1000 + 100
    assert outer.single.tolist() == [0, 0, 100, 0, 0]
    assert np.argwhere(cube).tolist() == [[1, 2, 1]]
    assert cube[1, 2, 1] == -7 * 5


def test_a_tuple_is_one_argument_of_a_part() -> None:
    """As numba passes it, each of its arrays is seven numbers and more."""
    from numba.core.datamodel import default_manager

    kind = object_code._type((Inner, ("?", 1), (tuple, "i", "i")))
    model: Any = default_manager.lookup(kind)
    assert isinstance(model.get_argument_type(), ir.PointerType)


def _makes(values: NDArray[np.int64]) -> int:
    return len(np.sort(values))


def _appends(values: NDArray[np.int64]) -> int:
    return len([values[0], values[1]])


def _prints(values: NDArray[np.int64]) -> int:
    print(values[0])
    return 0


def _calls_a_library(values: NDArray[np.int64]) -> int:
    return int(math.erf(values[0]))


REFUSED: dict[str, tuple[Callable[..., int], str]] = {
    "makes an array": (_makes, "numba cannot compile _makes to stand alone, without making arrays"),
    "makes a list": (_appends, "numba cannot compile _appends to stand alone"),
    "prints": (_prints, "_prints must stand alone, and not call PyErr_"),
    "calls a library": (_calls_a_library, "_calls_a_library must stand alone, and not call erf"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_function_must_stand_alone(name: str) -> None:
    function, said = REFUSED[name]
    with pytest.raises(ValueError, match=said):
        Kept(function, [Path(__file__)])(np.arange(3))
    assert gc.isenabled()  # as it was before


def _raises(values: NDArray[np.int64]) -> int:
    if values[0]:
        raise ValueError
    return 7


def test_a_function_must_not_raise() -> None:
    raising = Kept(_raises, [Path(__file__)])
    assert raising(np.arange(3)) == 7
    with pytest.raises(RuntimeError, match="_raises must not raise"):
        raising(np.arange(1, 3))
    with pytest.raises(ValueError, match="must lie in one piece"):
        raising(np.arange(6)[::2])
