"""Model files by hand: every spelling that is read."""

from __future__ import annotations

import io
import json
import zipfile

import h5py
import numpy as np
import pytest

from bnn.larq.model_file import read_model
from bnn.model.network import Activation, BatchNorm, Conv2D, Dense, Flatten, MaxPool2D
from pimsim.errors import InputError

from .model_files import (
    SIGN,
    SLOTS,
    base_arrays,
    base_layers,
    functional,
    layer,
    sequential,
    write_h5,
    write_keras,
)


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


def test_layers_that_have_the_names_of_other_layers_places(tmp_path):
    """In a ``.keras`` file of tf-keras 2.21 the place is that of the class and its number.

    See findings/tf-keras-file-names-weights-by-class.sh.
    """
    first, second = "quant_dense_1", "quant_dense"
    layers = [
        layer("InputLayer", "in", batch_input_shape=[None, 2]),
        layer("QuantDense", first, units=2, use_bias=False, kernel_quantizer=SIGN),
        layer("QuantDense", second, units=2, use_bias=False, kernel_quantizer=SIGN),
    ]
    arrays = {
        first: {"kernel": np.full((2, 2), 10, np.float32)},
        second: {"kernel": np.full((2, 2), 20, np.float32)},
    }
    slots = {first: "quant_dense", second: "quant_dense_1"}
    for wrap in (sequential, functional):
        by_name = write_h5(tmp_path / "a.h5", wrap(layers), arrays)
        by_class = write_keras(tmp_path / "a.keras", wrap(layers), arrays, slots)
        for path in (by_name, by_class):
            weights = [one.kernel[0, 0] for one in read_model(path).layers]
            assert weights == [10, 20], path


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


def test_layers_of_a_graph_may_come_in_any_order(tmp_path):
    model = functional(base_layers())
    wanted = read_model(write_h5(tmp_path / "net.h5", model))
    model["config"]["layers"].reverse()
    network = read_model(write_h5(tmp_path / "net.h5", model))
    assert [x.name for x in network.layers] == [x.name for x in wanted.layers]
