"""Tiles are as large as caches and threads allow, and waste few columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.executors.compiled.run import processors
from pimsim.executors.compiled.run.processors import best_tile_words, level2_bytes
from pimsim.executors.compiled.run.tiles import Tiles

WORDS = st.integers(1, 5000)
ROWS = st.integers(1, 10_000)
THREADS = st.integers(1, 16)


def fitting(rows: int, cache: int) -> int:
    """Most words of so many rows that half of the cache holds, 16 to 256."""
    return max(16, min(256, cache // 2 // (rows * 8) // 8 * 8))


@given(words=WORDS, rows=ROWS, threads=THREADS, kib=st.integers(64, 8192))
def test_tiles_are_whole_vectors_that_fit_the_cache(
    words: int, rows: int, threads: int, kib: int
) -> None:
    found = best_tile_words(words, rows, threads=threads, cache_bytes=kib << 10)
    assert found % 8 == 0
    assert min(16, -(-words // 8) * 8) <= found <= fitting(rows, kib << 10)


@given(words=WORDS, rows=ROWS, threads=THREADS, kib=st.integers(64, 8192))
def test_threads_get_equal_work_where_one_tile_each_does(
    words: int, rows: int, threads: int, kib: int
) -> None:
    """No thread has more than its share, to a vector, if a tile can hold that."""
    share = max(16, -(-words // (8 * threads)) * 8)
    found = best_tile_words(words, rows, threads=threads, cache_bytes=kib << 10)
    if words > 8 and share <= fitting(rows, kib << 10):
        assert found == share


@given(words=st.integers(257, 5000), rows=ROWS, threads=THREADS, kib=st.integers(64, 8192))
def test_no_other_size_has_the_slowest_thread_done_sooner(
    words: int, rows: int, threads: int, kib: int
) -> None:
    """A tile takes the time of its words, and of 16 more."""
    found = best_tile_words(words, rows, threads=threads, cache_bytes=kib << 10)

    def busiest(size: int) -> int:
        loads = [0] * threads
        for tile in range(-(-words // size)):
            loads[tile % threads] += size + 16
        return max(loads)

    sizes = range(16, fitting(rows, kib << 10) + 1, 8)
    assert busiest(found) == min(map(busiest, sizes))


def test_ten_thousand_columns_on_two_threads_are_two_tiles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pimsim.executors.compiled.run.tiles.default_threads", lambda: 2)
    monkeypatch.setattr(processors, "level2_bytes", lambda: 2 << 20)
    tiles = Tiles(10_000, rows=1024, parts=8, together=800)
    assert (tiles.tiles, tiles.tile_words) == (2, 80)
    assert Tiles(10_000, rows=1024, parts=8).tile_words == 16


def cache_of(folder: Path, index: int, level: str, kind: str, size: str) -> None:
    own = folder / f"index{index}"
    own.mkdir()
    for name, text in (("level", level), ("type", kind), ("size", size)):
        (own / name).write_text(text + "\n")


def test_the_second_level_cache_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "_CACHES", tmp_path)
    asked = level2_bytes.__wrapped__
    assert asked() == 1 << 20
    cache_of(tmp_path, 0, "1", "Data", "48K")
    (tmp_path / "index1").mkdir()
    assert asked() == 1 << 20
    cache_of(tmp_path, 2, "2", "Unified", "2048K")
    assert asked() == 2 << 20
