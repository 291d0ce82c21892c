"""MNIST: 60,000 + 10,000 handwritten digits, 28 x 28 grey pixels, from IDX files or Keras's cache.

Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bnn.data.archives import OnDownload, Pixels, Split, fetch
from bnn.data.array_file import ArrayFile, require_bounded
from pimsim.errors import InputError

CLASSES = tuple("0123456789")

_AT_ONCE = 1 << 22

_FILES: dict[Split, tuple[str, str]] = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
_UNPACKED_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""Digests of the original files without their gzip wrapper, which differs between mirrors."""

_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


def find(folder: Path, split: Split, limit: int | None = None) -> Pixels | None:
    """Read one half of MNIST from ``folder`` or its subfolder ``mnist``; None if it is not there.

    The two IDX files of the half are taken, packed or not; else Keras's ``mnist.npz``. All images
    are read, whatever the limit, because the files are unpacked as a whole.

    Raises:
        InputError: the files are there, and damaged.
    """
    del limit
    for place in (folder / "mnist", folder):
        files = [_existing(place, name) for name in _FILES[split]]
        if files[0] is not None and files[1] is not None:
            images, labels = read_idx(files[0], 3), read_idx(files[1], 1)
            return Pixels(images[..., None], labels.astype(np.int64), "mnist", str(place))
        archive = place / "mnist.npz"
        if archive.is_file():
            return _read_keras(archive, split)
    return None


def download(folder: Path, split: Split, on_download: OnDownload) -> None:
    """Put the two files of one half into ``folder/mnist``."""
    for name in _FILES[split]:
        target = folder / "mnist" / f"{name}.gz"
        if not target.is_file():
            fetch(
                [f"{mirror}{name}.gz" for mirror in _MIRRORS],
                target,
                _UNPACKED_SHA256[name],
                digest_of="unpacked",
                on_download=on_download,
            )


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of bytes, packed with gzip if its name ends in ``.gz``.

    Format: two zero bytes, type 0x08, number of dimensions, one big-endian uint32 each, data.

    Raises:
        InputError: unreadable, no such file, other dimensions, or another length than it says.
    """
    head = 4 + 4 * dimensions
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            begun = file.read(head)
            known = len(begun) == head and begun[:4] == bytes((0, 0, 8, dimensions))
            shape = struct.unpack(f">{dimensions}I", begun[4:]) if known else ()
            promised = prod(shape) if known else 0
            if path.suffix == ".gz":
                require_bounded(repr(str(path)), path.stat().st_size, head + promised)
            content = _at_most(file, promised + 1)  # one more, if there is one
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{str(path)!r} must be an IDX file, not one that fails: {error}"
        ) from None
    if not known:
        raise InputError(
            f"{str(path)!r} must be an IDX file of bytes in {dimensions} dimensions, "
            f"not begin with {begun[:4].hex()!r}"
        )
    found = len(content)
    if found != promised:
        told = f"{found} or more" if found > promised else str(found)
        raise InputError(f"{str(path)!r} must hold {promised} values, as its head says, not {told}")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _at_most(file: gzip.GzipFile | io.BufferedReader, size: int) -> bytes:
    """Read up to ``size`` bytes; memory is taken only for those that exist."""
    pieces, left = [], size
    while left and (piece := file.read(min(left, _AT_ONCE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _existing(folder: Path, name: str) -> Path | None:
    candidates = (folder / f"{name}.gz", folder / name)
    return next((path for path in candidates if path.is_file()), None)


def _read_keras(path: Path, split: Split) -> Pixels:
    try:
        with ArrayFile(path, "`--data-dir`") as archive:
            images, labels = archive.read(f"x_{split}"), archive.read(f"y_{split}")
    except Exception as error:  # a damaged archive fails in any way it likes
        raise InputError(f"{str(path)!r} must be Keras's MNIST: {error}") from None
    return Pixels(images[..., None], labels.astype(np.int64), "mnist", str(path))
