"""What data sets in files share: a checked download, and the pixels that are read."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pimsim.errors import InputError

Split = Literal["test", "train"]
"""Images to measure an accuracy with, or images to learn from."""

OnDownload = Callable[[str, int, int], None]
"""Called with the name of the file, the bytes received, and all bytes (0: unknown)."""

_CHUNK_BYTES = 1 << 18
_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """Eight-bit images and their labels, before anything scales them.

    Raises:
        InputError: wrong dtype or dimensions, no image, or not one label an image.
    """

    images: NDArray[np.uint8]
    """Shape ``(n, height, width, channels)``."""
    labels: NDArray[np.int64]
    """Shape ``(n,)``."""
    title: str
    """What reports call the data."""
    source: str
    """File or folder that they were read from."""

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or images.ndim != 4 or len(images) == 0:
            raise InputError(
                f"{self.source!r} must hold images of uint8, "
                f"not {images.dtype} of shape {images.shape}"
            )
        if labels.shape != images.shape[:1]:
            raise InputError(
                f"{self.source!r} must hold one label an image, "
                f"not labels of shape {labels.shape} for {len(images)} images"
            )


def cache_folder() -> Path:
    """Folder for downloaded data: ``$XDG_CACHE_HOME/pimsim``, or ``~/.cache/pimsim``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pimsim"


def fetch(
    urls: Sequence[str],
    target: Path,
    sha256: str,
    *,
    digest_of: Literal["file", "unpacked"] = "file",
    on_download: OnDownload = lambda *_: None,
) -> None:
    """Download to ``target`` from the first of ``urls`` that gives the right file.

    The file appears only after it has been checked against its SHA-256.

    Args:
        urls: the same file in several places.
        target: where to put it; its folder is made. Replaced whole, or not at all.
        sha256: digest that the file must have, in hexadecimal.
        digest_of: whether the digest is of the file, or of what its gzip wrapper holds.
        on_download: told how far it is.

    Raises:
        InputError: no address gives the file, or ``target`` cannot be written.
    """
    reasons = []
    for url in urls:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        except OSError as error:
            raise InputError(f"{str(target)!r} cannot be written: {error.strerror}") from None
        partial = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                _copy(url, file.write, target.name, on_download)
            found = _sha256(partial, digest_of)
            if found == sha256:
                os.replace(partial, target)
                return
            reasons.append(f"{url} has SHA-256 {found[:12]}..., not {sha256[:12]}...")
        except (OSError, EOFError, zlib.error) as error:
            reasons.append(f"{url}: {getattr(error, 'reason', None) or error}")
        finally:
            partial.unlink(missing_ok=True)
    raise InputError(f"{target.name} could not be downloaded ({'; '.join(reasons)})")


def _copy(url: str, write: Callable[[bytes], object], name: str, on_download: OnDownload) -> None:
    import urllib.request  # which takes 20 ms, and no other run needs

    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:
        total = int(response.headers.get("Content-Length") or 0)
        come = 0
        while chunk := response.read(_CHUNK_BYTES):
            write(chunk)
            come += len(chunk)
            on_download(name, come, total)


def _sha256(path: Path, digest_of: Literal["file", "unpacked"]) -> str:
    with gzip.open(path) if digest_of == "unpacked" else path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
