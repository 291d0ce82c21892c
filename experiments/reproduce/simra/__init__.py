"""``pimsim reproduce simra``: results of unmodified DDR4 chips, from drawn groups and a circuit.

It uses no network. All numbers come from its tables.
"""
