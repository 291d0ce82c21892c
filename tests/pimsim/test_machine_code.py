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


def _run(folder: Path, given: str, module: str = TELLING) -> None:
    (folder / "mine.py").write_text(module)
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


COUNTING = """\
import operator
from pathlib import Path

import numpy as np
from numba.core import codegen, types
from numba.core.typing import context

from pimsim.object_code import Kept, part

executable, asked = [], []
finalized = codegen.JITCodeLibrary._finalize_specific
resolved = context.BaseContext.resolve_function_type


def finalize(library):
    executable.append(library.name)
    finalized(library)


def resolve(typing, function, args, kws):
    if isinstance(function, types.Function) and function.typing_key is operator.xor:
        asked.append(args)
    return resolved(typing, function, args, kws)


codegen.JITCodeLibrary._finalize_specific = finalize
context.BaseContext.resolve_function_type = resolve


@part
def mixed(a, b):
    return min(a ^ b, b ^ a)


@part
def twice(a, b):
    return mixed(mixed(a, b) ^ a, b)


def whole(values, number):
    for place in range(len(values)):
        values[place] = mixed(values[place] ^ number, twice(number ^ values[place], number))
    return len(values)


values = np.arange(-3, 4)
assert Kept(whole, [Path(__file__)])(values, 5) == 7
print(values.tolist(), executable, len(asked), len(set(asked)))
"""


def test_parts_are_not_made_executable_and_an_operator_is_looked_up_once(tmp_path: Path) -> None:
    def mixed(a: int, b: int) -> int:
        return min(a ^ b, b ^ a)

    found = [mixed(a ^ 5, mixed(mixed(5 ^ a, 5) ^ (5 ^ a), 5)) for a in range(-3, 4)]
    made = ["nrt", "ol_min.<locals>.impl"]  # what numba itself brings
    _run(tmp_path, f"{found} {made} 1 1\n", COUNTING)
