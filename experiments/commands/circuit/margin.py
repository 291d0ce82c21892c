"""``pimsim circuit margin``: heat maps of the swing that the sense amplifier gets."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from experiments.commands.circuit import page
from experiments.options import circuit as circuit_options
from experiments.options import figures as figure_options
from experiments.options.option import Option, add, out_folder
from experiments.options.table import HTML, INPUTS, JSON, PROCESS, ROWS
from experiments.output import json_output, outdir, tables
from pimsim.errors import InputError

if TYPE_CHECKING:
    from pimsim.circuit.model.parameters import Circuit

NAME = "margin"
HELP = "heat maps of the sense margin against Cb/Cs, rows, VDD and temperature"

_DESCRIPTION = """\
Compute the sense margin: the smallest swing towards the right answer, in mV, of equal cells, by
exact charge sharing. Negative means wrong even with a perfect sense amplifier.

The maps, one figure:
rows         margin of a majority against the rows it is stored on and Cb/Cs
vdd          against the array supply and Cb/Cs
temperature  against temperature and the time since the cells were restored
"""

_EPILOG = """\
examples:
  pimsim circuit margin --out out/margin         report.html, margin.png, a CSV a map
  pimsim circuit margin --inputs 5 --preset ddr4-like
  pimsim circuit margin --inputs 1               reading one row
  pimsim circuit margin --operation and --inputs 16
  pimsim circuit margin --wait-ms 64 --celsius 85
  pimsim circuit margin --json

majority: each operand on ROWS div X rows, left-over rows at vdd/2; and, or: against as many
reference cells on the complement, one of them at vdd/2 (only vdd and temperature maps).
"""

_RATIOS = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0)
_ROWS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 24, 32)
_VDD_MV = (900.0, 1000.0, 1100.0, 1200.0, 1300.0, 1400.0, 1500.0)
_CELSIUS = (25.0, 35.0, 45.0, 55.0, 65.0, 75.0, 85.0, 95.0)
_WEAKEST_OF = 2**30
"""Cells of a gigabit."""
_WAIT_MS = (0.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)


WRITES = ("margin.*", "margin_*.csv", page.NAME)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim circuit margin``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    add(
        parser.add_argument_group("operation"),
        Option("operation", "", default="majority", choices=("majority", "and", "or")),
        INPUTS.but(help="operands; a majority of 1 is a read"),
        ROWS.but(help="rows of the vdd and temperature maps (default: X)"),
    )
    circuit_options.add_circuit(parser)
    circuit_options.add_stored(parser)
    figure_options.add_figures(parser)
    add(parser, out_folder("folder for page, figure and tables"), HTML, JSON)


def run(args: argparse.Namespace) -> int:
    """Print the maps, or one JSON object; write figure and tables if asked."""
    circuit = circuit_options.chosen_circuit(args)
    rows = args.inputs if args.rows is None else args.rows
    if args.operation != "majority" and rows != args.inputs:
        raise InputError(f"`--rows` must be {args.inputs}, the inputs, for and and or, not {rows}")
    stated = circuit_options.stated(args, circuit)
    result = _result(circuit, args.operation, args.inputs, rows, stated)
    with outdir.asked(args.out) as folder:
        if folder is not None:
            from experiments.figures import circuit as circuit_figures

            circuit_figures.draw_margins(result, folder)
        page.write(NAME, result, args, folder)
        written = outdir.told(args.out, folder)
    if args.json:
        json_output.show(result | page.told(args))
    else:
        _show(result, args)
        if written:
            tables.say(written)
    return 0


def _result(
    circuit: Circuit, operation: str, inputs: int, rows: int, stated: dict[str, object]
) -> dict[str, Any]:
    from pimsim.circuit.model import retention, variation

    def margin_mv(one: Circuit, on_rows: int) -> float:
        return operation_margin_mv(one, operation, inputs, on_rows)

    cell_ff, nominal = circuit.cell.capacitance_ff, margin_mv(circuit, rows)

    def of_ratio(one: Circuit, ratio: float) -> Circuit:
        return one.with_set("bitline.capacitance_ff", ratio * cell_ff)

    maps = []
    if operation == "majority":
        stored = [n for n in _ROWS if inputs <= n <= circuit.bitline.cells]
        maps.append(
            _map("rows", "rows opened", "Cb/Cs", stored, _RATIOS,
                 lambda n, ratio: margin_mv(of_ratio(circuit, ratio), int(n)))
        )  # fmt: skip
    maps.append(
        _map("vdd", "VDD, mV", "Cb/Cs", _VDD_MV, _RATIOS,
             lambda vdd_mv, ratio: margin_mv(
                 of_ratio(circuit.with_set("supply.vdd_mv", vdd_mv), ratio), rows))
    )  # fmt: skip
    alike = retention.weakest(circuit, variation.load(PROCESS.default), _WEAKEST_OF)
    maps.append(
        _map("temperature", "temperature, °C", "time since restore, ms", _CELSIUS, _WAIT_MS,
             lambda celsius, time_ms: margin_mv(
                 retention.after(alike, time_ms, celsius), rows))
    )  # fmt: skip
    return {
        "margin_mv": nominal,
        "maps": maps,
        "assumptions": {
            **stated,
            "operation": operation,
            "inputs": inputs,
            "rows": rows,
            "cell_ff": cell_ff,
            "bitline_ff": circuit.bitline.capacitance_ff,
            "vdd_mv": circuit.supply.vdd_mv,
            "model": "exact charge sharing of equal cells; retention: exponential, the time "
            "constant halves every "
            f"{circuit.retention.halving_celsius:g} degrees; cells leak as the median one, in the "
            f"map of temperatures as the weakest of {_WEAKEST_OF:,} does"
            if circuit.retention.log_scale
            else "exact charge sharing of equal cells; retention: exponential, the time constant "
            f"halves every {circuit.retention.halving_celsius:g} degrees; all cells leak alike",
        },
    }


def operation_margin_mv(circuit: Circuit, operation: str, inputs: int, rows: int) -> float:
    """Return the sense margin of a majority, AND or OR, in mV."""
    from pimsim.circuit.statistics.charge_sharing import logic_margin_mv, majority_margin_mv

    if operation == "majority":
        return majority_margin_mv(circuit, inputs, rows)
    return logic_margin_mv(circuit, operation, inputs)


def _map(
    name: str,
    x_label: str,
    y_label: str,
    x: Sequence[float],
    y: Sequence[float],
    margin_mv: Callable[[float, float], float],
) -> dict[str, Any]:
    return {
        "name": name,
        "x_label": x_label,
        "y_label": y_label,
        "x": list(x),
        "y": list(y),
        "margin_mv": [[margin_mv(across, up) for across in x] for up in y],
    }


def _show(result: dict[str, Any], args: argparse.Namespace) -> None:
    for one in result["maps"]:
        tables.show(
            [f"{one['y_label']} \\ {one['x_label']}", *(f"{value:g}" for value in one["x"])],
            [
                [f"{up:g}", *(f"{value:.1f}" for value in line)]
                for up, line in zip(one["y"], one["margin_mv"], strict=True)
            ],
            title=f"margin in mV: {one['name']}",
        )
    stated = {"margin_mv": result["margin_mv"], **result["assumptions"]}
    tables.show_assumptions(circuit_options.shown(stated, args))
