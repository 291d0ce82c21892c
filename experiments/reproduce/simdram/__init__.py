"""``pimsim reproduce simdram``: tables that are simulated, and figures and a page from these alone.

It knows of no network, and of no number but those of its tables.
"""
