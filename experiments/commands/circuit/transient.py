"""Transients: ``pimsim circuit read|tra|not|copy|majority|and|or``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.commands.circuit import page
from experiments.options import circuit as circuit_options
from experiments.options import figures as figure_options
from experiments.options.option import Option, Rule, add, flag, given, out_folder
from experiments.options.table import HTML, JSON, ROWS
from experiments.output import json_output, outdir, progress, tables
from experiments.report import transient
from pimsim.errors import InputError
from pimsim.ranges import Range

if TYPE_CHECKING:
    from pimsim.circuit.model.parameters import Circuit
    from pimsim.circuit.transient.ngspice_check import Comparison
    from pimsim.circuit.transient.scenarios import Scenario
    from pimsim.circuit.transient.simulation import Transient

_COMMON = """
All voltages of a bitline pair over the whole cycle: precharge, word line, charge sharing, sense,
restore, close, precharge. The answer is what the bitline holds when rows close.

dv        bitline less complement when the sense amplifier starts
latch     from then until they are 0.75 vdd apart
restored  level of the cells when rows close: of those that should hold the answer, the worst
energy    from the array supply, for one bitline pair, all cycles
"""

_OUTPUT = """
DIR receives report.html, a figure (PNG), the waveforms (CSV) and the netlist for ngspice (.cir).
The CSV has `time_ns` and one column a node in mV: `bl_mv`, `blb_mv`, the cells, SAN and SAP, and
the control lines. With --check-ngspice the exit code is 1 if a difference exceeds its limit.
"""


@dataclass(frozen=True, slots=True)
class TransientPart:
    """A subcommand of ``pimsim circuit`` that shows one kind of scenario."""

    NAME: str
    HELP: str
    what: str
    """What the operands are, for ``--help``."""
    pattern: str
    """Their default."""
    examples: str
    build: Callable[[Any, argparse.Namespace], Scenario]
    """Its scenario, of those that :mod:`pimsim.circuit.transient.scenarios` makes."""
    own: tuple[Option, ...] = ()
    """Options of this subcommand alone."""
    RULES: tuple[Rule, ...] = (
        Rule(
            ("step",),
            given("csv", "out", "check_ngspice"),
            "needs --csv, --out or --check-ngspice: nothing else has waveforms",
        ),
    )
    WRITES: tuple[str, ...] = ("*.png", "*.svg", "*.pdf", "*.csv", "*.cir", page.NAME)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Describe the subcommand."""
        first = self.HELP[0].upper() + self.HELP[1:]
        parser.description = f"{first}.\n{_COMMON}"
        parser.epilog = f"examples:\n{self.examples}\n{_OUTPUT}"
        add(parser, Option("pattern", self.what, metavar="BITS", default=self.pattern), *self.own)
        circuit_options.add_circuit(parser)
        add(
            parser.add_argument_group("output"),
            Option(
                "step", "spacing of the waveforms' points", float, "PS", 20.0,
                Range(0.01, 1_000_000), unit="ps",
            ),
            flag("check_ngspice", "run ngspice on the same circuit and show the differences"),
            Option("csv", "waveforms, into this file", Path, "FILE"),
            out_folder("folder for page, figure and files"),
            HTML,
        )  # fmt: skip
        figure_options.add_figures(parser)
        add(parser, JSON)

    def simulate(self, args: argparse.Namespace) -> Transient:
        """Simulate what the options ask for; write nothing.

        Raises :class:`~pimsim.errors.InputError` for a value out of range.
        """
        from pimsim.circuit.transient import scenarios
        from pimsim.circuit.transient.simulation import simulate

        circuit = circuit_options.chosen_circuit(args)
        return simulate(circuit, self.build(scenarios, args), waveform_step_ps=args.step)

    def run(self, args: argparse.Namespace) -> int:
        """Simulate; print a table or one JSON object, and write what is asked for.

        >>> from experiments.cli import main
        >>> main(["circuit", "tra", "--pattern", "11"])
        2
        """
        from pimsim.circuit.transient import scenarios

        circuit = circuit_options.chosen_circuit(args)
        scenario = self.build(scenarios, args)
        with outdir.asked(args.out) as folder:
            result, checked = _simulate(args, circuit, scenario, folder)
            report = transient.report(args.settings, circuit, result, checked)
            page.write(self.NAME, report, args, folder)
            written = outdir.told(args.out, folder)
        _print(args, report)
        if written and not args.json:
            tables.say(written)
        return 1 if checked is not None and checked.failures() else 0


def _simulate(
    args: argparse.Namespace, circuit: Circuit, scenario: Scenario, folder: Path | None
) -> tuple[Transient, Comparison | None]:
    """Simulate, compare if asked, and write the files."""
    progress.tell("integrating")
    from experiments.report import waveforms
    from pimsim.circuit.transient import ngspice_check as referee
    from pimsim.circuit.transient import spice
    from pimsim.circuit.transient.simulation import simulate

    checked: Comparison | None = None
    result = simulate(circuit, scenario, waveform_step_ps=args.step)
    if args.check_ngspice:
        progress.tell("running ngspice")
        theirs = spice.run(circuit, scenario)
        checked = referee.compare(result, theirs)
    table = waveforms.columns(result)
    if args.csv is not None:
        try:
            waveforms.write(args.csv, table)
        except BrokenPipeError:  # who reads it has enough
            raise
        except OSError as error:
            raise InputError(
                f"`--csv` must be a file that can be written, not {str(args.csv)!r}: "
                f"{error.strerror}"
            ) from error
    if folder is not None:
        from experiments.figures.circuit import draw_transient

        stored = waveforms.write(folder / f"{scenario.name}.csv", table)
        picture = folder / f"{scenario.name}.png"
        draw_transient(waveforms.read(stored), scenario, circuit, picture)
        deck = spice.netlist(circuit, scenario, output=f"{scenario.name}.ngspice.txt")
        (folder / f"{scenario.name}.cir").write_text(deck, "utf-8")
    return result, checked


def _print(args: argparse.Namespace, report: dict[str, Any]) -> None:
    if args.json:
        json_output.show(report | page.told(args), allow_nan=True)
        return
    tables.show(
        ("quantity", "value", "what it is"),
        transient.quantities(report),
        title=report["title"],
        wide=2,
    )
    if "ngspice" in report:
        tables.show(
            ("quantity", "pimsim less ngspice", "limit"),
            transient.against_ngspice(report),
            title=transient.ngspice_title(report),
        )
    tables.show_assumptions(report["assumptions"])


COPY_OUT = flag("copy_out", "open a fourth row, which holds 0, with a second activation")
ROWS_OF_A_MAJORITY = ROWS.but(
    help="rows to open; each operand is held by as many as fit, the rest are neutral (default: one "
    "an operand)"
)

PARTS = (
    TransientPart(
        "read", "read one cell", "what it holds", "1",
        "  pimsim circuit read --pattern 0 --set cell.capacitance_ff=20",
        lambda make, args: make.read(args.pattern),
    ),
    TransientPart(
        "tra", "triple-row activation: majority of three cells", "what the cells hold", "110",
        "  pimsim circuit tra --pattern 100 --out out\n"
        "  pimsim circuit tra --copy-out --check-ngspice",
        lambda make, args: make.tra(args.pattern, copy_out=args.copy_out), (COPY_OUT,),
    ),
    TransientPart(
        "not", "NOT through a dual-contact cell, in two cycles", "what the operand holds", "1",
        "  pimsim circuit not --pattern 0 --csv not.csv",
        lambda make, args: make.dual_contact_not(args.pattern),
    ),
    TransientPart(
        "copy", "RowClone copy of a cell into one that holds the opposite", "what it holds", "1",
        "  pimsim circuit copy --preset crow22 --json",
        lambda make, args: make.rowclone(args.pattern),
    ),
    TransientPart(
        "majority", "majority of an odd number of operands on many rows", "the operands", "11100",
        "  pimsim circuit majority --pattern 110 --rows 32 --out out",
        lambda make, args: make.majority(args.pattern, args.rows),
        (ROWS_OF_A_MAJORITY,),
    ),
    TransientPart(
        "and", "AND of many cells against reference cells", "what the cells hold", "1" * 16,
        "  pimsim circuit and --pattern 1110",
        lambda make, args: make.many_input("and", args.pattern),
    ),
    TransientPart(
        "or", "OR of many cells against reference cells", "what the cells hold", "1" + "0" * 15,
        "  pimsim circuit or --pattern 0000",
        lambda make, args: make.many_input("or", args.pattern),
    ),
)  # fmt: skip
"""Every subcommand of ``pimsim circuit`` that shows a transient."""
