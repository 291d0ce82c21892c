"""Labelled images by name: ``digits``, ``mnist``, ``cifar10``.

A named data set is looked for in ``data_dir``, then in ``$PIMSIM_DATA``, then in Keras's cache, and
then in pimsim's own cache. If it is nowhere, it is downloaded into the last.

>>> digits = load("digits")
>>> digits.x.shape, str(digits.x.dtype), digits.y.shape
((364, 64), 'float32', (364,))
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from bnn.data import cifar10, mnist
from bnn.data.archives import OnDownload, Pixels, Split, cache_folder
from bnn.values.encoding import Encoding
from pimsim import memory
from pimsim.documents import require_one_of
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Inputs as a network is fed with them, and what they show."""

    name: str
    """What reports call it."""
    x: NDArray[np.float32] | NDArray[np.uint8]
    """Inputs, shape ``(n, ...)``: whatever axes the network takes."""
    y: NDArray[np.int64] | None
    """Labels, shape ``(n,)`` or as the file has them, or None when there are none."""
    classes: tuple[str, ...]
    """Name of each label; empty when not known."""
    source: str
    """Where the data were found."""
    unlabelled: str = "no labels"
    """Why there are no labels, where there are none."""
    encoding: Encoding | None = None
    """How inputs correspond to integers, if they are in a scale that is not one of the usual
    ones."""


@dataclass(frozen=True, slots=True)
class _Archive:
    """A data set that comes in files: how to find it in a folder, and how to get it there."""

    find: Callable[[Path, Split, int | None], Pixels | None]
    download: Callable[[Path, Split, OnDownload], None]
    classes: tuple[str, ...]
    shape: tuple[int, ...]
    """Shape of an image."""


_ARCHIVES = {
    "mnist": _Archive(mnist.find, mnist.download, mnist.CLASSES, (28, 28, 1)),
    "cifar10": _Archive(cifar10.find, cifar10.download, cifar10.CLASSES, (32, 32, 3)),
}

NAMES = ("digits", *_ARCHIVES)
"""Data sets that :func:`load` knows."""


def load(
    name: str,
    split: Split = "test",
    data_dir: Path | None = None,
    on_download: OnDownload = lambda *_: None,
    limit: int | None = None,
) -> Dataset:
    """Return one half of a data set, or its first images alone, which are all that is decoded.

    ``digits``: shape ``(n, 64)``, float32 ``p/8 - 1`` of grey levels 0 to 16; bundled with
    scikit-learn. Its test half is every fifth image of each class, beginning with the first, so
    the same writers appear in both halves. ``mnist``: ``(n, 28, 28, 1)``, and ``cifar10``:
    ``(n, 32, 32, 3)``, both float32 ``p/127.5 - 1`` of 8-bit pixels.

    Args:
        name: one of :data:`NAMES`.
        split: ``"test"`` or ``"train"``.
        data_dir: folder that is looked into first.
        on_download: told how far a download is.
        limit: how many images are wanted at most; None: all.

    Raises:
        InputError: unknown name or split; no such folder; found nowhere; or damaged files.
    """
    if split not in get_args(Split):
        raise InputError(f"`split` must be 'test' or 'train', not {split!r}")
    if name == "digits":
        found = _digits(split)
        return replace(found, x=found.x[:limit], y=None if found.y is None else found.y[:limit])
    require_one_of("--data", name, NAMES, hint=True)
    if data_dir is not None and not data_dir.is_dir():
        raise InputError(f"`--data-dir` must be an existing folder, not {str(data_dir)!r}")
    archive = _ARCHIVES[name]
    pixels = _find(name, archive, split, data_dir, on_download, limit)
    x, y = _scaled(pixels.images[:limit]), pixels.labels[:limit]
    return Dataset(pixels.title, x, y, archive.classes, pixels.source)


def levels(name: str) -> NDArray[np.float32]:
    """Return every value that an input of a named data set can take, without reading any.

    Raises:
        InputError: unknown name.

    >>> levels("digits").size, levels("mnist")[[0, -1]].tolist()
    (17, [-1.0, 1.0])
    """
    if name == "digits":
        return _digit_levels(np.arange(17.0))
    require_one_of("--data", name, NAMES, hint=True)
    return _scaled(np.arange(256))


def shape(name: str) -> tuple[int, ...]:
    """Return the shape of an image of a named data set, without reading any.

    Raises:
        InputError: unknown name.

    >>> shape("digits"), shape("mnist")
    ((64,), (28, 28, 1))
    """
    if name == "digits":
        return (64,)
    require_one_of("--data", name, NAMES, hint=True)
    return _ARCHIVES[name].shape


def _scaled(pixels: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    memory.require(4 * pixels.size, f"{len(pixels):,} images")
    x = pixels.astype(np.float32)
    x /= np.float32(127.5)
    x -= np.float32(1)
    return x


def _digit_levels(grey: NDArray[np.float64]) -> NDArray[np.float32]:
    return (grey / 8 - 1).astype(np.float32)


def reshape_for(dataset: Dataset, input_shape: tuple[int, ...]) -> Dataset:
    """Return the data set in the shape that a network takes, the values in the same order.

    Axes of one value come and go, and images are flattened, row by row, for a network that takes a
    vector of as many values; nothing else is converted.

    Raises:
        InputError: the shapes differ otherwise.

    >>> reshape_for(Dataset("a", np.zeros((5, 2, 3, 1), np.uint8), None, (), ""), (6,)).x.shape
    (5, 6)
    >>> reshape_for(Dataset("a", np.zeros((5, 2, 3), np.uint8), None, (), ""), (2, 3, 1)).x.shape
    (5, 2, 3, 1)
    """
    shape = dataset.x.shape[1:]
    if shape == input_shape:
        return dataset
    alike = [size for size in shape if size > 1] == [size for size in input_shape if size > 1]
    flat = (prod(shape),) == input_shape
    if alike or flat:
        return replace(dataset, x=dataset.x.reshape(len(dataset.x), *input_shape))
    hint = ""
    if len(shape) > 1 and shape[1:] + shape[:1] == input_shape:
        order = ", ".join(map(str, (0, *range(2, len(shape) + 1), 1)))
        hint = f": channels last, as by x.transpose({order})"
    raise InputError(
        f"images of {dataset.name} must have the shape {input_shape} that the network takes, "
        f"not {shape}{hint}"
    )


def fingerprint(*sets: Dataset) -> str:
    """Return the SHA-256 of the inputs and labels of data sets, in order."""
    digest = hashlib.sha256()
    for one in sets:
        for array in (one.x, one.y):
            if array is not None:
                digest.update(f"{array.dtype} {array.shape};".encode())
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _digits(split: Split) -> Dataset:
    grey, y = _bundled_digits()
    fifth = np.zeros(y.size, dtype=bool)
    for digit in range(10):
        fifth[np.flatnonzero(y == digit)[::5]] = True
    mine = fifth if split == "test" else ~fifth
    x = _digit_levels(grey[mine])
    return Dataset("digits", x, y[mine], tuple("0123456789"), "scikit-learn")


@cache
def _bundled_digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Grey levels and labels of ``sklearn.datasets.load_digits``, from the file that it reads.

    Importing scikit-learn takes longer than all the rest of a short run.
    """
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise InputError("`digits` must come with scikit-learn, which is not installed")
    path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    try:
        rows = np.loadtxt(path, delimiter=",")
    except (OSError, ValueError) as error:
        raise InputError(f"{str(path)!r} must hold the digits, and does not: {error}") from None
    return rows[:, :-1], rows[:, -1].astype(np.int64)


def _find(
    name: str,
    archive: _Archive,
    split: Split,
    data_dir: Path | None,
    on_download: OnDownload,
    limit: int | None,
) -> Pixels:
    environment = os.environ.get("PIMSIM_DATA")
    keras = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"
    own = cache_folder()
    folders = [data_dir, Path(environment) if environment else None, keras, own]
    for folder in folders:
        pixels = archive.find(folder, split, limit) if folder is not None else None
        if pixels is not None:
            return pixels
    try:
        archive.download(own, split, on_download)
    except InputError as error:
        raise InputError(
            f"{name} was found neither in --data-dir ({data_dir or 'not given'}), "
            f"$PIMSIM_DATA ({environment or 'not set'}), {keras} nor {own}, and {error}"
        ) from None
    pixels = archive.find(own, split, limit)
    if pixels is None:
        raise InputError(f"{name} was downloaded to {own}, but is no longer there")
    return pixels
