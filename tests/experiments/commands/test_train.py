from __future__ import annotations

import argparse
import csv
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import pytest

from bnn.larq.model_file import read_model
from bnn.training.architectures import ARCHITECTURES
from bnn.training.card import Card
from bnn.training.recipe.choices import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS, SCHEDULES
from bnn.training.recipe.recipes import RECIPES
from bnn.training.recipe.settings import HEADS, PRECISIONS, Settings
from experiments import cli
from experiments.commands import train as train_command
from experiments.options import train as train_options

ROOT = Path(__file__).parents[3]


def refusal(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert cli.main(["train", *argv]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["digits-mlp"], "arguments are required: --out"),
        (["--out", "x.keras"], "arguments are required: NETWORK"),
        (["resnet", "--out", "x.keras"], "must be one of digits-mlp, mnist-mlp, mnist-cnn"),
        (["digits-mlp", "--out", "x.onnx"], "`--out` must end in .keras or .h5, not 'x.onnx'"),
        (["digits-mlp", "--out", "no/x.h5"], "not 'no/x.h5': there is no folder 'no'"),
        (["digits-mlp", "--out", "x.h5", "--epochs", "0"], "`--epochs` must be an integer from 1"),
        (["digits-mlp", "--out", "x.h5", "--epochs", "two"], "must be an integer, not 'two'"),
        (["digits-mlp", "--out", "x.h5", "--batch-size", "0"], "`--batch-size` must be an in"),
        (["digits-mlp", "--out", "x.h5", "--learning-rate", "-1"], "from 0 to 1,000, not -1"),
        (["digits-mlp", "--out", "x.h5", "--seed", "-3"], "`--seed` must be an integer from 0"),
        (["digits-mlp", "--out", "x.h5", "--optimizer", "adm"], "'adm'; did you mean `adam`?"),
        (["digits-mlp", "--out", "x.h5", "--recipe", "tang2016"], "did you mean `tang2017`?"),
        (["digits-mlp", "--out", "x.h5", "--patience", "3"], "must come with a `validation_split`"),
        (["digits-mlp", "--out", "x.h5", "--validation-split", "1"], "at least 0 and below 1, not"),
        (["digits-mlp", "--out", "x.h5", "--flip"], "`flip` and `shift_pixels` must be off for"),
        (["digits-mlp", "--out", "x.h5", "--optimizer", "bop", "--weight-decay", "1"], "latent"),
        (["digits-mlp", "--out", "x.h5", "--resume"], "`--resume` must find 'x.h5.checkpoint.npz'"),
    ],
)  # fmt: skip
@pytest.mark.larq
def test_bad_arguments_are_refused_in_one_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    argv: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert reason in refusal(capsys, *argv)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.larq
def test_unknown_data_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    message = refusal(capsys, "digits-mlp", "--data", "svhn", "--out", str(tmp_path / "x.keras"))
    assert "`--data` must be one of digits, mnist, cifar10, not 'svhn'" in message


def test_the_missing_extra_is_named_before_anything_is_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "larq", None)
    message = refusal(
        capsys, "mnist-mlp", "--out", str(tmp_path / "x.keras"), "--data-dir", str(tmp_path / "no")
    )
    assert "larq: pip install 'pimsim[larq]'" in message


def test_help_names_everything_that_there_is_to_choose_from() -> None:
    help_of = {action.dest: action.help or "" for action in _parser()._actions}
    tables: dict[str, Iterable[str]] = {
        "network": ARCHITECTURES,
        "recipe": RECIPES,
        "optimizer": OPTIMIZERS,
        "loss": LOSSES,
        "initializer": [name for name in INITIALIZERS if "xavier" not in name],
        "activation": ACTIVATIONS,
        "schedule": SCHEDULES,
        "head": HEADS,
        "precision": PRECISIONS,
    }
    for option, names in tables.items():
        assert [name for name in names if name not in help_of[option]] == []


def test_examples_of_the_docs_are_settings_that_go_together() -> None:
    texts = [(ROOT / name).read_text("utf-8") for name in ("README.md", "docs/training.md")]
    texts.append(train_command._EPILOG)
    lines = [line.strip() for text in texts for line in text.splitlines()]
    examples = [shlex.split(one, comments=True) for one in lines if one.startswith("pimsim train ")]
    assert len(examples) > 8
    for words in examples:
        args = _parser().parse_args(words[2:])
        train_options.settings(args, ARCHITECTURES[args.network])


def test_there_is_an_option_for_every_setting() -> None:
    options = {action.dest for action in _parser()._actions}
    assert {field.name for field in fields(Settings)} <= options


def test_what_is_not_said_is_the_architectures_and_options_come_last() -> None:
    for name, architecture in ARCHITECTURES.items():
        said = [name, "--out", "x.h5"]
        assert train_options.settings(_parser().parse_args(said), architecture) == (
            architecture.settings
        )
    said = ["digits-mlp", "--out", "x", "--recipe", "binarynet", "--batch-size", "7", "--no-flip"]
    settings = train_options.settings(_parser().parse_args(said), ARCHITECTURES["digits-mlp"])
    expected = RECIPES["binarynet"] | {"batch_size": 7, "flip": False, "epochs": 100}
    assert {name: getattr(settings, name) for name in expected} == expected


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    train_command.add_arguments(parser)
    return parser


@pytest.mark.larq
def test_a_training_prints_its_card_and_writes_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--epochs", "2", "--seed", "5", "--validation-split", "0.2"]
    assert cli.main(["train", "digits-mlp", "--out", "digits.keras", *options]) == 0
    printed = capsys.readouterr()
    card = Card.parse(printed.out)
    assert card.settings.epochs == 2
    assert card.settings.seed == 5
    assert (tmp_path / "digits.md").read_text() == printed.out
    assert read_model(tmp_path / "digits.keras").input_shape == (64,)
    assert printed.err.splitlines() == [
        f"epoch {e.epoch}/2: loss {e.loss:.4f}, right {e.train_accuracy:.2%} of training images, "
        f"{e.validation_accuracy:.2%} of watched images, "
        f"{e.test_accuracy:.2%} of test images, {e.wall_s:.1f} s"
        for e in card.history
    ]
    with (tmp_path / "digits.curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["validation_loss"]) for row in rows] == [
        e.validation_loss for e in card.history
    ]
    assert (tmp_path / "digits.curve.png").stat().st_size > 10_000


@pytest.mark.larq
@pytest.mark.slow
def test_an_interrupted_training_says_so_and_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a process, which lets TensorFlow say nothing either."""
    monkeypatch.chdir(tmp_path)
    command = [*COMMAND, "--epochs", "2000"]
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as training:
        checkpoint = tmp_path / "digits.keras.checkpoint.npz"
        assert training.stderr is not None
        first = training.stderr.readline()  # the checkpoint of an epoch is there before its line
        assert checkpoint.exists()
        training.send_signal(signal.SIGINT)
        _, errors = training.communicate(timeout=60)
    assert training.returncode == 130
    *epochs, last = errors.splitlines()
    assert last == "pimsim: interrupted; go on with --resume"
    assert all(line.startswith("epoch ") for line in (first, *epochs))
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.name]
    again = refusal(capsys, "digits-mlp", "--out", "digits.keras", "--epochs", "2000")
    assert "holds an interrupted training: go on with --resume" in again


# Started from a script, a process may ignore Ctrl-C; on a terminal it does not.
_ON_A_TERMINAL = (
    "import signal, sys\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from experiments.cli import main\n"
    "sys.exit(main(sys.argv[1:]))\n"
)
COMMAND = [sys.executable, "-c", _ON_A_TERMINAL, "train", "digits-mlp", "--out", "digits.keras"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
