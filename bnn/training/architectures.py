"""Networks that `pimsim train` can build, by name.

Adding one is one entry of :data:`ARCHITECTURES`. A builder gets the modules ``tf_keras`` and
``larq`` as arguments, so this table can be listed without importing TensorFlow.

>>> ARCHITECTURES["mnist-cnn"].data
'mnist'
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_BINARY = {
    "kernel_quantizer": "ste_sign",
    "kernel_constraint": "weight_clip",
    "use_bias": False,
}
_BINARY_BOTH = {"input_quantizer": "ste_sign", **_BINARY}


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network to train, the data set it is meant for, and the schedule that suits it."""

    name: str
    summary: str
    """One sentence for lists and model cards."""
    data: str
    """Name of the data set that `pimsim train` takes unless told otherwise."""
    input_shape: tuple[int, ...]
    """Shape of one input."""
    classes: int
    """Outputs: labels are below this."""
    epochs: int
    batch_size: int
    learning_rate: float
    """Learning rate of the first step; it falls to zero along a cosine."""
    layers: Callable[[Any, Any], list[Any]]
    """Layers from the input to the softmax, built with the given ``tf_keras`` and ``larq``."""

    def build(self, keras: Any, larq: Any) -> Any:
        """Return the untrained Keras model, layers named by position (``dense1``, ``norm1``)."""
        model = keras.Sequential(name=self.name.replace("-", "_"))
        model.add(keras.layers.InputLayer(self.input_shape, name="pixels"))
        for layer in self.layers(keras, larq):
            model.add(layer)
        return model


def _mlp(widths: tuple[int, ...], momentum: float) -> Callable[[Any, Any], list[Any]]:
    """Dense layers with binary weights, BatchNorm after each; the first takes real inputs."""

    def layers(keras: Any, larq: Any) -> list[Any]:
        chain: list[Any] = []
        for i, width in enumerate(widths, start=1):
            operands = _BINARY if i == 1 else _BINARY_BOTH
            chain.append(larq.layers.QuantDense(width, **operands, name=f"dense{i}"))
            chain.append(keras.layers.BatchNormalization(momentum=momentum, name=f"norm{i}"))
        return [*chain, keras.layers.Activation("softmax", name="softmax")]

    return layers


def _larq_mnist_tutorial(keras: Any, larq: Any) -> list[Any]:
    """Lay out the convolutional network of Larq's MNIST tutorial."""
    conv, dense = larq.layers.QuantConv2D, larq.layers.QuantDense
    pool, norm = keras.layers.MaxPooling2D, keras.layers.BatchNormalization
    return [
        conv(32, (3, 3), **_BINARY, name="conv1"),
        pool((2, 2), name="pool1"),
        norm(scale=False, name="norm1"),
        conv(64, (3, 3), **_BINARY_BOTH, name="conv2"),
        pool((2, 2), name="pool2"),
        norm(scale=False, name="norm2"),
        conv(64, (3, 3), **_BINARY_BOTH, name="conv3"),
        norm(scale=False, name="norm3"),
        keras.layers.Flatten(name="flatten"),
        dense(64, **_BINARY_BOTH, name="dense4"),
        norm(scale=False, name="norm4"),
        dense(10, **_BINARY_BOTH, name="dense5"),
        norm(scale=False, name="norm5"),
        keras.layers.Activation("softmax", name="softmax"),
    ]


def _binarynet(widths: tuple[int, ...], hidden: tuple[int, ...]) -> Callable[[Any, Any], list[Any]]:
    """Pairs of 3 x 3 convolutions, a max pooling behind each pair, then dense layers.

    Borders are padded with +1, for the first layer too, where it is the brightest pixel: an
    operand that a bit holds, and that the encoding of 8-bit pixels has.
    """

    def layers(keras: Any, larq: Any) -> list[Any]:
        chain: list[Any] = []
        for i, width in enumerate(widths, start=1):
            conv = larq.layers.QuantConv2D(
                width,
                (3, 3),
                padding="same",
                pad_values=1.0,
                **(_BINARY if i == 1 else _BINARY_BOTH),
                name=f"conv{i}",
            )
            chain.append(conv)
            if i % 2 == 0:
                chain.append(keras.layers.MaxPooling2D((2, 2), name=f"pool{i}"))
            chain.append(keras.layers.BatchNormalization(momentum=0.95, name=f"norm{i}"))
        chain.append(keras.layers.Flatten(name="flatten"))
        for i, width in enumerate((*hidden, 10), start=len(widths) + 1):
            last = i == len(widths) + len(hidden) + 1
            precision = {"dtype": "float32"} if last else {}
            chain.append(larq.layers.QuantDense(width, **_BINARY_BOTH, name=f"dense{i}"))
            chain.append(
                keras.layers.BatchNormalization(momentum=0.95, name=f"norm{i}", **precision)
            )
        return [*chain, keras.layers.Activation("softmax", name="softmax", dtype="float32")]

    return layers


_KNOWN = (
    Architecture(
        name="digits-mlp",
        summary="Three dense layers with binary weights (64-256-256-10) on 8 x 8 handwritten "
        "digits; the inputs are 17 grey levels.",
        data="digits",
        input_shape=(64,),
        classes=10,
        epochs=100,
        batch_size=64,
        learning_rate=5e-3,
        layers=_mlp((256, 256, 10), momentum=0.9),
    ),
    Architecture(
        name="mnist-mlp",
        summary="Four dense layers with binary weights (784-512-512-512-10) on MNIST; the first "
        "takes 8-bit pixels.",
        data="mnist",
        input_shape=(784,),
        classes=10,
        epochs=30,
        batch_size=128,
        learning_rate=5e-3,
        layers=_mlp((512, 512, 512, 10), momentum=0.95),
    ),
    Architecture(
        name="mnist-cnn",
        summary="The convolutional network of Larq's MNIST tutorial (three convolutions, two "
        "dense layers, all with binary weights); the first takes 8-bit pixels.",
        data="mnist",
        input_shape=(28, 28, 1),
        classes=10,
        epochs=15,
        batch_size=64,
        learning_rate=3e-3,
        layers=_larq_mnist_tutorial,
    ),
    Architecture(
        name="cifar10-binarynet",
        summary="A narrow BinaryNet (3 x 3 convolutions 48-48-96-96-192-192, dense layers 256-10, "
        "all with binary weights) on CIFAR-10; the first takes 8-bit pixels.",
        data="cifar10",
        input_shape=(32, 32, 3),
        classes=10,
        epochs=45,
        batch_size=128,
        learning_rate=3e-3,
        layers=_binarynet((48, 48, 96, 96, 192, 192), (256,)),
    ),
)

ARCHITECTURES: dict[str, Architecture] = {one.name: one for one in _KNOWN}
"""Every architecture by name."""
