"""A Keras model while it is being trained: its epochs, its state, its accuracy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.data.datasets import Dataset
from bnn.model.objective import Objective
from bnn.run import scoring
from bnn.training.architectures import Architecture
from bnn.training.images import augment
from bnn.training.parts import Backend, Parts
from bnn.training.recipe.choices import LOSSES, OPTIMIZERS, SCHEDULES
from bnn.training.recipe.settings import PRECISIONS, Settings
from pimsim.errors import InputError, PimsimError

OnBatch = Callable[[int, int, int, float, float], None]
"""Called with epoch, batches done, batches an epoch has, and loss and accuracy so far."""

Arrays = list[NDArray[Any]]

_EVALUATED = 1000
"""Images that are classified together."""


class Trainee:
    """A model with its first weights, or with those that :meth:`restore` gives it.

    Args:
        tools: the modules.
        architecture: what is trained.
        settings: how.
        learn: labelled images to learn from.
        epoch: that comes first.
    """

    def __init__(
        self,
        tools: Backend,
        architecture: Architecture,
        settings: Settings,
        learn: Dataset,
        epoch: int,
    ) -> None:
        self._tools, self._architecture, self._settings = tools, architecture, settings
        self._learn = learn
        self._compile(epoch)

    def learn(self, epoch: int, on_batch: OnBatch) -> tuple[float, float]:
        """Go once through the training images, in the order that seed and epoch give.

        Returns:
            Mean loss, and fraction that was right, while they were being learned.

        Raises:
            PimsimError: the loss is no longer finite.
        """
        settings = self._settings
        if policy(settings, epoch) != self._model.dtype_policy.name:
            weights, optimizer = self.state()
            self._compile(epoch)
            self.restore(weights, optimizer)
        rng = np.random.default_rng([settings.seed, epoch])
        order = rng.permutation(len(self._learn.x))
        self._reseed(epoch)
        self._model.reset_metrics()
        steps = batches(settings, self._learn)
        loss = accuracy = 0.0
        for step in range(steps):
            chosen = order[step * settings.batch_size : (step + 1) * settings.batch_size]
            loss, accuracy = self._step(chosen, rng)
            on_batch(epoch, step + 1, steps, loss, accuracy)
        return _finite(loss, epoch), accuracy

    def evaluate(self, data: Dataset, epoch: int) -> tuple[float, float]:
        """Return loss, and fraction that is right, of labelled images after an epoch.

        Raises:
            PimsimError: the loss is no longer finite.
        """
        loss, accuracy = self._model.evaluate(
            data.x, self._targets(_labels(data)), batch_size=_EVALUATED, verbose=0
        )
        return _finite(float(loss), epoch), float(accuracy)

    def correct(self, data: Dataset) -> int:
        """Return how many labelled images are classified right."""
        return correct(self._model, data, self._settings.loss)

    def learning_rate(self, epoch: int) -> float:
        """Return the learning rate of the first step of an epoch."""
        step = (epoch - 1) * batches(self._settings, self._learn)
        return float(self._rate(step) if callable(self._rate) else self._rate)

    def weights(self) -> Arrays:
        """Return the weights, in Keras's order."""
        return list(self._model.get_weights())

    def state(self) -> tuple[Arrays, Arrays]:
        """Return weights and variables of the optimizer."""
        return self.weights(), [variable.numpy() for variable in self._variables()]

    def restore(self, weights: Arrays, optimizer: Arrays) -> None:
        """Take over what :meth:`state` gave, of the same network and the same settings.

        Raises:
            InputError: it is of another network.
        """
        if not self._variables():  # those of Bop come with its first step
            self._step(np.arange(self._settings.batch_size), np.random.default_rng(0))
        try:
            self._model.set_weights(weights)
            for variable, value in zip(self._variables(), optimizer, strict=True):
                variable.assign(value)
        except ValueError:
            raise InputError(
                "`--resume` must find a checkpoint of the same layers; this one has others"
            ) from None

    def _compile(self, epoch: int) -> None:
        """Build the model for an epoch, with first weights from the seed, and its optimizer."""
        keras, settings = self._tools.keras, self._settings
        keras.backend.clear_session()
        keras.utils.set_random_seed(settings.seed)
        parts = Parts(self._tools, settings, training=True)
        with _global_policy(keras, policy(settings, epoch)):
            model = self._architecture.build(parts)
        steps = batches(settings, self._learn)
        self._rate = SCHEDULES[settings.schedule].make(keras, settings, steps)
        make = OPTIMIZERS[settings.optimizer].make
        optimizer = make(keras, self._tools.larq, settings, self._rate)
        model.compile(optimizer, LOSSES[settings.loss].keras, metrics=["accuracy"])
        if hasattr(optimizer, "build"):
            optimizer.build(model.trainable_variables)
        self._model, self._chance = model, parts.chance

    def _variables(self) -> list[Any]:
        """Give the state of the optimizer; of an older kind is Larq's."""
        optimizer = self._model.optimizer
        older = isinstance(optimizer, self._tools.keras.optimizers.legacy.Optimizer)
        return list(optimizer.weights if older else optimizer.variables)

    def _step(self, chosen: NDArray[np.intp], rng: np.random.Generator) -> tuple[float, float]:
        settings = self._settings
        x: NDArray[Any] = self._learn.x[chosen]
        if settings.augmented:
            x = augment(x, rng, flip=settings.flip, shift_pixels=settings.shift_pixels)
        targets = self._targets(_labels(self._learn)[chosen])
        loss, accuracy = self._model.train_on_batch(x, targets, reset_metrics=False)
        return float(loss), float(accuracy)

    def _targets(self, labels: NDArray[np.int64]) -> NDArray[Any]:
        return LOSSES[self._settings.loss].targets(labels, self._architecture.classes)

    def _reseed(self, epoch: int) -> None:
        """Let dropout draw what it draws in this epoch, whenever that is."""
        rng = np.random.default_rng([self._settings.seed, epoch, 1])
        self._chance.reset_from_seed(int(rng.integers(2**31)))


def batches(settings: Settings, learn: Dataset) -> int:
    """Return the steps of an epoch; a last batch that is not full is left out.

    Raises:
        InputError: there are fewer images than a batch has.
    """
    if settings.batch_size > len(learn.x):
        raise InputError(
            f"`batch_size` must be at most the {len(learn.x)} training images, "
            f"not {settings.batch_size}"
        )
    return len(learn.x) // settings.batch_size


def policy(settings: Settings, epoch: int) -> str:
    """Return the name of the Keras policy that an epoch runs under; float32 for the last one."""
    return PRECISIONS["float32" if epoch >= settings.epochs else settings.precision]


def correct(model: Any, data: Dataset, loss: str) -> int:
    """Return how many labelled images a Keras model classifies right.

    Args:
        model: that gives a softmax, or plain outputs, as ``loss`` wants them.
        data: with labels.
        loss: of :data:`bnn.training.recipe.choices.LOSSES`, that it was trained with.
    """
    outputs = model.predict(data.x, batch_size=_EVALUATED, verbose=0)
    known = LOSSES[loss]
    activation = "softmax" if known.softmax else "linear"
    ending = scoring.Ending(outputs.shape[1:], activation, Objective(known.keras))
    found = scoring.read(ending, _labels(data)).correct(outputs)
    assert found is not None  # an output for every class
    return found


def _finite(loss: float, epoch: int) -> float:
    if not math.isfinite(loss):
        raise PimsimError(f"the loss is {loss} in epoch {epoch}: lower `--learning-rate`")
    return loss


def _labels(data: Dataset) -> NDArray[np.int64]:
    assert data.y is not None  # others are refused before a training begins
    return data.y


@contextmanager
def _global_policy(keras: Any, name: str) -> Iterator[None]:
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)
