"""From the entries of a model file to layers with weights."""

from __future__ import annotations

from bnn import quantizers
from bnn.geometry import Padding
from bnn.larq.config import QUANTIZERS, Entry, known_class
from bnn.larq.fields import Fields, shown
from bnn.larq.weights import WeightSource
from bnn.network import (
    ACTIVATIONS,
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    MaxPool2D,
    Shape,
    Weights,
)
from pimsim.errors import InputError

_SPELLINGS = {"softmax_v2": "softmax"}
"""TensorFlow 2.2 wrote the name of its own function into files."""


def build(entry: Entry, shape: Shape, weights: WeightSource) -> Layer:
    """Make the layer that an entry describes.

    Args:
        entry: of a class in ``config.EXECUTED`` or ``QUANTIZERS``.
        shape: of the layer's input, without the batch axis.
        weights: where its arrays come from.

    Raises:
        InputError: a setting that pimsim does not carry out, or weights that do not fit.
    """
    fields = entry.fields
    _check_precision(fields)
    match entry.kind:
        case "QuantDense" | "Dense":
            return _dense(entry, shape, weights)
        case "QuantConv2D" | "Conv2D":
            return _conv(entry, shape, weights)
        case "BatchNormalization":
            return _batch_norm(entry, shape, weights)
        case "MaxPooling2D":
            _check_data_format(fields)
            pool_size = fields.pair("pool_size")
            strides = fields.pair("strides", pool_size)
            return MaxPool2D(entry.name, pool_size, strides, _padding(fields))
        case "Flatten":
            _check_data_format(fields)
            return Flatten(entry.name)
        case "Activation":
            return Activation(entry.name, _activation(fields))
        case "Softmax":
            if fields.get("axis") not in (None, -1, len(shape)):
                fields.refuse("axis", "the last one")
            return Activation(entry.name, "softmax")
        case kind if kind in QUANTIZERS:
            return Activation(entry.name, _function(_executed(fields, "class_name", kind)))
        case kind:
            raise ValueError(f"`entry` must be of a supported class, not {kind!r}")


def _dense(entry: Entry, shape: Shape, weights: WeightSource) -> Dense:
    fields = entry.fields
    units = fields.size("units")
    fan_in = shape[-1] if shape else 0
    arrays = _kernel_and_bias(entry, (fan_in, units), weights)
    return Dense(
        name=entry.name,
        kernel=arrays["kernel"],
        bias=arrays.get("bias"),
        input_quantizer=_quantizer(entry, "input_quantizer"),
        kernel_quantizer=_quantizer(entry, "kernel_quantizer"),
        activation=_activation(fields),
    )


def _conv(entry: Entry, shape: Shape, weights: WeightSource) -> Conv2D:
    fields = entry.fields
    _check_data_format(fields)
    if fields.get("groups") not in (None, 1):
        fields.refuse("groups", "1")
    if len(shape) != 3:
        raise InputError(f"{entry.where} must be fed with (height, width, channels), not {shape}")
    padding = _padding(fields)
    pad_values = fields.number("pad_values", 0.0) if padding == "same" else 0.0
    if pad_values not in (-1.0, 0.0, 1.0):
        fields.refuse("pad_values", "-1, 0 or 1")
    kernel = (*fields.pair("kernel_size"), shape[2], fields.size("filters"))
    arrays = _kernel_and_bias(entry, kernel, weights)
    return Conv2D(
        name=entry.name,
        kernel=arrays["kernel"],
        bias=arrays.get("bias"),
        input_quantizer=_quantizer(entry, "input_quantizer"),
        kernel_quantizer=_quantizer(entry, "kernel_quantizer"),
        strides=fields.pair("strides", (1, 1)),
        dilation=fields.pair("dilation_rate", (1, 1)),
        padding=padding,
        pad_values=pad_values,
        activation=_activation(fields),
    )


def _kernel_and_bias(entry: Entry, kernel: Shape, weights: WeightSource) -> dict[str, Weights]:
    shapes = {"kernel": kernel}
    if entry.fields.flag("use_bias", True):
        shapes["bias"] = kernel[-1:]
    return weights.read(entry.where, entry.name, entry.slot, shapes)


def _batch_norm(entry: Entry, shape: Shape, weights: WeightSource) -> BatchNorm:
    fields = entry.fields
    axis = fields.get("axis")
    if axis not in (None, -1, len(shape), [-1], [len(shape)]):
        fields.refuse("axis", "the last one")
    names = ["gamma"] if fields.flag("scale", True) else []
    names += ["beta"] if fields.flag("center", True) else []
    names += ["moving_mean", "moving_variance"]
    arrays = weights.read(entry.where, entry.name, entry.slot, dict.fromkeys(names, shape[-1:]))
    return BatchNorm(
        name=entry.name,
        mean=arrays["moving_mean"],
        variance=arrays["moving_variance"],
        gamma=arrays.get("gamma"),
        beta=arrays.get("beta"),
        epsilon=fields.number("epsilon", 1e-3),
    )


def _quantizer(entry: Entry, key: str) -> str | None:
    """Return the canonical name of a quantizer, None for none."""
    value = entry.fields.get(key)
    if value is None:
        return None
    return _executed(entry.fields, key, _named(entry.fields, key, value))


def _executed(fields: Fields, key: str, spelled: str) -> str:
    name = quantizers.canonical(spelled)
    if name is None:
        raise InputError(
            f"{fields.where}: `{key}` must be a quantizer of Larq, not {shown(spelled)}"
        )
    if name not in quantizers.EXECUTED:
        known = ", ".join(sorted(quantizers.EXECUTED))
        raise InputError(
            f"{fields.where}: `{key}` must be one of {known} for now, not {shown(spelled)}"
        )
    return name


def _activation(fields: Fields) -> str:
    value = fields.get("activation")
    if value is None:
        return "linear"
    spelled = _named(fields, "activation", value)
    spelled = _SPELLINGS.get(spelled, spelled)
    if spelled in ACTIVATIONS:
        return spelled
    if quantizers.canonical(spelled) is not None:
        return _function(_executed(fields, "activation", spelled))
    known = ", ".join(sorted(ACTIVATIONS | quantizers.SIGNS))
    raise InputError(f"{fields.where}: `activation` must be one of {known}, not {shown(spelled)}")


def _function(quantizer: str) -> str:
    return "linear" if quantizer == quantizers.NO_OP else quantizer


def _named(fields: Fields, key: str, value: object) -> str:
    """Return the name of a function: spelled as text, as a class, or as a function of a module."""
    if isinstance(value, str) and value:
        return value
    inner = Fields.of(value, f"{fields.where}: `{key}`")
    kind = known_class(inner)
    return inner.text("config") if kind == "function" else kind


def _padding(fields: Fields) -> Padding:
    match fields.get("padding"):
        case None | "valid":
            return "valid"
        case "same":
            return "same"
        case _:
            fields.refuse("padding", "'valid' or 'same'")


def _check_data_format(fields: Fields) -> None:
    if fields.get("data_format") not in (None, "channels_last"):
        fields.refuse("data_format", "'channels_last'")


def _check_precision(fields: Fields) -> None:
    value = fields.get("dtype")
    if isinstance(value, dict):
        policy = value.get("config")
        value = policy.get("name") if isinstance(policy, dict) else value
    if value not in (None, "float32"):
        fields.refuse("dtype", "'float32'")
