"""Model card: how a network was trained, on what, and how accurate it is in Keras.

A card is Markdown that people read, and that :meth:`Card.parse` reads back, so a list of networks
can never say anything else than the cards do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bnn.training.architectures import ARCHITECTURES
from bnn.training.recipe.choices import OPTIMIZERS
from bnn.training.recipe.settings import Settings, flags
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the training images came to."""

    epoch: int
    """Counted from 1."""
    loss: float
    """Mean loss over the training images, while they were being learned."""
    train_accuracy: float
    """Fraction of them that were right, while they were being learned."""
    test_accuracy: float
    """Fraction of the test images that are right after the epoch."""
    wall_s: float
    """Seconds."""
    learning_rate: float | None = None
    """Learning rate of its first step; None if it was not recorded."""
    validation_loss: float | None = None
    """Mean loss of the images that are watched, after the epoch; None where none are."""
    validation_accuracy: float | None = None
    """Fraction of them that is right."""


def best(history: Sequence[Epoch]) -> int | None:
    """Return the first epoch with the smallest loss of the watched images; None if none is known.

    Losses are compared as they are recorded.
    """
    losses = [(e.validation_loss, e.epoch) for e in history if e.validation_loss is not None]
    return min(losses)[1] if losses else None


def stops(history: Sequence[Epoch], patience: int) -> bool:
    """Whether the best epoch is ``patience`` epochs ago; never where ``patience`` is 0.

    >>> losses = (0.5, 0.3, 0.4, 0.3, 0.5)
    >>> history = [Epoch(i, 0, 0, 0, 0, validation_loss=x) for i, x in enumerate(losses, 1)]
    >>> best(history), stops(history, patience=3), stops(history, patience=4)
    (2, True, False)
    """
    at = best(history)
    return patience > 0 and at is not None and history[-1].epoch - at >= patience


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer as the card lists it."""

    layer: str
    kind: str
    """Class in Keras or Larq."""
    output: str
    """Shape of one output, such as ``26x26x32``."""
    weights: int
    """Numbers in the file that belong to the layer."""


@dataclass(frozen=True, slots=True)
class Card:
    """Everything a model card says."""

    network: str
    summary: str
    data: str
    """Name of the data set."""
    train_images: int
    test_images: int
    correct: int
    """Test images that Keras classifies right."""
    data_sha256: str
    """Digest of the training and test arrays
    (:func:`bnn.data.datasets.fingerprint`)."""
    model_sha256: str
    """Digest of the model file."""
    parameters: int
    """Numbers in the model file."""
    binary_weights: int
    """How many of them are used as +-1."""
    wall_s: float
    """Time the training took."""
    versions: str
    settings: Settings
    """How it was trained."""
    layers: tuple[LayerRow, ...]
    history: tuple[Epoch, ...]

    @property
    def accuracy(self) -> float:
        """Fraction of the test images that Keras classifies right."""
        return self.correct / self.test_images

    def markdown(self) -> str:
        """Return the card as Markdown text."""
        facts = [(label, str(getattr(self, name))) for name, label in _FACTS.items()]
        settings = [(f.name, str(getattr(self.settings, f.name))) for f in fields(Settings)]
        layers = [(r.layer, r.kind, r.output, str(r.weights)) for r in self.layers]
        return f"""\
# {self.network}

{self.summary}

Accuracy in Keras: {100 * self.accuracy:.2f} % ({self.correct} of {self.test_images} test images).

## Facts

{_table(("fact", "value"), facts)}

{self._about_weights()}

Made by

    pimsim train {self.network} {" ".join(self._flags())} --out {self.network}.keras

## Settings

{_table(("setting", "value"), settings)}

## Layers

{_table([f.name for f in fields(LayerRow)], layers)}

## Training

{self._about_epochs()}

{_history_table(self.history)}
"""

    def _flags(self) -> list[str]:
        known = ARCHITECTURES.get(self.network)
        return flags(self.settings, *([known.settings] if known else []))

    def _about_weights(self) -> str:
        kind = (
            "latent float32 ones; the sign of each is what the network computes with"
            if OPTIMIZERS[self.settings.optimizer].latent
            else "binary ones, -1 and +1, as float32"
        )
        return f"The weights in the file are the {kind}. The optimizer's state is not in the file."

    def _about_epochs(self) -> str:
        file = (
            "after the epoch with the smallest loss of the validation images"
            if self.settings.patience
            else "after the last one"
        )
        return (
            "The test images took no part in learning, and no epoch was picked by them: the "
            f"file holds the state {file}."
        )

    @classmethod
    def parse(cls, text: str) -> Card:
        """Read the text that :meth:`markdown` writes.

        Raises:
            InputError: ``text`` is no model card.
        """
        try:
            paragraphs = text.split("\n\n")
            facts = {row["fact"]: row["value"] for row in _rows(text, "Facts")}
            settings = {row["setting"]: row["value"] for row in _rows(text, "Settings")}
            return cls(
                network=paragraphs[0].removeprefix("# "),
                summary=paragraphs[1],
                settings=Settings(**_converted(Settings, settings)),
                layers=tuple(
                    LayerRow(**_converted(LayerRow, row)) for row in _rows(text, "Layers")
                ),
                history=tuple(Epoch(**_converted(Epoch, row)) for row in _rows(text, "Training")),
                **_converted(cls, {name: facts[label] for name, label in _FACTS.items()}),
            )
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise InputError(f"`text` must be a model card, not one that lacks {error}") from None


def card_path(out: Path) -> Path:
    """Give the path of the model card that is written beside ``out``."""
    return out.with_suffix(".md")


_FACTS = {
    "data": "data set",
    "train_images": "training images",
    "test_images": "test images",
    "correct": "test images right in Keras",
    "parameters": "parameters",
    "binary_weights": "of these binary weights",
    "wall_s": "training time, s",
    "versions": "versions",
    "data_sha256": "SHA-256 of the data",
    "model_sha256": "SHA-256 of the model file",
}


_CONVERT: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": {"True": True, "False": False}.__getitem__,
}


def _history_table(history: Sequence[Epoch]) -> str:
    """List epochs, without the columns that none of them has."""
    names = [f.name for f in fields(Epoch)]
    names = [n for n in names if not history or any(getattr(e, n) is not None for e in history)]
    return _table(names, [[str(getattr(e, name)) for name in names] for e in history])


def _converted(kind: type[Settings | LayerRow | Epoch | Card], cells: Mapping[str, str]) -> Any:
    """Values of the fields of a class from the cells of a table."""
    types = {f.name: str(f.type).partition(" | ") for f in fields(kind)}
    return {
        name: None if types[name][2] and cell == "None" else _CONVERT[types[name][0]](cell)
        for name, cell in cells.items()
    }


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def _rows(text: str, heading: str) -> list[dict[str, str]]:
    """Return the rows of the first table under a heading, by column."""
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(head, row, strict=True)) for row in rows]
