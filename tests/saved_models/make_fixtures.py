"""Small seeded networks, built by Larq, and what Keras computes in them.

``python tests/saved_models/make_fixtures.py`` (with the extra ``larq`` installed) rewrites the
files beside it: some of the networks as ``.keras`` and ``.h5``, and an ``.npz`` for each with
inputs, the accumulators of every layer before its bias, and the logits. They let the reader and
the reference be held against Keras where TensorFlow is not installed.

The networks are not trained: weights are random, and BatchNorm has what trouble it can have:
negative, tiny and zero gammas, and means that are whole numbers, so that sums fall exactly on a
threshold.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from bnn import train
from bnn.keras.observer import Observer

IMAGES = 24
COMMITTED = ("mlp", "cnn", "same-zero", "functional")
"""Networks whose files lie beside this file."""


def load():
    """Import TensorFlow and Larq quietly; returns ``(keras, larq)``."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import larq
        import tensorflow
    return SimpleNamespace(keras=tensorflow.keras, larq=larq)


def inputs(rng, shape, kind):
    """Seeded inputs ``(IMAGES, *shape)`` in one of the ways in which people scale pixels."""
    pixels = rng.integers(0, 256, (IMAGES, *shape), dtype=np.uint8)
    match kind:
        case "uint8":
            return pixels.astype(np.float32)
        case "unit":
            return pixels.astype(np.float32) / np.float32(255)
        case "symmetric":
            return pixels.astype(np.float32) / np.float32(127.5) - np.float32(1)
        case "bipolar":
            return np.where(pixels < 128, -1, 1).astype(np.float32)
        case _:
            return rng.normal(size=(IMAGES, *shape)).astype(np.float32)


def names():
    """Every network that :func:`build` knows."""
    return tuple(_LAYERS)


def build(libraries, name):
    """Make network ``name``; returns ``(model, x, kind)``, ``kind`` of :func:`inputs`."""
    functional, shape, kind, make = _LAYERS[name]
    rng = np.random.default_rng(sum(name.encode()))
    layers = make(libraries.keras.layers, libraries.larq)
    model = assemble(libraries, layers, shape, functional=functional)
    fill(libraries, model, rng)
    return model, inputs(rng, shape, kind), kind


def assemble(libraries, layers, shape, *, functional):
    """Put layers behind an input of ``shape``, as a Sequential or a functional model."""
    keras = libraries.keras
    if not functional:
        return keras.Sequential([keras.layers.InputLayer(input_shape=shape), *layers])
    tensor = start = keras.Input(shape)
    for layer in layers:
        tensor = layer(tensor)
    return keras.Model(start, tensor)


def fill(libraries, model, rng):
    """Set all weights of ``model`` at random, with the trouble that BatchNorm can have."""
    for layer in model.layers:
        layer.set_weights([_weights(rng, w.name, w.shape) for w in layer.weights])
    for layer in model.layers:
        if isinstance(getattr(layer, "kernel_quantizer", None), libraries.larq.quantizers.NoOp):
            layer.set_weights([np.where(w < 0, -1, 1) for w in layer.get_weights()])


def observe(libraries, model, x):
    """Run ``x`` layer by layer; returns (accumulators before the bias by layer name, logits)."""
    sums = {}

    def see(name, operands, accumulators):
        sums[name] = accumulators

    logits = Observer(model, train.backend()).run(x, see)
    return sums, logits


def _weights(rng, name, shape):
    kind = name.rsplit("/", 1)[-1].partition(":")[0]
    count = int(np.prod(shape))
    match kind:
        case "kernel":
            values = rng.normal(size=count)
            values[: count // 20] = rng.choice([0.0, -0.0, -1e-40, 1e-40, -1e-30], count // 20)
            values = rng.permutation(values)
        case "gamma":
            values = rng.normal(size=count)
            values[: count // 3] = rng.choice([-1e-7, 1e-12, 0.0, 1e-40, -1e-40], count // 3)
            values = rng.permutation(values)
        case "moving_mean":
            values = np.rint(rng.normal(size=count) * 3)
            values[::2] += rng.normal(size=values[::2].size)
        case "moving_variance":
            values = rng.uniform(0.01, 30, count)
        case "beta":
            values = rng.normal(size=count) * rng.integers(0, 2, count)
        case "bias":
            values = rng.normal(size=count) * 2
        case _:
            raise ValueError(f"`name` must be that of a known weight, not {name!r}")
    return values.reshape(shape).astype(np.float32)


def _mlp(k, lq):
    q = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    return [
        lq.layers.QuantDense(37, kernel_quantizer="ste_sign", use_bias=False),
        k.BatchNormalization(scale=False),
        k.Dropout(0.2),
        lq.layers.QuantDense(50, **q, use_bias=False, kernel_constraint="weight_clip"),
        k.BatchNormalization(),
        lq.layers.QuantDense(10, **q),
        k.BatchNormalization(center=False),
        k.Activation("softmax"),
    ]


def _cnn(k, lq):
    q = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "use_bias": False}
    return [
        lq.layers.QuantConv2D(5, 3, kernel_quantizer="ste_sign", use_bias=False),
        k.MaxPooling2D(2),
        k.BatchNormalization(),
        lq.layers.QuantConv2D(37, 3, **q),
        k.MaxPooling2D(2),
        k.BatchNormalization(scale=False),
        k.Flatten(),
        lq.layers.QuantDense(16, **q),
        k.BatchNormalization(),
        lq.layers.QuantDense(10, **q),
        k.BatchNormalization(),
        k.Activation("softmax"),
    ]


def _same(pad, strides, kernel):
    def make(k, lq):
        q = {"input_quantizer": "approx_sign", "kernel_quantizer": "swish_sign"}
        return [
            lq.layers.QuantConv2D(8, 3, kernel_quantizer="ste_sign", padding="same"),
            k.BatchNormalization(),
            lq.layers.QuantConv2D(
                9, kernel, **q, padding="same", pad_values=pad, strides=strides, use_bias=False
            ),
            k.BatchNormalization(),
            k.MaxPooling2D(3, strides=2, padding="same"),
            lq.layers.QuantConv2D(7, 2, **q, padding="same", pad_values=pad),
            k.Flatten(),
            lq.layers.QuantDense(5, **q, activation="softmax"),
        ]

    return make


def _functional(k, lq):
    return [
        lq.layers.QuantConv2D(6, 3, kernel_quantizer=lq.quantizers.SteSign(), use_bias=False),
        k.BatchNormalization(epsilon=1e-7),
        k.Activation(lq.quantizers.SteSign()),
        k.MaxPooling2D((2, 1)),
        lq.layers.QuantConv2D(11, (2, 3), kernel_quantizer="swish_sign", activation="relu"),
        k.BatchNormalization(),
        lq.quantizers.SwishSign(),
        k.Flatten(),
        lq.layers.QuantDense(9, kernel_quantizer="ste_sign"),
        k.Softmax(),
    ]


def _dilated(k, lq):
    q = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    return [
        lq.layers.QuantConv2D(4, 3, **q, dilation_rate=2, padding="same", pad_values=1.0),
        k.BatchNormalization(),
        lq.layers.QuantConv2D(6, (1, 3), **q, dilation_rate=(1, 2)),
        k.BatchNormalization(center=False, scale=False),
        k.Flatten(),
        lq.layers.QuantDense(4, **q),
    ]


def _real_ends(k, lq):
    q = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    return [
        k.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
        k.BatchNormalization(),
        lq.layers.QuantConv2D(12, 3, **q, use_bias=False),
        k.BatchNormalization(),
        k.Activation("tanh"),
        k.Flatten(),
        k.Dense(20, activation="sigmoid"),
        k.Dense(6, activation="softmax"),
    ]


def _late_norm(k, lq):
    q = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    return [
        lq.layers.QuantConv2D(5, 3, kernel_quantizer="ste_sign"),
        k.MaxPooling2D(2),
        k.Flatten(),
        k.BatchNormalization(),
        lq.layers.QuantDense(21, **q, activation=lq.quantizers.ste_sign),
        lq.layers.QuantDense(13, kernel_quantizer="ste_sign"),
        k.BatchNormalization(),
        lq.layers.QuantDense(4, **q),
    ]


def _noop(k, lq):
    q = {"input_quantizer": "ste_sign", "kernel_quantizer": lq.quantizers.NoOp(precision=1)}
    return [
        lq.layers.QuantDense(33, **q, use_bias=False),
        k.BatchNormalization(),
        lq.layers.QuantDense(4, **q, use_bias=False),
    ]


def _last_axis(k, lq):
    q = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    return [
        lq.layers.QuantDense(6, **q),
        k.BatchNormalization(),
        lq.layers.QuantDense(5, **q),
        k.MaxPooling2D(2),
        k.BatchNormalization(),
        k.Flatten(),
        lq.layers.QuantDense(4, **q),
    ]


_LAYERS = {
    "mlp": (False, (100,), "unit", _mlp),
    "cnn": (False, (12, 12, 1), "symmetric", _cnn),
    "same-zero": (False, (9, 7, 2), "uint8", _same(0.0, 2, (3, 5))),
    "functional": (True, (8, 7, 2), "bipolar", _functional),
    "same-plus": (False, (9, 7, 2), "unit", _same(1.0, (1, 2), 3)),
    "same-minus": (True, (8, 6, 3), "real", _same(-1.0, (2, 1), (2, 4))),
    "dilated": (False, (9, 8, 3), "real", _dilated),
    "real-ends": (True, (11, 10, 3), "real", _real_ends),
    "late-norm": (False, (9, 9, 2), "uint8", _late_norm),
    "mlp-symmetric": (True, (100,), "symmetric", _mlp),
    "mlp-real": (False, (37,), "real", _mlp),
    "no-op": (False, (37,), "bipolar", _noop),
    "last-axis": (True, (4, 6, 3), "bipolar", _last_axis),
}


def main():
    """Rewrite the files beside this one."""
    libraries = load()
    folder = Path(__file__).parent
    for name in COMMITTED:
        model, x, kind = build(libraries, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.save(folder / f"{name}.keras")
            model.save(folder / f"{name}.h5")
        sums, logits = observe(libraries, model, x)
        arrays = {f"sums/{layer}": values for layer, values in sums.items()}
        np.savez_compressed(folder / f"{name}.npz", x=x, kind=kind, logits=logits, **arrays)


if __name__ == "__main__":
    main()
