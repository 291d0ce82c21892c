"""``pimsim reproduce fcdram``: logic between neighbouring subarrays of unmodified chips.

It knows of no network, and of no number but those of its tables.
"""
