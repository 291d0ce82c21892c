from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from bnn.data.datasets import Dataset
from experiments.options.data import DATA_DIR, open_data
from experiments.options.option import add
from pimsim.errors import InputError


def test_a_name_means_its_test_images() -> None:
    data = open_data("digits", None)
    assert data.name == "digits"
    assert len(data.x) == 364


def test_a_path_means_the_arrays_in_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, x=np.ones((2, 3), np.uint8))
    assert open_data(str(path), None).x.tolist() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("fashion", "cifar10 or the path of a .npz or .npy file, not 'fashion'"),
        ("gone.npz", "`--data` must be an existing file, not 'gone.npz'"),
        ("", "`--data` '.' cannot be read: Is a directory"),
    ],
)
def test_anything_else_is_refused(data: str, reason: str) -> None:
    with pytest.raises(InputError) as error:
        open_data(data, None)
    assert reason in str(error.value)


def test_a_download_that_fails_prints_nothing_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str, split: str, data_dir: Path | None, show: object, _: object) -> Dataset:
        assert callable(show)
        show("file.gz", 10, 100)
        raise InputError("cut off")

    monkeypatch.setattr("bnn.data.datasets.load", load)
    with pytest.raises(InputError, match="cut off"):
        open_data("mnist", None)
    assert capsys.readouterr() == ("", "")


def test_the_folder_is_a_path() -> None:
    parser = argparse.ArgumentParser()
    add(parser, DATA_DIR)
    assert parser.parse_args(["--data-dir", "here"]).data_dir == Path("here")
    assert parser.parse_args([]).data_dir is None
