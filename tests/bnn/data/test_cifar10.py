from __future__ import annotations

import io
import os
import pickle
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from bnn.data import cifar10
from bnn.data.datasets import load
from pimsim.errors import InputError

TEST = ("test_batch",)
TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))


def batch(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Four images ``(4, 3072)``, planes red, green, blue; and their labels."""
    draw = np.random.default_rng(seed)
    return draw.integers(0, 256, (4, 3072)).astype(np.uint8), draw.integers(0, 10, 4).astype(
        np.uint8
    )


class Python2Pickler(pickle._Pickler):
    """Pickles texts and bytes as Python 2 did its strings, as they are in the original files."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_string(self, text: str | bytes) -> None:
        content = text if isinstance(text, bytes) else text.encode("ascii")
        self.write(b"T" + struct.pack("<i", len(content)) + content)
        self.memoize(text)

    dispatch[str] = dispatch[bytes] = save_string


def python_batch(seed: int) -> bytes:
    images, labels = batch(seed)
    file = io.BytesIO()
    Python2Pickler(file, protocol=2).dump({"data": images, "labels": labels.tolist()})
    return file.getvalue()


def binary_batch(seed: int) -> bytes:
    images, labels = batch(seed)
    return np.concatenate([labels[:, None], images], axis=1).tobytes()


def files(kind: str) -> dict[str, bytes]:
    make, suffix = (python_batch, "") if kind == "python" else (binary_batch, ".bin")
    return {f"{name}{suffix}": make(i) for i, name in enumerate((*TEST, *TRAIN))}


def unpacked(folder: Path, name: str, contents: dict[str, bytes]) -> None:
    (folder / name).mkdir(parents=True)
    for file, content in contents.items():
        (folder / name / file).write_bytes(content)


def packed(folder: Path, name: str, contents: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / name, "w:gz") as archive:
        for file, content in reversed(contents.items()):
            member = tarfile.TarInfo(f"cifar-10-batches/{file}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize(
    ("kind", "put", "name"),
    [
        ("python", unpacked, "cifar-10-batches-py"),
        ("python", unpacked, "cifar-10-batches-py-target/cifar-10-batches-py"),
        ("python", packed, "cifar-10-python.tar.gz"),
        ("python", packed, "cifar-10-batches-py.tar.gz"),
        ("binary", unpacked, "cifar-10-batches-bin"),
        ("binary", packed, "cifar-10-binary.tar.gz"),
    ],
)
@pytest.mark.parametrize("subfolder", ["cifar10", "."])
def test_every_packing_gives_the_same_images(
    tmp_path: Path,
    kind: str,
    put: Callable[[Path, str, dict[str, bytes]], None],
    name: str,
    subfolder: str,
) -> None:
    put(tmp_path / subfolder, name, files(kind))
    for split, seeds in (("test", [0]), ("train", [1, 2, 3, 4, 5])):
        found = cifar10.find(tmp_path, split)  # type: ignore[arg-type]
        assert found is not None
        assert found.title == "cifar10"
        images = np.concatenate([batch(seed)[0] for seed in seeds])
        for i, j, k in ((0, 0, 0), (31, 0, 2), (5, 7, 1)):
            assert (found.images[:, i, j, k] == images[:, k * 1024 + i * 32 + j]).all()
        assert (found.labels == np.concatenate([batch(seed)[1] for seed in seeds])).all()


class Evil:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return Path("/should-never-be-made").touch, ()  # type: ignore[return-value]


@pytest.mark.parametrize("payload", [{b"data": Evil(), b"labels": []}, print, {b"data": len}])
def test_nothing_but_arrays_is_unpickled(tmp_path: Path, payload: object) -> None:
    unpacked(tmp_path, "cifar-10-batches-py", {"test_batch": pickle.dumps(payload, protocol=2)})
    with pytest.raises(InputError, match="must be a batch of CIFAR-10: it asks for"):
        cifar10.find(tmp_path, "test")
    assert not Path("/should-never-be-made").exists()


@pytest.mark.parametrize(
    ("name", "contents", "reason"),
    [
        ("cifar-10-batches-bin", {"test_batch.bin": b"\0" * 3072}, "records of 3073 bytes"),
        ("cifar-10-batches-bin", {"test_batch.bin": b""}, "records of 3073 bytes, not 0 bytes"),
        ("cifar-10-batches-bin", {}, "must hold 'test_batch.bin'"),
        ("cifar-10-batches-py", {"test_batch": b"no pickle"}, "must be a batch of CIFAR-10"),
        ("cifar-10-batches-py", {"test_batch": pickle.dumps({})}, "must be a batch of CIFAR-10"),
    ],
)
def test_damaged_batches_are_refused(
    tmp_path: Path, name: str, contents: dict[str, bytes], reason: str
) -> None:
    unpacked(tmp_path, name, contents)
    with pytest.raises(InputError) as error:
        cifar10.find(tmp_path, "test")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    packed(tmp_path, "cifar-10-binary.tar.gz", files("binary"))
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(InputError, match="must be an archive of CIFAR-10"):
        cifar10.find(tmp_path, "train")


def jpeg_archive(path: Path, colours: list[tuple[int, int, int]]) -> None:
    """Even-coloured images, which survive JPEG; all share one header, as in the real file."""
    image = pytest.importorskip("PIL.Image")
    scans, header = [], b""
    for colour in colours:
        file = io.BytesIO()
        image.new("RGB", (32, 32), colour).save(file, "JPEG", quality=75)
        header, scan = file.getvalue()[:600], file.getvalue()[600:]
        scans.append(scan)
    arrays = {
        "scan": np.frombuffer(b"".join(scans), np.uint8),
        "offset": np.cumsum([0, *map(len, scans)]).astype(np.uint32),
        "label": np.arange(len(colours), dtype=np.uint8),
    }
    np.savez(
        path,
        jpeg_header=np.frombuffer(header, np.uint8),
        **{f"test_{key}": value for key, value in arrays.items()},
    )


def test_jpeg_scans_are_decoded_and_the_name_says_so(tmp_path: Path) -> None:
    colours = [(255, 255, 255), (0, 0, 0), (200, 30, 90)]
    jpeg_archive(tmp_path / "cifar10_jpeg.npz", colours)
    data = load("cifar10", data_dir=tmp_path)
    assert data.x.shape == (3, 32, 32, 3)
    pixels = (data.x + 1) * 127.5
    assert np.abs(pixels - np.array(colours)[:, None, None, :]).max() < 4
    assert data.y is not None
    assert data.y.tolist() == [0, 1, 2]
    assert data.name.startswith("CIFAR-10 (JPEG re-encode, decoded to other pixels")


def test_originals_win_over_the_re_encoded_ones(tmp_path: Path) -> None:
    jpeg_archive(tmp_path / "cifar10_jpeg.npz", [(0, 0, 0)])
    unpacked(tmp_path, "cifar-10-batches-bin", files("binary"))
    assert load("cifar10", data_dir=tmp_path).name == "cifar10"


def test_damaged_scans_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "cifar10_jpeg.npz", jpeg_header=np.zeros(3, np.uint8))
    with pytest.raises(InputError, match="must hold CIFAR-10 as JPEG scans"):
        cifar10.find(tmp_path, "test")


@pytest.mark.slow
@pytest.mark.skipif(
    not (Path(os.environ.get("PIMSIM_DATA", "")) / "cifar10" / "cifar10_jpeg.npz").is_file(),
    reason="no cifar10/cifar10_jpeg.npz in PIMSIM_DATA",
)
def test_the_re_encoded_test_images_are_the_reference_ones() -> None:
    data = load("cifar10")
    assert data.x.shape == (10_000, 32, 32, 3)
    assert data.y is not None
    assert (data.y == np.arange(10_000) % 10).all()
    assert data.name == "CIFAR-10 (JPEG re-encode)"
