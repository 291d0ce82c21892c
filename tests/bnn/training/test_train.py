from __future__ import annotations

import hashlib
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnn import train as training
from bnn.data.datasets import Dataset, fingerprint, load
from bnn.larq.model_file import read_model
from bnn.model.network import BatchNorm, Dense, Network
from bnn.train import check_out, train
from bnn.training.architectures import ARCHITECTURES
from bnn.training.card import Card, Epoch, best, card_path
from bnn.training.files import Checkpoint, checkpoint_path
from bnn.training.recipe.settings import Settings
from pimsim.errors import InputError, PimsimError

DIGITS = ARCHITECTURES["digits-mlp"]
SETTINGS = Settings(epochs=3, batch_size=50, learning_rate=0.01, seed=3)


def some(split: str, count: int) -> Dataset:
    data = load("digits", split)  # type: ignore[arg-type]
    assert data.y is not None
    return replace(data, x=data.x[:count], y=data.y[:count])


def weights(network: Network) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    arrays = []
    for layer in network.layers:
        if isinstance(layer, Dense):
            arrays.append(layer.kernel)
        elif isinstance(layer, BatchNorm):
            arrays += [v for v in (layer.mean, layer.variance, layer.gamma, layer.beta) if v.any()]
    return arrays


@pytest.mark.larq
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_one_epoch_gives_a_model_and_a_card(
    tmp_path: Path, suffix: str, request: pytest.FixtureRequest
) -> None:
    if suffix == ".h5":  # the other is trained as a graph
        request.getfixturevalue("untraced")
    out = tmp_path / f"small{suffix}"
    batches: list[tuple[int, int, int]] = []
    epochs: list[Epoch] = []
    card = train(
        DIGITS,
        replace(SETTINGS, epochs=1),
        some("train", 310),
        some("test", 120),
        out,
        on_batch=lambda epoch, done, of, loss, accuracy: batches.append((epoch, done, of)),
        on_epoch=epochs.append,
    )
    network = read_model(out)
    assert network.shapes()[-1] == (10,)
    assert batches == [(1, done, 6) for done in range(1, 7)]
    assert card.history == tuple(epochs)
    assert card.train_images == 310
    assert card.test_images == 120
    assert card.model_sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert Card.parse(card_path(out).read_text()) == card
    assert sorted(tmp_path.iterdir()) == sorted([out, card_path(out)])
    if suffix == ".keras":
        with zipfile.ZipFile(out) as archive:
            assert b"compile_config" not in archive.read("config.json")


@pytest.mark.larq
@pytest.mark.usefixtures("untraced")
def test_a_resumed_training_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    learn, test = some("train", 310), some("test", 120)
    whole, halves = tmp_path / "whole.keras", tmp_path / "halves.keras"
    card = train(DIGITS, SETTINGS, learn, test, whole)

    def interrupt(epoch: int, done: int, *_: float) -> None:
        if (epoch, done) == (2, 4):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(DIGITS, SETTINGS, learn, test, halves, on_batch=interrupt)
    assert not halves.exists()
    assert not card_path(halves).exists()
    state = Checkpoint.load(checkpoint_path(halves))
    assert [epoch.epoch for epoch in state.history] == [1]

    with pytest.raises(InputError, match="go on with --resume, or delete it"):
        train(DIGITS, SETTINGS, learn, test, halves)
    with pytest.raises(InputError) as error:
        train(DIGITS, replace(SETTINGS, epochs=9), learn, test, halves, resume=True)
    assert str(error.value) == (
        "`--resume` must go on with the same epochs as the checkpoint, 3, not 9"
    )
    with pytest.raises(InputError, match="the same data_sha256 as the checkpoint"):
        train(DIGITS, SETTINGS, learn, some("test", 99), halves, resume=True)

    path = checkpoint_path(halves)
    replace(state, weights=state.weights[1:]).save(path)
    with pytest.raises(InputError, match="a checkpoint of the same layers; this one has others"):
        train(DIGITS, SETTINGS, learn, test, halves, resume=True)
    state.save(path)

    seen: list[int] = []
    resumed = train(
        DIGITS, SETTINGS, learn, test, halves,
        resume=True, on_epoch=lambda epoch: seen.append(epoch.epoch),
    )  # fmt: skip
    assert seen == [1, 2, 3]
    assert not checkpoint_path(halves).exists()
    assert resumed.correct == card.correct
    mine, theirs = weights(read_model(halves)), weights(read_model(whole))
    assert len(mine) == len(theirs) > 6
    assert all((a == b).all() for a, b in zip(mine, theirs, strict=True))


@pytest.mark.larq
@pytest.mark.parametrize(
    "change",
    [
        {"dropout": 0.3, "optimizer": "bop", "bop_threshold": 1e-7},
        {"validation_split": 0.25, "patience": 2, "epochs": 9, "learning_rate": 2.0},
    ],
    ids=["bop-and-dropout", "early-stopping"],
)
def test_everything_that_chance_and_memory_decide_is_resumed(
    tmp_path: Path, change: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    if "patience" in change:  # nothing that a graph draws decides there
        request.getfixturevalue("untraced")
    settings = replace(SETTINGS, **change)
    learn, test = some("train", 310), some("test", 120)
    whole, halves = tmp_path / "whole.keras", tmp_path / "halves.keras"
    card = train(DIGITS, settings, learn, test, whole)

    def interrupt(epoch: int, *_: float) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(DIGITS, settings, learn, test, halves, on_batch=interrupt)
    resumed = train(DIGITS, settings, learn, test, halves, resume=True)
    assert [replace(e, wall_s=0) for e in resumed.history] == [
        replace(e, wall_s=0) for e in card.history
    ]
    mine, theirs = weights(read_model(halves)), weights(read_model(whole))
    assert all((a == b).all() for a, b in zip(mine, theirs, strict=True))


@pytest.mark.larq
@pytest.mark.usefixtures("untraced")
def test_early_stopping_takes_the_best_epoch(tmp_path: Path) -> None:
    """A rate far too high after the first epoch makes later ones worse than the best."""
    settings = replace(
        SETTINGS, epochs=20, learning_rate=2.0, validation_split=0.25, patience=2,
        schedule="constant",
    )  # fmt: skip
    learn, test, out = some("train", 310), some("test", 120), tmp_path / "m.keras"
    after: list[list[np.ndarray[Any, Any]]] = []

    def keep(epoch: Epoch) -> None:
        after.append(Checkpoint.load(checkpoint_path(out)).weights)

    card = train(DIGITS, settings, learn, test, out, on_epoch=keep)
    at = best(card.history)
    assert at is not None
    assert len(card.history) == at + 2 < settings.epochs
    kernel = read_model(out).layers[0]
    assert isinstance(kernel, Dense)
    assert [(kernel.kernel == one[0]).all() for one in after] == [
        epoch.epoch == at for epoch in card.history
    ]
    assert round(card.accuracy, 4) == card.history[at - 1].test_accuracy
    assert "after the epoch with the smallest loss of the validation images" in card.markdown()


@pytest.mark.larq
@pytest.mark.usefixtures("untraced")
def test_bfloat16_ends_in_float32(tmp_path: Path) -> None:
    out = tmp_path / "m.keras"
    settings = replace(SETTINGS, precision="bfloat16", learning_rate=0.005)
    card = train(DIGITS, settings, some("train", 600), some("test", 120), out)
    assert round(card.accuracy, 4) == card.history[-1].test_accuracy
    assert card.accuracy > 0.5
    with zipfile.ZipFile(out) as archive:
        assert b"bfloat16" not in archive.read("config.json")


@pytest.mark.larq
@pytest.mark.usefixtures("untraced")
def test_the_seed_decides(tmp_path: Path) -> None:
    kernels = []
    for seed in (1, 2):
        out = tmp_path / f"{seed}.keras"
        settings = replace(SETTINGS, epochs=1, seed=seed)
        train(DIGITS, settings, some("train", 100), some("test", 50), out)
        kernels.append(weights(read_model(out))[0])
    assert (kernels[0] != kernels[1]).any()


@pytest.mark.larq
@pytest.mark.usefixtures("untraced")
def test_a_loss_that_is_not_finite_stops_the_training(tmp_path: Path) -> None:
    learn = some("train", 100)
    broken = replace(learn, x=np.full_like(learn.x, np.nan))
    with pytest.raises(PimsimError, match="the loss is nan in epoch 1: lower `--learning-rate`"):
        train(DIGITS, SETTINGS, broken, some("test", 50), tmp_path / "out.keras")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.larq
def test_loading_the_backend_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    training.backend()
    assert capfd.readouterr() == ("", "")


def test_without_the_extra_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tensorflow", "tf_keras", "larq"):
        monkeypatch.setitem(sys.modules, name, None)
    for refuse in (training.check_extra, training.backend):
        with pytest.raises(InputError) as error:
            refuse()
        assert str(error.value) == (
            "training needs tensorflow, tf_keras, larq: pip install 'pimsim[larq]'"
        )


def test_an_extra_that_does_not_load_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("tensorflow", "tf_keras", "larq"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        (tmp_path / f"{name}.py").write_text('raise ImportError("built for\\nanother numpy")')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError) as error:
        training.backend()
    assert str(error.value) == (
        "TensorFlow and Larq do not load (built for): pip install 'pimsim[larq]'"
    )


def test_paths_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder.keras"
    file.write_text("")
    folder.mkdir()
    for out, reason in (
        (tmp_path / "model.txt", "`--out` must end in .keras or .h5, not"),
        (tmp_path / "model", "`--out` must end in .keras or .h5, not"),
        (folder, "`--out` must be a file, not the folder"),
        (tmp_path / "gone" / "m.keras", "`--out` must be in an existing folder, not in"),
        (file / "m.keras", "`--out` must be in an existing folder, not in"),
    ):
        with pytest.raises(InputError, match=reason):
            check_out(out, resume=False)
    check_out(tmp_path / "m.keras", resume=False)


def test_data_that_do_not_fit_are_refused_before_anything_loads(tmp_path: Path) -> None:
    learn, test, out = some("train", 40), some("test", 40), tmp_path / "m.keras"
    assert learn.y is not None
    for change, reason in (
        ({"flip": True}, r"must be off for digits-mlp, which is fed with shape \(64,\), not with"),
        ({"shift_pixels": 1}, "must be off for digits-mlp"),
        ({"validation_split": 0.01}, "images to learn from and to watch, not 0 of 40 to watch"),
        ({"validation_split": 0.99}, "not 40 of 40 to watch"),
        ({"validation_split": 0.5, "batch_size": 21}, "at most the 20 training images, not 21"),
    ):
        with pytest.raises(InputError, match=reason):
            train(DIGITS, replace(SETTINGS, **change), learn, test, out)  # type: ignore[arg-type]
    cifar = ARCHITECTURES["cifar10-binarynet"]
    images = replace(learn, x=np.zeros((40, 32, 32, 3), np.float32))
    with pytest.raises(InputError, match="must be below the 32 pixels of a side, not 32"):
        train(cifar, replace(SETTINGS, shift_pixels=32), images, images, out)
    for data, reason in (
        (learn, "`batch_size` must be at most the 40 training images, not 50"),
        (replace(learn, y=None), "digits must have labels to train digits-mlp on"),
        (replace(learn, y=learn.y + 1), "must be from 0 to 9 for digits-mlp, not 1 to 10"),
        (replace(learn, x=learn.x[:, :60]), r"shape \(64,\) that the network takes, not \(60,\)"),
    ):
        with pytest.raises(InputError, match=reason):
            train(DIGITS, SETTINGS, data, test, out)
    assert list(tmp_path.iterdir()) == []


def test_fingerprints_see_every_value_and_the_order() -> None:
    a, b = some("train", 20), some("test", 20)
    changed = a.x.copy()
    changed[7, 3] += 0.125
    prints = [
        fingerprint(a, b),
        fingerprint(b, a),
        fingerprint(a),
        fingerprint(replace(a, x=changed), b),
        fingerprint(replace(a, y=None), b),
        fingerprint(replace(a, x=a.x.reshape(20, 8, 8, 1)), b),
    ]
    assert len(set(prints)) == len(prints)
