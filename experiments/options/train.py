"""Options of ``pimsim train``, one for each setting of the training."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from experiments.options.option import Option, Rule, add
from experiments.options.table import SEED
from pimsim.ranges import Range, whole

if TYPE_CHECKING:
    from bnn.training.architectures import Architecture
    from bnn.training.recipe.settings import Settings

_SHARE = Range(0, 1)
_WIDE = Range(0, 1_000)
_EPOCHS = whole(0, 100_000)

_GROUPS = {
    "length": (
        Option("epochs", "how often all training images are learned", int, "N",
               range=whole(1, 100_000)),
        Option("batch_size", "images in each step", int, "N", range=whole(1, 1_000_000)),
        SEED.but(help="seed of everything random", default=None),
        Option("validation_split", "share of the training images that is watched, not learned",
               float, "SHARE", range=_SHARE),
        Option("patience", "stop N epochs after the smallest loss of the watched images, and take "
               "the weights from then", int, "N", range=_EPOCHS),
    ),
    "learning rate": (
        Option("learning_rate", "learning rate of the first step", float, "RATE", range=_WIDE),
        Option("schedule", "how the rate changes: constant, cosine, linear, exponential "
               "or step", metavar="NAME"),
        Option("final_learning_rate", "rate that the schedule ends with", float, "RATE",
               range=_WIDE),
        Option("warmup_epochs", "epochs in which the rate first rises from zero (cosine)", int, "N",
               range=_EPOCHS),
    ),
    "optimizer and loss": (
        Option("optimizer", "sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam, or Larq's "
               "bop", metavar="NAME"),
        Option("bop_threshold", "mean gradient beyond which bop turns a weight", float, "T",
               range=_WIDE),
        Option("bop_gamma", "weight of the newest gradient in that mean", float, "G",
               range=_SHARE),
        Option("loss", "cross-entropy, hinge, squared-hinge, mse, mae, huber or log-cosh",
               metavar="NAME"),
    ),
    "layers": (
        Option("initializer", "glorot-uniform, glorot-normal (or xavier-...), he-uniform, "
               "he-normal, unit-uniform", metavar="NAME"),
        Option("activation", "function behind each product, before its normalization: none, relu, "
               "prelu, tanh, hard-tanh or sigmoid", metavar="NAME"),
        Option("head", "what follows the last product: norm, a batch normalization, or scale, a "
               "learned factor", metavar="NAME"),
        Option("batch_norm_momentum", "share of older batches in the running statistics",
               float, "M", range=_SHARE),
        Option("batch_norm_epsilon", "number added to the variance", float, "E", range=_WIDE),
    ),
    "regularization": (
        Option("dropout", "share of the signs between layers that a step leaves out", float,
               "SHARE", range=_SHARE),
        Option("weight_decay", "share of the latent weights that a step takes off, times the rate",
               float, "D", range=_WIDE),
        Option("bipolar_pull", "how strongly the loss pulls latent weights to -1 and +1", float,
               "P", range=_WIDE),
        Option("weight_clip", "keep latent weights between -1 and +1", bool),
        Option("flip", "mirror images by chance", bool),
        Option("shift_pixels", "move images by chance, by up to N pixels", int, "N",
               range=whole(0, 1_024)),
    ),
    "speed": (
        Option("precision", "float32, or bfloat16 for all epochs but the last", metavar="FORMAT"),
    ),
}  # fmt: skip
"""Options of all settings, by group; none has a default."""


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add ``--recipe`` and an option for every field of ``Settings``."""
    add(
        parser,
        Option(
            "recipe",
            "settings as published: binarynet (Courbariaux et al. 2016) or tang2017 (Tang, Hua, "
            "Wang 2017); options change them further",
            metavar="NAME",
        ),
    )
    for title, options in _GROUPS.items():
        add(parser.add_argument_group(title), *options)


def settings(args: argparse.Namespace, architecture: Architecture) -> Settings:
    """Return the default settings of an architecture, changed by the recipe and the options.

    Raises:
        InputError: an unknown name, a value out of range, or settings that exclude each other.
    """
    from bnn.training.recipe.recipes import recipe
    from bnn.training.recipe.settings import changed

    preset = {} if args.recipe is None else recipe(args.recipe)
    values = {one.name: getattr(args, one.name) for some in _GROUPS.values() for one in some}
    given = {name: value for name, value in values.items() if value is not None}
    return changed(architecture.settings, preset, given)


def rules(made: Settings) -> tuple[Rule, ...]:
    """Rules for options that have no effect with these settings."""
    return (
        Rule(
            ("bop_threshold", "bop_gamma"),
            lambda _: made.optimizer == "bop",
            f"needs --optimizer bop, not {made.optimizer}",
        ),
    )
