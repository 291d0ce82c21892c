"""``pimsim products``: commands, time and energy of a binary product, for several ways to count."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.options import dram
from experiments.options.option import Option, Rule, add, given
from experiments.options.table import JSON, SEED
from experiments.output import json_output, progress, tables, words
from pimsim.errors import InputError
from pimsim.ranges import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pimsim.dram.array.address_map import AddressMap
    from pimsim.products import Products

NAME = "products"
HELP = "compare ways to count binary products: commands, activations, time and energy of each"

_DESCRIPTION = """\
Count products of operand bits and weights of -1 and +1 in DRAM rows, in several ways, and print
the cost of a product. It includes counting, adding up the counts of several subarrays, and the
comparison with a threshold.

With folded weights (the output-stationary dataflow) the weights are in the command stream:
  full adders   the published way, eight commands an adder
  chains        the sum stays in the compute cells: six commands an adder
  output tree   an adder serves all outputs of a group (docs/output-tree.md)
With operands in rows, both operands of a product are in rows: XNOR and full adders, or AND.

commands   AAP and AP of a product (ACTIVATE-ACTIVATE-PRECHARGE, ACTIVATE-PRECHARGE)
ACTs       activations, two an AAP and one an AP: these are what tFAW limits
fs, fJ     latency and energy of a product, all banks computing on all columns of a row
rows       most data rows that a subarray needs at once
"""

_EPILOG = """\
examples:
  pimsim products                               a fan-in of 1152, 64 outputs, random weights
  pimsim products --fan-in 288 --outputs 256 --no-faw
  pimsim products --address-map all             the same on every map that pimsim has
  pimsim products --weights mnist-cnn --layer conv2    trained weights
  pimsim products --weights mine.npy            an array of (outputs, fan-in) of -1, 0, +1
  pimsim products --operands rows --json
"""

_FAN_IN = Option("fan_in", "operands of an output", int, "N", 1152, whole(2, 65_536))
_OUTPUTS = Option("outputs", "outputs that count the same operands", int, "N", 64, whole(1, 8_192))
_BITS = Option("bits", "bits of an operand, such as 8 for pixels", int, "N", 1, whole(1, 8))
_OPERANDS = Option(
    "operands", "where weights are: in the commands, or in rows as the operands are",
    default="folded", choices=("folded", "rows"),
)  # fmt: skip
_WEIGHTS = Option(
    "weights",
    "weights to count with: a .npy or .npz file, a model file or a bundled network (default: "
    "random)",
    metavar="FILE|NETWORK",
)  # fmt: skip
_LAYER = Option("layer", "layer of the network, or array of the .npz file", metavar="NAME")
_MINIMISE = Option(
    "minimise", "what is to be few", default="commands", choices=("commands", "activations")
)
_CLIMB = Option(
    "climb", "exchange outputs between groups so many times, and keep what is better", int, "TRIES",
    0, whole(0, 10_000_000),
)  # fmt: skip
_WITH_ROWS = "must not come with --operands rows: what a column counts does not depend on it"
RULES = (
    Rule(
        ("weights", "outputs", "bits", "minimise", "climb"),
        lambda args: args.operands == "folded",
        _WITH_ROWS,
    ),
    Rule(("layer",), given("weights"), "needs --weights"),
    Rule(
        ("seed",),
        lambda args: args.operands == "folded" and not ("weights" in args.given and not args.climb),
        "needs random weights, or --climb",
    ),
)
_LIMITS = {"commands": "commands_per_product", "activations": "acts_per_product"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim products``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    group = parser.add_argument_group("what is counted")
    add(group, _FAN_IN, _OUTPUTS, _BITS, _OPERANDS, _WEIGHTS, _LAYER, SEED.but(default=0))
    group = parser.add_argument_group("how")
    add(group, _MINIMISE, _CLIMB)
    dram.add_dram(parser)
    dram.add_address_map(parser, metavar="NAME|FILE.toml|all")
    add(parser, JSON)


def run(args: argparse.Namespace) -> int:
    """Print the table, or one JSON object.

    >>> from experiments.cli import main
    >>> main(["products", "--operands", "rows", "--weights", "mnist-mlp"])
    2
    """
    from pimsim.cost import assumptions

    standard, options = dram.chosen_dram(args)
    weights = None if args.operands == "rows" else _weights(args)
    found: list[dict[str, Any]] = []
    refused: dict[str, str] = {}
    for one in _maps(args):
        try:
            for way in _ways(args, weights, one, standard.rows_per_subarray):
                found.append(_row(way, one, *way.cost(standard, options)))
        except InputError as error:
            if args.address_map != "all":
                raise
            refused[one.name] = str(error)
    stated: dict[str, object] = {
        **assumptions(standard, options),
        **({} if args.address_map == "all" else dram.stated_map(args)),
        "rows_per_subarray": standard.rows_per_subarray,
        "operands": _told(args, weights),
        "rows moved between subarrays": "read and written over the channel",
    }
    if args.json:
        best = min(found, key=lambda row: float(row[_LIMITS[args.minimise]]))
        lacking = {"refused": refused} if refused else {}
        shown = {**best, "ways": found, **lacking, "assumptions": stated}
        json_output.show(json_output.without_nan(shown))
        return 0
    tables.show(
        ("map", "way", "commands", "ACTs", "fs", "fJ", "rows", "subarrays", "group"),
        [
            (
                row["address_map"], row["way"],
                f"{row['commands_per_product']:.3f}", f"{row['acts_per_product']:.3f}",
                f"{row['latency_ps_per_product'] * 1e3:,.1f}",
                words.number(row["energy_pj_per_product"] * 1e3, ",.1f"),
                *(f"{row[key]:,}" for key in ("data_rows", "subarrays", "group")),
            )
            for row in found
        ],
    )  # fmt: skip
    for text in refused.values():
        tables.say(text)
    tables.show_assumptions(stated)
    return 0


def _maps(args: argparse.Namespace) -> Sequence[AddressMap]:
    from pimsim.dram.array import address_map

    if args.address_map == "all":
        return [address_map.load(name) for name in address_map.names()]
    return [dram.chosen_map(args)]


def _row(way: Products, one: AddressMap, latency_ps: float, energy_pj: float) -> dict[str, Any]:
    return {
        "address_map": one.name,
        "extra_hardware": one.description,
        "way": way.name,
        "summary": way.summary,
        "commands_per_product": way.commands_per_product,
        "acts_per_product": way.acts_per_product,
        "latency_ps_per_product": latency_ps,
        "energy_pj_per_product": energy_pj,
        "products": way.products,
        "aap": way.aap,
        "ap": way.ap,
        "data_rows": way.data_rows,
        "subarrays": way.subarrays,
        "group": way.group,
        "rows_moved": way.rows_moved,
    }


def _ways(
    args: argparse.Namespace, weights: NDArray[Any] | None, one: AddressMap, rows: int
) -> Iterator[Products]:
    from pimsim import products

    data_rows = one.data_rows(rows)
    if data_rows < 1:
        raise InputError(
            f"`rows_per_subarray` must be more than the {one.first_data} addresses that the "
            f"address map {one.name!r} takes, not {rows}"
        )
    if weights is None:
        yield from products.rows(args.fan_in, data_rows=data_rows, address_map=one)
        return
    with progress.bars(quiet=args.json) as show:
        yield from products.folded(
            weights,
            planes=args.bits,
            data_rows=data_rows,
            address_map=one,
            minimise=args.minimise,
            tries=args.climb,
            seed=args.seed,
            told=show,
        )


def _told(args: argparse.Namespace, weights: NDArray[Any] | None) -> str:
    if weights is None:
        return f"{args.fan_in:,} products in rows"
    outputs, fan_in = weights.shape
    what = f"weights of {args.weights}" if args.weights else f"random weights, seed {args.seed}"
    bits = f" of {args.bits} bits" if args.bits > 1 else ""
    return f"{fan_in:,} operands{bits}, {outputs:,} outputs, {what}"


def _weights(args: argparse.Namespace) -> NDArray[Any]:
    """Return the weights that the options name: (outputs, fan-in) of -1, 0 and +1."""
    import numpy as np

    if args.weights is None:
        made: NDArray[Any] = np.random.default_rng(args.seed).choice(
            [-1, 1], (args.outputs, args.fan_in)
        )
        return made
    of_file = Path(args.weights).suffix in (".npy", ".npz")
    found = _of_file(args) if of_file else _of_network(args)
    for name, number in (("outputs", found.shape[0]), ("fan_in", found.shape[1])):
        if name in args.given and getattr(args, name) != number:
            raise InputError(
                f"`{args.given[name]}` must be {number}, as --weights has it, "
                f"not {getattr(args, name)}"
            )
    return found


def _of_file(args: argparse.Namespace) -> NDArray[Any]:
    import numpy as np

    from bnn.data.array_file import ArrayFile
    from pimsim.documents import require_one_of

    with ArrayFile(Path(args.weights), "`--weights`") as file:
        if args.layer is None and len(file.names) != 1:
            raise InputError(
                f"`--layer` must be given, one of the arrays {', '.join(file.names) or 'none'}"
            )
        name = file.names[0] if args.layer is None else args.layer
        require_one_of("layer", name, file.names, hint=True)
        array = file.read(name)
    if array.ndim != 2 or not array.size or not np.isin(array, (-1, 0, 1)).all():
        raise InputError(
            f"`--weights` must hold -1, 0 and +1 in the shape (outputs, fan-in), not "
            f"{array.dtype} {array.shape}"
        )
    made: NDArray[Any] = array.astype(np.int8)
    return made


def _of_network(args: argparse.Namespace) -> NDArray[Any]:

    from bnn import zoo
    from bnn.larq.model_file import read_model
    from bnn.lowering.lower import lower
    from bnn.lowering.stage import Stage
    from bnn.values.encoding import ENCODINGS
    from pimsim.documents import require_one_of

    network = read_model(zoo.locate(args.weights))
    stages = {
        stage.name: stage
        for stage in lower(network, ENCODINGS["uint8"])
        if isinstance(stage, Stage) and stage.groups == 1 and len(stage.shifts) == 1
    }
    if not stages:
        raise InputError(f"`--weights` must be a network with layers for DRAM, not {args.weights}")
    if args.layer is None:
        raise InputError(f"`--layer` must be given with a network, one of {', '.join(stages)}")
    require_one_of("layer", args.layer, stages, hint=True)
    taps = stages[args.layer].weights[0]
    made: NDArray[Any] = taps.reshape(-1, taps.shape[-1]).T
    return made
