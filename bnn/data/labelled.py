"""Images and labels as people have them in files: which array is which, and in what form.

From a ``.npz`` file, the first of :data:`PAIRS` that exists is taken. A ``.npy`` file holds only
images; labels are in a file beside it with the matching name (:data:`BESIDE`), or in a named file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.data.array_file import ArrayFile
from bnn.data.datasets import Dataset
from pimsim.errors import InputError

PAIRS = (
    ("x", "y"),
    ("x_test", "y_test"),
    ("X", "y"),
    ("X_test", "y_test"),
    ("images", "labels"),
    ("test_images", "test_labels"),
    ("x_train", "y_train"),
    ("X_train", "y_train"),
    ("train_images", "train_labels"),
    ("arr_0", "arr_1"),
)
"""What images and labels are called in a ``.npz`` file, in the order in which they are looked for;
the last is what ``np.savez`` calls arrays without names."""

BESIDE = {images: labels for images, labels in PAIRS if images != "arr_0"}
"""By the name of a ``.npy`` file of images, without its ending: that of the labels beside it."""

_MOST_NAMED = 6


def labels_beside(path: Path) -> Path | None:
    """Return the ``.npy`` file of labels that lies beside one of images; None if there is none.

    >>> labels_beside(Path("somewhere") / "x.npy") is None
    True
    """
    name = BESIDE.get(path.stem) if path.suffix == ".npy" else None
    found = None if name is None else path.with_name(f"{name}.npy")
    return found if found is not None and found.is_file() else None


def load_file(path: Path, labels: Path | None = None) -> Dataset:
    """Return images and labels of a ``.npz`` or ``.npy`` file.

    Images ``(n, ...)`` are numbers of any type: bytes stay bytes, all others become float32, as
    Keras makes them. Labels ``(n, ...)`` are whole numbers of any type, in the shape that the file
    has; numbers that are not whole are no labels.

    Args:
        path: the file of images.
        labels: the file of labels; None for those in the same file, or beside it.

    Raises:
        InputError: missing or unreadable file; no images in it; no numbers; pickled objects;
            larger than the bounds; empty; NaN or infinity; another number of labels.
    """
    with ArrayFile(path, "`--data`") as file:
        names = _chosen(file.names, path)
        x = file.read(names[0], np.float32)
        _check_images(x, _called(names[0] or "x", path))
        y = called = None
        if labels is None and names[1] in file.names:
            y, called = file.read(names[1]), _called(names[1], path)
    labels = labels or (labels_beside(path) if y is None else None)
    if labels is not None:
        y, called = _labels_of(labels)
    name = path.name if names[0] in ("", "x") else f"{path.name} ({names[0]})"
    if y is None or called is None:
        return Dataset(name, x, None, (), str(path))
    whole, why = _whole(y, called, len(x))
    return Dataset(name, x, whole, (), str(path), why or "no labels")


def _chosen(names: tuple[str, ...], path: Path) -> tuple[str, str]:
    if names == ("",):
        return "", "y"
    found = next((pair for pair in PAIRS if pair[0] in names), None)
    if found is not None:
        return found
    listed = ", ".join(map(repr, sorted(names)[:_MOST_NAMED])) or "nothing"
    raise InputError(
        f"{str(path)!r} must hold an array `x` (or `x_test`), not {listed}; "
        "np.savez(path, x=images, y=labels) makes such a file"
    )


def _labels_of(path: Path) -> tuple[NDArray[Any], str]:
    with ArrayFile(path, "`--labels`") as file:
        if file.names == ("",):
            return file.read(""), _called("y", path)
        for _, name in PAIRS:
            if name in file.names:
                return file.read(name), _called(name, path)
    raise InputError(f"{str(path)!r} must hold labels as an array `y`")


def _called(name: str, path: Path) -> str:
    return f"`{name}` in {str(path)!r}"


def _check_images(x: NDArray[Any], called: str) -> None:
    if x.ndim < 2:
        raise InputError(
            f"{called} must have the shape (n, ...), one array an image, not {x.shape}"
        )
    if x.size == 0:
        raise InputError(f"{called} must hold at least one image, not shape {x.shape}")
    _check_finite(x, called)


def _check_finite(values: NDArray[Any], called: str) -> None:
    if not np.isfinite(values).all():
        first = int(np.argwhere(~np.isfinite(values))[0, 0])
        raise InputError(f"{called} must be finite, not NaN or infinite (image {first})")


def _whole(y: NDArray[Any], called: str, images: int) -> tuple[NDArray[np.int64] | None, str]:
    """Labels as integers; or None, and why they are none."""
    if y.ndim == 0 or len(y) != images:
        raise InputError(
            f"{called} must hold one label for each of {images} images, not the shape {y.shape}"
        )
    if y.dtype.kind == "f":
        _check_finite(y, called)
        broken = y != np.rint(y)
        if broken.any():
            first = y[broken][0]
            return None, f"{called} holds numbers that are not whole, such as {first:g}: no labels"
    if y.size and not -(2.0**63) <= float(y.min()) <= float(y.max()) < 2.0**63:
        wrong = y.max() if float(y.max()) >= 2.0**63 else y.min()
        raise InputError(f"{called} must hold labels from 0, not {wrong}")
    return y.astype(np.int64), ""
