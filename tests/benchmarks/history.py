"""What was measured: a line of a CSV file a row and time, and the page with the last of each."""

from __future__ import annotations

import csv
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from .processes import HERE, PACKAGES
from .rows import PROCESSOR, ROWS, Row, Side

INTRODUCTION = """\
# How fast pimsim runs

`make bench` measures and writes this page, and `make bench BASE=DIR` compares with the checkout in
DIR; what was measured stays in [speed.csv](speed.csv). Everything in one row or table was measured
in one run, the contenders taking turns, each figure the least of its turns. Compare ratios, not
rates: the machine is a shared one, and its processors do not always give twice the speed of one.
Plans that an earlier process kept are used, as they are for users: `PIMSIM_CACHE=off make bench`
measures without them.
"""
TITLE = "Side by side"


@dataclass(frozen=True)
class Line:
    """One row, measured once; numbers as text, empty where there are none."""

    date: str
    code: str
    """Last commit that changed the packages, with a plus if something is not committed."""
    base: str
    row: str
    unit: str
    ours: str
    against: str
    ratio: str
    asked: str
    turns: str
    machine: str
    why: str = ""
    """What went wrong, if anything did."""


def code_of(checkout: Path) -> str:
    """The commit of the packages of a checkout."""

    def git(*words: str) -> str:
        told = ["git", "-C", str(checkout), *words, "--", *PACKAGES]
        return subprocess.run(told, check=True, capture_output=True, text=True).stdout.strip()

    name = git("log", "-1", "--abbrev=7", "--format=%h")
    return name + ("+" if git("status", "--porcelain") else "")


def machine() -> str:
    """This machine, in words."""
    said = Path("/proc/cpuinfo").read_text("utf-8") if os.path.exists("/proc/cpuinfo") else ""
    model = re.search(r"model name\s*: (.*)", said)
    vectors = ", AVX-512" if "avx512f" in said else ""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = f" ({model[1].strip()}{vectors})" if model else ""
    return f"{count} virtual processors{name} and {memory:.0f} GiB"


def read(path: Path) -> list[Line]:
    """Lines of a history, oldest first; none where there is none yet."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [Line(**row) for row in csv.DictReader(file)]


def add(path: Path, line: Line) -> None:
    """Add a line at once, so that nothing is lost if the next one fails."""
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Line)], lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(asdict(line))


def unit_of(side: Side) -> str:
    """What a side's number is."""
    return side.quantity.replace("_", " ").replace("wall s.", "wall s, ")


def met(row: Row, ratio: float) -> str:
    """Whether a ratio is as it was asked for."""
    if row.limit is None:
        return ""
    return "yes" if (ratio >= row.limit if row.rate else ratio <= row.limit) else "no"


def table(lines: Sequence[Line]) -> str:
    """The last measurement of each row, as a section of the page."""
    last = {line.row: line for line in lines if line.ratio}
    cells = []
    for row in ROWS:
        line = last.get(row.name)
        if line is None:
            continue
        asked = (
            "" if row.limit is None else f"{'at least' if row.rate else 'at most'} {row.limit:g}"
        )
        cells.append([row.name, line.unit, line.ours, line.against, f"**{line.ratio}**", asked,
                      met(row, float(line.ratio)), line.code])  # fmt: skip
    where = ", ".join(sorted({line.machine for line in last.values()}))
    bases = ", ".join(sorted({line.base for line in last.values() if line.base}))
    head = ["", "unit", "here", "against", "ratio", "asked", "met", "code"]
    made = ["| " + " | ".join(one) + " |" for one in (head, ["---"] * len(head), *cells)]
    return "\n".join([
        f"Measured on {where}. Where both sides do the same, the other is {bases or 'nothing'}.",
        f"`{PROCESSOR}` is the processor time of a whole cold process with all that it starts.",
        "", *made,
    ])  # fmt: skip


def put(page: Path, title: str, text: str) -> None:
    """Write a section into the page, in place of one with the same title."""
    said = page.read_text("utf-8") if page.exists() else ""
    parts = re.split(r"^## (.*)\n", said, flags=re.MULTILINE)[1:]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    sections[title] = f"\n{text.strip()}\n\n"
    first = {TITLE: sections.pop(TITLE)} if TITLE in sections else {}
    whole = "".join(f"## {name}\n{body}" for name, body in (first | sections).items())
    page.write_text(INTRODUCTION + "\n" + whole.rstrip() + "\n", "utf-8")


def here() -> str:
    """The commit of this checkout."""
    return code_of(HERE)
