"""``pimsim networks``: the networks that pimsim knows, trained or by their shapes alone."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from experiments.options.option import add
from experiments.options.table import JSON
from experiments.output import json_output, tables
from pimsim.documents import require_one_of

if TYPE_CHECKING:
    from bnn.tables.graph import Table
    from bnn.tables.stages import Work
    from bnn.zoo import ZooEntry

NAME = "networks"
HELP = "list the networks that pimsim knows, or show one"
LIBRARIES = "numpy"

_DESCRIPTION = """\
List the trained networks that come with pimsim, and those that it knows by their shapes alone,
for `pimsim run NAME --cost-only`. With a name: the model card, which says how a network was
trained, on what, and how accurate it is in Keras; or the layers of a table.

Keras %   of the test images of its data set, right in Keras
KB        1e3 bytes of the model file
MACs      multiply-accumulates of an image
weights   that multiply: no biases, no batch normalization
then      what DRAM gives: the sums, or their signs, if need be pooled
"""

_EPILOG = """\
examples:
  pimsim networks
  pimsim networks mnist-mlp                the model card
  pimsim networks resnet50                 its layers
  pimsim networks --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim networks``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("network", nargs="?", metavar="NAME", help="show this one only")
    add(parser, JSON)


def run(args: argparse.Namespace) -> int:
    """Print the list or one card, as text or as one JSON object."""
    from bnn import zoo
    from bnn.tables import catalog

    trained, known = [*zoo.names()], [*catalog.names()]
    if args.network is not None:
        require_one_of("network", args.network, (*trained, *known), hint=True)
        trained, known = ([one for one in some if one == args.network] for some in (trained, known))
    chosen, layered = [*map(zoo.entry, trained)], [*map(catalog.entry, known)]
    if args.json:
        found = {
            "networks": [_record(one) for one in chosen],
            "tables": [_table_record(one) for one in layered],
        }
        json_output.show(found)
    elif args.network is None:
        _list(chosen, layered)
    elif layered:
        _show_table(layered[0])
    else:
        print(chosen[0].text, end="")
    return 0


def _list(trained: list[ZooEntry], known: list[Table]) -> None:
    tables.show(
        ("trained network", "data", "outputs of its binary layers", "parameters", "Keras %", "kB"),
        [
            (
                one.name,
                one.data,
                " ".join(
                    layer.output for layer in one.card.layers if layer.kind.startswith("Quant")
                ),
                f"{one.parameters:,}",
                f"{100 * one.accuracy:.2f}",
                f"{one.file_bytes / 1e3:,.0f}",
            )
            for one in trained
        ],
    )
    tables.show(
        ("by shape alone", "what", "image", "layers", "MACs", "weights"),
        [
            (
                one.name,
                one.summary,
                _sizes(one.input_shape),
                f"{len(one.products)}",
                f"{one.macs:,}",
                f"{one.weights:,}",
            )
            for one in known
        ],
    )


def _show_table(table: Table) -> None:
    """Print the layers of a table."""
    tables.show(
        ("layer", "kernel", "stride", "groups", "input", "output", "then", "MACs", "weights"),
        [
            (
                row["name"],
                f"{row['kernel']}x{row['kernel']}" if row["kind"] == "conv" else "",
                f"{row['stride']}" if row["kind"] == "conv" else "",
                f"{row['groups']}",
                _sizes(row["input"]),
                _sizes(row["output"]),
                row["then"],
                f"{row['macs']:,}",
                f"{row['weights']:,}",
            )
            for row in _layer_records(table)
        ],
        title=f"{table.summary}: {table.macs:,} MACs, {table.weights:,} weights",
    )


def _table_record(table: Table) -> dict[str, object]:
    return {
        "name": table.name,
        "summary": table.summary,
        "input": list(table.input_shape),
        "macs": table.macs,
        "weights": table.weights,
        "parameters": table.parameters,
        "layers": _layer_records(table),
    }


def _layer_records(table: Table) -> list[dict[str, Any]]:
    """Every product, and what DRAM makes of its sums."""
    from bnn.tables.stages import works

    return [_layer_record(work) for work in works(table)]


def _layer_record(work: Work) -> dict[str, Any]:
    layer, pool = work.product, work.pool
    window = layer.window
    return {
        "name": layer.name,
        "kind": "dense" if window is None else "conv",
        "reads": list(layer.reads),
        "input": list(layer.input),
        "output": list(layer.shape),
        "kernel": window and window.size,
        "stride": window and window.stride,
        "padding": window and window.padding,
        "groups": layer.groups,
        "macs": layer.macs,
        "weights": layer.weights,
        "pool": pool and [pool.window.size, pool.window.stride],
        "then": ("sums" if work.sums else "sign")
        + (f", max {pool.window.size}x{pool.window.size}" if pool else ""),
    }


def _sizes(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


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
