"""Processors: work shared among threads, and rows that fit into their caches.

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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

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


def share(
    function: Callable[..., None], items: int, threads: int | None, *arguments: int | NDArray[Any]
) -> None:
    """Call machine code ``function(first, last, *arguments)`` for stretches of ``items``.

    It is given the addresses of arrays.
    """
    numbers = [each if isinstance(each, int) else each.ctypes.data for each in arguments]
    spread(lambda first, last: function(first, last, *numbers), items, threads)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="pimsim")


VECTOR_WORDS = 8
"""Words that an instruction takes, of which a tile must be a multiple."""
_FEWEST, _MOST = 16, 256
_CALL_WORDS = 16
"""Overhead of a kernel call and of reading its table, as the number of words that could be computed
in that time (fitted to rates of 784 inputs at 16 to 160 words; 17 to 27 at others)."""

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def best_tile_words(
    words: int, rows: int, *, threads: int = 1, cache_bytes: int | None = None
) -> int:
    """Return the words of a row in a tile with which the slowest thread finishes first.

    With more words, the overhead of a kernel call is shared by more columns. With fewer, rows that
    are used again stay in the cache, and there is work for every thread.

    Args:
        words: of a whole row.
        rows: rows that are used again and again, and so should stay in half of the cache.
        threads: threads that share the tiles.
        cache_bytes: second-level cache; by default that of this machine.

    Returns:
        A multiple of 8: 16 to 256, or 8 if that holds the whole row.

    >>> best_tile_words(157, 800, threads=2, cache_bytes=2 << 20)   # 10,000 columns: two tiles
    80
    >>> best_tile_words(157, 8000, threads=2, cache_bytes=2 << 20)  # what fits half of the cache
    16
    """
    level2 = level2_bytes() if cache_bytes is None else cache_bytes
    fits = level2 // 2 // (8 * rows) // VECTOR_WORDS * VECTOR_WORDS
    if words <= VECTOR_WORDS:
        return VECTOR_WORDS
    sizes = range(_FEWEST, max(_FEWEST, min(_MOST, fits)) + 1, VECTOR_WORDS)

    def time(size: int) -> int:
        tiles = -(-words // size)
        return -(-tiles // threads) * (size + _CALL_WORDS)

    return min(sizes, key=time)


@cache
def level2_bytes() -> int:
    """Size of a processor's second-level cache; 1 MiB where Linux does not say."""
    for index in sorted(_CACHES.glob("index*")):
        try:
            level, kind, size = ((index / name).read_text() for name in ("level", "type", "size"))
        except OSError:
            continue
        kibibytes = size.strip().removesuffix("K")
        if level.strip() == "2" and kind.strip() != "Instruction" and kibibytes.isdecimal():
            return int(kibibytes) << 10
    return 1 << 20
