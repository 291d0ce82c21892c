"""Work shared among threads.

>>> found = [0] * 5
>>> def double(first, last):
...     for item in range(first, last):
...         found[item] = 2 * item
>>> spread(double, 5, threads=2)
>>> found
[0, 2, 4, 6, 8]
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from pimsim.errors import InputError

_CHUNKS_PER_THREAD = 4


def default_threads() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def spread(part: object, items: int, threads: int | None) -> None:
    """Call ``part(first, last)`` for stretches of ``items``, on so many threads."""
    count = min(default_threads() if threads is None else threads, items)
    if not callable(part) or count < 1:
        raise InputError(f"`threads` must be a positive integer, not {threads}")
    if count == 1:
        part(0, items)
        return
    chunks = min(items, count * _CHUNKS_PER_THREAD)
    edges = [items * i // chunks for i in range(chunks + 1)]
    list(_pool(count).map(part, edges[:-1], edges[1:]))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="pimsim")
