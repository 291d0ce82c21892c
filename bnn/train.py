"""Train a binarized network with Larq. This is the one file that imports TensorFlow, and lazily.

Training goes batch by batch in an order drawn from the seed and the epoch, and keeps a checkpoint
after every epoch; a training that was interrupted and resumed goes through the same batches as
one that was not. The file that comes out holds the network alone, without optimizer state.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bnn.data.datasets import Dataset, fingerprint, reshape_for
from bnn.training import files, images
from bnn.training.architectures import Architecture
from bnn.training.card import Card, Epoch, best, card_path, stops
from bnn.training.files import Checkpoint, checkpoint_path
from bnn.training.parts import Backend, Parts
from bnn.training.recipe.settings import Settings
from bnn.training.trainee import Arrays, OnBatch, Trainee, batches, correct
from pimsim.errors import InputError

_SUFFIXES = (".keras", ".h5")


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
        learn: labelled images to learn from, and to watch.
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
    _check_augmentation(architecture, settings)
    digest = fingerprint(learn, test)
    learned, watched = images.split(learn, settings.validation_split, settings.seed)
    batches(settings, learned)
    recipe = {"network": architecture.name, "data_sha256": digest, **asdict(settings)}
    state = _resumed(out, recipe) if resume else None

    tools = backend()
    history = [] if state is None else list(state.history)
    trainee = Trainee(tools, architecture, settings, learned, len(history) + 1)
    kept: Arrays = []
    if state is not None:
        trainee.restore(state.weights, state.optimizer)
        kept = state.best
        for done in history:
            on_epoch(done)
    while len(history) < settings.epochs and not stops(history, settings.patience):
        history.append(_epoch(trainee, len(history) + 1, watched, test, on_batch))
        weights, optimizer = trainee.state()
        if settings.patience and best(history) == len(history):
            kept = weights
        Checkpoint(
            recipe=recipe,
            history=tuple(history),
            weights=weights,
            optimizer=optimizer,
            best=kept,
        ).save(checkpoint_path(out))
        on_epoch(history[-1])

    final = _final(tools, architecture, settings, kept or trainee.weights())
    files.save_model(final, out)
    card = Card(
        network=architecture.name,
        summary=architecture.summary,
        data=learn.name,
        train_images=len(learn.x),
        test_images=len(test.x),
        correct=correct(final, test, settings.loss),
        data_sha256=digest,
        model_sha256=hashlib.sha256(out.read_bytes()).hexdigest(),
        parameters=int(final.count_params()),
        binary_weights=files.binary_weights(final),
        wall_s=round(sum(epoch.wall_s for epoch in history), 1),
        versions=files.versions(),
        settings=settings,
        layers=files.layer_rows(final),
        history=tuple(history),
    )
    card_path(out).write_text(card.markdown(), encoding="utf-8")
    checkpoint_path(out).unlink(missing_ok=True)
    return card


def _epoch(
    trainee: Trainee, number: int, watched: Dataset | None, test: Dataset, on_batch: OnBatch
) -> Epoch:
    start = time.perf_counter()
    rate = trainee.learning_rate(number)
    loss, accuracy = trainee.learn(number, on_batch)
    watched_loss, watched_accuracy = trainee.evaluate(watched, number) if watched else (None, None)
    return Epoch(
        epoch=number,
        loss=round(loss, 4),
        train_accuracy=round(accuracy, 4),
        test_accuracy=round(trainee.correct(test) / len(test.x), 4),
        wall_s=round(time.perf_counter() - start, 1),
        learning_rate=float(f"{rate:.4g}"),
        validation_loss=None if watched_loss is None else round(watched_loss, 4),
        validation_accuracy=None if watched_accuracy is None else round(watched_accuracy, 4),
    )


def _final(tools: Backend, architecture: Architecture, settings: Settings, weights: Arrays) -> Any:
    """Build the network as its file has it: in float32, without what serves training only."""
    tools.keras.backend.clear_session()  # so that names made up for the file count from the start
    final = architecture.build(Parts(tools, settings, training=False))
    final.set_weights(weights)
    return final


def _check_augmentation(architecture: Architecture, settings: Settings) -> None:
    *sides, _ = architecture.input_shape
    if settings.augmented and len(sides) != 2:
        raise InputError(
            f"`flip` and `shift_pixels` must be off for {architecture.name}, "
            f"which is fed with shape {architecture.input_shape}, not with images"
        )
    if settings.shift_pixels and settings.shift_pixels >= min(sides):
        raise InputError(
            f"`shift_pixels` must be below the {min(sides)} pixels of a side, "
            f"not {settings.shift_pixels}"
        )


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
