"""``pimsim sweep``: measure something at every point of some axes, and store it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.figures.wanted import FORMATS
from experiments.options import figures as figure_options
from experiments.options.option import Rule, absent, add, flag, out_folder
from experiments.options.table import CLUSTER, HTML, JSON, WORKERS
from experiments.output import json_output, progress
from pimsim.errors import InputError

if TYPE_CHECKING:
    from experiments.sweep.points import SweepPoint
    from experiments.sweep.results import Results
    from experiments.sweep.spec import Spec
    from experiments.sweep.workers.pool import Pool
    from experiments.sweep.workers.runner import Done, Task
    from experiments.sweep.workers.store import Store

NAME = "sweep"
HELP = "measure failures, accuracy or cost over any axes, resumably, and draw it"

_DESCRIPTION = """\
Measure something at every point of a specification: a TOML file that names a measure (triple-row
activations wrong, accuracy of a network, its cost), fixes some fields and varies others. Trials go
to worker processes, or to a Dask cluster; each is kept in DIR/sweep.sqlite as soon as it is there.

A sweep may be stopped at any moment, by Ctrl-C or kill -9: the same command goes on from there.
Points that are added, and rules that ask for more trials, use what is there already.
"""

_EPILOG = """\
examples:
  pimsim sweep tra-failure                       a bundled specification, into out/tra-failure
  pimsim sweep my.toml --out out/mine --workers 2
  pimsim sweep my.toml --cluster tcp://10.0.0.1:8786
  pimsim sweep my.toml --dry-run                 the points, and the key of each
  pimsim sweep my.toml --out out/mine --draw     tables and figures again, from the store
  pimsim sweep my.toml --out out/mine --repair   make trials again that the store has damaged
  pimsim sweep --fields                          every field that can be fixed or varied

DIR receives sweep.sqlite, results.csv, results.json, figures, and report.html, a page that shows
all of it in any browser.
"""

RULES = (
    Rule(
        ("out", "html", *(one.name for one in figure_options.ALL)),
        absent("fields", "dry_run"),
        "must not be given where nothing is written",
    ),
    Rule(
        ("workers", "cluster"),
        absent("fields", "dry_run", "draw"),
        "must not be given with --fields, --dry-run or --draw: nothing is run",
    ),
    Rule(("fields",), lambda args: args.spec is None, "must not be given with a specification"),
)
"""Which options have no effect with which."""

WRITES = ("sweep.*", "*.csv", "results.json", "report.html", "*.png", "*.svg", "*.pdf")
"""Names of what is written into the folder `--out`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim sweep``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "spec",
        nargs="?",
        metavar="SPEC.toml",
        help="specification: a file, or the name of a bundled one",
    )
    add(
        parser.add_mutually_exclusive_group(),
        flag("fields", "list every field, and do nothing else"),
        flag("dry_run", "list the points and their keys, and run nothing"),
        flag("draw", "write tables and figures from what is in the store, and run nothing"),
        flag(
            "repair",
            "drop trials of the store that are damaged or were edited, saying which, and make "
            "them again; all others are kept",
        ),
    )
    add(
        parser.add_mutually_exclusive_group(),
        WORKERS.but(help="worker processes (default: as many as processors)"),
        CLUSTER.but(
            help="address of the scheduler of a Dask cluster that runs the trials (needs the extra "
            "`cluster`)"
        ),
    )
    place = "folder of store, tables and figures (default: out/NAME, NAME being the sweep's)"
    figure_options.add_figures(parser, None)
    add(parser, out_folder(place), HTML.but(needs=None), JSON)


def run(args: argparse.Namespace) -> int:
    """Run the trials that are missing; print the table, or one JSON object."""
    if args.fields:
        from experiments.sweep import report

        report.show_fields(as_json=args.json)
        return 0
    if args.spec is None:
        raise InputError("SPEC.toml must be given: a file, or the name of a bundled specification")

    from experiments.sweep import points, report, session, spec

    chosen = spec.load(args.spec)
    with progress.bars(quiet=args.json) as show:
        made = points.points(chosen, show)
    session.checked(chosen, made)
    if args.dry_run:
        report.show_points(chosen, made, as_json=args.json)
        return 0
    folder = args.out if args.out is not None else Path("out") / chosen.name
    found = _drawn(chosen, made, folder) if args.draw else _run(args, chosen, made, folder)
    if found is None:
        return 130
    written, text = session.written(chosen, found, folder)
    shown = {}
    if args.html:
        shown = {"html": str(_page(args, found, folder, written))}
        written.append("report.html")
    if args.json:
        print(json_output.with_more(text, shown))
        return 0
    report.show(found)
    print(f"written to {folder}: {', '.join(written)}")
    return 0


def _page(args: argparse.Namespace, found: Results, folder: Path, written: list[str]) -> Path:
    """Write the page; return its path."""
    from experiments.html import command, page
    from experiments.html import sweep as pages

    typed = command.typed(f"pimsim {NAME}", args, "spec")
    drawn = [folder / name for name in written if Path(name).suffix[1:] in FORMATS]
    figures = sorted({path.with_suffix(f".{FORMATS[0]}") for path in drawn})
    return page.write(pages.page(found, typed, figures), folder)


def _run(
    args: argparse.Namespace, spec: Spec, points: tuple[SweepPoint, ...], folder: Path
) -> Results | None:
    """Return the results; None if interrupted."""
    from experiments.sweep import session
    from experiments.sweep.workers import runner

    with (
        _pool(args) as pool,  # a cluster that is not there leaves no folder behind
        session.opened(spec, folder, repair=args.repair) as store,
    ):
        _tell(store)
        try:
            with progress.bars(quiet=args.json) as show:
                runner.run(spec, points, store, pool, show)
        except KeyboardInterrupt:
            _tell_interrupted(args, points, store)
            return None
        return session.collected(spec, points, store.trials)


def _drawn(spec: Spec, points: tuple[SweepPoint, ...], folder: Path) -> Results:
    """Return the results in the store, without running anything."""
    from experiments.sweep import session

    with session.looked_at(spec, folder) as store:
        _tell(store)
        return session.collected(spec, points, store.trials)


def _tell(store: Store) -> None:
    """Print what opening the store changed, line by line."""
    for note in store.notes:
        print(f"pimsim: {note}", file=sys.stderr)


def _pool(args: argparse.Namespace) -> Pool[Task, Done]:
    from experiments.sweep.workers.runner import carry_out

    if args.cluster is not None:
        from experiments.sweep.workers.cluster import DaskPool

        def tell(text: str) -> None:
            if not args.json:
                print(f"pimsim: {text}", file=sys.stderr)

        return DaskPool(carry_out, args.cluster, tell)
    from experiments.sweep.workers.pool import LocalPool
    from pimsim.executors.compiled.run.processors import default_threads

    return LocalPool(carry_out, args.workers or default_threads())


def _tell_interrupted(
    args: argparse.Namespace, points: tuple[SweepPoint, ...], store: Store
) -> None:
    kept = sum(len(store.trials(point.key)) for point in points)
    out = f" --out {args.out}" if args.out is not None else ""
    print(
        f"pimsim: interrupted: {kept:,} trials are kept; pimsim sweep {args.spec}{out} goes on "
        "from there",
        file=sys.stderr,
    )
