"""``pimsim reproduce simdram``: commands, widths and banks of bit-serial computing in DRAM.

:mod:`~experiments.reproduce.simdram.tables` asks the simulator,
:mod:`~experiments.reproduce.simdram.figures` draws and :mod:`~experiments.reproduce.simdram.page`
writes, both from these tables alone.

It knows of no network, and of no number but those of its tables.
"""
