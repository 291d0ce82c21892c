"""Measure what ``make bench`` shows: ``python -m tests.benchmarks --base OTHER_CHECKOUT``.

Every row is written into history and page as soon as it is measured, and a row that fails is said
and left out. The same command goes on where it was stopped: rows that the history has of this code
are not measured again, unless ``--again`` asks for it.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from . import history
from .history import Line
from .processes import HERE, FailedError, Places, measure
from .rows import ROWS, Row, Side

ENOUGH_S = 40
"""A row that has taken so long is not measured once more."""


def missing(row: Row, places: Places) -> str:
    """Why a row cannot be measured here, or nothing."""
    have = {
        "data": bool(os.environ.get("PIMSIM_DATA")),
        "larq": importlib.util.find_spec("larq") is not None,
        "ngspice": shutil.which("ngspice") is not None,
    }
    lacking = [each for each in row.needs if not have[each]]
    if lacking:
        return f"there is no {' and no '.join(lacking)}"
    sides = [row.ours, *([row.against] if isinstance(row.against, Side) else [])]
    if any(side.before for side in sides) and places.base is None:
        return "there is no other checkout: say BASE=DIR"
    return ""


def compare(row: Row, places: Places, turns: int) -> tuple[float, float, int]:
    """Both numbers of a row, the best of some turns, and how many these were."""
    started = time.perf_counter()
    found: list[tuple[float, float]] = []
    better = max if row.rate else min
    while len(found) < turns and (not found or time.perf_counter() - started < ENOUGH_S):
        if isinstance(row.against, str):
            ours, against = measure(row.ours, places, row.against)
        else:
            (ours,) = measure(row.ours, places)
            against = (
                row.against if isinstance(row.against, float) else measure(row.against, places)[0]
            )
        found.append((ours, against))
    return better(one for one, _ in found), better(other for _, other in found), len(found)


def main(words: Sequence[str] | None = None) -> int:
    """Measure rows; return the exit code."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, help="the checkout to compare this one with")
    parser.add_argument("--only", action="append", default=[], help="rows with this in their name")
    parser.add_argument("--again", action="store_true", help="measure what is measured already")
    parser.add_argument("--list", action="store_true", help="list the rows, and measure nothing")
    parser.add_argument("--turns", type=int, default=3, help="turns of a quick row")
    parser.add_argument("--work", type=Path, default=HERE / ".benchmarks", help="folder of inputs")
    parser.add_argument("--page", type=Path, default=HERE / "docs" / "speed.md")
    parser.add_argument("--history", type=Path, default=HERE / "docs" / "speed.csv")
    args = parser.parse_args(words)
    places = Places(args.work.resolve(), args.base.resolve() if args.base else None)
    rows = [row for row in ROWS if not args.only or any(one in row.name for one in args.only)]
    if args.list:
        print("\n".join(row.name for row in rows))
        return 0
    code = history.here()
    base = history.code_of(places.base) if places.base else ""
    lines = history.read(args.history)
    done = set() if args.again else {line.row for line in lines if line.code == code and line.ratio}
    failed = 0
    for number, row in enumerate(rows, 1):
        print(f"{number}/{len(rows)} {row.name} ... ", end="", flush=True)
        why = "it is measured already" if row.name in done else missing(row, places)
        if why:
            print(f"left out: {why}", flush=True)
            continue
        line = _line(row, places, args.turns, code, base)
        failed += bool(line.why)
        print(line.why or f"{line.ours} over {line.against} {line.unit}: {line.ratio}", flush=True)
        history.add(args.history, line)
        if line.ratio:  # others may have measured meanwhile
            history.put(args.page, history.TITLE, history.table(history.read(args.history)))
    return 1 if failed else 0


def _line(row: Row, places: Places, turns: int, code: str, base: str) -> Line:
    """Measure a row, and say so."""
    numbers, why = ["", "", "", ""], ""
    try:
        ours, against, count = compare(row, places, turns)
        numbers = [f"{ours:.4g}", f"{against:.4g}", f"{ours / against:.3g}", str(count)]
    except FailedError as error:
        why = str(error)
    one, other, ratio, count_text = numbers
    before = isinstance(row.against, Side) and row.against.before
    return Line(
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M"),
        code=code, base=base if before else "", row=row.name, unit=history.unit_of(row.ours),
        ours=one, against=other, ratio=ratio, asked="" if row.limit is None else f"{row.limit:g}",
        turns=count_text, machine=history.machine(), why=why,
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
