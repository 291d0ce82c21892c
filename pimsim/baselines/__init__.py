"""Baselines: bulk bitwise operations on processors, whose data cross a memory channel.

:mod:`~pimsim.baselines.systems` holds published systems as bandwidth models;
:mod:`~pimsim.baselines.measured` times the machine that pimsim runs on, with the loops of
:mod:`~pimsim.baselines.kernels`.

Nothing here uses the simulated DRAM.
"""
