"""Model files made by hand: a small network in both formats, and how one is refused."""

from __future__ import annotations

import io
import json
import zipfile

import h5py
import numpy as np
import pytest

from bnn.larq.model_file import read_model
from pimsim.errors import InputError

SIGN = {
    "module": "larq.quantizers",
    "class_name": "SteSign",
    "config": {"name": "ste_sign", "clip_value": 1.0},
    "registered_name": "SteSign",
}


def layer(kind, name, **config):
    """An entry of a model file."""
    return {"class_name": kind, "config": {"name": name, **config}}


def base_layers():
    """Six layers over 4 x 4 x 1 inputs."""
    return [
        layer("InputLayer", "in", batch_input_shape=[None, 4, 4, 1]),
        layer(
            "QuantConv2D", "conv", filters=3, kernel_size=[2, 2], use_bias=False,
            kernel_quantizer=SIGN, kernel_constraint={"class_name": "weight_clip", "config": {}},
        ),
        layer("MaxPooling2D", "pool", pool_size=[2, 2], strides=None),
        layer("BatchNormalization", "bn", axis=[3], epsilon=0.01, scale=False),
        layer("Dropout", "drop", rate=0.5),
        layer("Flatten", "flat"),
        layer("QuantDense", "fc", units=2, input_quantizer=SIGN, kernel_quantizer="ste_sign"),
        layer("Activation", "soft", activation="softmax"),
    ]  # fmt: skip


def base_arrays():
    """By layer name, in the order in which Keras stores them."""
    rng = np.random.default_rng(3)

    def random(*shape):
        return rng.normal(size=shape).astype(np.float32)

    return {
        "conv": {"kernel": random(2, 2, 1, 3)},
        "bn": {"beta": random(3), "moving_mean": random(3), "moving_variance": random(3) ** 2},
        "fc": {"kernel": random(3, 2), "bias": random(2)},
    }


SLOTS = {"conv": "quant_conv2d", "bn": "batch_normalization", "fc": "quant_dense"}


def sequential(layers):
    """The layers one behind the other."""
    return {"class_name": "Sequential", "config": {"name": "seq", "layers": layers}}


def functional(layers):
    """The same layers as a graph, each behind the one before it."""
    nodes, before = [], None
    for item in layers:
        inbound = [] if before is None else [[[before, 0, 0, {}]]]
        before = item["config"]["name"]
        nodes.append({**item, "name": before, "inbound_nodes": inbound})
    first = layers[0]["config"]["name"]
    config = {
        "name": "net",
        "layers": nodes,
        "input_layers": [[first, 0, 0]],
        "output_layers": [[before, 0, 0]],
    }
    return {"class_name": "Functional", "config": config}


def write_h5(path, model, arrays=None):
    """Write a model, or weights alone, as Keras 2 does; by default with :func:`base_arrays`."""
    with h5py.File(path, "w") as file:
        if model is not None:
            file.attrs["model_config"] = json.dumps(model)
        root = file.create_group("model_weights")
        for name, values in (base_arrays() if arrays is None else arrays).items():
            group = root.create_group(name)
            group.attrs["weight_names"] = np.array([f"{name}/{key}:0".encode() for key in values])
            for key, value in values.items():
                group[f"{name}/{key}:0"] = value
    return path


def write_keras(path, model, arrays=None, slots=SLOTS, **members):
    """The same as an archive, whose members may be others, or missing where they are None.

    Weights of a layer lie where ``slots`` says: under its class and number, not under its name.
    """
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for name, values in (base_arrays() if arrays is None else arrays).items():
            group = file.create_group(f"layers/{slots[name]}/vars")
            for place, value in enumerate(values.values()):
                group[str(place)] = value
    contents = {"config.json": json.dumps(model), "model.weights.h5": weights.getvalue(), **members}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            if data is not None:
                archive.writestr(name, data)
    return path


def refusal(path):
    """The message of the refusal, checked to be one line that begins with the path."""
    with pytest.raises(InputError) as caught:
        read_model(path)
    message = str(caught.value)
    assert "\n" not in message
    prefix = f"{str(path)!r}: "
    assert message.startswith(prefix)
    return message.removeprefix(prefix)


def refused(tmp_path, change):
    """Write the base network after ``change(layers)``; both formats refuse alike."""
    layers = base_layers()
    change(layers)
    one = refusal(write_h5(tmp_path / "net.h5", sequential(layers)))
    other = refusal(write_keras(tmp_path / "net.keras", sequential(layers)))
    assert one == other
    return one


def refused_somehow(tmp_path, change):
    """The same in one format, where the place of a layer or a weight is in the message."""
    layers = base_layers()
    change(layers)
    return refusal(write_h5(tmp_path / "net.h5", sequential(layers)))
