"""Every layer with every quantizer and setting: small seeded networks, built by Keras and Larq.

A *case* is one layer under test with what stands around it. Many cases hang as branches on one
input, flattened and put behind one another at the end, so that one model file holds dozens of
them and what the whole network gives is what each of them gave.

This is the table that a new layer goes into: a ``Kind`` if it has a kernel, else an entry of
``_plain_2d`` or ``_plain_1d``. Cases of several layers are in ``layer_around`` and
``layer_networks``, which has operators, too. ``layer_models`` makes models of all, and
``layer_page`` writes which layer runs where.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .layer_around import behind, pooled_line, prepared
from .layer_cases import INPUTS, KERNELS, PIXEL_KERNELS, QUANTIZERS, SIGNS, Batch, Case, Kind
from .layer_models import placed
from .layer_networks import blocks, graphs, operators

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


def batches() -> tuple[Batch, ...]:
    """All cases, those of one input together, but some pairs of quantizers (:func:`pairs`)."""
    result = []
    for number, kind in enumerate(KINDS):
        cases = tuple(_cases(kind))
        result.append(Batch(f"{kind.name}-{number}", kind.shape, False, cases))
        if not kind.real:
            pixels = tuple(_on_pixels(kind))
            result.append(Batch(f"{kind.name}-{number}-pixels", kind.shape, True, pixels))
    result.append(Batch("behind", _SMALL, False, tuple(behind())))
    result.append(Batch("plain", _SMALL, False, tuple(_plain_2d())))
    result.append(Batch("plain-line", _ROW, False, tuple(_plain_1d())))
    result.append(Batch("graphs", _SMALL, False, tuple(graphs())))
    result.append(Batch("prepared", (7, 6, 3), True, tuple(prepared())))
    result.append(Batch("operators", _SMALL, False, tuple(operators())))
    result.append(Batch("blocks", (12, 12, 3), False, tuple(blocks())))
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
    sign = SIGNS[turn % 3]

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
        for name in (*INPUTS[:-1], *SIGNS[1:])
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
    yield Case("lpool", pooled_line, {"behind": "max of a line, norm"})


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
