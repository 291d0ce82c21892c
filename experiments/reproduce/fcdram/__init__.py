"""``pimsim reproduce fcdram``: logic between neighbouring subarrays of unmodified chips.

It uses no network. All numbers come from its tables.
"""
