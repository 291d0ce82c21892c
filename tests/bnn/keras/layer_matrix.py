"""Every layer with every quantizer and setting: small seeded networks, built by Keras and Larq.

A *case* is one layer under test with what stands around it. Many cases hang as branches on one
input, flattened and put behind one another at the end, so that one model file holds dozens of
them and what the whole network gives is what each of them gave.

``python tests/bnn/keras/layer_matrix.py docs`` (with the extra ``larq`` installed) runs them all
and writes ``docs/layers.md``: which layer runs where.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

IMAGES = 3

QUANTIZERS: dict[str, Callable[[Any], Any]] = {
    "ste_sign": lambda q: q.SteSign(),
    "approx_sign": lambda q: q.ApproxSign(),
    "swish_sign": lambda q: q.SwishSign(),
    "magnitude_aware_sign": lambda q: q.MagnitudeAwareSign(),
    "ste_heaviside": lambda q: q.SteHeaviside(),
    "ste_tern": lambda q: q.SteTern(),
    "ste_tern(0.5)": lambda q: q.SteTern(threshold_value=0.5),
    "ste_tern(weight networks)": lambda q: q.SteTern(ternary_weight_networks=True),
    "dorefa(1)": lambda q: q.DoReFa(k_bit=1),
    "dorefa(2)": lambda q: q.DoReFa(k_bit=2),
    "dorefa(3)": lambda q: q.DoReFa(k_bit=3),
    "dorefa(1, weights)": lambda q: q.DoReFa(k_bit=1, mode="weights"),
    "dorefa(2, weights)": lambda q: q.DoReFa(k_bit=2, mode="weights"),
    "dorefa(4, weights)": lambda q: q.DoReFa(k_bit=4, mode="weights"),
    "no_op, +-1": lambda q: q.NoOp(precision=1),
    "no_op, real": lambda q: q.NoOp(precision=32),
    "none": lambda q: None,
}
"""Larq's quantizers as this page and the tests call them."""

INPUTS = (
    *("ste_sign", "ste_heaviside", "ste_tern", "ste_tern(0.5)", "dorefa(1)", "dorefa(2)"),
    *("dorefa(3)", "none"),
)
"""Those that may quantize an input; approx_sign and swish_sign take turns with ste_sign."""

KERNELS = (
    *("ste_sign", "magnitude_aware_sign", "ste_heaviside", "ste_tern"),
    *("ste_tern(weight networks)", "dorefa(2)", "dorefa(1, weights)", "dorefa(2, weights)"),
    *("dorefa(4, weights)", "no_op, +-1", "no_op, real", "none"),
)
"""Those that may quantize a kernel."""

PIXEL_KERNELS = (
    *("ste_sign", "magnitude_aware_sign", "ste_tern", "dorefa(2, weights)", "no_op, +-1"),
)
"""Those that are tried on the integers of encoded inputs."""

_SIGNS = ("ste_sign", "approx_sign", "swish_sign")


@dataclass(frozen=True)
class Kind:
    """A class of layers with a kernel."""

    name: str
    shape: tuple[int, ...]
    """Of its input."""
    arguments: tuple[Any, ...]
    settings: tuple[dict[str, Any], ...]
    """What else it may be given; each case takes the next."""
    kernels: tuple[str, ...] = ("kernel_quantizer",)
    """Arguments that quantize a kernel."""
    real: bool = False
    """A class of Keras, without quantizers."""


_PADS = [{"padding": "same", "pad_values": pad} for pad in (0.0, 1.0, -1.0)]
_WINDOWS_2D: tuple[dict[str, Any], ...] = (
    {},
    *_PADS,
    {"strides": 2, "use_bias": False},
    {"dilation_rate": (2, 1), "padding": "same", "pad_values": 1.0},
    {"strides": (1, 3), "padding": "same"},
    {"dilation_rate": 2},
    {"strides": (2, 2), "padding": "same", "pad_values": -1.0, "use_bias": False},
)
_SQUARE: tuple[dict[str, Any], ...] = (
    {},
    *_PADS,
    {"strides": 2, "use_bias": False},
    {"dilation_rate": 2, "padding": "same"},
    {"dilation_rate": 2, "padding": "same", "pad_values": 1.0},
    {"strides": 2, "padding": "same", "pad_values": -1.0, "depth_multiplier": 2},
    {"depth_multiplier": 3, "padding": "same"},
)
_LINE: tuple[dict[str, Any], ...] = (
    {},
    *_PADS,
    {"padding": "causal"},
    {"padding": "causal", "dilation_rate": 2},
    {"padding": "causal", "strides": 2, "use_bias": False},
    {"strides": 3, "padding": "same", "pad_values": 1.0},
    {"dilation_rate": 3, "use_bias": False},
)
_GROUPS = tuple({**one, "groups": 2} for one in _WINDOWS_2D[::2])
_UP: tuple[dict[str, Any], ...] = (
    {},
    {"strides": 2},
    {"strides": 2, "padding": "same"},
    {"strides": (3, 1), "padding": "same", "use_bias": False},
    {"strides": 3, "padding": "valid"},
    {"strides": 2, "padding": "same", "output_padding": 1},
    {"strides": (2, 3), "output_padding": (1, 2), "use_bias": False},
)
_SMALL = (5, 4, 4)
_ROW = (7, 4)
_PARTS = ("depthwise_quantizer", "pointwise_quantizer")

KINDS = (
    Kind("QuantDense", (11,), (5,), ({}, {"use_bias": False})),
    Kind("QuantDense", (2, 3, 6), (4,), ({}, {"use_bias": False})),
    Kind("QuantConv1D", _ROW, (3, 3), (*_LINE, {"groups": 1, "filters": 6, "kernel_size": 2})),
    Kind("QuantConv2D", _SMALL, (4, (3, 2)), (*_WINDOWS_2D, *_GROUPS)),
    Kind("QuantDepthwiseConv2D", _SMALL, ((3, 2),), _SQUARE, ("depthwise_quantizer",)),
    Kind("QuantSeparableConv1D", _ROW, (3, 3), _LINE, _PARTS),
    Kind("QuantSeparableConv2D", _SMALL, (3, (3, 2)), _SQUARE, _PARTS),
    Kind("QuantConv2DTranspose", (3, 4, 3), (4, (3, 2)), _UP),
    Kind("QuantLocallyConnected1D", (5, 3), (3, 2), ({}, {"strides": 2, "use_bias": False})),
    Kind(
        "QuantLocallyConnected2D", (3, 4, 3), (3, (2, 2)),
        ({}, {"strides": (1, 2)}, {"use_bias": False}),
    ),
    Kind("Dense", (11,), (5,), ({}, {"activation": "gelu"}), (), real=True),
    Kind("Conv1D", _ROW, (3, 3), _LINE, (), real=True),
    Kind("Conv2D", _SMALL, (4, (3, 2)), (*_WINDOWS_2D, *_GROUPS), (), real=True),
    Kind("DepthwiseConv1D", _ROW, (3,), ({}, {"depth_multiplier": 2, "padding": "same"}), (),
         real=True),
    Kind("DepthwiseConv2D", _SMALL, ((3, 2),), _SQUARE, (), real=True),
    Kind("SeparableConv1D", _ROW, (3, 3), _LINE, (), real=True),
    Kind("SeparableConv2D", _SMALL, (3, (3, 2)), _SQUARE, (), real=True),
    Kind("Conv2DTranspose", (3, 4, 3), (4, (3, 2)), _UP, (), real=True),
    Kind("LocallyConnected1D", (5, 3), (3, 2), ({},), (), real=True),
    Kind("LocallyConnected2D", (3, 4, 3), (3, (2, 2)), ({},), (), real=True),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One branch: builds the layers under test behind ``x``."""

    name: str
    build: Callable[[Any, Any, Any], Any]
    """From Keras's layers, Larq, and a tensor to a tensor."""
    labels: dict[str, str] = field(default_factory=dict)
    """What the page tells of it."""


@dataclass(frozen=True)
class Batch:
    """Cases that share an input."""

    name: str
    shape: tuple[int, ...]
    pixels: bool
    """Whether inputs are the integers 0 to 255, else numbers on both sides of 0."""
    cases: tuple[Case, ...]


def batches() -> tuple[Batch, ...]:
    """All cases, those of one input together, but some pairs of quantizers (:func:`pairs`)."""
    result = []
    for number, kind in enumerate(KINDS):
        cases = tuple(_cases(kind))
        result.append(Batch(f"{kind.name}-{number}", kind.shape, False, cases))
        if not kind.real:
            pixels = tuple(_on_pixels(kind))
            result.append(Batch(f"{kind.name}-{number}-pixels", kind.shape, True, pixels))
    result.append(Batch("behind", _SMALL, False, tuple(_behind())))
    result.append(Batch("plain", _SMALL, False, tuple(_plain_2d())))
    result.append(Batch("plain-line", _ROW, False, tuple(_plain_1d())))
    result.append(Batch("graphs", _SMALL, False, tuple(_graphs())))
    result.append(Batch("prepared", (7, 6, 3), True, tuple(_prepared())))
    result.append(Batch("operators", _SMALL, False, tuple(_operators())))
    result.append(Batch("blocks", (12, 12, 3), False, tuple(_blocks())))
    result.append(Batch("activations", _SMALL, False, tuple(_layer_activations())))
    return tuple(result)


def pairs() -> tuple[Batch, ...]:
    """Every quantizer of inputs with every one of kernels where :func:`batches` has not both."""
    left = [pair for pair in itertools.product(INPUTS, KERNELS) if pair not in set(_some_pairs())]
    return tuple(
        Batch(f"{kind.name}-{number}-pairs", kind.shape, False, tuple(_paired(kind, left)))
        for number, kind in enumerate(KINDS)
        if not kind.real
    )


def _paired(kind: Kind, pairs: Iterable[tuple[str, str]]) -> Iterator[Case]:
    turn = itertools.cycle(kind.settings)
    for number, (fed, kernel) in enumerate(pairs):
        yield _product(kind, f"q{number}", fed, kernel, next(turn), number)
        if number % len(kind.settings) == 0:
            next(turn)  # so that a quantizer does not meet the same settings each time round


def _cases(kind: Kind) -> Iterator[Case]:
    if kind.real:
        for number, settings in enumerate(kind.settings):
            yield _product(kind, f"r{number}", "none", "none", settings)
        return
    yield from _paired(kind, dict.fromkeys(_some_pairs()))
    for number, settings in enumerate(kind.settings):
        yield _product(kind, f"s{number}", "ste_sign", "ste_sign", settings, number)


def _some_pairs() -> Iterator[tuple[str, str]]:
    yield from ((fed, "ste_sign") for fed in INPUTS)
    yield from (("ste_sign", kernel) for kernel in KERNELS)
    yield from ((INPUTS[3 * i % 8], kernel) for i, kernel in enumerate(KERNELS[:10]))


def _on_pixels(kind: Kind) -> Iterator[Case]:
    for number, kernel in enumerate(PIXEL_KERNELS):
        settings = kind.settings[number % len(kind.settings)]
        yield _product(kind, f"p{number}", "none", kernel, settings)


def _product(
    kind: Kind, name: str, fed: str, kernel: str, settings: dict[str, Any], turn: int = 0
) -> Case:
    sign = _SIGNS[turn % 3]

    def build(k: Any, lq: Any, x: Any) -> Any:
        def quantizer(name: str) -> Any:
            return QUANTIZERS[sign if name == "ste_sign" else name](lq.quantizers)

        quantizers = {key: quantizer(kernel) for key in kind.kernels}
        if not kind.real:
            quantizers["input_quantizer"] = quantizer(fed)
        known = {
            key: value for key, value in settings.items() if not kind.real or key != "pad_values"
        }
        make = getattr(k if kind.real else lq.layers, kind.name)
        names = ("filters", "kernel_size")
        given = {} if "filters" in known else dict(zip(names, kind.arguments, strict=False))
        if len(kind.arguments) < 2:
            return placed(make(*kind.arguments, name=name, **quantizers, **known), x)
        return placed(make(**given, name=name, **quantizers, **known), x)

    return Case(name, build, {"kind": kind.name, "input": fed, "kernel": kernel})


DECIDED = ("norm, sign", "norm, step", "norm, levels", "sign, zeros")
"""What leaves nothing to be quantized by the next layer."""


def _behind() -> Iterator[Case]:
    """What may stand between a binary layer and the next decision."""
    tails: dict[str, Callable[[Any, Any], list[Any]]] = {
        "norm": lambda k, lq: [k.BatchNormalization()],
        "norm without scale": lambda k, lq: [k.BatchNormalization(scale=False)],
        "norm without center": lambda k, lq: [k.BatchNormalization(center=False)],
        "norm of neither": lambda k, lq: [k.BatchNormalization(scale=False, center=False)],
        "max, norm": lambda k, lq: [k.MaxPooling2D(2), k.BatchNormalization()],
        "norm, max": lambda k, lq: [k.BatchNormalization(), k.MaxPooling2D(2, padding="same")],
        "norm, max, max": lambda k, lq: [
            k.BatchNormalization(), k.MaxPooling2D(2, 1), k.MaxPooling2D((1, 2), 1)
        ],
        "average, norm": lambda k, lq: [k.AveragePooling2D(2), k.BatchNormalization()],
        "norm, global max": lambda k, lq: [k.BatchNormalization(), k.GlobalMaxPooling2D()],
        "relu, norm": lambda k, lq: [k.ReLU(), k.BatchNormalization()],
        "relu of a slope, norm": lambda k, lq: [
            k.ReLU(max_value=6.0, negative_slope=0.25), k.BatchNormalization()
        ],
        "prelu, norm": lambda k, lq: [k.PReLU(shared_axes=[1, 2]), k.BatchNormalization()],
        "leaky, norm": lambda k, lq: [k.LeakyReLU(), k.BatchNormalization()],
        "tanh": lambda k, lq: [k.Activation("tanh"), k.BatchNormalization()],
        "norm, flatten": lambda k, lq: [k.BatchNormalization(), k.Flatten()],
        "flatten, norm": lambda k, lq: [k.Flatten(), k.BatchNormalization()],
        "norm, reshape": lambda k, lq: [k.BatchNormalization(), k.Reshape((-1, 8))],
        "norm, zeros": lambda k, lq: [k.BatchNormalization(), k.ZeroPadding2D(1)],
        "norm, sign": lambda k, lq: [k.BatchNormalization(), lq.quantizers.SteSign()],
        "norm, step": lambda k, lq: [k.BatchNormalization(), lq.quantizers.SteHeaviside()],
        "norm, levels": lambda k, lq: [k.BatchNormalization(), lq.quantizers.DoReFa(2)],
        "sign, zeros": lambda k, lq: [lq.quantizers.SteSign(), k.ZeroPadding2D(1)],
        "dropout": lambda k, lq: [k.Dropout(0.3), k.GaussianNoise(0.1), k.BatchNormalization()],
    }  # fmt: skip
    # Not DoReFa: its sums are thirds in Keras, which rounds them, so that ties are lost there.
    quantized = [
        ("ste_sign", "ste_sign"),
        ("ste_tern(0.5)", "ste_tern"),
        ("ste_heaviside", "ste_sign"),
    ]
    for number, (what, tail) in enumerate(tails.items()):
        fed, kernel = quantized[number % 3]
        for last in ("ste_sign",) if what in DECIDED else ("ste_sign", "ste_heaviside"):
            name = f"b{number}{last[4]}"

            def build(
                k: Any, lq: Any, x: Any, name: str = name, tail: Any = tail, last: str = last,
                fed: str = fed, kernel: str = kernel, what: str = what,
            ) -> Any:  # fmt: skip
                x = lq.layers.QuantConv2D(
                    8, 2, input_quantizer=QUANTIZERS[fed](lq.quantizers),
                    kernel_quantizer=QUANTIZERS[kernel](lq.quantizers), use_bias=False, name=name,
                )(x)  # fmt: skip
                for layer in tail(k, lq):
                    x = layer(x)
                own = None if what in DECIDED else last
                return lq.layers.QuantDense(
                    3, input_quantizer=own, kernel_quantizer="ste_sign", use_bias=False,
                    name=f"{name}z",
                )(x)  # fmt: skip

            yield Case(name, build, {"behind": what, "last": last})


def _alone(cases: dict[str, Callable[[Any, Any], Any]], prefix: str) -> Iterator[Case]:
    for number, (what, make) in enumerate(cases.items()):

        def build(k: Any, lq: Any, x: Any, make: Any = make, number: int = number) -> Any:
            return make(k, lq)(x)

        yield Case(f"{prefix}{number}", build, {"layer": what})


def _plain_2d() -> Iterator[Case]:
    names = (
        *("elu", "exponential", "gelu", "hard_sigmoid", "linear", "mish", "relu", "selu"),
        *("sigmoid", "softmax", "softplus", "softsign", "swish", "tanh"),
    )
    cases: dict[str, Callable[[Any, Any], Any]] = {
        f"Activation {name}": lambda k, lq, name=name: k.Activation(name) for name in names
    }
    cases |= {
        f"Activation {name}": lambda k, lq, name=name: k.Activation(getattr(lq.activations, name))
        for name in ("hard_tanh", "leaky_tanh")
    }
    cases |= {
        f"{kind}": lambda k, lq, kind=kind, more=more: getattr(k, kind)(**more)
        for kind, more in (
            ("BatchNormalization", {"epsilon": 0.1}), ("ELU", {"alpha": 0.5}), ("LeakyReLU", {}),
            ("PReLU", {}), ("ReLU", {"threshold": 0.5, "max_value": 1.0}),
            ("ThresholdedReLU", {"theta": 0.5}), ("Softmax", {}),
            ("AveragePooling2D", {"pool_size": (2, 3), "strides": 1, "padding": "same"}),
            ("MaxPooling2D", {"pool_size": (2, 3), "strides": 2, "padding": "same"}),
            ("GlobalAveragePooling2D", {}), ("GlobalMaxPooling2D", {"keepdims": True}),
            ("ZeroPadding2D", {"padding": ((1, 0), (2, 1))}),
            ("Cropping2D", {"cropping": ((1, 0), (2, 1))}),
            ("UpSampling2D", {"size": (2, 3)}), ("Flatten", {}),
            ("Reshape", {"target_shape": (8, -1)}),
            ("Permute", {"dims": (3, 1, 2)}), ("Dropout", {"rate": 0.5}),
            ("SpatialDropout2D", {"rate": 0.5}), ("ActivityRegularization", {}),
            ("AlphaDropout", {"rate": 0.5}), ("GaussianDropout", {"rate": 0.5}),
            ("GaussianNoise", {"stddev": 0.5}), ("Identity", {}),
        )
    }  # fmt: skip
    cases |= {
        f"quantizer {name}": lambda k, lq, name=name: QUANTIZERS[name](lq.quantizers)
        for name in (*INPUTS[:-1], *_SIGNS[1:])
    }
    cases["quantizer no_op"] = lambda k, lq: lq.quantizers.NoOp(precision=1)
    yield from _alone(cases, "e")


def _plain_1d() -> Iterator[Case]:
    cases = {
        kind: lambda k, lq, kind=kind, more=more: getattr(k, kind)(**more)
        for kind, more in (
            ("AveragePooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}),
            ("MaxPooling1D", {"pool_size": 2}), ("GlobalAveragePooling1D", {}),
            ("GlobalMaxPooling1D", {}), ("ZeroPadding1D", {"padding": (2, 1)}),
            ("Cropping1D", {"cropping": (1, 2)}), ("UpSampling1D", {"size": 2}),
            ("SpatialDropout1D", {"rate": 0.5}), ("BatchNormalization", {}),
            ("PReLU", {"shared_axes": [1]}),
        )
    }  # fmt: skip
    yield from _alone(cases, "l")
    yield Case("lpool", _pooled_line, {"behind": "max of a line, norm"})


def _prepared() -> Iterator[Case]:
    """Pixels on their way through layers that prepare them to a layer that multiplies."""
    alike, apart = {"mean": 110.7, "variance": 3300.0}, {"mean": [9, 8, 7], "variance": [4, 3, 2]}
    cases: dict[str, Callable[[Any], list[Any]]] = {
        "Rescaling to 0..1": lambda k: [k.Rescaling(1 / 255)],
        "Rescaling to -1..1": lambda k: [k.Rescaling(1 / 127.5, -1)],
        "Rescaling to -1..1 in two steps": lambda k: [k.Rescaling(1 / 255), k.Rescaling(2, -1)],
        "Rescaling that turns around": lambda k: [k.Rescaling(-1 / 255, 1)],
        "Rescaling, zeros around": lambda k: [k.Rescaling(1 / 127.5, -1), k.ZeroPadding2D(1)],
        "Rescaling, channels apart": lambda k: [k.Rescaling([0.5, 0.25, 2.0], [0.0, -1.0, 3.0])],
        "Normalization, all alike": lambda k: [k.Normalization(axis=None, **alike)],
        "Normalization, adapted": lambda k: [k.Normalization(axis=None)],
        "Normalization inverted": lambda k: [k.Normalization(axis=None, invert=True, **alike)],
        "Normalization, channels apart": lambda k: [k.Normalization(**apart)],
        "Normalization, columns and channels apart": lambda k: [k.Normalization(axis=(2, 3))],
        "CenterCrop": lambda k: [k.CenterCrop(5, 3)],
        "CenterCrop of more": lambda k: [k.CenterCrop(9, 4)],
        "RandomCrop": lambda k: [k.RandomCrop(5, 5)],
        "Resizing": lambda k: [k.Resizing(5, 9)],
        "Resizing to the nearest pixel": lambda k: [k.Resizing(5, 9, interpolation="nearest")],
        "Resizing, aspect kept": lambda k: [k.Resizing(4, 5, crop_to_aspect_ratio=True)],
        "Random layers": lambda k: [
            k.RandomFlip(), k.RandomRotation(0.2), k.RandomZoom(0.2), k.RandomContrast(0.2),
            k.RandomTranslation(0.2, 0.2), k.RandomBrightness(0.2), k.RandomHeight(0.2),
            k.RandomWidth(0.2), k.Reshape((7, 6, 3)),
        ],
    }  # fmt: skip
    for number, (what, make) in enumerate(cases.items()):
        for padding in ("valid", "same"):

            def build(
                k: Any, lq: Any, x: Any, make: Any = make, padding: str = padding,
                name: str = f"pp{number}{padding[0]}",
            ) -> Any:  # fmt: skip
                for layer in make(k):
                    x = layer(x)
                return lq.layers.QuantConv2D(
                    2, 2, padding=padding, kernel_quantizer="ste_sign", use_bias=False, name=name
                )(x)

            yield Case(f"pp{number}{padding[0]}", build, {"prepared": what, "padding": padding})


def _pooled_line(k: Any, lq: Any, x: Any) -> Any:
    sign = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "use_bias": False}
    x = lq.layers.QuantConv1D(6, 2, padding="same", name="lpool", **sign)(x)
    x = k.BatchNormalization()(k.MaxPooling1D(2)(x))
    return lq.layers.QuantConv1D(3, 2, padding="causal", name="lpoolz", **sign)(x)


def _graphs() -> Iterator[Case]:
    sign = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "use_bias": False}

    def conv(lq: Any, name: str, filters: int = 4, **more: Any) -> Any:
        return lq.layers.QuantConv2D(filters, 3, padding="same", name=name, **sign, **more)

    def bireal(k: Any, lq: Any, x: Any) -> Any:
        for number in range(3):
            x = k.Add()([k.BatchNormalization()(conv(lq, f"gb{number}")(x)), x])
        return conv(lq, "gbz")(x)

    def quicknet(k: Any, lq: Any, x: Any) -> Any:
        x = k.Conv2D(8, 1, name="gqs")(x)
        y = conv(lq, "gq1", 8, pad_values=1.0, activation="relu")(x)
        x = k.Add()([k.BatchNormalization()(y), x])
        x = k.MaxPooling2D(2, strides=1)(x)
        x = k.DepthwiseConv2D(2, strides=2, name="gqb", use_bias=False)(x)
        return k.GlobalAveragePooling2D()(k.Activation("relu")(x))

    def densenet(k: Any, lq: Any, x: Any) -> Any:
        for number in range(3):
            y = conv(lq, f"gd{number}", 3)(k.BatchNormalization()(x))
            x = k.Concatenate()([x, y])
        return conv(lq, "gdz")(x)

    def fork(k: Any, lq: Any, x: Any) -> Any:
        x = k.BatchNormalization()(conv(lq, "gf0", 6)(x))
        one, two = conv(lq, "gf1", 3)(x), conv(lq, "gf2", 3)(k.MaxPooling2D(3, 1, "same")(x))
        return conv(lq, "gf3")(k.Concatenate()([one, two]))

    def merges(k: Any, lq: Any, x: Any) -> Any:
        one, two = conv(lq, "gm1")(x), conv(lq, "gm2")(x)
        kinds = (k.Add, k.Average, k.Maximum, k.Minimum, k.Multiply, k.Subtract)
        return k.Concatenate(axis=1)([kind()([one, two]) for kind in kinds])

    def gate(k: Any, lq: Any, x: Any) -> Any:
        y = conv(lq, "gg1")(x)
        weights = k.GlobalAveragePooling2D(keepdims=True)(y)
        weights = k.Dense(4, activation="sigmoid", name="gg2")(weights)
        return k.Multiply()([y, weights])

    def shared(k: Any, lq: Any, x: Any) -> Any:
        twice, norm = conv(lq, "gs1"), k.BatchNormalization()
        return norm(twice(norm(twice(x))))

    def scaled(k: Any, lq: Any, x: Any) -> Any:
        y = lq.layers.QuantConv2D(
            4, 3, padding="same", name="gx1", input_quantizer="ste_sign",
            kernel_quantizer="magnitude_aware_sign", use_bias=False,
        )(x)  # fmt: skip
        return conv(lq, "gx2")(k.BatchNormalization()(k.MaxPooling2D(2)(y)))

    def written(k: Any, lq: Any, x: Any) -> Any:
        import tensorflow as tf

        y = conv(lq, "gw1")(x)
        y = tf.concat([tf.nn.relu(y + x), tf.maximum(y, x), tf.minimum(y, x), y * x], -1)
        return conv(lq, "gw2")(y - tf.concat([x, x, x, x], 3))

    def inner(k: Any, lq: Any, x: Any) -> Any:
        models = _models(k)
        start = k.Input(x.shape[1:])
        y = k.Add()([k.BatchNormalization()(conv(lq, "gi1")(start)), start])
        block = models.Model(start, y, name="gi_block")
        chain = models.Sequential([conv(lq, "gi2"), k.BatchNormalization()], name="gi_chain")
        start = k.Input(x.shape[1:])
        again = models.Model(start, k.Multiply()([conv(lq, "gi3")(start), start]), name="gi_again")
        outer = models.Model(start, chain(again(start)), name="gi_outer")
        return conv(lq, "giz")(outer(block(block(x))))

    named = {
        "a residual network of real shortcuts (Bi-Real)": bireal,
        "QuickNet: shortcuts, max pooling, a depthwise layer of real weights": quicknet,
        "DenseNet: concatenated features": densenet,
        "a fork into two binary layers, concatenated": fork,
        "every merge": merges,
        "channels scaled by a gate": gate,
        "a layer used twice": shared,
        "scaled signs in front of max pooling and BatchNorm": scaled,
        "operators between layers, such as `x + shortcut`": written,
        "models inside models, one of them used twice": inner,
    }
    for what, build in named.items():
        yield Case(build.__name__, build, {"graph": what})


OPERATORS: dict[str, tuple[str, ...]] = {
    "slices": (
        "x[:, :, :, -2:]", "x[:, 1:4:2, ::-1]", "x[:, 0]", "x[:, tf.newaxis]", "x[:, :, None, 1]",
        "tf.slice(x, [0, 1, 0, 2], [-1, 2, -1, 2])",
        "tf.strided_slice(x, [0, 1, 0], [0, 4, 4], [1, 2, 1], begin_mask=1, end_mask=1)",
        "tf.gather(x, [2, 0], axis=1)", "tf.unstack(x, axis=1)[2]",
        "tf.concat(tf.split(x, 2, axis=-1)[::-1], 3)", "tf.split(x, [3, 1], axis=3)[1]",
    ),
    "other axes": (
        "tf.reshape(x, [-1, 80])", "tf.reshape(x, (tf.shape(x)[0], -1))",
        "tf.reshape(x, [tf.shape(x)[0], x.shape[1] * x.shape[2], 4])",
        "tf.transpose(x, [0, 2, 1, 3])", "tf.expand_dims(x, 1)",
        "tf.squeeze(tf.expand_dims(x, -1), -1)", "tf.squeeze(x[:, :1, :1], [1, 2])",
        "tf.stack([x, x], axis=2)", "tf.keras.backend.batch_flatten(x)",
        "tf.nn.space_to_depth(x[:, :4], 2)", "tf.nn.depth_to_space(x, 2)",
        "tf.image.flip_left_right(x)", "tf.image.flip_up_down(x)", "tf.reverse(x, axis=[1, 3])",
        "tf.roll(x, 1, axis=2)", "tf.tile(x, [1, 2, 1, 1])", "tf.repeat(x, 2, axis=1)",
        "tf.pad(x, [[0, 0], [1, 2], [0, 1], [2, 0]])",
        "tf.pad(x, [[0, 0], [1, 1], [0, 0], [0, 0]], constant_values=-1)",
        "tf.pad(x, [[0, 0], [1, 1], [2, 0], [0, 0]], 'REFLECT')",
        "tf.pad(x, [[0, 0], [0, 1], [2, 0], [0, 0]], 'SYMMETRIC')",
    ),
    "arithmetic": (
        "x + 1", "1 - x", "x - [0.5, 1.0, 2.0, -3.0]", "x * np.float32([1, 2, 3, 4])", "2 * x",
        "x / 3", "2 / (x + 20)", "-x", "x * x", "x / (x + 20)", "abs(x)", "x ** 2", "x // 0.5",
        "x % 0.75", "tf.maximum(x, 0.5)", "tf.minimum(0.5, x)", "tf.add_n([x, x, x])",
        "tf.square(x)", "tf.math.squared_difference(x, 1.0)", "tf.math.divide_no_nan(x, 0.0)",
        "tf.nn.bias_add(x, [1.0, 2.0, 3.0, 4.0])", "tf.clip_by_value(x, -1, 1)",
        "tf.matmul(x, x, transpose_b=True)", "tf.matmul(x, np.ones((4, 2), np.float32))",
    ),
    "decisions": (
        "lq.layers.QuantConv2D(2, 3, kernel_quantizer='ste_sign', name='o3_0')"
        "(tf.reverse(tf.sign(x), [1]))",
        "lq.layers.QuantConv2D(2, 3, kernel_quantizer='ste_sign', name='o3_1')"
        "(tf.where(x >= 0, 1.0, -1.0))",
        "tf.sign(x)", "lq.math.sign(x)", "lq.math.heaviside(x)", "tf.where(x >= 0, 1.0, -1.0)",
        "tf.cast(x > 0, tf.float32) * 2 - 1", "tf.where(x > 0, x, tf.zeros_like(x))",
        "tf.cast(tf.logical_and(x > 0, x <= 1), tf.float32)", "tf.cast(x < 0, 'float32')",
        "tf.cast(tf.logical_or(tf.equal(x, 0), tf.logical_not(x > -1)), tf.float32)",
        "tf.cast(tf.not_equal(x, 0), tf.float32) + tf.ones_like(x)",
    ),
    "functions": (
        "tf.exp(x)", "tf.math.log(x + 20)", "tf.math.log1p(abs(x))", "tf.math.expm1(x)",
        "tf.sqrt(abs(x))", "tf.math.rsqrt(x + 20)", "tf.math.reciprocal(x + 20)", "tf.floor(x)",
        "tf.math.ceil(x)", "tf.round(x)", "tf.math.rint(x)", "tf.sin(x)", "tf.cos(x)",
        "tf.math.erf(x)", "tf.nn.relu(x)", "tf.nn.relu6(x)", "tf.nn.leaky_relu(x)",
        "tf.nn.leaky_relu(x, alpha=0.1)", "tf.nn.elu(x)", "tf.nn.selu(x)", "tf.nn.gelu(x)",
        "tf.nn.gelu(x, approximate=True)", "tf.nn.silu(x)", "tf.sigmoid(x)", "tf.tanh(x)",
        "tf.nn.softplus(x)", "tf.nn.softsign(x)", "tf.nn.softmax(x)", "tf.nn.softmax(x, axis=1)",
        "tf.nn.log_softmax(x)", "tf.math.l2_normalize(x, axis=-1)", "tf.cumsum(x, 1)",
        "tf.keras.activations.relu(x, alpha=0.1, max_value=6)",
        "tf.keras.activations.hard_sigmoid(x)", "lq.activations.leaky_tanh(x)",
    ),
    "reductions": (
        "tf.reduce_mean(x, [1, 2])", "tf.reduce_mean(x, [1, 2], keepdims=True)",
        "tf.reduce_sum(x, -1)", "tf.reduce_max(x, 1)", "tf.reduce_min(x, 1)",
        "tf.reduce_prod(x, 3)", "tf.math.reduce_std(x, 1)", "tf.math.reduce_variance(x, 1)",
        "tf.norm(x, axis=-1)", "tf.nn.max_pool2d(x, 2, 2, 'SAME')",
        "tf.nn.avg_pool2d(x, (2, 3), 1, 'VALID')",
    ),
    "nothing": (
        "tf.identity(x) + x", "tf.stop_gradient(x) + x", "tf.cast(x, tf.float32) + x",
        "tf.ensure_shape(x, (None, 5, 4, 4)) + x",
    ),
}  # fmt: skip
"""Operators of TensorFlow, as they are written; all of ours that files name must be among them."""


def _operators() -> Iterator[Case]:
    for number, (what, written) in enumerate(OPERATORS.items()):
        for place, text in enumerate(written):

            def build(k: Any, lq: Any, x: Any, text: str = text) -> Any:
                import tensorflow as tf

                return eval(text, {"tf": tf, "lq": lq, "np": np, "x": x})

            yield Case(f"o{number}_{place}", build, {"operators": what, "written": text})


def _blocks() -> Iterator[Case]:
    """What the networks of larq/zoo are made of, small."""
    sign = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "use_bias": False}
    same = {**sign, "padding": "same"}

    def alexnet(k: Any, lq: Any, x: Any) -> Any:
        x = lq.layers.QuantConv2D(6, 11, strides=4, padding="same", name="za0",
                                  kernel_quantizer="ste_sign", use_bias=False)(x)  # fmt: skip
        x = k.BatchNormalization(scale=False)(k.MaxPooling2D(2, 1)(x))
        x = lq.layers.QuantConv2D(4, 5, name="za1", **same)(x)
        x = k.Reshape((1, 1, -1))(k.BatchNormalization(scale=False)(x))
        x = lq.layers.QuantConv2D(5, 1, name="za2", **sign)(x)
        return k.Flatten()(k.BatchNormalization(scale=False)(x))

    def bireal(k: Any, lq: Any, x: Any) -> Any:
        x = k.BatchNormalization()(k.Conv2D(6, 3, strides=2, padding="same", name="zb0")(x))
        for number, stride in enumerate((1, 2)):
            y = lq.layers.QuantConv2D(6 * stride, 3, strides=stride, name=f"zb{number + 1}",
                                      **same)(x)  # fmt: skip
            if stride > 1:
                x = k.AveragePooling2D(2, strides=2)(x)
                x = k.BatchNormalization()(k.Conv2D(12, 1, use_bias=False, name="zb3")(x))
            x = k.Add()([k.BatchNormalization()(y), x])
        return k.GlobalAveragePooling2D()(k.Activation("relu")(x))

    def densenet(k: Any, lq: Any, x: Any) -> Any:
        x = k.Activation("relu")(k.Conv2D(6, 3, padding="same", name="zd0")(x))
        for number, dilation in enumerate((1, 2)):
            y = lq.layers.QuantConv2D(4, 3, dilation_rate=dilation, name=f"zd{number + 1}",
                                      **same)(k.BatchNormalization()(x))  # fmt: skip
            x = k.Concatenate()([x, y])
        x = k.MaxPooling2D(2, strides=2)(k.BatchNormalization()(x))
        return k.Conv2D(8, 1, use_bias=False, name="zd3")(k.Activation("relu")(x))

    def quicknet(k: Any, lq: Any, x: Any) -> Any:
        x = k.Conv2D(4, 3, strides=2, padding="same", use_bias=False, name="zq0")(x)
        x = k.DepthwiseConv2D(3, padding="same", use_bias=False, name="zq1")(x)
        x = k.BatchNormalization()(k.Activation("relu")(x))
        y = lq.layers.QuantConv2D(4, 3, activation="relu", pad_values=1.0, name="zq2", **same)(x)
        x = k.Add()([x, k.BatchNormalization(scale=False)(y)])
        x = k.MaxPooling2D(3, strides=1, padding="same")(k.Activation("relu")(x))
        x = k.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False, name="zq3")(x)
        x = k.BatchNormalization()(k.Conv2D(8, 1, use_bias=False, name="zq4")(x))
        y = lq.layers.QuantConv2D(8, 3, activation="relu", pad_values=1.0, name="zq5", **same)(x)
        return k.Flatten()(k.AveragePooling2D(3)(k.Add()([x, y])))

    def meliusnet(k: Any, lq: Any, x: Any) -> Any:
        import tensorflow as tf

        x = k.Conv2D(8, 3, strides=2, padding="same", name="zm0")(x)
        parts = tf.split(x, 2, axis=-1)
        x = tf.concat([k.Conv2D(4, 3, padding="same", name=f"zm{i + 1}")(part)
                       for i, part in enumerate(parts)], -1)  # fmt: skip
        y = lq.layers.QuantConv2D(4, 3, name="zm3", **same)(k.BatchNormalization()(x))
        x = tf.concat([x, y], axis=-1)
        y = lq.layers.QuantConv2D(4, 3, name="zm4", **same)(k.BatchNormalization()(x))
        x = x + tf.pad(y, [[0, 0], [0, 0], [0, 0], [8, 0]])
        y = lq.layers.QuantConv2D(4, 3, name="zm5", **same)(k.BatchNormalization()(x))
        x = tf.concat([x[:, :, :, :-4], x[:, :, :, -4:] + y], axis=-1)
        return tf.reduce_mean(tf.nn.relu(k.BatchNormalization()(x)), [1, 2])

    def gates(k: Any, lq: Any, x: Any) -> Any:
        x = k.BatchNormalization()(k.Conv2D(8, 3, strides=2, padding="same", name="zr0")(x))
        y = lq.layers.QuantConv2D(8, 3, name="zr1", **same)(k.BatchNormalization()(x))
        scales = k.Flatten()(k.AveragePooling2D(6)(x))
        scales = k.Dense(2, activation="relu", use_bias=False, name="zr2")(scales)
        scales = k.Dense(8, activation="sigmoid", use_bias=False, name="zr3")(scales)
        y = k.Multiply()([y, k.Reshape((1, 1, 8))(scales)])
        return k.Add()([k.PReLU(shared_axes=[1, 2])(y), x])

    def xnornet(k: Any, lq: Any, x: Any) -> Any:
        scaled = {**sign, "kernel_quantizer": _zoo()["xnor_weight_scale"]}
        x = k.BatchNormalization(scale=False)(k.Conv2D(6, 3, strides=2, name="zx0")(x))
        x = k.BatchNormalization(scale=False)(k.MaxPooling2D(2)(k.Activation("relu")(x)))
        x = lq.layers.QuantConv2D(6, 2, padding="same", name="zx1", **scaled)(x)
        x = k.BatchNormalization(scale=False)(k.MaxPooling2D(2, 1)(x))
        x = lq.layers.QuantConv2D(9, 1, name="zx2", **scaled)(x)
        return k.Flatten()(k.Activation("relu")(k.BatchNormalization(scale=False)(x)))

    def dorefanet(k: Any, lq: Any, x: Any) -> Any:
        def bits() -> dict[str, Any]:
            one = _zoo()["magnitude_aware_sign_unclipped"]
            quantizer = lq.quantizers.DoReFa(2)
            return {"input_quantizer": quantizer, "kernel_quantizer": one, "use_bias": False}

        x = k.Conv2D(6, 4, strides=2, name="zf0")(x)
        x = lq.layers.QuantConv2D(6, 3, padding="same", name="zf1", **bits())(x)
        x = k.MaxPooling2D(3, 2, padding="same")(k.BatchNormalization(scale=False)(x))
        x = lq.layers.QuantDense(7, name="zf2", **bits())(k.Flatten()(x))
        x = k.Activation(_zoo()["clip_by_value_activation"])(k.BatchNormalization(scale=False)(x))
        return k.Dense(3, name="zf3")(x)

    named = {
        "za": ("AlexNet: a large first convolution of binary weights", alexnet),
        "zb": ("Bi-Real: a real shortcut of half the size", bireal),
        "zd": ("BinaryDenseNet: dilated layers, concatenated, and a transition", densenet),
        "zq": ("QuickNet: blurred pooling by a depthwise layer", quicknet),
        "zm": ("MeliusNet: split, padded and sliced channels, without Lambda", meliusnet),
        "zr": ("Real-to-binary: channels scaled by a gate, PReLU", gates),
        "zx": ("XNOR-Net: BatchNorm, sign, scaled weights (`xnor_weight_scale`)", xnornet),
        "zf": ("DoReFa-Net: two bits, weights of one scale (`magnitude_aware_sign_unclipped`)",
               dorefanet),
    }  # fmt: skip
    for name, (what, build) in named.items():
        yield Case(name, build, {"block": what})


def _zoo() -> dict[str, Any]:
    from bnn import train
    from bnn.keras.model_file import functions_of_larq_zoo

    return functions_of_larq_zoo(train.backend().keras)


def _layer_activations() -> Iterator[Case]:
    given: dict[str, Callable[[Any], Any]] = {
        "LeakyReLU": lambda k: k.LeakyReLU(0.125),
        "PReLU": lambda k: k.PReLU(shared_axes=[1, 2]),
        "ReLU": lambda k: k.ReLU(max_value=6.0),
        "ELU": lambda k: k.ELU(0.5),
        "ThresholdedReLU": lambda k: k.ThresholdedReLU(0.5),
        "Softmax": lambda k: k.Softmax(),
    }  # not Activation, which Keras saves and does not load
    for number, (what, make) in enumerate(given.items()):

        def build(k: Any, lq: Any, x: Any, make: Any = make, number: int = number) -> Any:
            x = lq.layers.QuantConv2D(
                4, 2, input_quantizer="ste_sign", kernel_quantizer="ste_sign",
                activation=make(k), name=f"y{number}",
            )(x)  # fmt: skip
            return k.Activation(make(k))(k.BatchNormalization()(x))

        yield Case(f"y{number}", build, {"activation": what})


def _models(k: Any) -> Any:
    from tensorflow.keras import models

    return models


def model(libraries: Any, batch: Batch) -> Any:
    """Build the Keras model of a batch, with seeded weights."""
    made = plain(_built)(libraries, batch)
    rng = np.random.default_rng(sum(batch.name.encode()))
    _fill(made, libraries.larq, rng)
    return made


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function call layers as they are: no layer's Python has to become a graph's."""
    import tensorflow

    return tensorflow.autograph.experimental.do_not_convert(function)


def placed(layer: Any, x: Any) -> Any:
    """Call a layer whose class says what shape it leaves; without, Keras traces it in a graph."""
    layer.build(x.shape)
    layer._dynamic = True
    out = layer(x)
    layer._dynamic = False
    return out


def _built(libraries: Any, batch: Batch) -> Any:
    keras, lq = libraries.keras, libraries.larq
    start = keras.Input(batch.shape)
    ends = []
    for case in batch.cases:
        ends.append(placed(keras.layers.Flatten(), case.build(keras.layers, lq, start)))
    end = keras.layers.Concatenate()(ends) if len(ends) > 1 else ends[0]
    return keras.Model(start, end)


def _fill(made: Any, lq: Any, rng: np.random.Generator) -> None:
    for layer in made.layers:
        if hasattr(layer, "layers"):
            _fill(layer, lq, rng)
            continue
        values = []
        for weight in layer.weights:
            name = weight.name.rsplit("/", 1)[-1].partition(":")[0]
            values.append(_weights(layer, lq, rng, name, weight.shape))
        if values:
            layer.set_weights(values)
        if hasattr(layer, "finalize_state"):  # of a Normalization, which keeps copies
            layer.finalize_state()


def _weights(layer: Any, lq: Any, rng: Any, name: str, shape: Any) -> Any:
    count = int(np.prod(shape))
    if name == "gamma":
        values = rng.choice([1.0, -1.0, 0.5, -2.0, 1e-30, 0.0], count)
    elif name == "count":
        return np.asarray(9, np.int64)
    elif name in ("moving_variance", "variance"):
        values = rng.uniform(0.3, 3, count)
    elif name in ("moving_mean", "mean"):
        values = rng.integers(-3, 4, count) * rng.choice([1.0, 1.0, 0.37], count)
    elif name == "beta":
        values = rng.choice([0.0, 0.25, -1.0], count)
    elif name == "bias":
        values = rng.integers(-8, 9, count) / 4
    elif name == "alpha":
        values = rng.uniform(0, 1, count)
    else:
        values = rng.normal(size=count)
        values[: count // 8] = rng.choice([0.0, -0.0, -1e-40, 0.05, -0.05], count // 8)
        values = rng.permutation(values)
        quantizer = getattr(layer, "kernel_quantizer", None)
        if name.startswith(("depthwise", "pointwise")):
            quantizer = getattr(layer, f"{name.split('_')[0]}_quantizer", None)
        if isinstance(quantizer, lq.quantizers.NoOp) and quantizer.precision == 1:
            values = np.where(values < 0, -1, 1)
    return np.asarray(values, np.float32).reshape(shape)


def inputs(batch: Batch) -> Any:
    """Seeded inputs of a batch: eighths, so that float32 sums are exact, and thresholds."""
    rng = np.random.default_rng(len(batch.name))
    if batch.pixels:
        return rng.integers(0, 256, (IMAGES, *batch.shape), dtype=np.uint8).astype(np.float32)
    values = rng.integers(-12, 13, (IMAGES, *batch.shape)) / 8
    odd = rng.random(values.shape) < 0.2
    values[odd] = rng.choice([0.05, -0.05, 1e-40, -1e-40, 1 / 6, 0.7], int(odd.sum()))
    return values.astype(np.float32)


def save(made: Any, path: Path) -> Path:
    """Save a model; Keras calls .h5 legacy, and Larq warns about training."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.save(path)
    return path


@dataclass(frozen=True)
class Outcome:
    """What became of one case."""

    case: Case
    pixels: bool
    where: tuple[str, ...]
    """For every layer with a kernel, in order: ``DRAM`` or ``host``."""
    decided: bool
    """Whether the first of them ends in a comparison in rows."""


def outcomes(batch: Batch, network: Any, encoding: Any) -> list[Outcome]:
    """Say where the layers of each case run, by the names that Keras and pimsim share."""
    from bnn.lowering.lower import lower
    from bnn.lowering.stage import Stage

    stages = [one for one in lower(network.before_softmax(), encoding) if isinstance(one, Stage)]
    in_dram = {stage.layer.name: stage for stage in stages}
    result = []
    for case in batch.cases:
        names = [layer.name for layer in network.layers if hasattr(layer, "kernel")]
        own = [name for name in names if name.partition("/")[0] in (case.name, f"{case.name}z")]
        if "block" in case.labels:
            own = [name for name in names if name.startswith(case.name)]
        where = tuple("DRAM" if name in in_dram else "host" for name in own)
        first = in_dram.get(own[0]) if own else None
        decided = first is not None and first.thresholds is not None
        result.append(Outcome(case, batch.pixels, where, decided))
    return result


def page(found: list[Outcome]) -> str:
    """Write what ``docs/layers.md`` says."""
    kinds = list(
        dict.fromkeys(one.case.labels["kind"] for one in found if "kind" in one.case.labels)
    )
    quantized = [kind for kind in kinds if kind.startswith("Quant")]
    parts = [
        "# Layers that pimsim runs",
        "Written by `python tests/bnn/keras/layer_matrix.py docs`; a test keeps it fresh. Every "
        "entry was built by Keras and Larq with seeded weights, saved, read by pimsim, and run in "
        "simulated DRAM: every sum is that of the integer reference, and every output that of "
        "Keras, exactly where numbers are whole and to the rounding of float32 elsewhere. A "
        "class that is not named here is refused with its name and position.",
        "## Operands",
        "Where a layer with a `ste_sign` kernel runs, by its input quantizer. `approx_sign` and "
        "`swish_sign` are as `ste_sign`. *Pixels* are inputs of the network that are small "
        "integers or stand for them, without a quantizer; *none* is a layer fed with real numbers.",
        _table(
            ["layer", *(INPUTS[:-1]), "pixels", "none"],
            [
                [f"`{kind}`", *(_where(found, kind, fed, "ste_sign") for fed in INPUTS[:-1]),
                 _where(found, kind, "none", "ste_sign", pixels=True),
                 _where(found, kind, "none", "ste_sign")]
                for kind in quantized
            ],
        ),
        "## Weights",
        "Where a layer fed through `ste_sign` runs, by its kernel quantizer. A `NoOp` kernel that "
        "holds -1, 0 and +1 alone is one of integers. Of a separable layer both kernels have the "
        "quantizer; where two places are given, they are those of its two steps.",
        _table(
            ["layer", *KERNELS],
            [
                [f"`{kind}`", *(_where(found, kind, "ste_sign", kernel) for kernel in KERNELS)]
                for kind in quantized
            ],
        ),
        "A `magnitude_aware_sign` of a transposed convolution scales its inputs, not its outputs, "
        "and so is left to the host. Quantizers that look at a whole batch "
        "(`magnitude_aware_sign`, `ste_tern` with `ternary_weight_networks`, `dorefa` in mode "
        "`weights`) are refused for inputs. DoReFa operands and DoReFa weights are n-ths, "
        "which Keras rounds and pimsim does not: sums that lie exactly on a threshold may be "
        "decided otherwise there. `--check-keras` counts them as ties, and follows what lies "
        "behind them as Keras decides.",
        "## Settings",
        "\n".join(
            f"- `{kind.name}` over {len(kind.shape) - 1} spatial axes: "
            + "; ".join(_settings(one) for one in kind.settings)
            for kind in KINDS
            if not kind.real
        ),
        "Layers of Keras without quantizers run on the host, with the traffic of their weights and "
        "operands counted: "
        + ", ".join(f"`{kind}`" for kind in dict.fromkeys(k.name for k in KINDS if k.real)) + ".",
        "## Between a binary layer and the next decision",
        "A sign (`x >= 0`) or a step (`x > 0`) behind a binary layer becomes a comparison in rows "
        "where only BatchNorm, functions that never turn around and one max pooling stand before "
        "it. Otherwise the sums are read out and the host goes on with them.",
        _table(
            ["behind a `QuantConv2D`", "before a sign", "before a step"],
            [
                [what, *(_decided(found, what, last) for last in ("ste_sign", "ste_heaviside"))]
                for what in dict.fromkeys(
                    one.case.labels["behind"] for one in found if "behind" in one.case.labels
                )
            ],
        ),
        "In the tails of gelu (below -5.48 or -12.94), mish (below -16.63) and swish (below "
        "-86.64) Keras itself gives a tiny negative number or 0, as its kernels differ. A sign "
        "there is that of `model.predict`, and the report counts such values as `disputed_signs`.",
        "## Pixels that are prepared",
        "A scale and an offset that are the same for all values leave pixels the integers that "
        "they are: what stands behind multiplies them in DRAM. So do layers that choose pixels or "
        "act in training only. Padding with zeros takes a bit more where 0 lies half-way between "
        "two levels, and goes to the host where it lies elsewhere. `RandomCrop` resizes where it "
        "does not train, as Keras does.",
        _table(
            ["in front of a `QuantConv2D`", "padding valid", "padding same"],
            [
                [what, *(_prepared_where(found, what, padding) for padding in ("valid", "same"))]
                for what in dict.fromkeys(
                    one.case.labels["prepared"] for one in found if "prepared" in one.case.labels
                )
            ],
        ),
        "## Other layers, on the host",
        ", ".join(
            f"`{one.case.labels['layer']}`" for one in found if "layer" in one.case.labels
        ) + ".",
        "A layer may be given to another as its activation, as in "
        "`QuantDense(8, activation=LeakyReLU(0.1))`: "
        + ", ".join(
            f"`{one.case.labels['activation']}`"
            for one in found if "activation" in one.case.labels
        ) + ".",
        "## Operators of TensorFlow, on the host",
        "What a functional model is built with besides layers: calls of functions, which Keras "
        "saves under their names. `x` has the axes batch, height, width, channels; an operator "
        "that mixes images of a batch is refused. Slices and other moves keep operands integers, "
        "decisions make some of real numbers, so that a binary layer behind them runs in DRAM.",
        "\n".join(
            f"- {what}: " + ", ".join(f"`{text}`" for text in written if 'lq.layers' not in text)
            for what, written in OPERATORS.items()
        ),
        "## Blocks of larq/zoo's networks",
        "How many of the layers with a kernel run in DRAM, where images are real numbers:",
        "\n".join(
            f"- {one.case.labels['block']}: {one.where.count('DRAM')} of {len(one.where)}"
            for one in found if "block" in one.case.labels
        ),
        "## Graphs",
        "Networks have one input and one output, and any number of branches between them:",
        "\n".join(f"- {one.case.labels['graph']}" for one in found if "graph" in one.case.labels),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _where(found: list[Outcome], kind: str, fed: str, kernel: str, *, pixels: bool = False) -> str:
    wanted = {"kind": kind, "input": fed, "kernel": kernel}
    places = {
        " + ".join(dict.fromkeys(one.where))
        for one in found
        if one.case.labels == wanted and one.pixels == pixels
    }
    return ", ".join(sorted(places)) or "-"


def _prepared_where(found: list[Outcome], what: str, padding: str) -> str:
    wanted = {"prepared": what, "padding": padding}
    return ", ".join(sorted({place for one in found if one.case.labels == wanted
                             for place in one.where}))  # fmt: skip


def _decided(found: list[Outcome], what: str, last: str) -> str:
    answers = {
        "in rows" if one.decided else "sums read out"
        for one in found
        if one.case.labels.get("behind") == what and one.case.labels.get("last", last) == last
    }
    return ", ".join(sorted(answers)) or "-"


def _settings(settings: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items()) or "as they come"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(folder: Path) -> None:
    """Write the page."""
    import logging
    import sys
    import tempfile

    sys.path.append(str(Path(__file__).parents[2] / "saved_models"))
    import make_fixtures

    from bnn.larq.model_file import read_model
    from bnn.values.encoding import ENCODINGS

    libraries = make_fixtures.load()
    logging.getLogger("larq").setLevel(logging.ERROR)
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for batch in batches():
            path = save(model(libraries, batch), Path(scratch) / "net.keras")
            encoding = ENCODINGS["uint8"] if batch.pixels else None
            found += outcomes(batch, read_model(path), encoding)
    (folder / "layers.md").write_text(page(found), "utf-8")


if __name__ == "__main__":
    import sys

    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
