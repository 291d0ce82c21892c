"""Command streams written as files that other tools read.

:mod:`~pimsim.dram.traces.event` is one command. :mod:`~pimsim.dram.traces.recorder` follows a
stream and tells when each issues; :mod:`~pimsim.dram.traces.trace` writes one trace, in one of
:mod:`~pimsim.dram.traces.formats`: :mod:`~pimsim.dram.traces.commandtrace` is what those share that
list a command bus, and :mod:`~pimsim.dram.traces.drampower`, :mod:`~pimsim.dram.traces.dramsim3`,
:mod:`~pimsim.dram.traces.ramulator`, :mod:`~pimsim.dram.traces.perfetto` and
:mod:`~pimsim.dram.traces.power` are one format, or two, each.

Nothing here knows why a command was told.

>>> from pathlib import Path
>>> import tempfile
>>> from pimsim.dram.commands import Kind
>>> from pimsim.dram.standard.standard import load
>>> from pimsim.dram.options import ModelOptions
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder) / "and.csv"
...     with open_trace("drampower", path, load("ddr3-1600-8-8-8"), ModelOptions()) as trace:
...         trace.add(Event(0, Kind.AAP, bank=0, row=17, row2=1008))
...     print(path.read_text(), end="")
0,ACT,0,0,0,17,0
4,ACT,0,0,0,1008,0
32,PRE,0,0,0,0,0
40,END,0,0,0,0,0
"""

from pimsim.dram.traces.event import Event
from pimsim.dram.traces.formats import FORMATS, Format
from pimsim.dram.traces.trace import DEFAULT_LIMIT, Trace, open_trace

__all__ = ["DEFAULT_LIMIT", "FORMATS", "Event", "Format", "Trace", "open_trace"]
