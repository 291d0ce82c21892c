"""Embedded pictures: arrays as PNG and PNG files as they are, both as ``data:`` addresses."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.figures.wanted import FORMATS
from experiments.html.blocks import Block, Picture, Text

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST = 512
"""Largest width or height of a picture that is shown, in pixels."""


def png(pixels: NDArray[Any]) -> bytes:
    r"""Return an image as a PNG file (ISO/IEC 15948): 8 bits a sample, grey or RGB.

    Args:
        pixels: (height, width) or (height, width, 3) uint8.

    >>> import numpy as np
    >>> png(np.zeros((2, 3), np.uint8))[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    height, width = pixels.shape[:2]
    colour = 2 if pixels.ndim == 3 else 0
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)  # filter 0: as they are
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)


def uri(data: bytes, kind: str = "image/png") -> str:
    """Return a ``data:`` address of a picture.

    >>> uri(b"abc")
    'data:image/png;base64,YWJj'
    """
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


KINDS = {".png": "image/png", ".svg": "image/svg+xml"}
"""Files that a page can show, by their ending, the one to choose first."""


def of_file(path: Path) -> str:
    """Return the address of a file of one of :data:`KINDS`."""
    return uri(path.read_bytes(), KINDS[path.suffix])


def figure(path: Path, alt: str) -> Block:
    """Return a figure as it was written: a picture, or where it lies if no page can show it.

    Args:
        path: of one of its files; others differ in their ending.
        alt: the figure in words.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     drawn = Path(folder) / "tra.pdf"
    ...     _ = drawn.write_bytes(b"")
    ...     print(figure(drawn, "levels").text)
    The figure lies beside this page: tra.pdf
    """
    for suffix in KINDS:
        if path.with_suffix(suffix).exists():
            return Picture(of_file(path.with_suffix(suffix)), alt)
    drawn = [path.with_suffix(f".{form}") for form in FORMATS]
    files = ", ".join(one.name for one in drawn if one.exists())
    return Text(f"The figure lies beside this page: {files}")


def shown(images: NDArray[Any]) -> list[NDArray[Any]] | None:
    """Return inputs of a network as pixels, scaled together; None if they are not pictures.

    Args:
        images: (n, height, width), (n, height, width, 1 or 3), or (n, size) where size is a square.

    Returns:
        (height, width) or (height, width, 3) uint8 each. NaN and infinity are black.

    >>> import numpy as np
    >>> [one.tolist() for one in shown(np.array([[-1.0, 0, 0, 1]]))]
    [[[0, 127], [127, 255]]]
    """
    import numpy as np

    shape = images.shape[1:]
    side = round(float(np.sqrt(shape[0]))) if len(shape) == 1 else 0
    if len(shape) == 1 and side > 1 and side * side == shape[0]:
        shape = (side, side)
    if len(shape) == 3 and shape[2] == 1:
        shape = shape[:2]
    if len(shape) != (3 if shape[-1] == 3 and len(shape) == 3 else 2) or max(shape) > LARGEST:
        return None
    values = np.nan_to_num(images.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    if not values.size:
        return []
    low, high = values.min(), values.max()
    scaled = (values - low) * (255 / (high - low if high > low else 1.0))
    return [*scaled.astype(np.uint8).reshape(-1, *shape)]
