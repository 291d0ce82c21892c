"""How many words of a row lie together in a tile.

Many words a call spread what a kernel call costs over more columns; few keep the rows that are used
again within the cache, and leave something to do for every thread.

>>> best_tile_words(157, 800, threads=2, cache_bytes=2 << 20)     # 10,000 columns: two tiles
80
>>> best_tile_words(157, 8000, threads=2, cache_bytes=2 << 20)    # what fits half of the cache
16
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

VECTOR_WORDS = 8
"""Words that an instruction takes, of which a tile must be a multiple."""
_FEWEST, _MOST = 16, 256
_CALL_WORDS = 16
"""Words that a kernel could compute in the time that it takes to call it and to read its table
(fitted to rates of 784 inputs at 16 to 160 words; 17 to 27 at others)."""

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def best_tile_words(
    words: int, rows: int, *, lanes: int = 1, threads: int = 1, cache_bytes: int | None = None
) -> int:
    """Words of a row that should lie together: those with which the slowest thread is done first.

    Args:
        words: of a whole row.
        rows: rows that are used again and again, and so should stay in half of the cache.
        lanes: rows are this many times ``words``.
        threads: threads that share the tiles.
        cache_bytes: second-level cache; by default that of this machine.

    Returns:
        A multiple of 8: 16 to 256, or 8 if that holds the whole row.
    """
    level2 = level2_bytes() if cache_bytes is None else cache_bytes
    fits = level2 // 2 // (8 * rows) // VECTOR_WORDS * VECTOR_WORDS
    if words <= VECTOR_WORDS:
        return VECTOR_WORDS
    sizes = range(_FEWEST, max(_FEWEST, min(_MOST, fits)) + 1, VECTOR_WORDS)

    def time(size: int) -> int:
        tiles = lanes * -(-words // size)
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
