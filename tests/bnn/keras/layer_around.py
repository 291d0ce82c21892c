"""Cases of a binary layer behind what prepares its pixels, and before the next decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .layer_cases import QUANTIZERS, Case

DECIDED = ("norm, sign", "norm, step", "norm, levels", "sign, zeros")
"""What leaves nothing to be quantized by the next layer."""


def behind() -> Iterator[Case]:
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
        "flatten, prelu": lambda k, lq: [k.Flatten(), k.PReLU()],
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


def prepared() -> Iterator[Case]:
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


def pooled_line(k: Any, lq: Any, x: Any) -> Any:
    sign = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "use_bias": False}
    x = lq.layers.QuantConv1D(6, 2, padding="same", name="lpool", **sign)(x)
    x = k.BatchNormalization()(k.MaxPooling1D(2)(x))
    return lq.layers.QuantConv1D(3, 2, padding="causal", name="lpoolz", **sign)(x)
