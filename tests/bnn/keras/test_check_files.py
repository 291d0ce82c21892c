"""Which model files are given to Keras to be checked, and what keeps code in them from running."""

from __future__ import annotations

import json
import logging
import warnings
import zipfile
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from bnn import train, zoo
from bnn.keras.check import check
from bnn.keras.model_file import check_objects, load
from bnn.larq.model_file import read_model
from bnn.reference import forward
from pimsim.errors import InputError

DATA = Path(__file__).parents[2] / "saved_models"
DIGITS = zoo.entry("digits-mlp").path


class NoKeras:
    """In place of Keras where a file must not get that far."""

    class models:  # noqa: N801
        @staticmethod
        def load_model(*_, **__):
            raise AssertionError("the file has reached Keras")


def damaged(tmp_path, change):
    """Copy a committed ``.h5`` with another architecture."""
    path = tmp_path / "net.h5"
    path.write_bytes((DATA / "mlp.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config["config"]["layers"])
        file.attrs["model_config"] = json.dumps(config)
    return path


def test_a_file_that_the_reader_refuses_never_reaches_keras(tmp_path):
    def to_lambda(layers):
        layers[1]["class_name"] = "Lambda"

    with pytest.raises(InputError, match="must not be a Lambda"):
        load(damaged(tmp_path, to_lambda), NoKeras)
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "none.keras", NoKeras)


@pytest.mark.parametrize(
    ("planted", "message"),
    [
        (
            {"class_name": "system", "module": "os", "config": "ls"},
            "must be of a class of Keras or Larq, not of the custom class 'os.system'",
        ),
        (
            {
                "class_name": "function",
                "module": "builtins",
                "registered_name": "Larq>ste_sign",
                "config": "exec",
            },
            "must be of a class of Keras or Larq, not of the custom class 'Larq>ste_sign'",
        ),
        (
            {"class_name": "__lambda__", "config": {"value": "4wAAAAA="}},
            "must hold no Lambda: code from a file is never run",
        ),
        (
            {"class_name": "L2", "config": [{"class_name": "Lambda", "config": {}}]},
            "must hold no Lambda: code from a file is never run",
        ),
    ],
)
def test_objects_that_the_reader_ignores_may_not_be_code_either(planted, message, tmp_path):
    def plant(layers):
        layers[-1]["config"]["of_a_later_keras"] = planted

    path = damaged(tmp_path, plant)
    read_model(path)
    with pytest.raises(InputError) as error:
        load(path, NoKeras)
    assert str(error.value) == f"{str(path)!r}: the model {message}"


CUSTOM = {"class_name": "function", "module": "my.own", "config": "f", "registered_name": "mine>f"}


@pytest.mark.larq
@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_what_only_training_needs_may_be_of_anybodys_own(suffix, libraries, fixtures, tmp_path):
    model, x, _ = fixtures.build(libraries, "functional")
    path = tmp_path / f"net.{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    network = read_model(path)
    changed = 0

    def plant(value):
        nonlocal changed
        for key, inner in list(value.items()):
            if key.endswith(("_initializer", "_regularizer", "_constraint")):
                value[key] = [CUSTOM, "mine>f", {"class_name": "Mine", "config": {}}][changed % 3]
                changed += 1
            for one in inner if isinstance(inner, list) else [inner]:
                if isinstance(one, dict):
                    plant(one)

    if suffix == "h5":
        with h5py.File(path, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            plant(config)
            file.attrs["model_config"] = json.dumps(config)
    else:
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(files["config.json"])
        plant(config)
        config["compile_config"] = {"optimizer": CUSTOM, "loss": CUSTOM, "metrics": [CUSTOM]}
        files["config.json"] = json.dumps(config)
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    assert changed > 20
    logits = forward(network, x, None).logits
    assert check(path, network, x, None, logits).difference is None


@pytest.mark.larq
def test_functions_of_larq_zoo_are_known(libraries, tmp_path):
    def xnor_weight_scale(x):
        tools = train.backend().tensorflow
        x = tools.clip_by_value(x, -1, 1)
        alpha = tools.reduce_mean(tools.abs(x), axis=[0, 1, 2], keepdims=True)
        return alpha * libraries.larq.quantizers.SteSign()(x)

    keras, layers = libraries.keras, libraries.larq.layers
    model = keras.Sequential([
        layers.QuantConv2D(6, 3, kernel_quantizer=xnor_weight_scale, input_shape=(7, 7, 4)),
    ])  # fmt: skip
    x = np.random.default_rng(3).normal(size=(5, 7, 7, 4)).astype(np.float32)
    expected = model.predict(x, verbose=0)
    path = tmp_path / "net.h5"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    with pytest.MonkeyPatch.context() as patch:
        plain = SimpleNamespace(precision="float32")
        patch.setattr("bnn.keras.model_file.read_model", lambda *_: plain)
        found = load(path, train.backend().keras).predict(x, verbose=0)
    assert np.array_equal(found, expected)


def test_what_larq_writes_holds_no_such_objects():
    for name in zoo.names():
        with pytest.raises(AssertionError, match="reached Keras"):
            _reach(zoo.entry(name).path)
    for path in [*DATA.glob("*.keras"), *DATA.glob("*.h5")]:
        with pytest.raises(AssertionError, match="reached Keras"):
            _reach(path)
    check_objects([{"config": [1, "a", None]}], "the model")


def _reach(path):
    try:
        load(path, NoKeras)
    except InputError as error:
        raise AssertionError(str(error)) from None


@pytest.mark.larq
def test_the_format_is_what_is_in_a_file_not_its_name(tmp_path):
    path = tmp_path / "archive.h5"
    path.write_bytes(DIGITS.read_bytes())
    assert load(path, train.backend().keras).layers


def test_a_file_that_keras_does_not_load_is_said_in_one_line(capfd):
    class Failing:
        backend = None

        class models:  # noqa: N801
            @staticmethod
            def load_model(*_, **__):
                raise ValueError("In config {...}.\n\nException encountered: no such class\n")

    with pytest.raises(InputError) as error:
        load(DIGITS, Failing)
    assert str(error.value) == (
        f"{str(DIGITS)!r}: Keras does not load it: ValueError: Exception encountered: no such class"
    )
    assert logging.getLogger("larq").level == logging.NOTSET
    assert capfd.readouterr() == ("", "")
