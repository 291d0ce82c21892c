"""What would unpack beyond its bounds is refused before it is unpacked."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bnn.data import cifar10, mnist
from pimsim.errors import InputError

HUGE = 300 << 20


def _gzip(folder: Path) -> Callable[[], object]:
    path = folder / "t10k-images-idx3-ubyte.gz"
    with gzip.open(path, "wb") as file:  # its head promises what does not follow
        file.write(bytes((0, 0, 8, 3)) + struct.pack(">3I", HUGE // 784, 28, 28))
    return lambda: mnist.read_idx(path, 3)


def _keras(folder: Path) -> Callable[[], object]:
    np.savez_compressed(folder / "mnist.npz", x_test=np.zeros(HUGE, np.uint8), y_test=np.zeros(1))
    return lambda: mnist.find(folder, "test")


def _jpeg(folder: Path) -> Callable[[], object]:
    pytest.importorskip("PIL.Image")
    np.savez_compressed(folder / "cifar10_jpeg.npz", jpeg_header=np.zeros(HUGE, np.uint8))
    return lambda: cifar10.find(folder, "test")


def _tar(folder: Path) -> Callable[[], object]:
    member = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
    member.size = 65 << 20
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as archive:
        archive.addfile(member, io.BytesIO(bytes(member.size)))
    return lambda: cifar10.find(folder, "test")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (_gzip, "must unpack to at most 256 MiB, or 100 times its size, not from"),
        (_keras, "must unpack to at most 256 MiB, or 100 times its size in the file, not from"),
        (_jpeg, "must unpack to at most 256 MiB, or 100 times its size in the file, not from"),
        (_tar, "must have at most 64 MiB, not 68,157,440 bytes"),
    ],
)
def test_what_unpacks_to_too_much_is_refused(
    made: Callable[[Path], Callable[[], object]], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said) as refusal:
        made(tmp_path)()
    assert "\n" not in str(refusal.value)
