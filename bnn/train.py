"""Train a binarized network with Larq. This is the one file that imports TensorFlow, and lazily.

Training goes batch by batch in an order drawn from the seed and the epoch, and keeps a checkpoint
after every epoch; a training that was interrupted and resumed goes through the same batches as
one that was not. The file that comes out holds the network alone, without optimizer state.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bnn.data.datasets import Dataset, reshape_for
from bnn.training.architectures import Architecture
from bnn.training.augmentation import augment
from bnn.training.card import Card, Epoch, LayerRow, card_path
from bnn.training.checkpoint import Checkpoint, checkpoint_path
from bnn.training.recipe import PRECISIONS, Settings, fingerprint
from pimsim.errors import InputError, PimsimError

OnBatch = Callable[[int, int, int, float, float], None]
"""Called with epoch, batches done, batches an epoch has, and loss and accuracy so far."""

_OPTIMIZER = "Adam, learning rate falling to zero along a cosine"
_SUFFIXES = (".keras", ".h5")


@dataclass(frozen=True, slots=True)
class Backend:
    """The modules that training needs."""

    tensorflow: Any
    keras: Any
    larq: Any


def check_extra(purpose: str = "training") -> None:
    """Refuse to go on where the extra ``larq`` is not installed; imports nothing.

    Args:
        purpose: what needs it, for the message.

    Raises:
        InputError: TensorFlow, its Keras 2 or Larq is missing.
    """
    missing = [name for name in ("tensorflow", "tf_keras", "larq") if not _installed(name)]
    if missing:
        raise InputError(f"{purpose} needs {', '.join(missing)}: pip install 'pimsim[larq]'")


def backend(purpose: str = "training") -> Backend:
    """Import TensorFlow, the Keras 2 that Larq works with, and Larq.

    Args:
        purpose: what needs them, for the message.

    Raises:
        InputError: one of them is missing or does not load.
    """
    check_extra(purpose)
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _log_kept_back():
            import larq
            import tensorflow
            import tf_keras
    except ImportError as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"TensorFlow and Larq do not load ({reason}): pip install 'pimsim[larq]'"
        ) from None
    return Backend(tensorflow, tf_keras, larq)


def check_out(out: Path, resume: bool) -> None:
    """Refuse a path that a trained model cannot be written to, before any time is spent.

    Raises:
        InputError: wrong suffix, no such folder, not writable, or a checkpoint that would be lost.
    """
    if out.suffix not in _SUFFIXES:
        raise InputError(f"`--out` must end in .keras or .h5, not {str(out)!r}")
    if out.is_dir():
        raise InputError(f"`--out` must be a file, not the folder {str(out)!r}")
    if not out.parent.is_dir():
        raise InputError(f"`--out` must be in an existing folder, not in {str(out.parent)!r}")
    if not os.access(out.parent, os.W_OK):
        raise InputError(f"`--out` must be in a writable folder, not in {str(out.parent)!r}")
    checkpoint = checkpoint_path(out)
    if checkpoint.exists() and not resume:
        raise InputError(
            f"{str(checkpoint)!r} holds an interrupted training: "
            f"go on with --resume, or delete it to start again"
        )


def train(
    architecture: Architecture,
    settings: Settings,
    learn: Dataset,
    test: Dataset,
    out: Path,
    *,
    resume: bool = False,
    on_batch: OnBatch = lambda *_: None,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> Card:
    """Train, and write the model to ``out`` and its card beside it.

    Args:
        architecture: what to train.
        settings: how.
        learn: labelled images to learn from.
        test: labelled images to measure the accuracy with; they do not influence the training.
        out: ``.keras`` or ``.h5`` file; replaced at the end, whole.
        resume: go on from the checkpoint that an interrupted training has left beside ``out``.
        on_batch: called after every batch.
        on_epoch: called after every epoch, once its checkpoint is written, and with those that
            the checkpoint already holds.

    Returns:
        The model card.

    Raises:
        InputError: the data do not fit the network, or the checkpoint is of another training.
        PimsimError: the loss is no longer finite.
    """
    check_out(out, resume)
    learn, test = (reshape_for(one, architecture.input_shape) for one in (learn, test))
    for one in (learn, test):
        _check_labels(one, architecture)
    steps = len(learn.x) // settings.batch_size
    if steps == 0:
        raise InputError(
            f"`batch_size` must be at most the {len(learn.x)} training images, "
            f"not {settings.batch_size}"
        )
    digest = fingerprint(learn, test)
    recipe = {"network": architecture.name, "data_sha256": digest, **asdict(settings)}
    state = _resumed(out, recipe) if resume else None

    tools = backend()
    history = [] if state is None else list(state.history)
    model = _compiled(architecture, settings, steps, tools, len(history) + 1)
    if state is not None:
        _restore(model, state.weights, state.optimizer)
        for done in history:
            on_epoch(done)
    for epoch in range(len(history) + 1, settings.epochs + 1):
        if _policy(settings, epoch) != model.dtype_policy.name:
            model = _recompiled(model, architecture, settings, steps, tools, epoch)
        history.append(_learn_epoch(model, learn, test, settings, epoch, on_batch))
        Checkpoint(
            recipe=recipe,
            history=tuple(history),
            weights=model.get_weights(),
            optimizer=_optimizer_state(model),
        ).save(checkpoint_path(out))
        on_epoch(history[-1])

    weights = model.get_weights()
    tools.keras.backend.clear_session()  # so that names made up for the file count from the start
    final = architecture.build(tools.keras, tools.larq)
    final.set_weights(weights)
    _save(final, out)
    card = Card(
        network=architecture.name,
        summary=architecture.summary,
        data=learn.name,
        train_images=len(learn.x),
        test_images=len(test.x),
        correct=_correct(final, test),
        data_sha256=digest,
        model_sha256=hashlib.sha256(out.read_bytes()).hexdigest(),
        parameters=int(final.count_params()),
        binary_weights=_binary_weights(final),
        optimizer=_OPTIMIZER,
        wall_s=round(sum(epoch.wall_s for epoch in history), 1),
        versions=_versions(),
        layers=tuple(_layer_row(layer) for layer in final.layers),
        history=tuple(history),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
    )
    card_path(out).write_text(card.markdown(), encoding="utf-8")
    checkpoint_path(out).unlink(missing_ok=True)
    return card


def _policy(settings: Settings, epoch: int) -> str:
    """Name of the Keras policy that an epoch runs under; that of the last one is float32."""
    return PRECISIONS["float32" if epoch >= settings.epochs else settings.precision]


def _compiled(
    architecture: Architecture, settings: Settings, steps: int, tools: Backend, epoch: int
) -> Any:
    """Build the model for an epoch with first weights from the seed, and its optimizer."""
    keras = tools.keras
    keras.backend.clear_session()
    keras.utils.set_random_seed(settings.seed)
    with _global_policy(keras, _policy(settings, epoch)):
        model = architecture.build(keras, tools.larq)
    warmup = steps * settings.warmup_epochs
    decay = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else settings.learning_rate,
        decay_steps=steps * settings.epochs - warmup,
        warmup_target=settings.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.Adam(decay)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    optimizer.build(model.trainable_variables)
    return model


def _recompiled(
    model: Any,
    architecture: Architecture,
    settings: Settings,
    steps: int,
    tools: Backend,
    epoch: int,
) -> Any:
    """Build the same model under the policy of an epoch, as far as the training has come."""
    weights, optimizer = model.get_weights(), _optimizer_state(model)
    other = _compiled(architecture, settings, steps, tools, epoch)
    _restore(other, weights, optimizer)
    return other


@contextmanager
def _global_policy(keras: Any, policy: str) -> Iterator[None]:
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def _learn_epoch(
    model: Any, learn: Dataset, test: Dataset, settings: Settings, epoch: int, on_batch: OnBatch
) -> Epoch:
    """Go once through the training images, in the order that seed and epoch give."""
    assert learn.y is not None  # _check_labels has seen to that
    start = time.perf_counter()
    rng = np.random.default_rng([settings.seed, epoch])
    order = rng.permutation(learn.y.size)
    steps = learn.y.size // settings.batch_size
    model.reset_metrics()
    loss = accuracy = 0.0
    for step in range(steps):
        batch = order[step * settings.batch_size : (step + 1) * settings.batch_size]
        x = learn.x[batch]
        if settings.augmented:
            x = augment(x, rng, flip=settings.flip, shift_pixels=settings.shift_pixels)
        loss, accuracy = map(float, model.train_on_batch(x, learn.y[batch], reset_metrics=False))
        on_batch(epoch, step + 1, steps, loss, accuracy)
    if not math.isfinite(loss):
        raise PimsimError(f"the loss is {loss} in epoch {epoch}: lower `--learning-rate`")
    return Epoch(
        epoch=epoch,
        loss=round(loss, 4),
        train_accuracy=round(accuracy, 4),
        test_accuracy=round(_correct(model, test) / len(test.x), 4),
        wall_s=round(time.perf_counter() - start, 1),
    )


def _optimizer_state(model: Any) -> list[np.ndarray[Any, np.dtype[Any]]]:
    variables: dict[str, Any] = {}
    model.optimizer.save_own_variables(variables)
    return [np.asarray(variables[str(i)]) for i in range(len(variables))]


def _restore(model: Any, weights: list[Any], optimizer: list[Any]) -> None:
    try:
        model.set_weights(weights)
        model.optimizer.load_own_variables({str(i): a for i, a in enumerate(optimizer)})
    except ValueError:
        raise InputError(
            "`--resume` must find a checkpoint of the same layers; this one has others"
        ) from None


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # it is being kept from being imported
        return False


def _check_labels(data: Dataset, architecture: Architecture) -> None:
    if data.y is None:
        raise InputError(f"{data.name} must have labels to train {architecture.name} on")
    if not (data.y.min() >= 0 and data.y.max() < architecture.classes):
        raise InputError(
            f"labels of {data.name} must be from 0 to {architecture.classes - 1} "
            f"for {architecture.name}, not {data.y.min()} to {data.y.max()}"
        )


def _resumed(out: Path, recipe: dict[str, Any]) -> Checkpoint:
    state = Checkpoint.load(checkpoint_path(out))
    for name, value in recipe.items():
        was = state.recipe.get(name)
        if was != value:
            raise InputError(
                f"`--resume` must go on with the same {name} as the checkpoint, "
                f"{was!r}, not {value!r}"
            )
    return state


def _correct(model: Any, test: Dataset) -> int:
    scores = model.predict(test.x, batch_size=1000, verbose=0)
    return int((scores.argmax(axis=1) == test.y).sum())


def _save(model: Any, out: Path) -> None:
    partial = out.with_name(f".{out.stem}.partial{out.suffix}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # "HDF5 is a legacy format"
            model.save(partial)
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)


def _binary_weights(model: Any) -> int:
    quantized = [layer for layer in model.layers if getattr(layer, "kernel_quantizer", None)]
    return sum(math.prod(layer.kernel.shape) for layer in quantized)


def _layer_row(layer: Any) -> LayerRow:
    return LayerRow(
        layer=layer.name,
        kind=type(layer).__name__,
        output="x".join(str(size) for size in layer.output_shape[1:]),
        weights=int(layer.count_params()),
    )


def _versions() -> str:
    packages = ("tensorflow", "tf-keras", "larq", "numpy")
    return ", ".join(
        [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)]
    )


@contextmanager
def _log_kept_back() -> Iterator[None]:
    """Keep what TensorFlow's C++ side logs while it loads off stderr; no setting does."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with tempfile.TemporaryFile() as log:
            os.dup2(log.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(saved, 2)
    finally:
        os.close(saved)
