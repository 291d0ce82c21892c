from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn.data.datasets import load_npz
from pimsim.errors import InputError

X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)


def saved(tmp_path: Path, **arrays: Any) -> Path:
    path = tmp_path / "images.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("x", [X, X.reshape(3, 2, 2, 1), (X > 0).astype(np.uint8)])
def test_inputs_come_back_untouched(tmp_path: Path, x: np.ndarray[Any, Any]) -> None:
    data = load_npz(saved(tmp_path, x=x, other=np.zeros(1)))
    assert data.x.dtype == x.dtype
    assert (data.x == x).all()
    assert data.y is None
    assert data.name == "images.npz"
    assert data.classes == ()


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_labels_come_back_as_int64(tmp_path: Path, dtype: type[np.integer[Any]]) -> None:
    data = load_npz(saved(tmp_path, x=X, y=np.array([2, 0, 11], dtype=dtype)))
    assert data.y is not None
    assert data.y.dtype == np.int64
    assert data.y.tolist() == [2, 0, 11]


def bad(**changes: float) -> np.ndarray[Any, Any]:
    x = X.copy()
    x[1, 2] = changes["value"]
    return x


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"y": np.zeros(3, int)}, "must hold an array `x`"),
        ({"x": X.astype(np.float64)}, "must be float32 or uint8, not float64"),
        ({"x": X.astype(np.int8)}, "must be float32 or uint8, not int8"),
        ({"x": X.astype("S4")}, "must be float32 or uint8, not |S4"),
        ({"x": X[0]}, "must have the shape (n, ...), one array an image, not (4,)"),
        ({"x": X[:0]}, "must hold at least one image, not shape (0, 4)"),
        ({"x": X[:, :0]}, "must hold at least one image, not shape (3, 0)"),
        ({"x": bad(value=np.nan)}, "must be finite, not NaN or infinite (image 1)"),
        ({"x": bad(value=np.inf)}, "must be finite, not NaN or infinite (image 1)"),
        ({"x": X, "y": np.zeros(2, int)}, "must have the shape (3,), one label an image, not (2,)"),
        ({"x": X, "y": np.zeros((3, 1), int)}, "one label an image, not (3, 1)"),
        ({"x": X, "y": np.zeros(3)}, "must be integers, not float64"),
        ({"x": X, "y": np.array([0, -1, 0])}, "must hold labels from 0, not -1"),
        ({"x": np.array([{}, {}], dtype=object)}, "of plain arrays (no pickled objects)"),
        ({"x": X, "y": np.array([0, 1, None])}, "of plain arrays (no pickled objects)"),
    ],
)
def test_what_cannot_be_fed_is_refused_in_one_line(
    tmp_path: Path, arrays: dict[str, Any], reason: str
) -> None:
    path = saved(tmp_path, **arrays)
    with pytest.raises(InputError) as error:
        load_npz(path)
    message = str(error.value)
    assert reason in message
    assert str(path) in message
    assert "\n" not in message


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`--data` must be an existing file, not"):
        load_npz(tmp_path / "gone.npz")
    text, empty, single, cut = (tmp_path / n for n in ("t.npz", "e.npz", "s.npz", "c.npz"))
    text.write_text("not numbers")
    empty.write_bytes(b"")
    with single.open("wb") as file:
        np.save(file, X)
    np.savez(cut, x=X)
    cut.write_bytes(cut.read_bytes()[:-30])
    for path in (text, empty, single, cut, tmp_path):
        with pytest.raises(InputError, match="of plain arrays"):
            load_npz(path)


@given(at=st.integers(0, 10**6), value=st.integers(0, 255))
def test_damage_anywhere_never_escapes_as_another_error(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int
) -> None:
    path = tmp_path_factory.mktemp("npz") / "images.npz"
    np.savez_compressed(path, x=X, y=np.array([0, 1, 2]))
    content = bytearray(path.read_bytes())
    content[at % len(content)] = value
    path.write_bytes(content)
    with suppress(InputError):
        assert (load_npz(path).x == X).all()


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, x=X)
    content = bytearray(path.read_bytes())
    content[content.index(X.tobytes()) + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="of plain arrays"):
        load_npz(path)
