"""``pimsim products``: what a binary product takes in DRAM, by how products are counted."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.options import dram
from experiments.options.option import Option, add
from experiments.options.table import ADDRESS_MAP, JSON, SEED
from experiments.output import json_output, progress, tables
from pimsim.errors import InputError
from pimsim.ranges import whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pimsim.dram.array.address_map import AddressMap
    from pimsim.products import Products

NAME = "products"
HELP = "compare ways to count binary products: commands, activations, time and energy of each"

_DESCRIPTION = """\
Count products of operand bits and weights of -1 and +1 in DRAM rows, in several ways,
and say what a product takes: counting, merging what several subarrays have counted, and
the comparison with a threshold included.

With folded weights (the output-stationary dataflow) the weights are in the command stream:
  full adders   the published way, eight commands an adder
  chains        the sum stays in the compute cells: six commands an adder
  output tree   an adder serves all outputs of a group (docs/output-tree.md)
With operands in rows both of a product's operands are: XNOR and full adders, or AND.

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
    "weights", "weights to count with: .npy, a model file or a bundled network (default: random)",
    metavar="FILE|NETWORK",
)  # fmt: skip
_LAYER = Option("layer", "layer of the network that --weights names", metavar="NAME")
_LIMIT = Option(
    "limit", "what is to be few", default="commands", choices=("commands", "activations")
)
_CLIMB = Option(
    "climb", "exchange outputs between groups so many times, and keep what is better", int, "TRIES",
    0, whole(0, 10_000_000),
)  # fmt: skip
_MOST_BYTES = 1 << 28


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim products``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    group = parser.add_argument_group("what is counted")
    add(group, _FAN_IN.but(default=None, help=f"{_FAN_IN.help} (default: 1152)"))
    add(group, _OUTPUTS.but(default=None, help=f"{_OUTPUTS.help} (default: 64)"))
    add(group, _BITS, _OPERANDS, _WEIGHTS, _LAYER, SEED.but(default=0))
    group = parser.add_argument_group("how")
    add(group, _LIMIT, _CLIMB)
    dram.add_dram(parser)
    group = parser.add_argument_group("compute rows of a subarray (docs/address-maps.md)")
    add(group, ADDRESS_MAP.but(metavar="NAME|FILE.toml|all"))
    add(parser, JSON)


def run(args: argparse.Namespace) -> int:
    """Print the table, or one JSON object.

    >>> from experiments.cli import main
    >>> main(["products", "--operands", "rows", "--weights", "mnist-mlp"])
    2
    """
    from pimsim.cost import assumptions
    from pimsim.dram.array import address_map

    standard, options = dram.chosen_dram(args)
    if args.operands == "rows" and (args.weights or args.outputs or args.bits > 1 or args.climb):
        raise InputError(
            "`--operands` rows must be given without --weights, --outputs, --bits and --climb: "
            "what a column counts does not depend on them"
        )
    weights = None if args.operands == "rows" else _weights(args)
    fan_in = args.fan_in or _FAN_IN.default
    wanted = [dram.chosen_map(args)] if args.address_map != "all" else []
    found: list[dict[str, Any]] = []
    refused: dict[str, str] = {}
    for name in address_map.names() if not wanted else [None]:
        one = wanted[0] if name is None else address_map.load(name)
        rows = one.data_rows(standard.rows_per_subarray)
        if rows < 1:
            raise InputError(
                f"`rows_per_subarray` must leave data rows beside {one.first_data} others, "
                f"not be {standard.rows_per_subarray}"
            )
        try:
            for way in _ways(args, weights, fan_in, one, rows):
                latency_ps, energy_pj = way.cost(standard, options)
                found.append(_row(way, one, latency_ps, energy_pj))
        except InputError as error:
            if name is None:
                raise
            refused[name] = str(error)
    stated: dict[str, object] = {
        **assumptions(standard, options),
        "rows_per_subarray": standard.rows_per_subarray,
        "operands": _told(args, weights, fan_in),
        "rows moved between subarrays": "counted, not priced",
    }
    best = min(found, key=lambda row: float(row[f"{_KEYS[args.limit]}_per_product"]))
    if args.json:
        lacking = {"refused": refused} if refused else {}
        json_output.show({**best, "ways": found, **lacking, "assumptions": stated})
        return 0
    tables.show(
        ("map", "way", "commands", "ACTs", "fs", "fJ", "rows", "subarrays", "group"),
        [
            (
                row["address_map"], row["way"],
                f"{row['commands_per_product']:.3f}", f"{row['acts_per_product']:.3f}",
                f"{row['latency_ps_per_product'] * 1e3:,.1f}",
                f"{row['energy_pj_per_product'] * 1e3:,.1f}",
                *(f"{row[key]:,}" for key in ("data_rows", "subarrays", "group")),
            )
            for row in found
        ],
    )  # fmt: skip
    for text in refused.values():
        tables.say(text)
    tables.show_assumptions(stated)
    return 0


_KEYS = {"commands": "commands", "activations": "acts"}


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
    args: argparse.Namespace,
    weights: NDArray[np.integer[Any]] | None,
    fan_in: int,
    address_map: AddressMap,
    data_rows: int,
) -> Iterator[Products]:
    from pimsim import products

    if weights is None:
        yield from products.rows(fan_in, data_rows=data_rows, address_map=address_map)
        return
    with progress.bars(quiet=args.json) as show:
        yield from products.folded(
            weights,
            planes=args.bits,
            data_rows=data_rows,
            address_map=address_map,
            limit=args.limit,
            tries=args.climb,
            seed=args.seed,
            told=show,
        )


def _told(args: argparse.Namespace, weights: NDArray[np.integer[Any]] | None, fan_in: int) -> str:
    if weights is None:
        return f"{fan_in:,} products in rows"
    outputs, fan_in = weights.shape
    what = f"weights of {args.weights}" if args.weights else f"random weights, seed {args.seed}"
    bits = f" of {args.bits} bits" if args.bits > 1 else ""
    return f"{fan_in:,} operands{bits}, {outputs:,} outputs, {what}"


def _weights(args: argparse.Namespace) -> NDArray[np.integer[Any]]:
    """The weights that are meant: (outputs, fan-in) of -1, 0 and +1."""
    import numpy as np

    if args.weights is None:
        if args.layer is not None:
            raise InputError("`--layer` must be given with --weights NETWORK")
        shape = args.outputs or _OUTPUTS.default, args.fan_in or _FAN_IN.default
        made: NDArray[np.integer[Any]] = np.random.default_rng(args.seed).choice([-1, 1], shape)
        return made.astype(np.int8)
    found = _of_file(args) if Path(args.weights).suffix == ".npy" else _of_network(args)
    for name, number in (("fan_in", found.shape[1]), ("outputs", found.shape[0])):
        given = getattr(args, name)
        if given is not None and given != number:
            flag = "--" + name.replace("_", "-")
            raise InputError(f"`{flag}` must be {number}, as --weights has it, not {given}")
    return found


def _of_file(args: argparse.Namespace) -> NDArray[np.integer[Any]]:
    import numpy as np

    if args.layer is not None:
        raise InputError("`--layer` must be given with a network, not with an array of weights")
    path = Path(args.weights)
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(f"`--weights` must be a file of at most {_MOST_BYTES:,} bytes: {path}")
    try:
        array = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise InputError(f"`--weights` must be a .npy file of numbers: {path}: {error}") from error
    if array.ndim != 2 or not array.size or not np.isin(array, (-1, 0, 1)).all():
        raise InputError(
            f"`--weights` must hold -1, 0 and +1 in the shape (outputs, fan-in), not "
            f"{array.dtype} {array.shape}: {path}"
        )
    made: NDArray[np.int8] = array.astype(np.int8)
    return made


def _of_network(args: argparse.Namespace) -> NDArray[np.integer[Any]]:

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
    made: NDArray[np.integer[Any]] = taps.reshape(-1, taps.shape[-1]).T
    return made
