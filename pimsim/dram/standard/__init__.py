"""DRAM parts: geometry, timing, currents and command bus, read from ``pimsim/dram/standards``.

:mod:`~pimsim.dram.standard.standard` is a part and reads the files;
:mod:`~pimsim.dram.standard.timing` and :mod:`~pimsim.dram.standard.currents` are what of it is
time, and what is energy; :mod:`~pimsim.dram.standard.command_bus` says how long commands take.
Adding a part is adding a file there, every value with its source.

It does not know the options of a run, nor what rows hold.
"""
