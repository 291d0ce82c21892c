"""Some commands, and the text that a format makes of commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard, load
from pimsim.dram.traces import Event, Trace

ACT, PRE, RD, _, REF, AAP, AP, _ = Kind
DDR3 = load("ddr3-1600-8-8-8")
PAPER = ModelOptions()

# A clock is 1.25 ns, tRCD = tRP = CL = 10 ns, tRAS 35 ns, tRFC 260 ns, a burst 5 ns.
EVENTS = (
    Event(0, AAP, bank=0, row=5, row2=1008),  # ACT 0, ACT 4, PRE 39 ns
    Event(15_000, AP, bank=1, row=1006),  # ACT 15, PRE 50 ns
    Event(60_000, ACT, bank=0, row=7),
    Event(70_000, RD, bank=0, row=7, column=3),
    Event(95_000, PRE, bank=0),
    Event(105_000, REF, bank=0),
)


def written(
    name: str,
    folder: Path,
    events: Sequence[Event],
    standard: Standard = DDR3,
    options: ModelOptions = PAPER,
) -> tuple[str, list[str]]:
    """Text of the (only) file, and the remarks."""
    path = folder / "trace"
    with Trace(name, path, standard, options) as trace:
        for event in events:
            trace.add(event)
    files = list(folder.iterdir())
    assert len(files) == 1
    text = files[0].read_text("ascii")
    files[0].unlink()
    return text, trace.remarks
