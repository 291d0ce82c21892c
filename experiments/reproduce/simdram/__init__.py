"""``pimsim reproduce simdram``: simulated tables, and figures and a page made from them.

It uses no network. All numbers come from its tables.
"""
