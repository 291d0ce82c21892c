"""Cases of the layer matrix that are networks: graphs, TensorFlow's operators, known blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .layer_cases import Case


def graphs() -> Iterator[Case]:
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


def operators() -> Iterator[Case]:
    for number, (what, written) in enumerate(OPERATORS.items()):
        for place, text in enumerate(written):

            def build(k: Any, lq: Any, x: Any, text: str = text) -> Any:
                import tensorflow as tf

                return eval(text, {"tf": tf, "lq": lq, "np": np, "x": x})

            yield Case(f"o{number}_{place}", build, {"operators": what, "written": text})


def blocks() -> Iterator[Case]:
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


def _models(k: Any) -> Any:
    from tensorflow.keras import models

    return models
