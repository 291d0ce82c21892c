"""Traces read back: anybody's commands, whether they are legal, and what they amount to.

:mod:`~pimsim.dram.traces.reading.source` has lines, of which
:mod:`~pimsim.dram.traces.reading.formats` makes commands;
:mod:`~pimsim.dram.traces.reading.parts` puts them in order, and
:mod:`~pimsim.dram.traces.reading.legality` and :mod:`~pimsim.dram.traces.reading.tally` take them
block by block. :func:`~pimsim.dram.traces.reading.stream.read` does all of it.
"""
