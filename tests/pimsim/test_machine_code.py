"""Machine code is kept where there is a place for it, and functions are compiled in any case."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pimsim import machine_code

MODULE = """\
from pimsim import machine_code

def one():
    return 1

print(machine_code.kept(one)())
"""
TELLING = """\
from pimsim import machine_code

machine_code.tells.append(print)

def two():
    return one() + 1

one = machine_code.kept(lambda: 1)
print(machine_code.kept(two)())
"""


def _run(folder: Path, temporary: Path, module: str = MODULE, given: str = "1\n") -> None:
    (folder / "mine.py").write_text(module)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "mine.py"],  # numba warns of nothing to do in parallel
        cwd=folder,
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), *sys.path]),
            "TMPDIR": str(temporary),
            # Neither beside the module nor in the home folder:
            "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.stdout, done.returncode) == (given, 0), done.stderr


def test_compiling_is_told_and_what_was_kept_is_not_waited_for(tmp_path: Path) -> None:
    told = f"{machine_code.COMPILING}\n{machine_code.COMPILING}\n{machine_code.COMPILED}\n"
    _run(tmp_path, tmp_path, TELLING, f"{told}2\n")
    _run(tmp_path, tmp_path, TELLING, "2\n")


def test_it_is_kept_among_temporary_files_where_nothing_else_can_be_written(tmp_path: Path) -> None:
    _run(tmp_path, tmp_path)
    (own,) = tmp_path.glob("pimsim-*")
    assert own.stat().st_mode & 0o777 == 0o700
    assert [*own.rglob("*.nbi")]


def test_a_part_is_compiled_once_for_all_numbers() -> None:
    """Whether they are constants, first values of what changes in a loop, or in a tuple."""
    from numba import njit

    @njit
    def plain(n: int, pair: tuple[int, int]) -> int:
        return n + 10 * pair[0] + 100 * pair[1]

    shared = machine_code.for_any_number(njit(plain.py_func))

    def calls(part: Callable[[int, tuple[int, int]], int]) -> Callable[[int], int]:
        @njit
        def total(most: int) -> int:
            found, n = part(1, (2, 3)), 0
            while n < most:
                found += part(n, (n, 4))
                n += 1
            return found

        return total

    assert calls(plain)(3) == calls(shared)(3) == 321 + sum(11 * n + 400 for n in range(3))
    assert len(shared.signatures) == 1 < len(plain.signatures)


@pytest.mark.parametrize("kind", ["open to others", "a link", "a file"])
def test_code_that_others_could_have_written_is_not_taken(tmp_path: Path, kind: str) -> None:
    own = tmp_path / f"pimsim-{os.getuid()}"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if kind == "a link":
        own.symlink_to(elsewhere)
    elif kind == "a file":
        own.write_text("")
    else:
        own.mkdir()
        own.chmod(0o777)
    _run(tmp_path, tmp_path)
    assert not [*tmp_path.rglob("*.nbi")]
