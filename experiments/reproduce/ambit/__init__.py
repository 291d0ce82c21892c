"""``pimsim reproduce ambit``: throughput and energy of bulk bitwise operations in DRAM.

:mod:`~experiments.reproduce.ambit.tables` asks the simulator,
:mod:`~experiments.reproduce.ambit.figures` draws and :mod:`~experiments.reproduce.ambit.page`
writes, both from these tables alone.

It knows of no network, and of no number but those of its tables.
"""
