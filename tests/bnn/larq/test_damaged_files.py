"""Files that are no model, damaged, cut, or hold only a part of one."""

from __future__ import annotations

import contextlib
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnn.larq.model_file import read_model
from pimsim.errors import InputError

from .model_files import base_layers, refusal, sequential, write_h5, write_keras


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "no such file; give a .keras or .h5 file saved by Larq"),
        (b"", "must be a .keras or .h5 model, not a file that begins with b''"),
        (b"hello world", "must be a .keras or .h5 model, not a file that begins with b'hello wo'"),
    ],
)
def test_files_that_are_no_model(tmp_path, data, message):
    path = tmp_path / "net.keras"
    if data is not None:
        path.write_bytes(data)
    assert refusal(path) == message


def test_a_directory_is_no_model(tmp_path):
    assert refusal(tmp_path) == (
        "a folder, not a model file; save the whole model with model.save('name.keras')"
    )


def test_a_saved_model_is_told_how_to_become_a_file(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    assert "a SavedModel folder without a Keras model, not a model file" in refusal(tmp_path)
    (tmp_path / "keras_metadata.pb").touch()
    said = refusal(tmp_path)
    assert said.startswith("a folder (SavedModel), not a model file; make one of it with python")
    code = said.partition('-c "')[2].removesuffix('"')
    compile(code, "told", "exec")
    assert f"load_model({str(tmp_path)!r})" in code


def test_a_path_of_several_lines_stays_on_one(tmp_path):
    assert refusal(tmp_path / "a\nb") == "no such file; give a .keras or .h5 file saved by Larq"


@pytest.mark.parametrize(("write", "what"), [(write_h5, "the file"), (write_keras, "the archive")])
@pytest.mark.parametrize("left", [0.05, 0.3, 0.6, 0.9, 0.99])
def test_truncated_files(tmp_path, write, what, left):
    path = write(tmp_path / "net.any", sequential(base_layers()))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * left)])
    message = refusal(path)
    assert message.startswith(f"{what} is truncated or damaged: ")
    assert message.endswith("; copy or save it again")


@pytest.mark.parametrize("write", [write_h5, write_keras])
def test_files_cut_anywhere(tmp_path, write):
    whole = write(tmp_path / "whole", sequential(base_layers())).read_bytes()
    path = tmp_path / "part"
    for length in range(0, len(whole) - 1, len(whole) // 97):
        path.write_bytes(whole[:length])
        refusal(path)


@given(st.integers(0, 2**32 - 1), st.integers(1, 200))
@settings(max_examples=150, deadline=None)
def test_damaged_archives_are_refused_or_harmless(tmp_path_factory, seed, count):
    rng = np.random.default_rng(seed)
    path = tmp_path_factory.getbasetemp() / "damaged"
    whole = write_keras(path, sequential(base_layers())).read_bytes()
    content = np.frombuffer(whole, np.uint8).copy()
    content[rng.integers(8, len(content), count)] = rng.integers(0, 256, count)
    path.write_bytes(content.tobytes())
    with contextlib.suppress(InputError):
        assert read_model(path).shapes()


def test_damaged_attributes_are_no_missing_ones(tmp_path):
    path = write_h5(tmp_path / "net.h5", sequential(base_layers()))
    data = bytearray(path.read_bytes())
    data[data.index(b"GCOL")] = 0  # the heap that holds the text of the architecture
    path.write_bytes(data)
    assert refusal(path).startswith("the file is truncated or damaged: ")


SAVE = "save the whole model with model.save('name.keras')"


def test_weights_without_an_architecture(tmp_path):
    path = write_h5(tmp_path / "w.h5", None)
    assert refusal(path) == f"an HDF5 file, but not a Keras model (no model_config); {SAVE}"
    with h5py.File(path, "a") as file:
        file.attrs["layer_names"] = np.array([b"conv"])
    wanted = f"holds weights without an architecture (save_weights); {SAVE}"
    assert refusal(path) == wanted
    path = write_keras(tmp_path / "w.keras", None, **{"config.json": None})
    assert refusal(path) == f"holds weights without an architecture; {SAVE}"
    with zipfile.ZipFile(path) as archive:
        (tmp_path / "w.weights.h5").write_bytes(archive.read("model.weights.h5"))
    assert refusal(tmp_path / "w.weights.h5") == wanted


def test_archives_that_are_no_model(tmp_path):
    path = tmp_path / "net.keras"
    write_keras(path, None, **{"config.json": None, "model.weights.h5": None, "readme": "hello"})
    assert refusal(path) == "must be a .keras model, not an archive without config.json"
    write_keras(path, sequential(base_layers()), **{"model.weights.h5": None})
    assert refusal(path) == (
        f"must hold its weights as model.weights.h5, but that is missing; {SAVE}"
    )
    write_keras(path, sequential(base_layers()), **{"config.json": "{not json"})
    assert refusal(path).startswith("architecture must be JSON, but: ")
    write_keras(path, sequential(base_layers()), **{"config.json": "[" * 100_000})
    assert refusal(path).startswith("architecture must be JSON, but: ")
    write_keras(path, sequential(base_layers()), **{"model.weights.h5": b"nothing"})
    assert refusal(path).startswith("model.weights.h5 is truncated or damaged: ")


def test_archives_that_unpack_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr("bnn.larq.model_file.LARGEST_TEXT", 1000)
    path = write_keras(tmp_path / "net.keras", None, **{"config.json": b" " * 1001})
    assert refusal(path) == "config.json must unpack to at most 1000 bytes, not 1001"
