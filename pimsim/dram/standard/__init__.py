"""DRAM parts: geometry, timing, currents and command bus, read from ``pimsim/dram/standards``.

:mod:`~pimsim.dram.standard.standard` defines a part and reads the files. The times of a part are in
:mod:`~pimsim.dram.standard.timing`, and its currents, from which energy follows, in
:mod:`~pimsim.dram.standard.currents`. :mod:`~pimsim.dram.standard.command_bus` says for how many
clocks a command takes the bus, and :mod:`~pimsim.dram.standard.imported` reads parts from files of
other tools. To add a part, add a file there, with a source for every value.

A part does not know the options of a run, nor what rows hold.
"""
