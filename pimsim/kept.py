"""Results that are stored in files, so that later processes need not compute them again.

A record is a JSON value that may contain arrays. Its name must depend on everything that the value
depends on: see :func:`digest` and :func:`sources`. A record has no code, and nothing in it is run.

Records are in ``$PIMSIM_CACHE``, or else in ``pimsim`` in ``$XDG_CACHE_HOME`` or ``~/.cache``; with
``PIMSIM_CACHE=off`` none are stored. A file is not used if it is damaged, belongs to another user,
or can be written by others. If a file cannot be written, there is no error.

>>> with tempfile.TemporaryDirectory() as folder:
...     shelf = Shelf(Path(folder) / "own")
...     shelf.put("a" * 64, {"rows": np.arange(3, dtype=np.int32), "name": "x"})
...     found = shelf.get("a" * 64)
True
>>> found["rows"].tolist(), found["name"]
([0, 1, 2], 'x')
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

VARIABLE = "PIMSIM_CACHE"
"""Environment variable: a folder for records, or :data:`OFF`."""
OFF = "off"
PACKAGE = Path(__file__).parent
"""Folder with the sources of this package."""

_MAGIC = b"pimsim record 1\n"
_SUFFIX = ".record"
_HEADER = struct.Struct("<Q")
_KINDS = ("|i1", "|u1", "<u2", "<u4", "<i4", "<i8")
"""Types of arrays."""
_ARRAY = "array"
"""Key of the object that replaces an array in the JSON; its value is the array's number."""
LARGEST_BYTES = 64 << 20
"""Largest record in bytes; larger ones are not stored."""
_CAREFULLY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Flags for opening files, which may be links or pipes."""
_MOST_BYTES = 512 << 20
"""Largest folder in bytes; beyond it, the least recently used records are removed."""


class Shelf:
    """Records in a folder of the user.

    Args:
        folder: the folder, made when it is first written to; None: nothing is stored.

    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @classmethod
    def own(cls) -> Shelf:
        """Return the records of this user."""
        return cls(_own_folder())

    @property
    def open(self) -> bool:
        """Whether records are stored at all."""
        return self._folder is not None

    def get(self, name: str) -> Any:
        """Return a record, with tuples as lists; None if there is none, or it cannot be trusted."""
        if self._folder is None or not _private(self._folder):
            return None
        path = self._folder / f"{name}{_SUFFIX}"
        try:
            number = os.open(path, os.O_RDONLY | _CAREFULLY)
        except OSError:
            return None
        try:
            with os.fdopen(number, "rb") as file:
                if not _usable(os.fstat(number)):
                    return None
                held = bytearray(os.fstat(number).st_size)  # arrays are parts of it
                found = memoryview(held)[: file.readinto(held)]
            value = _read(name, found)
        except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError, struct.error):
            return None
        with suppress(OSError):
            os.utime(path)
        return value

    def put(self, name: str, value: Any) -> bool:
        """Store a record, completely or not at all; return whether that succeeded."""
        written = _written(name, value)
        if self._folder is None or sum(map(len, written)) > LARGEST_BYTES:
            return False
        temporary = None
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _private(self._folder):
                return False
            number, temporary = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(number, "wb") as file:
                file.writelines(written)
            Path(temporary).replace(self._folder / f"{name}{_SUFFIX}")
            temporary = None
            self._make_room()
        except OSError:
            if temporary is not None:
                with suppress(OSError):
                    Path(temporary).unlink(missing_ok=True)
            return False
        return True

    def _make_room(self) -> None:
        """Remove the least recently used records if there are too many."""
        assert self._folder is not None
        held = []
        for path in self._folder.glob(f"*{_SUFFIX}"):
            with suppress(OSError):  # another process may have removed it
                seen = path.stat()
                held.append((seen.st_mtime_ns, seen.st_size, path))
        left = _MOST_BYTES
        for _, size, path in sorted(held, reverse=True):
            left -= size
            if left < 0:
                path.unlink(missing_ok=True)


def _own_folder() -> Path | None:
    """The folder of this user's records; None if none are stored, or there is no home folder."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted == OFF:
        return None
    if wanted:
        return Path(wanted)
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(cache):
        return Path(cache) / "pimsim"
    try:
        return Path.home() / ".cache" / "pimsim"
    except RuntimeError:
        return None


def _private(folder: Path) -> bool:
    """Whether the folder exists and nobody else can write to it."""
    try:
        return stat.S_ISDIR(folder.stat().st_mode) and _own(folder.stat())
    except OSError:
        return False


def _own(found: os.stat_result) -> bool:
    """Whether only the user can write to it; True on systems without users."""
    if not hasattr(os, "getuid"):
        return True
    return found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o022


def _usable(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and _own(found) and found.st_size <= LARGEST_BYTES


# -- a record as bytes ----------------------------------------------------------------------------


def _written(name: str, value: Any) -> list[bytes | memoryview]:
    """The bytes of a record, in pieces."""
    arrays: list[np.ndarray[Any, Any]] = []

    def plain(some: Any) -> Any:
        if isinstance(some, np.ndarray):
            arrays.append(np.ascontiguousarray(some, some.dtype.newbyteorder("<")))
            if arrays[-1].dtype.str not in _KINDS:
                raise ValueError(f"arrays of a record must be one of {_KINDS}, not {some.dtype}")
            return {_ARRAY: len(arrays) - 1}
        if isinstance(some, Mapping):
            return {key: plain(each) for key, each in some.items()}
        if isinstance(some, (list, tuple)):
            return [plain(each) for each in some]
        return some.item() if isinstance(some, np.generic) else some

    held = plain(value)
    shapes = [[each.dtype.str, list(each.shape)] for each in arrays]
    head = json.dumps({"name": name, "value": held, "arrays": shapes}).encode()
    head += b" " * (-(len(_MAGIC) + hashlib.sha256().digest_size + _HEADER.size + len(head)) % 64)
    body: list[bytes | memoryview] = [
        _HEADER.pack(len(head)),
        head,
        *(each.reshape(-1).view(np.uint8).data for each in arrays),
    ]
    found = hashlib.sha256()
    for piece in body:
        found.update(piece)
    return [_MAGIC, found.digest(), *body]


def _read(name: str, found: memoryview) -> Any:
    """The value of a record; raises ValueError or a similar error if it was damaged."""
    size = hashlib.sha256().digest_size
    begin = len(_MAGIC) + size
    body = found[begin:]
    if (
        found[: len(_MAGIC)] != _MAGIC
        or found[len(_MAGIC) : begin] != hashlib.sha256(body).digest()
    ):
        raise ValueError("a record must be whole")
    (length,) = _HEADER.unpack_from(body)
    at = _HEADER.size + length
    head = json.loads(bytes(body[_HEADER.size : at]))
    if head["name"] != name:
        raise ValueError("a record must have the name that it is kept under")
    arrays = []
    for kind, shape in head["arrays"]:
        if kind not in _KINDS or not all(type(each) is int and each >= 0 for each in shape):
            raise ValueError("arrays of a record must be of a known type")
        count = int(np.prod(shape, dtype=object)) if shape else 1
        array = np.frombuffer(body, kind, count, at).reshape(shape)
        arrays.append(array if array.flags.aligned else array.copy())
        at += arrays[-1].nbytes
    return _filled(head["value"], arrays)


def _filled(value: Any, arrays: Sequence[Any]) -> Any:
    """The value, with numbers of arrays replaced by the arrays."""
    if isinstance(value, dict):
        if value.keys() == {_ARRAY}:
            return arrays[value[_ARRAY]]
        return {key: _filled(each, arrays) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, arrays) for each in value]
    return value


# -- names ----------------------------------------------------------------------------------------


def digest(*values: Any) -> str:
    """Return a digest of values and of everything in them.

    Allowed are numbers, texts, arrays, and tuples, lists, mappings and dataclasses of these. Raises
    TypeError for anything else, because it may depend on more than it shows.

    >>> digest(1, "a", np.arange(3)) == digest(1, "a", np.arange(3))
    True
    >>> digest((1, 2), 3) == digest(1, (2, 3))
    False
    """
    found = hashlib.sha256()
    for part in _parts(values):
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.hexdigest()


def _parts(value: Any) -> Iterator[bytes | memoryview]:
    """Yield the parts of a value, each after its type."""
    if isinstance(value, Enum):
        yield f"{type(value).__qualname__} {value.name}".encode()
    elif value is None or isinstance(value, (bool, int, float, str, Fraction, slice, range)):
        yield f"{type(value).__name__} {value!r}".encode()
    elif isinstance(value, bytes):
        yield b"bytes"
        yield value
    elif isinstance(value, np.generic):
        yield f"{value.dtype.str} {value.item()!r}".encode()
    elif isinstance(value, np.ndarray):
        yield f"array {value.dtype.str} {value.shape}".encode()
        yield np.ascontiguousarray(value).reshape(-1).view(np.uint8).data
    elif isinstance(value, Mapping):
        yield f"mapping {len(value)}".encode()
        for key, each in value.items():
            yield from _parts(key)
            yield from _parts(each)
    elif isinstance(value, (tuple, list)):
        yield f"{type(value).__qualname__} {len(value)}".encode()
        for each in value:
            yield from _parts(each)
    elif isinstance(value, (set, frozenset)):
        yield f"set {sorted(map(digest, value))}".encode()
    elif is_dataclass(value) and not isinstance(value, type):
        yield f"{type(value).__module__} {type(value).__qualname__}".encode()
        for one in fields(value):
            yield one.name.encode()
            yield from _parts(getattr(value, one.name))
    else:
        raise TypeError(f"cannot say what {type(value).__qualname__} depends on")


def sources(folders: Iterable[Path]) -> str:
    """Return a digest of all sources and tables in folders.

    Raises OSError if one cannot be read.
    """
    found = hashlib.sha256()
    for folder in folders:
        for name in sorted(_sources_in(str(folder))):
            with open(os.path.join(folder, name), "rb", buffering=0) as file:
                text = file.read()
            found.update(f"{name} {len(text)}\n".encode())
            found.update(text)
    return found.hexdigest()


def _sources_in(folder: str) -> Iterator[str]:
    """Names of sources and tables, from a folder on."""

    def refuse(error: OSError) -> None:
        raise error

    for inside, _, names in os.walk(folder, onerror=refuse):
        here = os.path.relpath(inside, folder)
        yield from (os.path.join(here, name) for name in names if name.endswith((".py", ".toml")))
