"""Model files by hand: every spelling that is read, and everything that is refused."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnn.larq.model_file import read_model
from bnn.model.network import Activation, BatchNorm, Conv2D, Dense, Flatten, MaxPool2D
from pimsim.errors import InputError

SIGN = {
    "module": "larq.quantizers",
    "class_name": "SteSign",
    "config": {"name": "ste_sign", "clip_value": 1.0},
    "registered_name": "SteSign",
}


def layer(kind, name, **config):
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


def write_keras(path, model, arrays=None, **members):
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for name, values in (base_arrays() if arrays is None else arrays).items():
            group = file.create_group(f"layers/{SLOTS[name]}/vars")
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


def test_both_formats_and_both_kinds_of_model_are_read(tmp_path):
    arrays = base_arrays()
    for wrap in (sequential, functional):
        for write, name in ((write_h5, "a.h5"), (write_keras, "a.keras")):
            network = read_model(write(tmp_path / name, wrap(base_layers())))
            assert network.source == name
            assert network.input_shape == (4, 4, 1)
            conv, pool, norm, flat, dense, soft = network.layers
            assert isinstance(conv, Conv2D)
            assert np.array_equal(conv.kernel, arrays["conv"]["kernel"])
            assert conv.bias is None
            assert (conv.kernel_quantizer, conv.input_quantizer) == ("ste_sign", None)
            assert isinstance(pool, MaxPool2D)
            assert pool.strides == (2, 2)
            assert isinstance(norm, BatchNorm)
            assert norm.gamma is None
            assert np.array_equal(norm.beta, arrays["bn"]["beta"])
            assert np.array_equal(norm.variance, arrays["bn"]["moving_variance"])
            assert norm.epsilon == 0.01
            assert isinstance(flat, Flatten)
            assert isinstance(dense, Dense)
            assert np.array_equal(dense.bias, arrays["fc"]["bias"])
            assert soft == Activation("soft", "softmax")


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("ste_sign", "ste_sign"),
        ("SteSign", "ste_sign"),
        (SIGN, "ste_sign"),
        ({"class_name": "SteSign", "config": {"clip_value": 1.0}}, "ste_sign"),
        ({"class_name": "Larq>ApproxSign", "config": {}}, "approx_sign"),
        ({"class_name": "function", "config": "swish_sign", "module": "builtins",
          "registered_name": "function"}, "swish_sign"),
        ({"class_name": "NoOp", "config": {"precision": 1}}, "no_op"),
        (None, None),
    ],
)  # fmt: skip
def test_spellings_of_quantizers(tmp_path, spelling, name):
    layers = base_layers()
    layers[6]["config"]["input_quantizer"] = spelling
    network = read_model(write_keras(tmp_path / "net.keras", sequential(layers)))
    assert network.layers[4].input_quantizer == name


def test_files_of_old_versions_are_read(tmp_path):
    layers = base_layers()[1:]
    layers[0]["config"].update(batch_input_shape=[None, 4, 4, 1], data_format="channels_last")
    layers[-1]["config"]["activation"] = "softmax_v2"
    layers[5]["config"]["activation"] = "ste_sign"
    old = {"class_name": "Sequential", "config": layers}
    network = read_model(write_h5(tmp_path / "old.h5", old))
    assert network.input_shape == (4, 4, 1)
    assert network.layers[4].activation == "ste_sign"
    assert network.layers[5].function == "softmax"
    model = {**functional(base_layers()), "class_name": "Model"}
    assert len(read_model(write_h5(tmp_path / "old.h5", model)).layers) == 6


def test_prefixes_and_packages_of_larq_and_keras_are_read(tmp_path):
    layers = base_layers()
    layers[1].update(class_name="Larq>QuantConv2D", module="larq.layers")
    layers[1]["registered_name"] = "Larq>QuantConv2D"
    layers[5].update(module="keras.src.layers.reshaping.flatten", registered_name=None)
    layers[1]["config"]["dtype"] = {"class_name": "Policy", "config": {"name": "float32"}}
    assert len(read_model(write_h5(tmp_path / "net.h5", sequential(layers))).layers) == 6


def test_quantizers_as_layers_are_activations(tmp_path):
    layers = base_layers()
    layers[4] = {**SIGN, "config": {"name": "quantize"}}
    network = read_model(write_h5(tmp_path / "net.h5", sequential(layers)))
    assert network.layers[3] == Activation("quantize", "ste_sign")


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


def test_code_in_a_lambda_is_never_run(tmp_path):
    def change(layers):
        code = ["4wEAAAAAAAAAAAAAAAEAAAABAAAAQwAAAHMEAAAAfABTAA==", None, None]
        layers[4] = layer("Lambda", "scale", function=code, function_type="lambda")

    assert refused(tmp_path, change) == (
        "layer 5 of 8, 'scale', must not be a Lambda: it holds code, and code from a file is never "
        "run: build the model with a layer of Keras or the TensorFlow function itself in its place "
        "(x + y, tf.split(x, 2, -1)), take over the weights (new.set_weights(old.get_weights())) "
        "and save that"
    )


KNOWN = "must be a layer that pimsim carries out (docs/layers.md lists them)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda layers: layers.__setitem__(2, layer("LayerNormalization", "norm")),
            f"layer 3 of 8, 'norm', {KNOWN}, not one of class 'LayerNormalization'",
        ),
        (
            lambda layers: layers.__setitem__(1, layer("QuantConv3D", "deep")),
            f"layer 2 of 8, 'deep', {KNOWN}, not one of class 'QuantConv3D'",
        ),
        (
            lambda layers: layers[6].update(registered_name="mine>QuantDense"),
            "layer 7 of 8, 'fc' must be of a class of Keras or Larq, "
            "not of the custom class 'mine>QuantDense'",
        ),
        (
            lambda layers: layers[6].update(module="mine.layers"),
            "layer 7 of 8, 'fc' must be of a class of Keras or Larq, "
            "not of the custom class 'mine.layers.QuantDense'",
        ),
        (
            lambda layers: layers[6].update(class_name="Custom>QuantDense"),
            "layer 7 of 8, 'fc' must be of a class of Keras or Larq, "
            "not of the custom class 'Custom>QuantDense'",
        ),
        (
            lambda layers: layers.__setitem__(4, sequential([]) | {"name": "block"}),
            "layer 5 of 8, 'block' (Sequential): `layers` must be a list of layers, not []",
        ),
        (
            lambda layers: layers.__setitem__(
                4,
                sequential([layer("Flatten", "f"), sequential([layer("LSTM", "rnn")])])
                | {"name": "block"},
            ),
            f"layer 1 of 1 of 'block/seq', 'rnn', {KNOWN}, not one of class 'LSTM'",
        ),
        (
            lambda layers: layers.__setitem__(
                4,
                layer("TFOpLambda", "tf.io.read_file", function="io.read_file")
                | {"inbound_nodes": [["bn", 0, 0, {"y": 2.0}]]},
            ),
            "layer 5 of 8, 'tf.io.read_file' (TFOpLambda) must be an operator that pimsim carries "
            "out (docs/layers.md lists them), not tf.io.read_file",
        ),
        (
            lambda layers: layers.__setitem__(4, 17),
            "layer 5 of 8 must be a JSON object, not 17",
        ),
        (
            lambda layers: layers[5]["config"].pop("name"),
            "layer 6 of 8: `name` must be a name, not None",
        ),
        (
            lambda layers: layers.__setitem__(5, layer("InputLayer", "again")),
            "layer 6 of 8, 'again' (InputLayer) must be the first layer, "
            "as a network has one input",
        ),
        (
            lambda layers: layers[6]["config"].update(
                kernel_quantizer={"class_name": "DoReFa", "config": {"k_bit": 9}}
            ),
            "layer 7 of 8, 'fc' (QuantDense): bits of a DoReFa quantizer must be 1 to 8, not 9",
        ),
        (
            lambda layers: layers[6]["config"].update(
                input_quantizer={"class_name": "SteTern", "config": {"threshold_value": "low"}}
            ),
            "layer 7 of 8, 'fc' (QuantDense): `threshold_value` must be a number, not 'low'",
        ),
        (
            lambda layers: layers[1]["config"].update(input_quantizer="magnitude_aware_sign"),
            "layer 2 of 8, 'conv' (QuantConv2D): `input_quantizer` must look at one value at a "
            "time, not at a whole batch as magnitude_aware_sign does",
        ),
        (
            lambda layers: layers[1]["config"].update(kernel_quantizer="my_sign"),
            "layer 2 of 8, 'conv' (QuantConv2D): `kernel_quantizer` must be a quantizer of Larq, "
            "not 'my_sign'",
        ),
        (
            lambda layers: layers[1]["config"].update(
                kernel_quantizer={**SIGN, "registered_name": "mine>SteSign"}
            ),
            "layer 2 of 8, 'conv' (QuantConv2D): `kernel_quantizer` must be of a class of Keras "
            "or Larq, not of the custom class 'mine>SteSign'",
        ),
        (
            lambda layers: layers[1]["config"].update(kernel_quantizer=3),
            "layer 2 of 8, 'conv' (QuantConv2D): `kernel_quantizer` must be a JSON object, not 3",
        ),
        (
            lambda layers: layers[7]["config"].update(activation="maxout"),
            "layer 8 of 8, 'soft' (Activation): `activation` must be one of approx_sign, "
            "clip_by_value_activation, dorefa, elu, exponential, gelu, hard_sigmoid, hard_tanh, "
            "leaky_tanh, linear, mish, relu, relu6, selu, sigmoid, softmax, softplus, softsign, "
            "ste_heaviside, ste_sign, ste_tern, swish, swish_sign, tanh, not 'maxout'",
        ),
        (
            lambda layers: layers[1]["config"].update(data_format="channels_first"),
            "layer 2 of 8, 'conv' (QuantConv2D): `data_format` must be 'channels_last', "
            "not 'channels_first'",
        ),
        (
            lambda layers: layers[1]["config"].update(groups=3),
            "layer 2 of 8, 'conv' (QuantConv2D): `groups` must be a divisor of 1 channels "
            "and 3 filters, not 3",
        ),
        (
            lambda layers: layers[1]["config"].update(padding="same", pad_values=0.5),
            "layer 2 of 8, 'conv' (QuantConv2D): `pad_values` must be -1, 0 or 1, not 0.5",
        ),
        (
            lambda layers: layers[1]["config"].update(padding="causal"),
            "layer 2 of 8, 'conv' (QuantConv2D): `padding` must be 'valid' or 'same', "
            "not 'causal'",
        ),
        (
            lambda layers: layers[1]["config"].update(filters=-3),
            "layer 2 of 8, 'conv' (QuantConv2D): `filters` must be a positive integer, not -3",
        ),
        (
            lambda layers: layers[1]["config"].update(strides=[1, 2, 3]),
            "layer 2 of 8, 'conv' (QuantConv2D): `strides` must be one or two positive integers, "
            "not [1, 2, 3]",
        ),
        (
            lambda layers: layers[1]["config"].update(use_bias="no"),
            "layer 2 of 8, 'conv' (QuantConv2D): `use_bias` must be true or false, not 'no'",
        ),
        (
            lambda layers: layers[1]["config"].update(dtype="float16"),
            "layer 2 of 8, 'conv' (QuantConv2D): `dtype` must be 'float32', 'mixed_float16' or "
            "'mixed_bfloat16', not 'float16'; new = keras.models.model_from_json(model.to_json()"
            ".replace('float16', 'float32')); new.set_weights(model.get_weights()) makes a float32 "
            "model of it",
        ),
        (
            lambda layers: layers[1]["config"].update(kernel_size=[5, 5]),
            "kernel of layer 2 of 8, 'conv' (QuantConv2D) must have shape (5, 5, 1, 3), "
            "not (2, 2, 1, 3)",
        ),
        (
            lambda layers: layers[3]["config"].update(axis=[1]),
            "layer 4 of 8, 'bn' (BatchNormalization): `axis` must be the last one, not [1]",
        ),
        (
            lambda layers: layers[3]["config"].update(epsilon=float("nan")),
            "layer 4 of 8, 'bn' (BatchNormalization): `epsilon` must be a finite number, not nan",
        ),
        (
            lambda layers: layers[2]["config"].update(pool_size=[9, 9]),
            "layer 3 of 8, 'pool' (MaxPooling2D): layer 'pool': `kernel` must reach over at most "
            "the 3 pixels of its input, not 9",
        ),
        (
            lambda layers: layers[0]["config"].update(batch_input_shape=[None, None, 4, 1]),
            "takes images of shape (?, 4, 1), which leaves sizes open: say them with "
            "--input-shape, such as --input-shape 64,4,1, or give images with --data",
        ),
        (
            lambda layers: layers[0]["config"].update(batch_input_shape=[None, -1, 4, 1]),
            "layer 1 of 8, 'in' (InputLayer): `batch_input_shape` must be positive sizes, or null "
            "for those that are left open, not [None, -1, 4, 1]",
        ),
        (
            lambda layers: layers.pop(0),
            "layer 1 of 7, 'conv' (QuantConv2D) must say its input shape: "
            "build the model before saving it",
        ),
    ],
)  # fmt: skip
def test_what_is_not_carried_out_is_named(tmp_path, change, message):
    assert refused_somehow(tmp_path, change) == message


def test_names_from_a_file_are_written_harmlessly(tmp_path):
    found = refused_somehow(
        tmp_path, lambda layers: layers[6]["config"].update(name="fc\x1b[2J\n" + "x" * 90)
    )
    assert found.startswith("layer 7 of 8, 'fc\\x1b[2J\\nxxx")
    assert len(found) < 250


def refused_somehow(tmp_path, change):
    layers = base_layers()
    change(layers)
    return refusal(write_h5(tmp_path / "net.h5", sequential(layers)))


def _own(model, spelling):
    """The same model, of a class of somebody's own."""
    return {**model, **spelling}


@pytest.mark.parametrize(
    "spelling",
    [
        {"class_name": "MyNet"},
        {"class_name": "mine>MyNet"},
        {"class_name": "MyNet", "module": "mine", "registered_name": "MyNet"},
        {"class_name": "MyNet", "module": "__main__", "registered_name": "Custom>MyNet"},
        {"class_name": "Sequential", "module": "mine", "registered_name": "Sequential"},
    ],
)
@pytest.mark.parametrize("make", [sequential, functional])
def test_a_model_is_known_by_the_graph_that_it_saved(tmp_path, make, spelling):
    plain = read_model(write_h5(tmp_path / "plain.h5", make(base_layers())))
    for write, suffix in ((write_h5, "h5"), (write_keras, "keras")):
        path = write(tmp_path / f"net.{suffix}", _own(make(base_layers()), spelling))
        network = read_model(path)
        assert [type(one) for one in network.layers] == [type(one) for one in plain.layers]
        assert np.array_equal(network.layers[0].kernel, plain.layers[0].kernel)


def test_a_model_of_an_own_class_inside_another(tmp_path):
    block = _own(functional(base_layers()), {"class_name": "MyBlock", "module": "mine"})
    arrays = {f"my_block/layers/{SLOTS[name]}": values for name, values in base_arrays().items()}
    whole = sequential([layer("InputLayer", "start", batch_input_shape=[None, 4, 4, 1]), block])
    path = tmp_path / "net.keras"
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for slot, values in arrays.items():
            for place, value in enumerate(values.values()):
                file[f"layers/{slot}/vars/{place}"] = value
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(whole))
        archive.writestr("model.weights.h5", weights.getvalue())
    assert [one.name for one in read_model(path).layers][:2] == ["net/conv", "net/pool"]


def test_an_own_class_of_layer_stays_refused_whatever_it_holds(tmp_path):
    def change(layers):
        layers[2] = {
            "class_name": "Stack", "module": "mine", "name": "stack",
            "config": {"name": "stack", "layers": [], "depth": 3},
        }  # fmt: skip

    assert refused(tmp_path, change) == (
        "layer 3 of 8, 'stack' must be of a class of Keras or Larq, not of the custom class "
        "'mine.Stack'"
    )


@pytest.mark.parametrize("given", [(4, 4, 1), lambda: (4, 4, 1), (4, 4), lambda: (4, 4)])
def test_sizes_left_open_are_those_of_the_images(tmp_path, given):
    layers = base_layers()
    layers[0]["config"]["batch_input_shape"] = [None, None, None, 1]
    path = write_h5(tmp_path / "net.h5", sequential(layers))
    network = read_model(path, given)
    assert network.input_shape == (4, 4, 1)
    assert network.shapes()[-1] == (2,)
    with pytest.raises(InputError, match=r"takes images of shape \(\?, \?, 1\), not \(4, 4, 3\)"):
        read_model(path, (4, 4, 3))
    with pytest.raises(InputError, match=r"layer 7 of 8, 'fc'.* must have shape \(12, 2\)"):
        read_model(path, (5, 5, 1))


@pytest.mark.parametrize("mixed", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("as_object", [False, True])
def test_mixed_precision_is_noted_and_read_as_float32(tmp_path, mixed, as_object):
    policy = {"class_name": "Policy", "module": "keras.mixed_precision", "config": {"name": mixed}}
    layers = base_layers()
    for one in layers[1:-1]:
        one["config"]["dtype"] = policy if as_object else mixed
    layers[-1]["config"]["dtype"] = "float32"
    network = read_model(write_h5(tmp_path / "net.h5", sequential(layers)))
    assert network.precision == mixed
    assert network.before_softmax().precision == mixed
    assert read_model(write_h5(tmp_path / "net.h5", sequential(base_layers()))).precision == (
        "float32"
    )


def test_pad_values_of_valid_convolutions_do_not_matter(tmp_path):
    layers = base_layers()
    layers[1]["config"]["pad_values"] = 0.5
    network = read_model(write_h5(tmp_path / "net.h5", sequential(layers)))
    assert network.layers[0].pad_values == 0.0


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ([1], "the model must be a JSON object, not [1]"),
        ({"config": {}}, "the model: `class_name` must be a name, not None"),
        (
            {"class_name": "Ensemble", "config": {}},
            "the model must be Sequential or functional, not a 'Ensemble' without a graph of "
            "layers: x = keras.Input(shape); keras.Model(x, model.call(x)).save('name.keras') "
            "makes one of it",
        ),
        (
            {"class_name": "Mine", "module": "mine", "config": {"layers": [], "units": 3}},
            "the model must be Sequential or functional, not a 'Mine' without a graph of "
            "layers: x = keras.Input(shape); keras.Model(x, model.call(x)).save('name.keras') "
            "makes one of it",
        ),
        (
            {"class_name": "Sequential", "config": {"layers": []}},
            "configuration of the model: `layers` must be a list of layers, not []",
        ),
        (
            sequential([layer("InputLayer", "in", batch_input_shape=[None, 4])]),
            "network 'seq' must have at least one layer, not none",
        ),
    ],
)
def test_architectures_that_are_none(tmp_path, model, message):
    assert refusal(write_h5(tmp_path / "net.h5", model)) == message


def rewired(change):
    model = functional(base_layers())
    change({item["name"]: item for item in model["config"]["layers"]}, model["config"])
    return model


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda by_name, _: by_name["flat"].update(inbound_nodes=[[["bn", 0, 0, {}]]]),
            "layer 5 of 8, 'drop' (Dropout) must lie between the input and the output",
        ),
        (
            lambda by_name, _: by_name["flat"].update(
                inbound_nodes=[[["bn", 0, 0, {}], ["drop", 0, 0, {}]]]
            ),
            "layer 6 of 8, 'flat' (Flatten) must have one input, not 2",
        ),
        (
            lambda by_name, _: by_name["soft"].update(inbound_nodes=[[["soft", 0, 0, {}]]]),
            "layer 8 of 8, 'soft' (Activation) must not be fed with what it gives",
        ),
        (
            lambda by_name, _: by_name["flat"].update(inbound_nodes=[[["gone", 0, 0, {}]]]),
            "layer 6 of 8, 'flat' (Flatten) must follow a layer of the model, not 'gone'",
        ),
        (
            lambda by_name, _: by_name["bn"].update(
                inbound_nodes=[[["pool", 0, 0, {"training": True}]]]
            ),
            "layer 4 of 8, 'bn' (BatchNormalization) must follow a layer, "
            "not [[['pool', 0, 0, {'training': True}]]]",
        ),
        (
            lambda by_name, _: by_name["bn"].update(inbound_nodes=[{"args": [], "kwargs": {}}]),
            "layer 4 of 8, 'bn' (BatchNormalization) must be saved by Keras 2 (tf-keras), "
            "as Larq does, not by Keras 3",
        ),
        (
            lambda _, config: config.update(output_layers=[["fc", 0, 0]]),
            "layer 8 of 8, 'soft' (Activation) must lie between the input and the output",
        ),
        (
            lambda _, config: config.update(input_layers=[["in", 0, 0], ["conv", 0, 0]]),
            "configuration of the model: `input_layers` must be one layer, not 2 ('in', 'conv')",
        ),
        (
            lambda _, config: config.update(output_layers=[["fc", 0, 0], ["soft", 0, 0]]),
            "configuration of the model: `output_layers` must be one layer, not 2 ('fc', 'soft'); "
            "keras.Model(model.input, model.get_layer(NAME).output).save('name.keras') makes a "
            "model of one of them",
        ),
        (
            lambda _, config: config.update(output_layers={"a": ["fc", 0, 0], "b": ["soft", 0, 0]}),
            "configuration of the model: `output_layers` must be one layer, not 2 ('fc', 'soft'); "
            "keras.Model(model.input, model.get_layer(NAME).output).save('name.keras') makes a "
            "model of one of them",
        ),
    ],
)
def test_graphs_that_are_none(tmp_path, change, message):
    assert refusal(write_h5(tmp_path / "net.h5", rewired(change))) == message


def test_layers_of_a_graph_may_come_in_any_order(tmp_path):
    model = functional(base_layers())
    wanted = read_model(write_h5(tmp_path / "net.h5", model))
    model["config"]["layers"].reverse()
    network = read_model(write_h5(tmp_path / "net.h5", model))
    assert [x.name for x in network.layers] == [x.name for x in wanted.layers]


@pytest.mark.parametrize("write", [write_h5, write_keras])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda arrays: arrays["fc"]["kernel"].__setitem__((1, 1), np.nan),
            "kernel of layer 7 of 8, 'fc' (QuantDense) must be finite, not NaN or infinite",
        ),
        (
            lambda arrays: arrays["bn"]["moving_mean"].__setitem__(0, -np.inf),
            "moving_mean of layer 4 of 8, 'bn' (BatchNormalization) must be finite, "
            "not NaN or infinite",
        ),
        (
            lambda arrays: arrays["fc"].update(kernel=np.zeros((2, 3), np.float32)),
            "kernel of layer 7 of 8, 'fc' (QuantDense) must have shape (3, 2), not (2, 3)",
        ),
        (
            lambda arrays: arrays["fc"].update(kernel=np.zeros((3, 2))),
            "kernel of layer 7 of 8, 'fc' (QuantDense) must be float32, not float64",
        ),
        (
            lambda arrays: arrays["bn"].update(moving_variance=np.float32([1, -2, 1])),
            "variance + epsilon of layer 'bn' must be positive, not -1.99",
        ),
    ],
)
def test_weights_that_do_not_fit(tmp_path, write, change, message):
    arrays = base_arrays()
    change(arrays)
    assert refusal(write(tmp_path / "net", sequential(base_layers()), arrays)) == message


@pytest.mark.parametrize("write", [write_h5, write_keras])
def test_half_precision_is_widened(tmp_path, write):
    """A Normalization under mixed_float16 has such statistics."""
    arrays = base_arrays()
    halves = np.float16([0.1, -2.5, 65504])
    arrays["bn"].update(moving_mean=halves)
    network = read_model(write(tmp_path / "net", sequential(base_layers()), arrays))
    (norm,) = (layer for layer in network.layers if layer.name == "bn")
    assert norm.mean.dtype == np.float32
    assert norm.mean.tolist() == halves.tolist()


def test_missing_and_surplus_weights(tmp_path):
    arrays = base_arrays()
    bias = arrays["fc"].pop("bias")
    model = sequential(base_layers())
    where = "layer 7 of 8, 'fc' (QuantDense)"
    assert refusal(write_h5(tmp_path / "net", model, arrays)) == (
        f"{where} must have the weights 'kernel, bias', not 'kernel'"
    )
    assert refusal(write_keras(tmp_path / "net", model, arrays)) == (
        f"{where} must have the weights 'kernel, bias', not 1 arrays"
    )
    arrays["fc"].update(bias=bias, scale=bias)
    assert refusal(write_h5(tmp_path / "net", model, arrays)) == (
        f"{where} must have the weights 'kernel, bias', not 'kernel, bias, scale'"
    )
    del arrays["fc"]
    assert refusal(write_h5(tmp_path / "net", model, arrays)) == (
        f"{where} must have a group of weights named 'fc'"
    )
    assert refusal(write_keras(tmp_path / "net", model, arrays)) == (
        f"{where} must have weights under 'layers/quant_dense/vars'"
    )


def test_a_file_cannot_lead_to_another(tmp_path):
    elsewhere = tmp_path / "secret.h5"
    with h5py.File(elsewhere, "w") as file:
        file["kernel"] = np.ones((3, 2), np.float32)
    path = write_h5(tmp_path / "net.h5", sequential(base_layers()))
    where = "layer 7 of 8, 'fc' (QuantDense)"
    kernel = "model_weights/fc/fc/kernel:0"
    link = f"{where} must hold its weights itself, not through a link ('fc/kernel:0')"
    for target in (
        h5py.ExternalLink(str(elsewhere), "/kernel"),
        h5py.SoftLink("/model_weights/fc/fc/kernel:0"),
    ):
        with h5py.File(path, "a") as file:
            del file[kernel]
            file[kernel] = target
        assert refusal(path) == link
    raw = tmp_path / "raw"
    raw.write_bytes(np.ones((3, 2), np.float32).tobytes())
    with h5py.File(path, "a") as file:
        del file[kernel]
        outside = [(str(raw), 0, 24)]
        file.create_dataset(kernel, (3, 2), np.float32, external=outside)
    plain = f"kernel of {where} must be stored in the file itself, in a plain way"
    assert refusal(path) == plain
    with h5py.File(path, "a") as file:
        del file[kernel]
        layout = h5py.VirtualLayout((3, 2), np.float32)
        layout[:] = h5py.VirtualSource(str(elsewhere), "kernel", (3, 2))
        file.create_virtual_dataset(kernel, layout)
    assert refusal(path) == plain
    with h5py.File(path, "a") as file:
        del file["model_weights"]
        file["model_weights"] = h5py.SoftLink("/model_weights")
    assert refusal(path) == (
        "layer 2 of 8, 'conv' (QuantConv2D) must hold its weights itself, "
        "not through a link ('model_weights/conv')"
    )


def test_groups_that_hold_themselves_do_no_harm(tmp_path):
    path = write_h5(tmp_path / "net.h5", sequential(base_layers()))
    with h5py.File(path, "a") as file:
        file["model_weights/fc/fc/again"] = file["model_weights"]
    assert read_model(path).shapes()[-1] == (2,)


def test_objects_and_huge_arrays_are_not_read(tmp_path):
    path = write_h5(tmp_path / "net.h5", sequential(base_layers()))
    kernel = "model_weights/fc/fc/kernel:0"
    with h5py.File(path, "a") as file:
        del file[kernel]
        file.create_dataset(kernel, (3, 2), h5py.string_dtype())
    assert refusal(path) == (
        "kernel of layer 7 of 8, 'fc' (QuantDense) must be float32, not object"
    )
    layers = copy.deepcopy(base_layers())
    layers[6]["config"]["units"] = 10**9
    path = write_h5(tmp_path / "net.h5", sequential(layers))
    with h5py.File(path, "a") as file:
        del file[kernel]
        file.create_dataset(kernel, (3, 10**9), np.float32, chunks=(3, 1 << 16))
    assert refusal(path) == (
        "kernel of layer 7 of 8, 'fc' (QuantDense) must have at most 268435456 values, "
        "not (3, 1000000000)"
    )


def test_compressed_weights_are_read(tmp_path):
    path = write_h5(tmp_path / "net.h5", sequential(base_layers()))
    wanted = base_arrays()["fc"]["kernel"]
    with h5py.File(path, "a") as file:
        del file["model_weights/fc/fc/kernel:0"]
        packed = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        file.create_dataset("model_weights/fc/fc/kernel:0", data=wanted, chunks=True, **packed)
    assert np.array_equal(read_model(path).layers[4].kernel, wanted)


def test_weight_names_that_are_split_are_put_together(tmp_path):
    path = write_h5(tmp_path / "net.h5", sequential(base_layers()))
    with h5py.File(path, "a") as file:
        group = file["model_weights/fc"]
        names = group.attrs["weight_names"]
        del group.attrs["weight_names"]
        for place, name in enumerate(names):
            group.attrs[f"weight_names{place}"] = np.array([name])
    assert read_model(path).layers[4].bias is not None
