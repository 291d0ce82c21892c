"""``pimsim compare``: runs and parts side by side."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.options.option import Option, add, out_folder
from experiments.options.table import JSON, LIMIT, MAPPING, MODEL
from experiments.output import json_output, outdir, progress
from pimsim.errors import InputError

if TYPE_CHECKING:
    from experiments.report.compared import Contender

NAME = "compare"
HELP = "runs and DRAM parts side by side: settings, time, energy, accuracy"

_DESCRIPTION = """\
Put runs and parts side by side: first what differs in their settings, then time, energy and
accuracy, layer by layer.

A run is the folder that `pimsim run --out` has written. A part is a name from `pimsim standards`
or a TOML file: what a network would take on it is costed, not executed, with the options of the
first run, or with --network.
"""

_EPILOG = """\
examples:
  pimsim compare ddr3-1600-8-8-8 ddr4-2400 --network digits-mlp --limit 100
  pimsim compare ddr3-2133 ddr3l-1600 --network mnist-cnn --limit 100 --out out/parts

DIR receives compare.html, a page for a browser, and compare.json.
"""

WRITES = ("compare.html", "compare.json")
"""Names of what is written into the folder `--out`."""

(_ENERGY,) = (option for option in MODEL if option.name == "energy")

_SHOWN = 48
"""A terminal shows at most this many letters of a setting."""

_CARRIED = ("faw", "refresh", "clocked")
"""Settings of the first run that are also used for parts: switches, which every part has."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim compare``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "runs", nargs="+", metavar="DIR|PART|FILE.toml", help="two or more: runs, or parts"
    )
    add(
        parser,
        Option(
            "network", "what is costed on parts: a name or a model file (default: the first run's)",
            metavar="NETWORK",
        ),
        LIMIT.but(help="how many images are costed on parts (default: the first run's, else 1)"),
        MAPPING.but(default=None, help="mapping on parts (default: the first run's, else auto)"),
        _ENERGY.but(
            needs=None, help="energy model on parts, so that they can be compared (default: that "
            "of each part)",
        ),
        out_folder("folder for the page"),
        JSON,
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Compare; print tables or JSON, and write the page if asked."""
    from experiments.report import compared

    if len(args.runs) < 2:
        raise InputError(f"`runs` must be two or more runs or parts, not {args.runs[0]!r} alone")
    with outdir.asked(args.out, last=WRITES[-1]) as folder:
        contenders = [*_contenders(args)]
        document = compared.document(contenders)
        if folder is not None:
            _write(contenders, document, args, folder)
    if args.json:
        shown = {} if args.out is None else {"html": str(args.out / WRITES[0])}
        json_output.show(document | shown)
        return 0
    _show(contenders)
    if args.out is not None:
        print(f"written to {args.out}: {', '.join(WRITES)}")
    return 0


def _contenders(args: argparse.Namespace) -> Iterator[Contender]:
    from experiments.report import compared

    runs = {name: compared.read(Path(name)) for name in args.runs if _is_run(name)}
    first: Mapping[str, Any] = next(iter(runs.values()), {})
    names = [Path(one).name or one for one in args.runs]
    with progress.bars(quiet=args.json) as show:
        for place, one in enumerate(args.runs):
            if show is not None:
                show("costing", place, len(args.runs))
            name = names[place] if names.count(names[place]) == 1 else one
            if one in runs:
                yield compared.Contender(name, runs[one])
            else:
                words = _words(one, args, first)
                yield compared.Contender(name, _costed(words), shlex.join(["pimsim", *words]))


def _is_run(name: str) -> bool:
    path = Path(name)
    return path.is_dir() or path.suffix == ".json"


def _words(part: str, args: argparse.Namespace, first: Mapping[str, Any]) -> list[str]:
    """The command by which a part is costed."""
    from bnn import zoo
    from bnn.tables import catalog

    stated = first.get("assumptions", {})
    network = args.network or first.get("network")
    if len(Path(part).parts) > 1 and not Path(part).exists():
        raise InputError(
            f"`runs` must be folders of runs, names of parts or TOML files; there is no {part!r}"
        )
    if network is None and part in (*zoo.names(), *catalog.names()):
        raise InputError(
            f"`runs` must be runs or parts, and {part!r} is a network: give folders of "
            f"`pimsim run {part} --out DIR`, or parts with --network {part}"
        )
    if network is None:
        raise InputError(
            f"`--network` must be given: {part!r} is no folder of a run, and no run says what is "
            "to be costed on it"
        )
    limit = args.limit or first.get("images")
    mapping = args.mapping or stated.get("mapping", MAPPING.default)
    words = ["run", str(network), "--cost-only"]
    words += [] if limit is None else ["--limit", str(limit)]
    words += ["--mapping", str(mapping), "--standard", part]
    for name in _CARRIED:
        if name in stated:
            words.append(f"--{'' if stated[name] else 'no-'}{name.replace('_', '-')}")
    if args.energy is not None:
        words += ["--energy", args.energy]
    return words


def _costed(words: Sequence[str]) -> Mapping[str, Any]:
    """The report of the command."""
    from experiments.advice import costed

    return costed.report(words)


def _write(
    contenders: Sequence[Contender], document: object, args: argparse.Namespace, folder: Path
) -> None:
    from experiments.html import command, compare, page

    typed = command.typed(f"pimsim {NAME} {shlex.join(args.runs)}", args)
    html = page.render(compare.page(contenders, typed))
    (folder / compare.NAME).write_text(html, encoding="utf-8")
    text = json_output.text(document) + "\n"
    (folder / WRITES[-1]).write_text(text, encoding="utf-8")


def _show(contenders: Sequence[Contender]) -> None:
    from experiments.html.compare import answer, beside
    from experiments.html.run import setting
    from experiments.html.words import percent
    from experiments.output import tables
    from experiments.output.words import quantity
    from experiments.report.compared import differences

    names = [one.name for one in contenders]
    rows = [
        (name.replace("_", " "), *(_cut(setting(value)) for value in values))
        for name, values in differences(contenders)
    ]
    if rows:
        tables.say("what differs in the settings")
        tables.show(("setting", *names), rows)
    exact = {True: "yes", False: "NO", None: "not compared"}
    tables.show(
        ("run or part", "accuracy", "bit exact", "time", "energy", "energy model", "beside"),
        [
            (
                one.name,
                "" if one.report["accuracy"] is None else percent(one.report["accuracy"]),
                exact[one.report["bit_exact"]],
                quantity(one.time_ps, "ps"),
                quantity(one.energy_pj, "pJ"),
                one.mode,
                beside(one, contenders[0]),
            )
            for one in contenders
        ],
        title=f"an image, its share of the batch; beside {names[0]}",
    )
    for sentence in answer(contenders):
        tables.say(sentence)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
