"""``pimsim reproduce simra``: what unmodified DDR4 chips did, drawn from groups and from a circuit.

It knows of no network, and of no number but those of its tables.
"""
