"""The layers that binarized networks are made of, as the settings of a training want them.

A block is a product with binary weights and what stands behind it: an activation, a pooling, a
batch normalization. The sign that makes the next block's inputs -1 and +1 is the next product's
input quantizer, or a layer of its own where signs are dropped by chance in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bnn.training.recipe.choices import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS
from bnn.training.recipe.settings import Settings

SCALE_START = 1e-3
"""Factor that the head ``scale`` starts with; assumed: about one over a last layer's fan-in."""


@dataclass(frozen=True, slots=True)
class Backend:
    """TensorFlow, the Keras 2 that Larq works with, and Larq, as :mod:`bnn.train` imports them."""

    tensorflow: Any
    keras: Any
    larq: Any


class Parts:
    """Makes layers for one network; blocks are numbered as they come, and named by the number.

    Args:
        tools: the modules that layers come from.
        settings: of the training.
        training: with what serves training only (dropout, the pull in the loss), which the file
            of a trained network does without.
    """

    def __init__(self, tools: Backend, settings: Settings, *, training: bool) -> None:
        self.tools = tools
        """The modules that layers come from."""
        self.chance = tools.tensorflow.random.Generator.from_seed(settings.seed)
        """Where dropout draws from."""
        self._keras, self._larq = tools.keras, tools.larq
        self._settings, self._training = settings, training
        self._blocks = 0

    def convolution(
        self,
        filters: int,
        *,
        kernel: int = 3,
        pool: bool = False,
        scale: bool = True,
        **options: Any,
    ) -> list[Any]:
        """Return a block around a convolution, with a 2 x 2 max pooling if wanted.

        Args:
            filters: output channels.
            kernel: pixels of a side of what one output sees.
            pool: whether the block pools.
            scale: whether its normalization has a gamma.
            options: of the convolution.
        """
        before = self._next()
        conv = self._larq.layers.QuantConv2D(
            filters, (kernel, kernel), **options, **self._operands(), name=self._name("conv")
        )
        pools = [self._keras.layers.MaxPooling2D((2, 2), name=self._name("pool"))] if pool else []
        return [*before, conv, *self._activation(image=True), *pools, self._norm(scale=scale)]

    def dense(self, units: int, *, scale: bool = True) -> list[Any]:
        """Return a block around a dense layer; ``scale`` as for :meth:`convolution`."""
        before = self._next()
        return [
            *before,
            self._dense(units),
            *self._activation(image=False),
            self._norm(scale=scale),
        ]

    def last(self, classes: int, *, scale: bool = True) -> list[Any]:
        """Return the last dense layer and its head, in float32, with a softmax if the loss has."""
        before = self._next()
        layers = self._keras.layers
        if self._settings.head == "scale":
            start = self._keras.initializers.Constant(SCALE_START)
            head = layers.EinsumDense(
                "ab,b->ab", classes, kernel_initializer=start, name="scale", dtype="float32"
            )
        else:
            head = self._norm(scale=scale, dtype="float32")
        chain = [*before, self._dense(classes), head]
        if LOSSES[self._settings.loss].softmax:
            chain.append(layers.Activation("softmax", name="softmax", dtype="float32"))
        return chain

    def flatten(self) -> list[Any]:
        """Return a layer that makes vectors of images."""
        return [self._keras.layers.Flatten(name="flatten")]

    def _next(self) -> list[Any]:
        """Begin a block; return what comes before its product."""
        self._blocks += 1
        if not self._drops():
            return []
        sign = self._larq.quantizers.SteSign(name=self._name("sign"))
        rate = self._settings.dropout
        return [sign, _dropout(self.tools, rate, self.chance, self._name("dropout"))]

    def _drops(self) -> bool:
        """Whether signs are dropped in front of the block; never what the network is fed with."""
        return self._training and self._settings.dropout > 0 and self._blocks > 1

    def _name(self, kind: str) -> str:
        return f"{kind}{self._blocks}"

    def _dense(self, units: int) -> Any:
        return self._larq.layers.QuantDense(units, **self._operands(), name=self._name("dense"))

    def _operands(self) -> dict[str, Any]:
        """Quantizers of a product and what holds for its latent weights."""
        settings, latent = self._settings, OPTIMIZERS[self._settings.optimizer].latent
        return {
            "input_quantizer": None if self._blocks == 1 or self._drops() else "ste_sign",
            "kernel_quantizer": "ste_sign" if latent else self._larq.quantizers.NoOp(precision=1),
            "kernel_initializer": INITIALIZERS[settings.initializer],
            "kernel_constraint": "weight_clip" if latent and settings.weight_clip else None,
            "kernel_regularizer": self._pull(),
            "use_bias": False,
        }

    def _pull(self) -> Any:
        pull, tensorflow = self._settings.bipolar_pull, self.tools.tensorflow
        if not pull or not self._training:
            return None
        return lambda latent: pull * tensorflow.reduce_sum(1 - tensorflow.square(latent))

    def _activation(self, *, image: bool) -> list[Any]:
        make = ACTIVATIONS[self._settings.activation]
        return [make(self._keras, self._name("activation"), image)] if make else []

    def _norm(self, *, scale: bool, **options: Any) -> Any:
        return self._keras.layers.BatchNormalization(
            momentum=self._settings.batch_norm_momentum,
            epsilon=self._settings.batch_norm_epsilon,
            scale=scale,
            name=self._name("norm"),
            **options,
        )


def _dropout(tools: Backend, rate: float, chance: Any, name: str) -> Any:
    """Dropout as in Keras, except that it draws from a generator whose state can be set."""
    keras, tensorflow = tools.keras, tools.tensorflow

    class SeededDropout(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, inputs: Any, training: Any = None) -> Any:
            if not training:
                return inputs
            seed = chance.make_seeds(1)[:, 0]
            return tensorflow.nn.experimental.stateless_dropout(inputs, rate, seed)

    return SeededDropout(name=name)
