"""Networks that `pimsim train` can build, by name.

Adding one is one entry of :data:`ARCHITECTURES`. A builder gets the :class:`~bnn.training.parts.
Parts` that it puts together, so this table can be listed without importing TensorFlow.

>>> ARCHITECTURES["mnist-cnn"].data
'mnist'
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bnn.training.recipe.recipes import recipe
from bnn.training.recipe.settings import Settings, changed

if TYPE_CHECKING:
    from bnn.training.parts import Parts


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network to train, the data set it is meant for, and the settings that suit it."""

    name: str
    summary: str
    """One sentence for lists and model cards."""
    data: str
    """Name of the data set that `pimsim train` takes unless told otherwise."""
    input_shape: tuple[int, ...]
    """Shape of one input."""
    settings: Settings
    """What `pimsim train` takes unless told otherwise."""
    layers: Callable[[Parts], list[Any]]
    """Layers from the input to the end."""
    classes: int = 10
    """Outputs: labels are below this; every named data set has ten."""

    def build(self, parts: Parts) -> Any:
        """Return the untrained Keras model, layers named by position (``dense1``, ``norm1``)."""
        keras = parts.tools.keras
        model = keras.Sequential(name=self.name.replace("-", "_"))
        model.add(keras.layers.InputLayer(self.input_shape, name="pixels"))
        for layer in self.layers(parts):
            model.add(layer)
        return model


def _mlp(*hidden: int) -> Callable[[Parts], list[Any]]:
    """Dense layers, all with binary weights; the first takes real inputs."""

    def layers(parts: Parts) -> list[Any]:
        return [*(layer for width in hidden for layer in parts.dense(width)), *parts.last(10)]

    return layers


def _larq_mnist_tutorial(parts: Parts) -> list[Any]:
    """Lay out the convolutional network of Larq's MNIST tutorial."""
    return [
        *parts.convolution(32, pool=True, scale=False),
        *parts.convolution(64, pool=True, scale=False),
        *parts.convolution(64, scale=False),
        *parts.flatten(),
        *parts.dense(64, scale=False),
        *parts.last(10, scale=False),
    ]


def _lenet5(parts: Parts) -> list[Any]:
    """Lay out LeNet-5: two 5 x 5 convolutions with poolings, three dense layers."""
    return [
        *parts.convolution(6, kernel=5, pool=True, padding="same", pad_values=-1.0),
        *parts.convolution(16, kernel=5, pool=True),
        *parts.flatten(),
        *parts.dense(120),
        *parts.dense(84),
        *parts.last(10),
    ]


def _binarynet(widths: tuple[int, ...], hidden: tuple[int, ...]) -> Callable[[Parts], list[Any]]:
    """Pairs of 3 x 3 convolutions, a max pooling behind each pair, then dense layers.

    Borders are padded with +1, which a bit can store. The first layer is padded with +1 too, the
    brightest pixel, which the encoding of 8-bit pixels has.
    """

    def layers(parts: Parts) -> list[Any]:
        chain: list[Any] = []
        for i, width in enumerate(widths):
            chain += parts.convolution(width, pool=i % 2 == 1, padding="same", pad_values=1.0)
        chain += parts.flatten()
        for width in hidden:
            chain += parts.dense(width)
        return [*chain, *parts.last(10)]

    return layers


_KNOWN = (
    Architecture(
        name="digits-mlp",
        summary="Three dense layers with binary weights (64-256-256-10) on 8 x 8 handwritten "
        "digits; the inputs are 17 grey levels.",
        data="digits",
        input_shape=(64,),
        settings=Settings(epochs=100, batch_size=64, learning_rate=5e-3, batch_norm_momentum=0.9),
        layers=_mlp(256, 256),
    ),
    Architecture(
        name="mnist-mlp",
        summary="Four dense layers with binary weights (784-512-512-512-10) on MNIST; the first "
        "takes 8-bit pixels.",
        data="mnist",
        input_shape=(784,),
        settings=Settings(epochs=30, batch_size=128, learning_rate=5e-3, batch_norm_momentum=0.95),
        layers=_mlp(512, 512, 512),
    ),
    Architecture(
        name="mnist-cnn",
        summary="The convolutional network of Larq's MNIST tutorial (three convolutions, two "
        "dense layers, all with binary weights); the first takes 8-bit pixels.",
        data="mnist",
        input_shape=(28, 28, 1),
        settings=Settings(epochs=15, batch_size=64, learning_rate=3e-3),
        layers=_larq_mnist_tutorial,
    ),
    Architecture(
        name="mnist-lenet5",
        summary="LeNet-5 (5 x 5 convolutions 6-16, dense layers 120-84-10, all with binary "
        "weights) on MNIST; the first takes 8-bit pixels.",
        data="mnist",
        input_shape=(28, 28, 1),
        settings=Settings(epochs=20, batch_size=128, learning_rate=5e-3, batch_norm_momentum=0.95),
        layers=_lenet5,
    ),
    Architecture(
        name="cifar10-binarynet",
        summary="A narrow BinaryNet (3 x 3 convolutions 48-48-96-96-192-192, dense layers 256-10, "
        "all with binary weights) on CIFAR-10; the first takes 8-bit pixels.",
        data="cifar10",
        input_shape=(32, 32, 3),
        settings=Settings(
            epochs=45,
            batch_size=128,
            learning_rate=3e-3,
            warmup_epochs=1,
            batch_norm_momentum=0.95,
            flip=True,
            shift_pixels=2,
            precision="bfloat16",
        ),
        layers=_binarynet((48, 48, 96, 96, 192, 192), (256,)),
    ),
    Architecture(
        name="cifar10-binarynet-full",
        summary="BinaryNet as published (3 x 3 convolutions 128-128-256-256-512-512, dense layers "
        "1024-1024-10, all with binary weights) on CIFAR-10; for those with a GPU.",
        data="cifar10",
        input_shape=(32, 32, 3),
        settings=changed(
            Settings(epochs=500, batch_size=50, learning_rate=1e-3), recipe("binarynet")
        ),
        layers=_binarynet((128, 128, 256, 256, 512, 512), (1024, 1024)),
    ),
)

ARCHITECTURES: dict[str, Architecture] = {one.name: one for one in _KNOWN}
"""Every architecture by name."""
