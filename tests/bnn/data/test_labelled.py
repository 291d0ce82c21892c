from __future__ import annotations

import io
import struct
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn.data import array_file
from bnn.data.labelled import PAIRS, load_file
from pimsim.errors import InputError

X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)


def saved(tmp_path: Path, **arrays: Any) -> Path:
    path = tmp_path / "images.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("x", [X, X.reshape(3, 2, 2, 1), (X > 0).astype(np.uint8)])
def test_inputs_come_back_untouched(tmp_path: Path, x: np.ndarray[Any, Any]) -> None:
    data = load_file(saved(tmp_path, x=x, other=np.zeros(1)))
    assert data.x.dtype == x.dtype
    assert (data.x == x).all()
    assert data.y is None
    assert data.name == "images.npz"
    assert data.classes == ()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "?"])
def test_inputs_of_any_type_are_what_keras_makes_of_them(
    tmp_path: Path, kind: str, order: str
) -> None:
    x = np.array([[0, 1, 100], [3, 7, 1]]).astype(order + kind)
    for kept in (x, np.asfortranarray(x), x.reshape(2, 3, 1, 1, 1)):
        data = load_file(saved(tmp_path, x=kept))
        assert data.x.dtype == np.dtype(np.float32)
        assert data.x.dtype.isnative
        assert data.x.flags.c_contiguous
        assert data.x.tolist() == kept.astype(np.float32).tolist()


def test_what_is_kept_as_it_is_comes_in_the_byte_order_of_the_machine(tmp_path: Path) -> None:
    path = saved(tmp_path, y=np.array([1, 258], ">i2"))
    with array_file.ArrayFile(path, "`--labels`") as file:
        y = file.read("y")
    assert (y.dtype.isnative, y.dtype.itemsize, y.tolist()) == (True, 2, [1, 258])


def test_values_are_rounded_once_in_pieces_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(0).normal(size=(37, 5))
    path = saved(tmp_path, x=x)
    for size in (1, 8, 24, 1000):
        monkeypatch.setattr(array_file, "_AT_ONCE", size)
        assert (load_file(path).x == x.astype(np.float32)).all()


@pytest.mark.parametrize("images", [pair[0] for pair in PAIRS])
def test_names_that_people_give_arrays(tmp_path: Path, images: str) -> None:
    labels = dict(PAIRS)[images]
    path = saved(tmp_path, **{images: X, labels: np.array([2, 0, 1])})
    data = load_file(path)
    assert (data.x == X).all()
    assert data.y is not None
    assert data.y.tolist() == [2, 0, 1]
    assert data.name == ("images.npz" if images == "x" else f"images.npz ({images})")


def test_of_several_the_first_is_taken_and_named(tmp_path: Path) -> None:
    data = load_file(saved(tmp_path, x_train=X[:1], y_train=[0], x_test=X, y_test=[1, 2, 0]))
    assert data.name == "images.npz (x_test)"
    assert len(data.x) == 3


def test_npy_files_with_labels_beside_or_named(tmp_path: Path) -> None:
    for images, labels in (("x", "y"), ("x_test", "y_test"), ("images", "labels")):
        np.save(tmp_path / f"{images}.npy", X)
        assert load_file(tmp_path / f"{images}.npy").y is None
        np.save(tmp_path / f"{labels}.npy", np.array([1, 1, 0], np.uint8))
        data = load_file(tmp_path / f"{images}.npy")
        assert data.y is not None
        assert data.y.tolist() == [1, 1, 0]
        assert data.name == f"{images}.npy"
    np.savez(tmp_path / "other.npz", y=[[2], [2], [0]])
    data = load_file(tmp_path / "x.npy", tmp_path / "other.npz")
    assert data.y is not None
    assert data.y.tolist() == [[2], [2], [0]]
    np.savez(tmp_path / "none.npz", z=[1])
    with pytest.raises(InputError, match="must hold labels as an array `y`"):
        load_file(tmp_path / "x.npy", tmp_path / "none.npz")
    with pytest.raises(InputError, match="`--labels` must be an existing file"):
        load_file(tmp_path / "x.npy", tmp_path / "gone.npy")


def test_numbers_that_are_not_whole_are_no_labels(tmp_path: Path) -> None:
    data = load_file(saved(tmp_path, x=X, y=np.array([0.0, 0.25, 1.0])))
    assert data.y is None
    assert data.unlabelled.endswith("holds numbers that are not whole, such as 0.25: no labels")


def packed(path: Path, unpacked: bytes, *, head: dict[str, Any]) -> Path:
    """An archive with one array whose head says what one likes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        stream = io.BytesIO()
        np.lib.format.write_array_header_1_0(stream, head)
        archive.writestr("x.npy", stream.getvalue() + unpacked)
    return path


def test_an_archive_that_unpacks_beyond_bounds_is_refused_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array_file, "LARGEST_PACKED", 1 << 20)
    monkeypatch.setattr(array_file, "_exactly", None)  # nothing may be read
    head = {"descr": "<f4", "fortran_order": False, "shape": (1000, 1000)}
    path = packed(tmp_path / "bomb.npz", bytes(4_000_000), head=head)
    with pytest.raises(InputError, match=r"must unpack to at most 1 MiB, .* to 4,000,\d+ bytes"):
        load_file(path)


def test_what_packs_as_images_do_is_not_bounded_like_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array_file, "LARGEST_PACKED", 1)
    x = np.random.default_rng(0).integers(0, 2, (50, 100)).astype(np.float32)
    np.savez_compressed(tmp_path / "images.npz", x=x)
    assert (load_file(tmp_path / "images.npz").x == x).all()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((10**6, 10**6), "must take at most 4 GiB, not 4,000,000,000,000 bytes"),
        ((3, 5), "must hold the 15 numbers of shape (3, 5) that its head promises"),
        ((3, 3), "must hold the 9 numbers of shape (3, 3) that its head promises"),
        ((2**40, 2**40), "must take at most 4 GiB"),
        ((-1, 4), "is truncated or damaged; copy or save it again"),
    ],
)
def test_a_head_that_lies_is_refused_before_memory_is_taken(
    tmp_path: Path, shape: tuple[int, ...], message: str
) -> None:
    head = {"descr": "<f4", "fortran_order": False, "shape": shape}
    path = packed(tmp_path / "lie.npz", X.tobytes(), head=head)
    single = tmp_path / "lie.npy"
    with zipfile.ZipFile(path) as archive:
        single.write_bytes(archive.read("x.npy"))
    for one in (path, single):
        with pytest.raises(InputError) as error:
            load_file(one)
        assert message in str(error.value)


@pytest.mark.parametrize("packed_by", [np.savez, np.savez_compressed])
def test_a_file_that_is_cut_or_damaged_says_so(tmp_path: Path, packed_by: Any) -> None:
    path = tmp_path / "whole.npz"
    packed_by(path, x=X, y=np.array([0, 1, 2]))
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(b"NUMPY") + 30 if b"NUMPY" in whole else len(whole) // 4] ^= 255
    for part in (*(whole[: len(whole) * eighths // 8] for eighths in range(1, 8)), bytes(flipped)):
        path.write_bytes(part)
        with pytest.raises(
            InputError, match=r"whole\.np[yz]' is truncated or damaged; copy or save"
        ):
            load_file(path)
    np.save(tmp_path / "single.npy", X)
    single = (tmp_path / "single.npy").read_bytes()
    (tmp_path / "single.npy").write_bytes(single[:50])
    with pytest.raises(InputError, match=r"single\.np[yz]' is truncated or damaged"):
        load_file(tmp_path / "single.npy")
    (tmp_path / "single.npy").write_bytes(b"")
    with pytest.raises(InputError, match=r"single\.np[yz]' is empty"):
        load_file(tmp_path / "single.npy")


def test_a_size_that_lies_in_the_archive_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, x=X)
    content = path.read_bytes()
    real = struct.pack("<I", len(X.tobytes()) + 128)
    for size in (1, 2**31 - 1):
        path.write_bytes(content.replace(real, struct.pack("<I", size)))
        with pytest.raises(InputError):
            load_file(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.float32, ">i2"])
def test_labels_come_back_as_int64(tmp_path: Path, dtype: Any) -> None:
    data = load_file(saved(tmp_path, x=X, y=np.array([2, 0, 11], dtype=dtype)))
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
        ({"y": np.zeros(3, int)}, "must hold an array `x` (or `x_test`), not 'y'; np.savez("),
        ({"x": X.astype("S4")}, "must hold numbers, not texts"),
        ({"x": X.astype(np.complex64)}, "must hold numbers, not complex64"),
        ({"x": X.view("f4,f4")}, "must hold numbers, not [("),
        ({"x": X[0]}, "must have the shape (n, ...), one array an image, not (4,)"),
        ({"x": X * 1e300}, "must hold numbers that float32 has, not -1e+300"),
        ({"x": X[:0]}, "must hold at least one image, not shape (0, 4)"),
        ({"x": X[:, :0]}, "must hold at least one image, not shape (3, 0)"),
        ({"x": bad(value=np.nan)}, "must be finite, not NaN or infinite (image 1)"),
        ({"x": bad(value=np.inf)}, "must be finite, not NaN or infinite (image 1)"),
        ({"x": X, "y": np.zeros(2, int)}, "one label for each of 3 images, not the shape (2,)"),
        ({"x": X, "y": np.int64(1)}, "one label for each of 3 images, not the shape ()"),
        ({"x": X, "y": np.array([0, np.nan, 0])}, "must be finite, not NaN or infinite (image 1)"),
        ({"x": X, "y": np.array([0, 1, 2**63], np.uint64)}, "from 0, not 9223372036854775808"),
        ({"x": X, "y": np.array([0, 1, 1e30])}, "must hold labels from 0, not 1e+30"),
        ({"x": X, "y": np.array(["cat", "dog", "cat"])}, "return_inverse=True)[1] numbers them"),
        ({"x": np.array([{}, {}], dtype=object)}, "of plain arrays (no pickled objects)"),
        ({"x": X, "y": np.array([0, 1, None])}, "of plain arrays (no pickled objects)"),
    ],
)
def test_what_cannot_be_fed_is_refused_in_one_line(
    tmp_path: Path, arrays: dict[str, Any], reason: str
) -> None:
    path = saved(tmp_path, **arrays)
    with pytest.raises(InputError) as error:
        load_file(path)
    message = str(error.value)
    assert reason in message
    assert str(path) in message
    assert "\n" not in message


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`--data` must be an existing file, not"):
        load_file(tmp_path / "gone.npz")
    (tmp_path / "t.npz").write_text("not numbers")
    with pytest.raises(InputError, match="of plain arrays"):
        load_file(tmp_path / "t.npz")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        load_file(tmp_path)


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
        assert (load_file(path).x == X).all()


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, x=X)
    content = bytearray(path.read_bytes())
    content[content.index(X.tobytes()) + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="truncated or damaged"):
        load_file(path)


def test_lack_of_memory_is_not_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bnn.data import array_file

    def full(*_: object) -> None:
        raise MemoryError

    np.savez(tmp_path / "x.npz", x=np.zeros((2, 3), np.float32))
    monkeypatch.setattr(array_file.ArrayFile, "_array", full)
    with pytest.raises(MemoryError):
        load_file(tmp_path / "x.npz")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", ">i2", "|u1", "|b1"])
def test_every_version_of_the_format_is_read(
    tmp_path: Path, version: tuple[int, int], dtype: str
) -> None:
    """NumPy writes 3.0 where names of fields need UTF-8, and reads it of any array."""
    path, whole = tmp_path / "x.npy", np.arange(24).reshape(2, 3, 4).astype(dtype)
    with path.open("wb") as made:
        np.lib.format.write_array(made, np.asfortranarray(whole), version=version)
    with array_file.ArrayFile(path, "`--data`") as file:
        found = file.read("")
    assert np.array_equal(found, whole)
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
