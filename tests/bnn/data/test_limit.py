"""The first images of a data set are those of all, and no others are decoded."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnn import zoo
from bnn.data import cifar10, datasets
from bnn.larq import model_file
from experiments.report.inputs import encoding_by_name, encoding_of

IMAGES = 130
MARKS = {"mnist": [pytest.mark.mnist], "cifar10": [pytest.mark.cifar10], "digits": []}
"""What a test needs that looks at a data set."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """CIFAR-10 as JPEG files, which is what scans behind a header of nothing are."""
    image = pytest.importorskip("PIL.Image")
    files = []
    for number in range(IMAGES):
        file = io.BytesIO()
        image.new("RGB", (32, 32), (number, 0, 255 - number)).save(file, "jpeg")
        files.append(file.getvalue())
    np.savez(
        tmp_path / "cifar10_jpeg.npz",
        jpeg_header=np.zeros(0, np.uint8),
        test_scan=np.frombuffer(b"".join(files), np.uint8),
        test_offset=np.cumsum([0, *map(len, files)]),
        test_label=np.arange(IMAGES) % 10,
    )
    return tmp_path


@pytest.mark.parametrize(
    ("limit", "decoded"),
    [(None, IMAGES), (1, cifar10._FIRST), (120, 120), (IMAGES, IMAGES), (5000, IMAGES)],
)
def test_no_more_scans_are_decoded_than_are_wanted(
    limit: int | None, decoded: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    whole = datasets.load("cifar10", "test", folder)
    opened: list[Any] = []
    real = Image.open

    def counted(file: Any, *others: Any) -> Any:
        opened.append(file)
        return real(file, *others)

    monkeypatch.setattr(Image, "open", counted)
    some = datasets.load("cifar10", "test", folder, limit=limit)
    assert len(opened) == decoded
    assert whole.y is not None
    assert some.y is not None
    assert (some.x == whole.x[:limit]).all()
    assert len(some.x) == min(limit or IMAGES, IMAGES)
    assert (some.y == whole.y[:limit]).all()
    assert (some.name, some.source) == (whole.name, whole.source)


@pytest.mark.parametrize("name", [pytest.param(n, marks=MARKS[n]) for n in datasets.NAMES])
def test_the_first_images_are_those_of_all(name: str) -> None:
    whole, some = datasets.load(name), datasets.load(name, limit=7)
    assert whole.y is not None
    assert some.y is not None
    assert (some.x == whole.x[:7]).all()
    assert (some.y == whole.y[:7]).all()
    assert (some.name, some.classes, some.source) == (whole.name, whole.classes, whole.source)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=MARKS[zoo.entry(name).data]) for name in zoo.names()]
)
def test_a_data_set_has_one_encoding_whatever_is_read_of_it(name: str) -> None:
    data = zoo.entry(name).data
    network = model_file.read_model(zoo.locate(name), lambda: datasets.shape(data))
    assert encoding_by_name(network, data) == encoding_of(network, datasets.load(data).x)
