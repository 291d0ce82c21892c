"""Compiling is told about, and a function is compiled once for all numbers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pimsim import machine_code

TELLING = """\
from pathlib import Path

from pimsim import machine_code
from pimsim.object_code import Kept, part

machine_code.tells.append(print)


@part
def one(number):
    return number + 1


def two(number):
    return one(number) + 1


print(Kept(two, [Path(__file__)])(0))
"""


def _run(folder: Path, given: str) -> None:
    (folder / "mine.py").write_text(TELLING)
    done = subprocess.run(
        [sys.executable, "mine.py"],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.stdout, done.returncode) == (given, 0), done.stderr


def test_compiling_is_told_and_what_was_kept_is_not_waited_for(tmp_path: Path) -> None:
    told = f"{machine_code.COMPILING}\n{machine_code.COMPILING}\n{machine_code.COMPILED}\n"
    _run(tmp_path, f"{told}2\n")
    _run(tmp_path, "2\n")


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
