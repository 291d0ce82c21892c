"""Loading a model file with Keras itself, after making sure that the file is only data.

Keras's loader builds whatever a file mentions. It runs the code of a Lambda layer, imports modules
by the names it finds, and never ends on a cyclic graph. So Keras only gets files that
:func:`bnn.larq.model_file.read_model` accepts, without the parts that only training needs, and in
which every remaining object is one of Keras or Larq.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import h5py

from bnn.larq.build import PRECISIONS
from bnn.larq.config import MODELS, kind_of_model
from bnn.larq.model_file import read_model
from bnn.larq.weights import text_attribute
from bnn.model.layers.layer import Shape
from bnn.model.network import FLOAT32
from bnn.values.fields import Fields, known_class, parse
from pimsim.errors import InputError

_CODE = frozenset({"Lambda", "__lambda__"})
"""Classes whose configuration holds code."""

_LONGEST_REASON = 200
"""Characters."""


def load(path: Path, keras: Any, input_shape: Shape | None = None) -> Any:
    """Return the Keras model in a file, not compiled, as a graph of layers in float32.

    Keras is given a copy of the file that :func:`inference_only` has gone over, so that what only
    training needs keeps no model from being loaded.

    Args:
        path: ``.keras`` or ``.h5``, by what is in it.
        keras: the module, as :func:`bnn.train.backend` gives it, with Larq imported.
        input_shape: of one image, for sizes that the file leaves open.

    Raises:
        InputError: one line; what :func:`bnn.larq.model_file.read_model` refuses, an object that
            is not of Keras or Larq, or a file that Keras does not load.
    """
    precision = read_model(path, input_shape).precision
    config = inference_only(_architecture(path))
    own = check_objects(config, f"{str(path)!r}: the model")
    zoo = functions_of_larq_zoo(keras)
    with tempfile.TemporaryDirectory() as folder, _warnings_kept_back():
        try:
            copy = _copied(path, Path(folder), json.dumps(config))
            with keras.utils.custom_object_scope(_graphs(own, keras)) if own else nullcontext():
                model = keras.models.load_model(copy, compile=False, custom_objects=zoo)
                return model if precision == FLOAT32 else _in_float32(model, keras, zoo)
        except Exception as error:  # Keras fails in any way it likes
            reason = in_one_line(error)
            raise InputError(f"{str(path)!r}: Keras does not load it: {reason}") from None


def inference_only(config: object) -> object:
    """Remove from an architecture what has no influence on the results of a trained model.

    Initializers become zeros, regularizers, constraints and metrics none.

    >>> inference_only({"units": 2, "kernel_initializer": "mine", "kernel_constraint": "mine"})
    {'units': 2, 'kernel_initializer': 'zeros', 'kernel_constraint': None}
    """
    if isinstance(config, list):
        return [inference_only(value) for value in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "function" and config.get("config") in _OF_LARQ_ZOO:
        return config["config"]
    kept: dict[str, object] = {}
    for key, value in config.items():
        if key in _TRAINS:
            continue
        if key.endswith("_initializer"):
            kept[key] = None if value is None else "zeros"
        elif key.endswith(("_regularizer", "_constraint")):
            kept[key] = None
        else:
            kept[key] = inference_only(value)
    return kept


_TRAINS = frozenset({"compile_config", "training_config", "metrics"})
"""Keys of what Keras does without when it predicts."""
_OF_LARQ_ZOO = ("xnor_weight_scale", "magnitude_aware_sign_unclipped", "clip_by_value_activation")
"""Functions that larq-zoo registers, and that :func:`functions_of_larq_zoo` gives to Keras."""


def functions_of_larq_zoo(keras: Any) -> dict[str, Callable[[Any], Any]]:
    """Say what they compute (larq-zoo 2.3, XNORNet and DoReFaNet); gradients are for training."""

    def sign(x: Any) -> Any:
        return keras.backend.sign(keras.backend.sign(x) + 0.1)

    def mean(x: Any, axes: list[int] | None) -> Any:
        return keras.backend.mean(keras.backend.abs(x), axis=axes, keepdims=axes is not None)

    def xnor_weight_scale(x: Any) -> Any:
        x = keras.backend.clip(x, -1.0, 1.0)
        return mean(x, [0, 1, 2]) * sign(x)

    def magnitude_aware_sign_unclipped(x: Any) -> Any:
        return sign(x) * mean(x, None)

    def clip_by_value_activation(x: Any) -> Any:
        return keras.backend.clip(x, 0.0, 1.0)

    made = (xnor_weight_scale, magnitude_aware_sign_unclipped, clip_by_value_activation)
    return {one.__name__: one for one in made}


def _copied(path: Path, folder: Path, config: str) -> Path:
    """Write a copy of a model file with another architecture, named as Keras wants it."""
    if zipfile.is_zipfile(path):
        copy = folder / "model.keras"
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
            for name in source.namelist():
                target.writestr(name, config if name == "config.json" else source.read(name))
        return copy
    copy = folder / "model.h5"
    shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as file:
        file.attrs["model_config"] = config
    return copy


def in_one_line(error: Exception) -> str:
    r"""Give the end of what Keras or TensorFlow says, where the cause stands.

    >>> in_one_line(ValueError("In config {...}.\n\nException encountered: no such class\n"))
    'ValueError: Exception encountered: no such class'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {' '.join(lines[-1:])}"[:_LONGEST_REASON]


def _graphs(own: Mapping[str, str], keras: Any) -> dict[str, Any]:
    """Models of users' own classes, by their names, as plain graphs of layers."""
    bases = {"Functional": keras.Model, "Sequential": keras.Sequential}
    # Of the same name, as weights of a .keras file lie under it.
    return {name: type(name.rpartition(">")[2], (bases[kind],), {}) for name, kind in own.items()}


def _in_float32(model: Any, keras: Any, zoo: Mapping[str, Any]) -> Any:
    """The same model and weights without mixed precision."""
    text = model.to_json()
    for policy in PRECISIONS:
        text = text.replace(json.dumps(policy), json.dumps(FLOAT32))
    plain = keras.models.model_from_json(text, custom_objects=zoo)
    plain.set_weights(model.get_weights())
    return plain


def check_objects(config: object, where: str) -> dict[str, str]:
    """Refuse the JSON of an architecture if any object in it, at any depth, could be code.

    Args:
        config: parsed JSON.
        where: how messages call it.

    Returns:
        Users' own classes that hold a graph of layers and nothing else: each of their names, with
        what they are, ``Functional`` or ``Sequential``.

    Raises:
        InputError: another object of a class that is not of Keras or Larq, or a Lambda.

    >>> check_objects({"layers": [{"class_name": "Dense", "config": {}}]}, "the model")
    {}
    >>> check_objects({"l2": {"class_name": "L2", "module": "my.code", "config": {}}}, "the model")
    Traceback (most recent call last):
        ...
    pimsim.errors.InputError: the model must be of a class of Keras or Larq, not of the custom \
class 'my.code.L2'
    """
    own: dict[str, str] = {}
    pending = [config]
    while pending:
        match pending.pop():
            case dict() as values:
                if "class_name" in values:
                    fields = Fields(values, where)
                    kind = kind_of_model(fields)
                    if kind is not None:
                        for name in (fields.get("class_name"), fields.get("registered_name")):
                            own |= {str(name): kind, str(name).rpartition(">")[2]: kind}
                    elif known_class(fields) in _CODE:
                        raise InputError(
                            f"{where} must hold no Lambda: code from a file is never run"
                        )
                pending += values.values()
            case list() as values:
                pending += values
    return {name: kind for name, kind in own.items() if name not in (*MODELS, "None")}


def _architecture(path: Path) -> object:
    """Give the parsed JSON of a file that ``read_model`` has accepted."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return parse(archive.read("config.json"))
    with h5py.File(path, "r") as file:
        return parse(text_attribute(file, "model_config") or "")


@contextmanager
def _warnings_kept_back() -> Iterator[None]:
    """Larq warns about training a model that was saved without a weight constraint; we do not."""
    log = logging.getLogger("larq")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        log.setLevel(level)
