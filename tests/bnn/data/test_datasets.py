from __future__ import annotations

import gzip
import hashlib
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bnn.data import datasets, mnist
from bnn.data.datasets import Dataset, load, reshape_for
from bnn.values.encoding import detect
from pimsim.errors import InputError


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    head = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    with gzip.open(path, "wb") if path.suffix == ".gz" else path.open("wb") as file:
        file.write(head + array.tobytes())


def write_mnist(folder: Path, value: int, count: int = 3, suffix: str = ".gz") -> None:
    for half in ("train", "t10k"):
        write_idx(
            folder / f"{half}-images-idx3-ubyte{suffix}",
            np.full((count, 28, 28), value, dtype=np.uint8),
        )
        write_idx(
            folder / f"{half}-labels-idx1-ubyte{suffix}",
            np.arange(count, dtype=np.uint8),
        )


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without data, and no network; returns the home."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("PIMSIM_DATA", "KERAS_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(mnist, "_MIRRORS", ((tmp_path / "no-mirror").as_uri() + "/",))
    return home


def test_digits_halves_share_no_image_and_lose_none() -> None:
    test, train = load("digits", "test"), load("digits", "train")
    assert test.x.dtype == train.x.dtype == np.float32
    assert len(test.x) + len(train.x) == 1797
    assert 0.19 < len(test.x) / 1797 < 0.21
    assert test.y is not None
    assert np.bincount(test.y, minlength=10).min() >= 34
    images = {tuple(row) for row in train.x.tolist()}
    assert not any(tuple(row) in images for row in test.x.tolist())


def test_digits_are_grey_levels_in_eighths() -> None:
    digits = load("digits")
    found = detect(digits.x)
    assert found is not None
    assert found[0].name == "eighths"
    assert found[1].max() == 16
    assert digits.classes == tuple("0123456789")


def test_digits_are_those_of_scikit_learn() -> None:
    """Which is not imported to read them."""
    from sklearn.datasets import load_digits

    expected, (grey, labels) = load_digits(), datasets._bundled_digits()
    assert grey.dtype == expected.data.dtype
    np.testing.assert_array_equal(grey, expected.data)
    np.testing.assert_array_equal(labels, expected.target)


def test_digits_without_scikit_learn_are_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read = datasets._bundled_digits.__wrapped__
    (tmp_path / "sklearn").mkdir()
    (tmp_path / "sklearn" / "__init__.py").touch()
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "sklearn", raising=False)
    with pytest.raises(InputError, match=r"^'.*/sklearn/datasets/data/digits.csv.gz' must .*not "):
        read()
    monkeypatch.setattr("sys.path", [str(tmp_path / "sklearn")])
    with pytest.raises(InputError, match=r"^`digits` must come with scikit-learn, which is not "):
        read()


@pytest.mark.parametrize("suffix", [".gz", ""])
@pytest.mark.parametrize("subfolder", ["mnist", "."])
def test_mnist_pixels_are_scaled_to_plus_minus_one(
    nowhere: Path, tmp_path: Path, suffix: str, subfolder: str
) -> None:
    write_mnist(tmp_path / "data" / subfolder, 51, suffix=suffix)
    data = load("mnist", data_dir=tmp_path / "data")
    assert data.name == "mnist"
    assert data.x.shape == (3, 28, 28, 1)
    assert data.x.dtype == np.float32
    assert (data.x == np.float32(51) / np.float32(127.5) - np.float32(1)).all()
    assert data.y is not None
    assert data.y.tolist() == [0, 1, 2]
    found = detect(data.x)
    assert found is not None
    assert found[0].name == "symmetric"


def test_places_are_searched_in_order(
    nowhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, environment = tmp_path / "given", tmp_path / "environment"
    keras, own = nowhere / ".keras" / "datasets", nowhere / ".cache" / "pimsim"
    monkeypatch.setenv("PIMSIM_DATA", str(environment))
    given.mkdir()
    for level, folder in ((4, own), (3, keras), (2, environment), (1, given)):
        folder.mkdir(parents=True, exist_ok=True)
        if folder == keras:
            np.savez(
                folder / "mnist.npz",
                x_test=np.full((2, 28, 28), level, np.uint8),
                y_test=np.zeros(2, np.uint8),
            )
        else:
            write_mnist(folder / "mnist", level)
        found = load("mnist", data_dir=given)
        assert found.x[0, 0, 0, 0] == np.float32(level) / np.float32(127.5) - np.float32(1)
        assert str(folder) in found.source


def test_cache_folders_can_be_moved(
    nowhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    write_mnist(tmp_path / "xdg" / "pimsim" / "mnist", 9)
    assert "xdg" in load("mnist").source
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    write_mnist(tmp_path / "keras" / "datasets", 8)
    assert "keras" in load("mnist").source


def test_one_half_is_enough_for_itself_alone(nowhere: Path, tmp_path: Path) -> None:
    write_mnist(tmp_path / "data", 1)
    (tmp_path / "data" / "train-labels-idx1-ubyte.gz").unlink()
    assert len(load("mnist", "test", tmp_path / "data").x) == 3
    with pytest.raises(InputError, match="mnist was found neither"):
        load("mnist", "train", tmp_path / "data")


def test_what_is_nowhere_is_downloaded_once_and_checked(
    nowhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = tmp_path / "mirror"
    write_mnist(mirror, 7)
    monkeypatch.setattr(mnist, "_MIRRORS", (mirror.as_uri() + "/",))
    with pytest.raises(InputError, match="has SHA-256"):
        load("mnist")
    digests = {
        path.stem: hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
        for path in mirror.glob("*.gz")
    }
    monkeypatch.setattr(mnist, "_UNPACKED_SHA256", digests)
    told: list[str] = []
    data = load("mnist", on_download=lambda name, come, total: told.append(name))
    assert data.x.shape == (3, 28, 28, 1)
    assert sorted(set(told)) == ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]
    told.clear()
    load("mnist", on_download=lambda name, come, total: told.append(name))
    assert told == []


def test_not_found_names_every_place_in_one_line(nowhere: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError) as error:
        load("mnist", data_dir=empty)
    message = str(error.value)
    assert "\n" not in message
    for place in (
        f"--data-dir ({empty})",
        "$PIMSIM_DATA (not set)",
        str(nowhere / ".keras" / "datasets"),
        str(nowhere / ".cache" / "pimsim"),
        "could not be downloaded",
    ):
        assert place in message


def test_bad_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        load("minst")
    assert str(error.value) == (
        "`--data` must be one of digits, mnist, cifar10, not 'minst'; did you mean 'mnist'?"
    )
    with pytest.raises(InputError, match="`split` must be 'test' or 'train', not 'both'"):
        load("digits", "both")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="`--data-dir` must be an existing folder, not"):
        load("mnist", data_dir=tmp_path / "gone")


def test_images_are_flattened_for_a_vector_input() -> None:
    x = np.arange(2 * 2 * 3, dtype=np.float32).reshape(2, 2, 3, 1)
    data = Dataset("some", x, np.array([1, 2]), (), "here")
    flat = reshape_for(data, (6,))
    assert flat.x.tolist() == x.reshape(2, 6).tolist()
    assert flat.y is data.y
    assert reshape_for(data, (2, 3, 1)) is data


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1, 1), (1, 2, 3), (2, 1, 3)])
def test_axes_of_one_value_come_and_go(shape: tuple[int, ...]) -> None:
    x = np.arange(12, dtype=np.float32).reshape(2, 2, 3, 1)
    given = reshape_for(Dataset("some", x, None, (), "here"), shape).x
    assert given.shape == (2, *shape)
    assert given.ravel().tolist() == x.ravel().tolist()


def test_channels_first_are_said_to_be_so() -> None:
    data = Dataset("some", np.zeros((2, 3, 5, 4), np.float32), None, (), "here")
    with pytest.raises(InputError, match=r"not \(3, 5, 4\): channels last, as by x.transpose") as e:
        reshape_for(data, (5, 4, 3))
    assert str(e.value).endswith("x.transpose(0, 2, 3, 1)")
    assert data.x.transpose(0, 2, 3, 1).shape[1:] == (5, 4, 3)


@pytest.mark.parametrize("shape", [(7,), (3, 2, 1), (3, 2), (2, 3, 2, 1), ()])
def test_other_shapes_are_refused_with_both_named(shape: tuple[int, ...]) -> None:
    data = Dataset("some", np.zeros((2, 2, 3, 1), np.float32), None, (), "here")
    with pytest.raises(InputError) as error:
        reshape_for(data, shape)
    assert str(error.value) == (
        f"images of some must have the shape {shape} that the network takes, not (2, 3, 1)"
    )


def test_a_vector_is_not_folded_into_an_image() -> None:
    with pytest.raises(InputError, match=r"shape \(8, 8, 1\)"):
        reshape_for(load("digits"), (8, 8, 1))


@pytest.mark.mnist
def test_mnist_is_the_original() -> None:
    for split, count, label, mean in (("test", 10_000, 7, 33.79), ("train", 60_000, 5, 33.32)):
        data = load("mnist", split)  # type: ignore[arg-type]
        assert data.x.shape == (count, 28, 28, 1)
        assert data.y is not None
        assert data.y[0] == label
        assert abs((float(data.x.mean(dtype=np.float64)) + 1) * 127.5 - mean) < 0.01
        found = detect(data.x)
        assert found is not None
        assert found[0].name == "symmetric"


def test_every_name_loads_or_says_where_it_looked(nowhere: Path) -> None:
    assert datasets.NAMES[0] == "digits"
    assert set(datasets.NAMES) == {"digits", "mnist", "cifar10"}
