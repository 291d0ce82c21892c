"""``pimsim chips run``: a network on unmodified chips, with groups drawn from measurements."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from experiments.options import chips
from experiments.options.data import DATA_DIR, read_by_name
from experiments.options.option import Option, Rule, add, out_folder
from experiments.options.table import DATA, HTML, JSON, LIMIT, NETWORK, SEED
from experiments.output import json_output, outdir, tables, words
from experiments.output.escaping import visible
from pimsim.ranges import whole

_DESCRIPTION = """\
Run a network on unmodified DDR4 chips: majorities of three on groups of N rows, each group drawn
from the measured distribution, and copies. Every value is stored in both polarities, so no NOT is
needed, but everything is done twice. The result is the accuracy of several chips, with all groups
and with only the best share of them (--best).

Time and energy are those of the majorities and copies with the delays that they violate, and of
what goes over the channel. What is assumed is printed.
"""

_EPILOG = """\
examples:
  pimsim chips run digits-mlp                            on 32 rows, as good as it gets
  pimsim chips run digits-mlp --rows 4 --t2 1.5 --best 0.5     a quarter of the groups is useless
  pimsim chips run mnist-mlp --limit 500 --rows 16 --chips 5 --json
  pimsim chips run digits-mlp --out out/chips

DIR receives report.html, a page for a browser, and report.json.
"""


class Network:
    """The subcommand."""

    NAME = "run"
    HELP = "run a network on unmodified chips: accuracy with and without screening, time, energy"
    WRITES = ("report.html", "report.json")
    """Names of what is written into the folder `--out`."""
    RULES = (
        Rule(
            ("data_dir",),
            read_by_name,
            "needs the name of a data set as --data: a file is read from where it is",
        ),
    )

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Describe ``pimsim chips run``."""
        parser.description, parser.epilog = _DESCRIPTION, _EPILOG
        parser.add_argument("network", metavar=NETWORK.metavar, help=NETWORK.help)
        add(parser.add_argument_group("images"), DATA, LIMIT, DATA_DIR)
        add(
            parser,
            chips.ROWS,
            Option("chips", "chips that are drawn", int, "N", 3, whole(1, 1_000)),
            SEED.but(
                help="seed of the first chip; the next chips have the next numbers", default=0
            ),
        )
        chips.add_measured(parser, best=0.5)
        chips.add_part(parser)
        add(parser, out_folder("folder for the page"), HTML, JSON)

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """Print what came out, or one JSON object."""
        from experiments.report import chip_run

        page, numbers = Network.WRITES
        with outdir.asked(args.out, last=numbers) as folder:
            report = chip_run.simulate(args)
            if folder is not None:
                _write(report, args, folder)
        if args.json:
            shown = {"html": str(args.out / page)} if args.out is not None and args.html else {}
            json_output.show(report | shown)
            return 0
        _show(report)
        if args.out is not None:
            print(visible(f"written to {args.out}: {f'{page}, ' if args.html else ''}{numbers}"))
        return 0


def _write(report: dict[str, Any], args: argparse.Namespace, folder: Path) -> None:
    from experiments.html import command, lists, page

    if args.html:
        typed = command.typed("pimsim chips run", args, "network")
        page.write(lists.chips(report, typed), folder)
    text = json_output.text(report) + "\n"
    (folder / Network.WRITES[-1]).write_text(text, encoding="utf-8")


def _show(report: dict[str, Any]) -> None:
    right = report["accuracy_error_free"]
    tables.say(
        f"{report['network']} on {report['data']}, {words.counted(report['images'], 'image')}"
    )
    if right is not None:
        tables.say(f"without errors {100 * right:.2f} % right")
    tables.show(
        ("groups", "chip", "accuracy %", "bitlines always right, mean %", "least %"),
        [
            (
                f"best {100 * one['best']:g} %", str(one["chip"]),
                "" if one["accuracy"] is None else f"{100 * one['accuracy']:.2f}",
                f"{100 * one['success_mean']:.2f}", f"{100 * one['success_least']:.2f}",
            )
            for one in report["chips"]
        ],
        title="Chips",
    )  # fmt: skip
    tables.show(
        ("layer", "banks", "majorities", "copies", "computing", "channel", "energy"),
        [
            (
                one["name"], str(one["banks"]), f"{one['majorities']:,}", f"{one['copies']:,}",
                words.quantity(one["compute_ps"], "ps"), words.quantity(one["channel_ps"], "ps"),
                words.quantity(one["energy_pj"], "pJ"),
            )
            for one in report["layers"]
        ],
        title="Layers",
    )  # fmt: skip
    energy = {name: words.quantity(pj, "pJ") for name, pj in report["energy_pj"].items()}
    parts = ", ".join(f"{name} {told}" for name, told in energy.items() if name != "total")
    latency = words.quantity(report["latency_ps"], "ps")
    tables.say(f"latency {latency}, energy {energy['total']} ({parts})")
    ambit = report["ambit"]
    tables.say(
        f"on Ambit's rows in the same part: {words.quantity(ambit['latency_ps'], 'ps')}, "
        f"{words.quantity(ambit['energy_pj'], 'pJ')}"
    )
    for text in report["assumed"]:
        tables.say(f"- {text}")
    tables.show_assumptions(report["assumptions"])
