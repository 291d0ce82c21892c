"""``pimsim advise``: what could be changed about a run, and what that would bring."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from experiments.options import dram
from experiments.options.option import Option, add
from experiments.options.table import CHAIN, DATA, JSON, LIMIT, MAPPING, MOVES, NETWORK
from experiments.output import json_output, progress
from pimsim.errors import InputError
from pimsim.ranges import whole

if TYPE_CHECKING:
    from experiments.advice.ideas import Setup
    from experiments.advice.ranking import Advice, Advised

NAME = "advise"
HELP = "what could be changed about a run, ranked by what it would bring"

_DESCRIPTION = """\
Cost changes to a run, and rank them by what each would bring in time and energy: the batch, the
mapping, chains, moves, banks, the part, channels, the address map. Nothing is executed; each change
is costed as the command that is shown with it would, and that command shows the same numbers.

A change of the part takes seconds; --ideas leaves some out.
"""

_EPILOG = """\
examples:
  pimsim advise digits-mlp
  pimsim advise mnist-cnn --limit 1000 --ideas batch,mapping,banks
  pimsim advise vgg16 --limit 4 --ideas mapping --json
"""

_OWN = ("ideas", "top", "json")
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
        JSON,
    )  # fmt: skip
    dram.add_dram(parser)
    dram.add_address_map(parser)


def run(args: argparse.Namespace) -> int:
    """Cost the changes; print them, or one JSON object."""
    from experiments.advice import ranking

    only = _chosen(args.ideas)
    with progress.bars(quiet=args.json) as show:
        found = ranking.advise(setup(args), only, show)
    if args.json:
        json_output.show(
            {
                "network": args.network,
                "images": found.report["images"],
                "command": found.setup.command(),
                "latency_ps_per_image": found.cost.time_ps,
                "energy_pj_per_image": found.cost.energy_pj,
                "energy": found.cost.mode,
                "advice": [one.record() for one in found.ranked],
            }
        )
        return 0
    _show(found, args.top)
    return 0


def setup(args: argparse.Namespace) -> Setup:
    """Return the command that costs what there is."""
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
    from experiments.output import tables
    from experiments.output.words import counted, quantity
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
                    str(place),
                    one.text,
                    _saved(one.before.time_ps - one.after.time_ps, "ps"),
                    _energy(one),
                    _ratio(one),
                    one.idea.answers.partition(":")[0],
                )
                for place, one in enumerate(shown, 1)
                if one.after is not None
            ],
            title=f"{found.setup.network}, {images}: what changes would bring, an image",
            wide=1,
        )
    for place, one in enumerate(shown, 1):
        tables.say(f"{place}. {one.text}: {one.idea.why}")
        tables.say(f"   {one.setup.command()}")
    if not shown:
        tables.say("nothing that was looked at would bring anything")
    better, refused = len(found.helpful), sum(bool(one.refused) for one in found.ranked)
    tables.say(
        f"looked at {counted(len(found.ranked), 'change')}: {better:,} would help, "
        f"{len(found.ranked) - better - refused:,} would not, {refused:,} cannot be"
    )
    cost = found.cost
    tables.say(
        f"as it is: {quantity(cost.time_ps, 'ps')} and {_stated(cost.energy_pj)} an image, "
        f"by {found.setup.command()}"
    )


def _stated(energy_pj: float | None) -> str:
    from experiments.output.words import quantity

    return "no energy that is stated" if energy_pj is None else quantity(energy_pj, "pJ")


def _saved(value: float, unit: str) -> str:
    """What is gained, or lost."""
    from experiments.output.words import quantity

    sign = "-" if value > 0 else "+"
    return f"{sign}{quantity(abs(value), unit)}" if value else "as before"


def _energy(one: Advice) -> str:
    from experiments.output.words import NOT_STATED

    if one.after is not None and one.after.energy_pj is None:
        return NOT_STATED
    return "another energy model" if one.saved_pj is None else _saved(one.saved_pj, "pJ")


def _ratio(one: Advice) -> str:
    from experiments.output.words import more_energy, slower

    said = [] if one.speedup is None else [slower(one.speedup).replace("the same", "as fast")]
    if one.energy_ratio is not None:
        said.append(f"{more_energy(one.energy_ratio)} energy")
    return ", ".join(said)
