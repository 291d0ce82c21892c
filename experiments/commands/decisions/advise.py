"""``pimsim advise``: changes to a run, and what they would save."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.options import dram
from experiments.options.option import Option, add, out_folder
from experiments.options.table import CHAIN, DATA, HTML, JSON, LIMIT, MAPPING, MOVES, NETWORK
from experiments.output import json_output, outdir, progress
from experiments.output.escaping import visible
from pimsim.errors import InputError
from pimsim.ranges import whole

if TYPE_CHECKING:
    from experiments.advice.ideas import Setup
    from experiments.advice.ranking import Advised

NAME = "advise"
HELP = "what could be changed about a run, ranked by what it would bring"

_DESCRIPTION = """\
Cost changes to a run, and rank them by what each would bring in time and energy: the batch, the
mapping, chains, moves, banks, the part, channels, the address map. Nothing is executed. A command
is shown with each change, and running it shows the same numbers.

A change of the part takes seconds; --ideas leaves some out.
"""

_EPILOG = """\
examples:
  pimsim advise digits-mlp
  pimsim advise mnist-cnn --limit 1000 --ideas batch,mapping,banks
  pimsim advise vgg16 --limit 4 --ideas mapping --json
  pimsim advise digits-mlp --out out/advice

DIR receives report.html, a page for a browser, and report.json.
"""

WRITES = ("report.html", "report.json")
"""Names of what is written into the folder `--out`."""

_OWN = ("ideas", "top", "out", "html", "json")
"""Options that a run does not have."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim advise``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("network", metavar=NETWORK.metavar, help=NETWORK.help)
    add(
        parser,
        DATA.but(help="data set that the network is fed with: it says the shape of an image"),
        LIMIT.but(help="images of a batch", default=100),
        MAPPING,
        MOVES,
        CHAIN,
        Option(
            "ideas", "kinds of changes that are looked at, with commas between them (default: all)",
            metavar="NAME,...",
        ),
        Option("top", "changes that are shown", int, "N", 10, whole(1, 1_000)),
        out_folder("folder for the page"),
        HTML,
        JSON,
    )  # fmt: skip
    dram.add_dram(parser)
    dram.add_address_map(parser)


def run(args: argparse.Namespace) -> int:
    """Cost the changes; print them, or one JSON object."""
    from experiments.advice import ranking

    only = _chosen(args.ideas)
    with outdir.asked(args.out, last=WRITES[-1]) as folder:
        with progress.bars(quiet=args.json) as show:
            found = ranking.advise(setup(args), only, show)
        document = _document(found)
        if folder is not None:
            _write(found, document, args, folder)
    if args.json:
        shown = {"html": str(args.out / WRITES[0])} if args.out is not None and args.html else {}
        json_output.show(document | shown)
        return 0
    _show(found, args.top)
    if args.out is not None:
        print(visible(f"written to {args.out}: {', '.join(WRITES[not args.html :])}"))
    return 0


def _document(found: Advised) -> dict[str, object]:
    return {
        "network": found.setup.network,
        "images": found.report["images"],
        "command": found.setup.command(),
        "latency_ps_per_image": found.cost.time_ps,
        "energy_pj_per_image": found.cost.energy_pj,
        "energy": found.cost.mode,
        "advice": [one.record() for one in found.ranked],
    }


def _write(
    found: Advised, document: dict[str, object], args: argparse.Namespace, folder: Path
) -> None:
    from experiments.html import command, lists, page

    if args.html:
        typed = command.typed(f"pimsim {NAME}", args, "network")
        page.write(lists.advised(found, typed), folder)
    (folder / WRITES[-1]).write_text(json_output.text(document) + "\n", encoding="utf-8")


def setup(args: argparse.Namespace) -> Setup:
    """Return the command that costs the run as it is."""
    from experiments.advice.ideas import Setup

    options: dict[str, str | None] = {"--limit": str(args.limit), "--mapping": args.mapping}
    for name, flag in args.given.items():
        value = getattr(args, name)
        if name in _OWN or not flag.startswith("--"):
            continue
        if isinstance(value, bool):
            options[flag if value else f"--no-{flag[2:]}"] = None
        else:
            options[flag] = str(value)
    return Setup(args.network, options)


def _chosen(text: str | None) -> tuple[str, ...]:
    from experiments.advice.ideas import IDEAS

    known = [idea.name for idea in IDEAS]
    chosen = () if text is None else tuple(one.strip() for one in text.split(","))
    for one in chosen:
        if one not in known:
            raise InputError(f"`--ideas` must be of {', '.join(known)}, not {one!r}")
    return chosen


def _show(found: Advised, top: int) -> None:
    from experiments.advice import told
    from experiments.output import tables
    from experiments.output.words import counted
    from experiments.report import host

    images = counted(found.report["images"], "image")
    shown = found.helpful[:top]
    if host.unused(found.report):
        tables.say(f"look first: {host.NOTHING}")
        tables.say(f"on the host: {host.words(found.report)}")
    if shown:
        tables.show(
            ("", "change", "time", "energy", "that is", "answers"),
            [
                (
                    str(place), one.text, told.time(one), told.energy(one), told.ratio(one),
                    one.idea.answers.partition(":")[0],
                )
                for place, one in enumerate(shown, 1)
            ],
            title=f"{found.setup.network}, {images}: what changes would bring, an image",
            wide=1,
        )  # fmt: skip
    for place, one in enumerate(shown, 1):
        tables.say(f"{place}. {one.text}: {one.idea.why}")
        tables.say(f"   {one.setup.command()}")
    if not shown:
        tables.say("nothing that was looked at would bring anything")
    tables.say(told.looked_at(found))
    tables.say(f"as it is: {told.as_it_is(found)}, by {found.setup.command()}")
