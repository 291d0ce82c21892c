"""Arrays out of ``.npz`` and ``.npy`` files, checked before anything is unpacked.

The sizes that a file states are checked first. An archive that would unpack beyond the bounds is
refused at once, and so is an array whose head promises more than follows. Nothing is unpickled.

>>> import tempfile
>>> path = Path(tempfile.mkdtemp()) / "a.npz"
>>> np.savez(path, x=np.arange(6.0).reshape(2, 3), y=np.array([1, 0]))
>>> with ArrayFile(path, "`--data`") as file:
...     print(file.names, file.read("x", np.float32).tolist())
('x', 'y') [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
"""

from __future__ import annotations

import zipfile
from math import prod
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from pimsim import memory
from pimsim.documents import beside
from pimsim.errors import InputError, unreadable

LARGEST = 4 << 30
"""Most bytes that the arrays read from a file may have."""
LARGEST_PACKED = 256 << 20
"""Most bytes that a member of an archive may unpack to, if that is more than `STEEPEST` times its
size. Images pack to a half or a tenth; a file that packs much better holds almost no
information."""
STEEPEST = 100

_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_NPY = b"\x93NUMPY"
_AT_ONCE = 1 << 22


def require_bounded(
    named: str, packed: int, size: int, of: str = "its size", hint: str = ""
) -> None:
    """Raise :class:`~pimsim.errors.InputError` for data that unpack to more than is allowed.

    Args:
        named: what messages call the data.
        packed: bytes of the packed data.
        size: bytes that they unpack to.
        of: what messages call ``packed``.
        hint: what could be done about it.

    """
    if size > max(LARGEST_PACKED, STEEPEST * packed):
        raise InputError(
            f"{named} must unpack to at most {LARGEST_PACKED >> 20} MiB, or {STEEPEST} times {of}, "
            f"not from {packed:,} to {size:,} bytes{hint}"
        )


class ArrayFile:
    """A ``.npz`` archive, or a ``.npy`` file, which is then one array without a name.

    Args:
        path: the file; its first bytes say which it is.
        option: how messages call what named the file.

    Raises:
        InputError: no such file, or another kind of file.
    """

    def __init__(self, path: Path, option: str) -> None:
        self._option, self._where = option, repr(str(path))
        self._archive: zipfile.ZipFile | None = None
        self._size = 0
        try:
            self._file: IO[bytes] = path.open("rb")
        except FileNotFoundError:
            raise InputError(
                f"{option} must be an existing file, not {self._where}{beside(path)}"
            ) from None
        except OSError as error:
            raise unreadable(f"{option} {self._where}", error) from None
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> None:
        begin = self._file.read(len(_NPY))
        self._size = self._file.seek(0, 2)
        self._file.seek(0)
        if begin == _NPY:
            self.names: tuple[str, ...] = ("",)
            return
        if not begin:
            raise InputError(f"{self._option} must hold arrays: {self._where} is empty")
        if not begin.startswith((_ZIP, _EMPTY_ZIP)):
            raise self._no_arrays()
        try:
            self._archive = zipfile.ZipFile(self._file)
            found = self._archive.namelist()
        except Exception:  # a damaged archive fails in any way it likes
            raise self._damaged() from None
        self.names = tuple(name.removesuffix(".npy") for name in found if name.endswith(".npy"))

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self, name: str, dtype: DTypeLike = None) -> NDArray[Any]:
        """Return an array of plain numbers, in the byte order of this machine.

        Args:
            name: one of ``names``.
            dtype: that numbers are converted to while they are read, so that they are held once;
                bytes stay bytes, and None leaves all as they are.

        Raises:
            InputError: larger than the bounds, damaged, no numbers, or beyond what ``dtype`` holds.
        """
        try:
            if self._archive is None:
                return self._array(self._file, self._size, name, dtype)
            member = self._archive.getinfo(f"{name}.npy")
            self._check_bounds(name, member)
            with self._archive.open(member) as stream:
                return self._array(stream, member.file_size, name, dtype)
        except (InputError, MemoryError):  # no memory is not a damaged file
            raise
        except Exception:  # what is read first may be whole, and the array damaged
            raise self._damaged() from None

    def _check_bounds(self, name: str, member: zipfile.ZipInfo) -> None:
        size, packed = member.file_size, member.compress_size
        if packed > self._size:
            raise self._damaged()
        hint = "; if that is what it should hold, write it with np.savez, not compressed"
        require_bounded(self._named(name), packed, size, "its size in the file", hint)

    def _array(self, stream: IO[bytes], size: int, name: str, dtype: DTypeLike) -> NDArray[Any]:
        version = npy.read_magic(stream)  # type: ignore[no-untyped-call]
        head = {
            (1, 0): npy.read_array_header_1_0,
            (2, 0): npy.read_array_header_2_0,
            (3, 0): npy.read_array_header_2_0,  # as 2.0, but names of fields may be in UTF-8
        }[version]
        shape, by_columns, kept = head(stream)  # type: ignore[no-untyped-call]
        if kept.hasobject:
            raise self._no_arrays()
        if min(shape, default=0) < 0:
            raise self._damaged()
        if kept.kind not in "biuf" or kept.shape:
            raise InputError(f"{self._named(name)} must hold numbers, not {_named(kept)}")
        taken = kept.newbyteorder("=") if dtype is None or kept == np.uint8 else np.dtype(dtype)
        count = prod(shape)
        held = count * max(taken.itemsize, kept.itemsize)
        if held > LARGEST:
            raise InputError(
                f"{self._named(name)} must take at most {LARGEST >> 30} GiB, not {held:,} bytes "
                f"of shape {shape}; give it in parts"
            )
        memory.require(count * taken.itemsize, f"the numbers of {self._named(name)}")
        if stream.tell() + count * kept.itemsize != size:
            raise InputError(
                f"{self._named(name)} must hold the {count} numbers of shape {shape} that its "
                "head promises, not more or fewer; save it again"
            )
        flat = np.empty(count, taken)
        step = max(1, _AT_ONCE // kept.itemsize)
        for start in range(0, count, step):
            end = min(start + step, count)
            values = np.frombuffer(_exactly(stream, (end - start) * kept.itemsize), kept)
            with np.errstate(over="ignore"):
                flat[start:end] = values
            if taken.kind == "f" and np.isfinite(values).all():
                beyond = ~np.isfinite(flat[start:end])
                if beyond.any():
                    raise InputError(
                        f"{self._named(name)} must hold numbers that {taken} has, "
                        f"not {values[beyond.argmax()]:.9g}"
                    )
        stream.read(1)  # the end of a member is where its checksum is compared
        if by_columns:
            return np.ascontiguousarray(flat.reshape(shape[::-1]).transpose())
        return flat.reshape(shape)

    def _named(self, name: str) -> str:
        return f"`{name}` in {self._where}" if name else f"the array in {self._where}"

    def _damaged(self) -> InputError:
        """The error for a file that begins like one with arrays, and is damaged further on."""
        return InputError(
            f"{self._option} must be a whole file: {self._where} is truncated or damaged; copy or "
            "save it again"
        )

    def _no_arrays(self) -> InputError:
        return InputError(
            f"{self._option} must be a .npz or .npy file of plain arrays (no pickled objects), "
            f"not {self._where}"
        )


def _exactly(stream: IO[bytes], size: int) -> bytes:
    pieces, left = [], size
    while left:
        piece = stream.read(left)
        if not piece:
            raise EOFError
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _named(dtype: np.dtype[Any]) -> str:
    if dtype.kind in "SU":
        return "texts (np.unique(texts, return_inverse=True)[1] numbers them)"
    return str(dtype)
