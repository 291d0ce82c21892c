from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn.data import mnist
from bnn.data.mnist import read_idx
from pimsim.errors import InputError


def test_idx_is_read_as_its_format_says(tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]))
    assert read_idx(path, 2).tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "in 1 dimensions, not begin with ''"),
        (bytes([0, 0, 8, 1, 0]), "not begin with '00000801'"),
        (bytes([0, 0, 13, 1, 0, 0, 0, 0]), "not begin with '00000d01'"),
        (bytes([0, 0, 8, 3, 0, 0, 0, 0]), "not begin with '00000803'"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 2, 7]), "must hold 2 values, as its head says, not 1"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 1, 7, 7]), "must hold 1 values, as its head says, not 2"),
        (bytes([0, 0, 8, 1, 255, 255, 255, 255, 7]), "must hold 4294967295 values"),
    ],
)
def test_damaged_idx_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_idx(path, 1)
    assert reason in str(error.value)
    assert repr(str(path)) in str(error.value)


@given(cut=st.integers(0, 50))
def test_a_truncated_gzip_file_is_refused(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("idx") / "labels.gz"
    values = np.random.default_rng(1).integers(0, 256, 200).astype(np.uint8)
    packed = gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 200]) + values.tobytes())
    path.write_bytes(packed[: len(packed) - 1 - cut])
    with pytest.raises(InputError, match="must be an IDX file"):
        read_idx(path, 1)


def test_a_file_that_is_not_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.gz"
    path.write_text("no")
    with pytest.raises(InputError, match="must be an IDX file, not one that fails"):
        read_idx(path, 1)


def test_keras_archives_are_read_without_unpickling(tmp_path: Path) -> None:
    np.savez(tmp_path / "mnist.npz", x_test=np.array([{}, {}], object), y_test=np.zeros(2, int))
    with pytest.raises(InputError, match="must be Keras's MNIST"):
        mnist.find(tmp_path, "test")


def test_unequal_counts_are_refused(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "mnist.npz",
        x_test=np.zeros((2, 28, 28), np.uint8),
        y_test=np.zeros(3, np.uint8),
    )
    with pytest.raises(InputError, match=r"one label an image, not labels of shape \(3,\)"):
        mnist.find(tmp_path, "test")


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    assert mnist.find(tmp_path, "test") is None
    assert mnist.find(tmp_path / "gone", "train") is None
