"""``pimsim reproduce``: published figures beside simulated ones.

Every :class:`Experiment` is listed once, in :data:`EXPERIMENTS`; commands, pages in ``docs`` and
tests take their choices from there.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.figures import wanted
from experiments.options import dram
from experiments.options import figures as figure_options
from experiments.options.option import Option, add, out_folder
from experiments.options.subcommands import Group
from experiments.options.table import HTML, JSON, STANDARD
from experiments.output import json_output, outdir, tables
from pimsim.ranges import whole

if TYPE_CHECKING:
    from experiments.reproduce.table import Table
    from pimsim.baselines.measured import Measurement
    from pimsim.dram.options import ModelOptions
    from pimsim.dram.standard.standard import Standard

_DESCRIPTION = """\
Simulate what a publication measured, and print its value, ours, and their ratio. With --out,
write tables (CSV), figures (PNG) and a page that explains them (Markdown, and report.html).
"""

_EPILOG = """\
examples:
  pimsim reproduce ambit --out out/ambit
  pimsim reproduce simdram --no-measure
  pimsim reproduce pluto --no-measure
  pimsim reproduce ambit --help       more about one experiment
"""

_PART_DESCRIPTION = """\
{summary}.

Published values are printed beside simulated ones and enter no simulation; what they are, and
where they come from, stands in every row of the CSV files. The options choose what is simulated,
and are by default what the publications assume: neither tFAW nor refresh (--faw and --refresh
obey them). Both energy models are shown, apart.

The machine that this runs on is measured beside: packed NOT, AND, XNOR and counts of ones, on
arrays of 64 MiB together unless --measure-mib says otherwise; where that is less than four
last-level caches, it is said. That takes about a second.
"""

_PART_EPILOG = """\
examples:
  pimsim reproduce {name} --out out/{name}           {name}-*.csv, {name}-*.png, reproduce-{name}.md
  pimsim reproduce {name} --faw --refresh --no-measure
  pimsim reproduce {name} --standard ddr3-1600-11-11-11 --json
"""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A publication, by the name of its package in :mod:`experiments.reproduce`. A subcommand.

    The package has three modules, imported when they are asked for: ``tables``, with ``NAME``, with
    ``tables(standard, options)``, which simulates all that figures and page show, and with
    ``rivals(found)``, bits a second in DRAM by the operation that a machine is measured on;
    ``figures``, with ``draw(found, folder, measured)``; and ``page``, with ``page(found,
    pictures)`` and with ``summary(found)``, the tables that a terminal shows, with their titles.
    """

    NAME: str
    HELP: str
    STANDARD: str = STANDARD.default
    """Default part: that of the publication."""
    draws: bool = False
    """Whether it needs the measured boxes that row groups are drawn from; they may be missing."""

    @property
    def WRITES(self) -> tuple[str, ...]:
        """Names of what is written into the folder `--out`."""
        return f"{self.NAME}-*", f"reproduce-{self.NAME}.md", "report.html"

    def part(self, name: str) -> Any:
        """Import a module of the experiment."""
        return import_module(f"experiments.reproduce.{self.NAME}.{name}")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Describe the experiment and its arguments."""
        parser.description = _PART_DESCRIPTION.format(summary=self.HELP)
        parser.epilog = _PART_EPILOG.format(name=self.NAME)
        add(
            parser,
            out_folder("folder for what is written"),
            HTML,
            Option("measure", "measure this machine as well", bool, default=True),
            Option(
                "measure_mib",
                "size of all arrays together, at best four last-level caches (default: 64)",
                int, "N", range=whole(1, 1_048_576),
                needs=(lambda args: args.measure, "must not be given with --no-measure"),
            ),
            JSON,
        )  # fmt: skip
        figure_options.add_figures(parser)
        dram.add_dram(parser, faw=False, refresh=False, energy=False, standard=self.STANDARD)

    def assumed(self) -> tuple[Standard, ModelOptions]:
        """Return the part and options that the publication assumes: without tFAW and refresh."""
        from pimsim.dram.options import ModelOptions
        from pimsim.dram.standard.standard import load

        part = load(self.STANDARD)
        return part, ModelOptions.of(part, faw=False, refresh=False)

    def run(self, args: argparse.Namespace) -> int:
        """Simulate, measure, print, write."""
        standard, options = dram.chosen_dram(args)
        with outdir.asked(args.out) as folder:
            found = self.reproduce(standard, options)
            measured = _measured(args)
            if folder is not None:
                texts = self.documents(found, "", measured)
                page = f"reproduce-{self.NAME}.md"
                texts[page] = wanted.linked(texts[page])
                for name, text in texts.items():
                    (folder / name).write_text(text, "utf-8")
                self.part("figures").draw(found, folder, measured)
                if args.html:
                    self._page(texts[page], found, folder, args)
        self._show(found, measured, args)
        return 0

    def reproduce(self, standard: Standard, options: ModelOptions) -> dict[str, Table]:
        """Simulate; return the tables by name."""
        return {table.name: table for table in self.part("tables").tables(standard, options)}

    def documents(
        self, found: Mapping[str, Table], pictures: str, measured: Measurement | None = None
    ) -> dict[str, str]:
        """Return the texts that an experiment writes, by file name: its page and its tables."""
        from experiments.output.markdown import flowed
        from experiments.reproduce.table import measured_section

        page = self.part("page").page(found, pictures)
        texts = {f"{self.NAME}-{name}.csv": table.csv_text() for name, table in found.items()}
        if measured is not None:
            machine = self._machine(found, measured)
            texts[f"{self.NAME}-machine.csv"] = machine.csv_text()
            page += measured_section(machine, measured)
        return {f"reproduce-{self.NAME}.md": flowed(page), **texts}

    def _page(
        self, text: str, found: Mapping[str, Table], folder: Path, args: argparse.Namespace
    ) -> None:
        """Write the page for a browser."""
        from experiments.html import command, page
        from experiments.html import reproduce as pages

        typed = command.typed(f"pimsim reproduce {self.NAME}", args)
        page.write(pages.page(text, found, folder, typed), folder)

    def _show(
        self, found: Mapping[str, Table], measured: Measurement | None, args: argparse.Namespace
    ) -> None:
        from experiments.reproduce.table import in_cache, measured_record
        from pimsim.cost import assumptions

        machine = None if measured is None else self._machine(found, measured)
        left_out = self._left_out(found)
        stated = {
            key: value
            for key, value in assumptions(*dram.chosen_dram(args)).items()
            if key != "model" and not key.startswith("energy") and not key.endswith("_nj_per_kb")
        }
        if args.json:
            every = [*found.values(), *([machine] if machine else [])]
            result: dict[str, Any] = {
                "experiment": self.NAME,
                "tables": {table.name: table.records() for table in every},
                "measured": None if measured is None else measured_record(measured),
                "assumptions": stated,
            }
            if args.out is not None and args.html:
                result["html"] = str(args.out / "report.html")
            json_output.show(result | ({"left_out": left_out} if left_out else {}))
            return
        shown = dict(self.part("page").summary(found).values())
        if machine is not None:
            shown[machine.title] = machine.cells()
        for title, (header, *rows) in shown.items():
            tables.show(header, rows, title=title)
        if measured is not None and in_cache(measured):
            tables.say(in_cache(measured))
        if left_out:
            tables.say(left_out)
        tables.show_assumptions(stated)

    def _left_out(self, found: Mapping[str, Table]) -> str:
        if not self.draws:
            return ""
        from experiments.reproduce.chips import left_out

        return left_out(found)

    def _machine(self, found: Mapping[str, Table], measured: Measurement) -> Table:
        from experiments.reproduce.table import measured_table

        return measured_table(measured, self.part("tables").rivals(found))


EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(
        "ambit",
        "Ambit (MICRO 2017): seven bulk operations against processors, energy, tFAW, refresh",
    ),
    Experiment(
        "simdram",
        "SIMDRAM (ASPLOS 2021): row commands, XNOR and popcount against width, 1 to 16 banks",
    ),
    Experiment(
        "simra",
        "SiMRA (DSN 2024): majorities and copies on 2 to 32 rows of unmodified DDR4 chips",
        "ddr4-2400",
        draws=True,
    ),
    Experiment(
        "fcdram",
        "FCDRAM (HPCA 2024): NOT, AND, OR, NAND, NOR through sense amplifiers of two subarrays",
        "ddr4-2400",
        draws=True,
    ),
    Experiment(
        "pluto",
        "pLUTo (MICRO 2022): additions, products and counts in five ways, LeNet-5 with one bit",
        "ddr4-2400",
    ),
)
"""Every experiment, in the order in which ``pimsim reproduce --help`` lists them."""


REPRODUCE = Group(
    "reproduce",
    "published figures beside simulated ones: Ambit's, SIMDRAM's, pLUTo's, and those of real chips",
    _DESCRIPTION,
    _EPILOG,
    "experiments",
    EXPERIMENTS,
)


def _measured(args: argparse.Namespace) -> Measurement | None:
    if not args.measure:
        return None
    from pimsim.baselines.measured import measure

    return measure(None if args.measure_mib is None else args.measure_mib * 2**20)
