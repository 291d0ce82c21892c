"""Traces of any tool read back: whether commands are legal, their counts and their time.

:mod:`~pimsim.dram.traces.reading.source` reads lines, and
:mod:`~pimsim.dram.traces.reading.formats` makes commands of them.
:mod:`~pimsim.dram.traces.reading.parts` puts these in order of time. Block by block,
:mod:`~pimsim.dram.traces.reading.legality` checks them, and
:mod:`~pimsim.dram.traces.reading.tally` counts them.
:func:`~pimsim.dram.traces.reading.stream.read` does all of that.
"""
