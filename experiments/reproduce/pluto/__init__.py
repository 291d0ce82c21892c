"""``pimsim reproduce pluto``: tables that are simulated, and figures and a page from these alone.

:mod:`~experiments.reproduce.pluto.network` alone knows of a network, the bundled ``mnist-lenet5``;
the rest knows of no number but those of the tables.
"""
