"""``pimsim train``: train a binarized network with Larq (needs the extra ``larq``)."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.options import data
from experiments.options import figures as figure_options
from experiments.options import train as train_options
from experiments.options.option import Option, add, flag, require_effects
from experiments.options.table import JSON
from experiments.output import json_output
from experiments.output.progress import paused
from pimsim.documents import meant
from pimsim.errors import InputError

if TYPE_CHECKING:
    from bnn.training.architectures import Architecture
    from bnn.training.card import Card, Epoch
    from bnn.training.recipe.settings import Settings

NAME = "train"
HELP = "train a binarized network with Larq, for `pimsim run`"

_DESCRIPTION = """\
Train a network and write it to a Larq model file, with a model card (Markdown) beside it.

Beside the model lies its learning curve, as PNG and CSV. What is not said is taken from the
network's own settings, which its card lists. Interrupted, it goes on from the last complete
epoch with --resume. Training needs TensorFlow and Larq: pip install 'pimsim[larq]'.
"""

_EPILOG = """\
examples:
  pimsim train digits-mlp --out digits.keras
  pimsim train mnist-cnn --data mnist --epochs 5 --seed 7 --out cnn.keras
  pimsim train mnist-cnn --data mnist --epochs 5 --seed 7 --out cnn.keras --resume
  pimsim train digits-mlp --optimizer bop --bop-threshold 1e-7 --out bop.keras
  pimsim train digits-mlp --recipe binarynet --validation-split 0.1 --patience 20 --out bnn.h5
  pimsim run digits.keras --data digits
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim train``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "network",
        metavar="NETWORK",
        help="digits-mlp, mnist-mlp, mnist-cnn, mnist-lenet5, cifar10-binarynet or "
        "cifar10-binarynet-full (its architecture)",
    )
    add(
        parser,
        Option("data", "digits, mnist or cifar10 (default: what the network is for)",
               metavar="NAME"),
        data.DATA_DIR,
        Option("out", "model file, .keras or .h5", Path, "FILE", required=True),
        flag("resume", "go on with the training that was interrupted"),
        Option("curve", "draw the learning curve (default: yes)", bool, default=True),
    )  # fmt: skip
    figure_options.add_figures(
        parser, (lambda args: args.curve, "needs --curve: nothing else is drawn")
    )
    train_options.add_settings(parser)
    add(parser, JSON)


def run(args: argparse.Namespace) -> int:
    """Train, with a live bar on stderr, and print the model card."""
    from bnn import train
    from bnn.training.architectures import ARCHITECTURES
    from bnn.training.files import checkpoint_path

    if args.network not in ARCHITECTURES:
        raise InputError(
            f"`network` must be one of {', '.join(ARCHITECTURES)} to be trained, "
            f"not {args.network!r}{meant(args.network, ARCHITECTURES)}"
        )
    architecture = ARCHITECTURES[args.network]
    settings = train_options.settings(args, architecture)
    require_effects(args, train_options.rules(settings))
    train.check_out(args.out, args.resume)
    train.check_extra()
    try:
        card = _train(args, architecture, settings)
    except KeyboardInterrupt:
        checkpoint = checkpoint_path(args.out)
        way_on = "go on with --resume" if checkpoint.exists() else "before the first epoch's end"
        print(f"pimsim: interrupted; {way_on}", file=sys.stderr, flush=True)
        # The checkpoint is complete, and no other file is open. Threads of TensorFlow that are
        # interrupted at work can crash while the interpreter shuts down.
        os._exit(130)
    if args.curve:
        from experiments.figures import learning_curve

        learning_curve.draw(card.network, card.history, args.out)
    if args.json:
        json_output.show({"out": str(args.out), **asdict(card)}, allow_nan=True)
    else:
        print(card.markdown(), end="")
    return 0


def _train(args: argparse.Namespace, architecture: Architecture, settings: Settings) -> Card:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from bnn import train

    name = architecture.data if args.data is None else args.data
    learn = data.open_named(name, "train", args.data_dir)
    test = data.open_named(name, "test", args.data_dir)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.3f}, right {task.fields[accuracy]:6.2%}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True, highlight=False)
    hidden = not console.is_terminal
    with paused(), Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        bar = progress.add_task("loading TensorFlow", total=None, loss=0.0, accuracy=0.0)

        def on_batch(epoch: int, done: int, steps: int, loss: float, accuracy: float) -> None:
            progress.update(
                bar,
                description=f"epoch {epoch}/{settings.epochs}",
                completed=(epoch - 1) * steps + done,
                total=settings.epochs * steps,
                loss=loss,
                accuracy=accuracy,
            )

        def on_epoch(epoch: Epoch) -> None:
            watched = (
                ""
                if epoch.validation_accuracy is None
                else f"{epoch.validation_accuracy:.2%} of watched images, "
            )
            console.print(
                f"epoch {epoch.epoch}/{settings.epochs}: loss {epoch.loss:.4f}, "
                f"right {epoch.train_accuracy:.2%} of training images, {watched}"
                f"{epoch.test_accuracy:.2%} of test images, {epoch.wall_s:.1f} s",
                soft_wrap=True,
            )

        return train.train(
            architecture, settings, learn, test, args.out,
            resume=args.resume, on_batch=on_batch, on_epoch=on_epoch,
        )  # fmt: skip
