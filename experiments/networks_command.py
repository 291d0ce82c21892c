"""``pimsim networks``: the trained networks that come with pimsim."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from experiments import options

if TYPE_CHECKING:
    from bnn.zoo import ZooEntry

NAME = "networks"
HELP = "list the bundled networks, or show the model card of one"

_DESCRIPTION = """\
List the trained networks that come with pimsim; with a name, its model card: how it was
trained, on what, and how accurate it is in Keras.

Keras %   of the test images of its data set, right in Keras
KB        1e3 bytes of the model file
"""

_EPILOG = """\
examples:
  pimsim networks
  pimsim networks mnist-mlp                the model card
  pimsim networks --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim networks``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("network", nargs="?", metavar="NAME", help="show this one only")
    options.add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the list or one card, as text or as one JSON object."""
    from bnn import zoo

    chosen = [zoo.entry(args.network)] if args.network else [*map(zoo.entry, zoo.names())]
    if args.json:
        print(json.dumps({"networks": [_record(one) for one in chosen]}, indent=2))
        return 0
    if args.network:
        print(chosen[0].text, end="")
        return 0

    from experiments import tables

    tables.show(
        ("network", "data", "outputs of its binary layers", "parameters", "Keras %", "KB"),
        [
            (
                one.name,
                one.data,
                _chain(one),
                f"{one.parameters:,}",
                f"{100 * one.accuracy:.2f}",
                f"{one.file_bytes / 1e3:,.0f}",
            )
            for one in chosen
        ],
    )
    return 0


def _record(one: ZooEntry) -> dict[str, object]:
    return {
        "name": one.name,
        "data": one.data,
        "summary": one.card.summary,
        "layers": [asdict(layer) for layer in one.card.layers],
        "parameters": one.parameters,
        "binary_weights": one.card.binary_weights,
        "keras_accuracy": one.accuracy,
        "test_images": one.card.test_images,
        "file_bytes": one.file_bytes,
    }


def _chain(one: ZooEntry) -> str:
    return " ".join(layer.output for layer in one.card.layers if layer.kind.startswith("Quant"))
