"""CIFAR-10: 50,000 + 10,000 photographs in ten classes, 32 x 32 x 3, from any of its packings.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. Formats: the
"python" and "binary" archives of its web page, packed or unpacked, and a smaller lossy one
(``cifar10_jpeg.npz``: a JPEG scan an image, behind one shared header).
"""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
from collections.abc import Callable
from functools import partial
from itertools import islice, pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.data.archives import OnDownload, Pixels, Split, fetch
from bnn.data.array_file import ArrayFile
from pimsim.errors import InputError

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip

_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
_ARCHIVE = "cifar-10-binary.tar.gz"
_ARCHIVE_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"

_JPEG_SHA256: dict[Split, str] = {
    "train": "86f5d04cec053f2b10c1307c973faf9deb6acf3a28611026681133b8abc68790",
    "test": "5fce8f6a84d7de12f276662376ce80f5f19c236502ddae2e16c3f187c0386c13",
}
"""Digests of the decoded pixels (Pillow 13, libjpeg-turbo 3.2): decoders may round differently."""
_FIRST = 100
_FIRST_JPEG_SHA256: dict[Split, str] = {
    "train": "0f65baaf26c9d15a646319b2cb967d51b38e141e12d6436f1fafeb9a2b7c9343",
    "test": "bc2032ed733a71b1f5489e58f451fd48778df0f284b13830c927e46e0d9c6131",
}
"""The same for the first images only, if few are wanted: a decoder rounds alike in all of them."""

_BATCHES: dict[Split, tuple[str, ...]] = {
    "train": tuple(f"data_batch_{i}" for i in range(1, 6)),
    "test": ("test_batch",),
}
_LARGEST_BATCH = 64 << 20
"""Bytes of a batch at most; one of 10,000 images has half of that."""
_PYTHON = ("cifar-10-batches-py", "cifar-10-batches-py-target/cifar-10-batches-py")
_PYTHON_PACKED = (
    "cifar-10-python.tar.gz",
    "cifar-10-batches-py.tar.gz",
    "cifar-10-batches-py-target_archive",
)
_BINARY = ("cifar-10-batches-bin",)
_BINARY_PACKED = (_ARCHIVE,)


def find(folder: Path, split: Split, limit: int | None = None) -> Pixels | None:
    """Read one half of CIFAR-10 from ``folder`` or its subfolder ``cifar10``; None if not there.

    With a limit, at least as many of its first images, and of JPEG scans hardly more.

    Raises:
        InputError: the files are there, and damaged; or Pillow is needed and missing.
    """
    kinds: tuple[tuple[tuple[str, ...], Callable[[Path, Split], Pixels]], ...] = (
        (_BINARY, _binary),
        (_BINARY_PACKED, _binary),
        (_PYTHON, _python),
        (_PYTHON_PACKED, _python),
        (("cifar10_jpeg.npz",), partial(_jpeg, limit=limit)),
    )
    for place in (folder / "cifar10", folder):
        for names, read in kinds:
            for name in names:
                if (place / name).exists():
                    return read(place / name, split)
    return None


def download(folder: Path, split: Split, on_download: OnDownload) -> None:
    """Put the binary archive (170 MB, both halves) into ``folder/cifar10``."""
    del split
    fetch([_URL], folder / "cifar10" / _ARCHIVE, _ARCHIVE_SHA256, on_download=on_download)


def _binary(path: Path, split: Split) -> Pixels:
    record = 1 + 3 * 32 * 32
    parts = []
    for name, content in _members(path, tuple(f"{batch}.bin" for batch in _BATCHES[split])):
        if len(content) == 0 or len(content) % record:
            raise InputError(
                f"{name!r} in {str(path)!r} must hold records of {record} bytes, "
                f"not {len(content)} bytes"
            )
        parts.append(np.frombuffer(content, np.uint8).reshape(-1, record))
    records = np.concatenate(parts)
    return _pixels(records[:, 1:], records[:, 0], path)


def _python(path: Path, split: Split) -> Pixels:
    images, labels = [], []
    for name, content in _members(path, _BATCHES[split]):
        try:
            batch = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
            images.append(np.asarray(batch[b"data"], dtype=np.uint8).reshape(-1, 3 * 32 * 32))
            labels.append(np.asarray(batch[b"labels"], dtype=np.int64))
        except Exception as error:  # a damaged pickle fails in any way it likes
            raise InputError(
                f"{name!r} in {str(path)!r} must be a batch of CIFAR-10: {error}"
            ) from None
    return _pixels(np.concatenate(images), np.concatenate(labels), path)


class _ArraysOnly(pickle.Unpickler):
    """Unpickles dictionaries, numbers and plain arrays, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np.empty(0).__reduce__()[0]
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _members(path: Path, names: tuple[str, ...]) -> list[tuple[str, bytes]]:
    """Give the contents of the named files of a folder or a packed archive, in that order."""
    contents: dict[str, bytes] = {}
    try:
        if path.is_dir():
            contents = {n: (path / n).read_bytes() for n in names if (path / n).is_file()}
        else:
            with tarfile.open(path) as archive:
                for member in archive:
                    name = PurePosixPath(member.name).name
                    file = archive.extractfile(member) if name in names else None
                    if file is not None:
                        if member.size > _LARGEST_BATCH:
                            raise InputError(
                                f"{name!r} in {str(path)!r} must have at most "
                                f"{_LARGEST_BATCH >> 20} MiB, not {member.size:,} bytes"
                            )
                        contents[name] = file.read()
    except (OSError, EOFError, tarfile.TarError) as error:
        raise InputError(f"{str(path)!r} must be an archive of CIFAR-10: {error}") from None
    for name in names:
        if name not in contents:
            raise InputError(f"{str(path)!r} must hold {name!r}")
    return [(name, contents[name]) for name in names]


def _pixels(planes: NDArray[np.uint8], labels: NDArray[Any], path: Path) -> Pixels:
    images = planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Pixels(np.ascontiguousarray(images), labels.astype(np.int64), "cifar10", str(path))


def _jpeg(path: Path, split: Split, limit: int | None = None) -> Pixels:
    try:
        from PIL import Image
    except ImportError:
        raise InputError(
            f"{str(path)!r} needs Pillow to be read: pip install 'pimsim[images]'"
        ) from None
    try:
        with ArrayFile(path, "`--data-dir`") as archive:
            header = archive.read("jpeg_header").tobytes()
            scans, ends = archive.read(f"{split}_scan"), archive.read(f"{split}_offset").tolist()
            labels = archive.read(f"{split}_label")
        wanted = None if limit is None else max(limit, _FIRST)
        files = (header + scans[a:b].tobytes() for a, b in islice(pairwise(ends), wanted))
        images = np.stack([np.asarray(Image.open(io.BytesIO(one))) for one in files])
    except Exception as error:  # a damaged archive or scan fails in any way it likes
        raise InputError(f"{str(path)!r} must hold CIFAR-10 as JPEG scans: {error}") from None
    title = "CIFAR-10 (JPEG re-encode)"
    whole = wanted is None or wanted >= len(labels)
    digest = hashlib.sha256((images if whole else images[:_FIRST]).tobytes()).hexdigest()
    if digest != (_JPEG_SHA256 if whole else _FIRST_JPEG_SHA256)[split]:
        title = "CIFAR-10 (JPEG re-encode, decoded to other pixels than the reference's)"
    return Pixels(images, labels[:wanted].astype(np.int64), title, str(path))
