"""Model card: how a network was trained, on what, and how accurate it is in Keras.

A card is Markdown that people read, and that :meth:`Card.parse` reads back, so a list of networks
can never say anything else than the cards do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from pimsim.errors import InputError


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the training images came to."""

    epoch: int
    """Counted from 1."""
    loss: float
    """Mean cross-entropy over the training images, while they were being learned."""
    train_accuracy: float
    """Fraction of them that were right, while they were being learned."""
    test_accuracy: float
    """Fraction of the test images that are right after the epoch."""
    wall_s: float
    """Seconds."""


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
    """Test images that Keras classifies right after the last epoch."""
    data_sha256: str
    """Digest of the training and test arrays (:func:`bnn.training.recipe.fingerprint`)."""
    model_sha256: str
    """Digest of the model file."""
    parameters: int
    """Numbers in the model file."""
    binary_weights: int
    """Those of them that are +-1 in use."""
    optimizer: str
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    wall_s: float
    """Time the training took."""
    versions: str
    layers: tuple[LayerRow, ...]
    history: tuple[Epoch, ...]

    @property
    def accuracy(self) -> float:
        """Fraction of the test images that Keras classifies right."""
        return self.correct / self.test_images

    def markdown(self) -> str:
        """Return the card as Markdown text."""
        facts = [(label, str(getattr(self, name))) for name, label in _FACTS.items()]
        layers = [(r.layer, r.kind, r.output, str(r.weights)) for r in self.layers]
        history = [tuple(str(getattr(e, f.name)) for f in fields(Epoch)) for e in self.history]
        return "\n".join(
            [
                f"# {self.network}",
                "",
                self.summary,
                "",
                f"Accuracy in Keras: {100 * self.accuracy:.2f} % "
                f"({self.correct} of {self.test_images} test images).",
                "",
                "## Facts",
                "",
                *_table(("fact", "value"), facts),
                "",
                "The weights in the file are the latent float32 ones; the sign of each is what "
                "the network computes with. The optimizer's state is not in the file.",
                "",
                "Made by",
                "",
                f"    pimsim train {self.network} --epochs {self.epochs} "
                f"--batch-size {self.batch_size} --learning-rate {self.learning_rate} "
                f"--seed {self.seed} --out {self.network}.keras",
                "",
                "## Layers",
                "",
                *_table(tuple(f.name for f in fields(LayerRow)), layers),
                "",
                "## Training",
                "",
                "The test images took no part in learning, and no epoch was picked by them: the "
                "file holds the state after the last one.",
                "",
                *_table(tuple(f.name for f in fields(Epoch)), history),
                "",
            ]
        )

    @classmethod
    def parse(cls, text: str) -> Card:
        """Read the text that :meth:`markdown` writes.

        Raises:
            InputError: ``text`` is no model card.
        """
        try:
            paragraphs = text.split("\n\n")
            facts = dict(_rows(text, "Facts"))
            kinds = {f.name: f.type for f in fields(cls)}
            convert = {"str": str, "int": int, "float": float}
            values = {
                name: convert[str(kinds[name])](facts[label]) for name, label in _FACTS.items()
            }
            return cls(
                network=paragraphs[0].removeprefix("# "),
                summary=paragraphs[1],
                layers=tuple(
                    LayerRow(layer, kind, output, int(weights))
                    for layer, kind, output, weights in _rows(text, "Layers")
                ),
                history=tuple(
                    Epoch(int(epoch), *map(float, numbers))
                    for epoch, *numbers in _rows(text, "Training")
                ),
                **values,
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
    "optimizer": "optimizer",
    "epochs": "epochs",
    "batch_size": "batch size",
    "learning_rate": "learning rate",
    "seed": "seed",
    "wall_s": "training time, s",
    "versions": "versions",
    "data_sha256": "SHA-256 of the data",
    "model_sha256": "SHA-256 of the model file",
}


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]


def _rows(text: str, heading: str) -> list[list[str]]:
    """Give the cells of the first table under a heading, without its two head lines."""
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
