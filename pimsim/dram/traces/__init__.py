"""Command streams written as files that other tools read.

:mod:`~pimsim.dram.traces.event` is one command, and how long it lasts;
:mod:`~pimsim.dram.traces.block` is many commands as arrays. :mod:`~pimsim.dram.traces.recorder`
follows a stream while it is executed, and :mod:`~pimsim.dram.traces.issue` finds the time of each
command. :mod:`~pimsim.dram.traces.trace` writes one trace, in one of two ways.
:mod:`~pimsim.dram.traces.perfetto` writes slices for a viewer, with counters of power from
:mod:`~pimsim.dram.traces.power`. :mod:`~pimsim.dram.traces.commandtrace` writes the commands on the
bus, in the :mod:`~pimsim.dram.traces.dialects` of other tools. :mod:`~pimsim.dram.traces.text`
makes the lines, with the machine code of :mod:`~pimsim.dram.traces.line_kernel`, and
:mod:`~pimsim.dram.traces.outfile` the file. :mod:`~pimsim.dram.traces.reading`
reads such files back.

Nothing here knows why a command was issued.

>>> from pathlib import Path
>>> import tempfile
>>> from pimsim.dram.commands import Kind
>>> from pimsim.dram.standard.standard import load
>>> from pimsim.dram.options import ModelOptions
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder) / "and.csv"
...     with Trace("drampower", path, load("ddr3-1600-8-8-8"), ModelOptions()) as trace:
...         trace.add(Event(0, Kind.AAP, bank=0, row=17, row2=1008))
...     print(path.read_text(), end="")
0,ACT,0,0,0,17,0
4,ACT,0,0,0,1008,0
32,PRE,0,0,0,0,0
40,END,0,0,0,0,0
"""

from pimsim.dram.traces.block import Block
from pimsim.dram.traces.event import Event
from pimsim.dram.traces.trace import DEFAULT_LIMIT, FORMATS, Trace

__all__ = ["DEFAULT_LIMIT", "FORMATS", "Block", "Event", "Trace"]
