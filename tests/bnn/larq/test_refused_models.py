"""Models that are whole files, and of which something is not carried out: all is named."""

from __future__ import annotations

import pytest

from .model_files import (
    SIGN,
    base_layers,
    functional,
    layer,
    refusal,
    refused,
    refused_somehow,
    sequential,
    write_h5,
)


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
