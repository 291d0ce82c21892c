"""Lines of a trace, read some at a time, and the messages about mistakes in them."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, NoReturn

import numpy as np

from pimsim.dram.traces.block import Numbers
from pimsim.errors import InputError, unreadable

_TOGETHER = 1 << 15
"""Lines that are read at a time."""
_MOST_BYTES = 1 << 16
"""Longest line allowed; a burst with its data takes about 200 bytes."""


class Lines:
    """Lines of a file with the number of the first, and how to refuse one of them."""

    def __init__(self, path: Path, first: int, lines: list[str]) -> None:
        self.path, self.first, self.lines = path, first, lines

    def refuse(self, index: int, why: str) -> NoReturn:
        """Raise InputError about one of the lines."""
        raise InputError(f"{self.path.name}, line {self.first + index}: {why}")

    def numbers(self, column: Sequence[str], name: str, base: int = 10) -> Numbers:
        """Return a column of whole numbers; anything else, or more than 63 bits, is refused."""
        try:
            found = np.array([int(text, base) for text in column], dtype=np.int64)
        except (ValueError, OverflowError):
            for index, text in enumerate(column):
                if not _is_number(text, base):
                    self.refuse(
                        index, f"the {name} must be a whole number of 63 bits, not {text[:40]!r}"
                    )
            raise
        return found

    def within(self, values: Numbers, least: int, most: int, name: str) -> None:
        """Refuse the first number that is not in a range."""
        wrong = (values < least) | (values > most)
        if wrong.any():
            index = int(np.argmax(wrong))
            self.refuse(index, f"the {name} must be {least} to {most:,}, not {values[index]}")


def _is_number(text: str, base: int) -> bool:
    try:
        return -(2**63) <= int(text, base) < 2**63
    except ValueError:
        return False


def blocks(path: Path) -> Iterator[Lines]:
    """Read a file of any length in bounded memory; one whose name ends in .gz is unpacked.

    Raises :class:`~pimsim.errors.InputError` if it cannot be read or is no text.
    """
    try:
        with _opened(path) as file:
            first = 1
            while lines := list(islice(_bounded(path, file, first), _TOGETHER)):
                yield Lines(path, first, lines)
                first += len(lines)
    except (EOFError, zlib.error) as error:
        raise InputError(f"{str(path)!r} cannot be read: {error}") from error
    except OSError as error:
        raise unreadable(path, error) from error


def _opened(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return io.BufferedReader(gzip.open(path, "rb"))
    return open(path, "rb")


def _bounded(path: Path, file: IO[bytes], number: int) -> Iterator[str]:
    while line := file.readline(_MOST_BYTES + 1):
        if len(line) > _MOST_BYTES:
            raise InputError(
                f"{path.name}, line {number}: a line must have at most {_MOST_BYTES:,} bytes"
            )
        try:
            yield line.decode("ascii").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise InputError(f"{path.name}, line {number}: it must be ASCII text") from error
        number += 1
