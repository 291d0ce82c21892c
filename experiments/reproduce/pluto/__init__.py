"""``pimsim reproduce pluto``: simulated tables, and figures and a page made from them.

Only :mod:`~experiments.reproduce.pluto.network` uses a network, the bundled ``mnist-lenet5``. All
numbers come from the tables.
"""
