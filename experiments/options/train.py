"""The options of ``pimsim train`` that say how to train, one for each setting."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from experiments.options import effects

if TYPE_CHECKING:
    from bnn.training.architectures import Architecture
    from bnn.training.recipe.settings import Settings

_GROUPS: dict[str, dict[str, tuple[type, str, str]]] = {
    "length": {
        "epochs": (int, "N", "times that the training images are gone through"),
        "batch-size": (int, "N", "images a step"),
        "seed": (int, "N", "of everything that chance decides"),
        "validation-split": (float, "SHARE", "of the training images, to be watched, not learned"),
        "patience": (
            int,
            "N",
            "stop N epochs after the smallest loss of the watched images, and take the weights "
            "from then",
        ),
    },
    "learning rate": {
        "learning-rate": (float, "RATE", "of the first step"),
        "schedule": (str, "NAME", "constant, cosine, linear, exponential or step"),
        "final-learning-rate": (float, "RATE", "that the schedule ends with"),
        "warmup-epochs": (int, "N", "in which the rate rises from zero first (cosine)"),
    },
    "optimizer and loss": {
        "optimizer": (
            str,
            "NAME",
            "sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam, or Larq's bop",
        ),
        "bop-threshold": (float, "T", "mean gradient beyond which bop turns a weight"),
        "bop-gamma": (float, "G", "weight of the newest gradient in that mean"),
        "loss": (
            str,
            "NAME",
            "cross-entropy, hinge, squared-hinge, mse, mae, huber or log-cosh",
        ),
    },
    "layers": {
        "initializer": (
            str,
            "NAME",
            "glorot-uniform, glorot-normal (or xavier-...), he-uniform, he-normal, unit-uniform",
        ),
        "activation": (
            str,
            "NAME",
            "behind a product, before its normalization: none, relu, prelu, tanh, hard-tanh or "
            "sigmoid",
        ),
        "head": (
            str,
            "NAME",
            "behind the last product: norm, a batch normalization, or scale, a learned factor",
        ),
        "batch-norm-momentum": (float, "M", "share of the past in the running statistics"),
        "batch-norm-epsilon": (float, "E", "added to the variance"),
    },
    "regularization": {
        "dropout": (float, "SHARE", "of the signs between layers that a step leaves out"),
        "weight-decay": (float, "D", "share of the latent weights, times the rate, a step takes"),
        "bipolar-pull": (float, "P", "weight in the loss of a term that pulls towards -1 and +1"),
        "weight-clip": (bool, "", "keep latent weights between -1 and +1"),
        "flip": (bool, "", "mirror images by chance"),
        "shift-pixels": (int, "N", "move images by chance, by up to N pixels"),
    },
    "speed": {
        "precision": (str, "FORMAT", "float32, or bfloat16 for all epochs but the last"),
    },
}
"""By group: type, placeholder and help of every option."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add ``--recipe`` and an option for every field of ``Settings``; none has a default."""
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help="settings as published: binarynet (Courbariaux et al. 2016) or tang2017 (Tang, Hua, "
        "Wang 2017); options change them further",
    )
    for title, options in _GROUPS.items():
        group = parser.add_argument_group(title)
        for option, (kind, metavar, text) in options.items():
            if kind is bool:
                group.add_argument(f"--{option}", action=argparse.BooleanOptionalAction, help=text)
            else:
                group.add_argument(f"--{option}", type=kind, metavar=metavar, help=text)


def settings(args: argparse.Namespace, architecture: Architecture) -> Settings:
    """Return the settings that suit an architecture, with the recipe's and the options' changes.

    Raises:
        InputError: an unknown name, a value out of range, or settings that exclude each other.
    """
    from bnn.training.recipe.recipes import recipe
    from bnn.training.recipe.settings import changed

    preset = {} if args.recipe is None else recipe(args.recipe)
    return changed(architecture.settings, preset, dict(_given(args)))


def rules(made: Settings) -> tuple[effects.Rule, ...]:
    """Which options have no effect on a training with these settings."""
    return (
        effects.Rule(
            ("bop_threshold", "bop_gamma"),
            lambda _: made.optimizer == "bop",
            f"needs --optimizer bop, not {made.optimizer}",
        ),
    )


def _given(args: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    for options in _GROUPS.values():
        for option in options:
            name = option.replace("-", "_")
            value = getattr(args, name)
            if value is not None:
                yield name, value
