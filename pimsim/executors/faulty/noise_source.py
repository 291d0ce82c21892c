"""Noise that the interpreter draws: the starts of its streams, for a job and a block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.bits import Words
from pimsim.dram.array.faults import Access, Faults, Job
from pimsim.dram.array.noise_stream import ENTRIES, Gaps, named, words
from pimsim.executors.faulty.dealing import Drawing
from pimsim.executors.faulty.interpreter import Kinds
from pimsim.executors.faulty.strikes import NEVER, NEXT, NUMBER


class Streams(NamedTuple):
    """Streams of noise that the interpreter draws as it goes."""

    at: NDArray[np.int64]
    """(parts, kinds of accesses, 2), see :data:`pimsim.executors.faulty.strikes.NEXT`."""
    tables: NDArray[np.int64]
    """(kinds,) addresses of tables of gaps; 0 where there is no noise."""
    most: NDArray[np.float64]
    """(kinds,) largest probabilities."""
    width: int
    """Number of columns that noise is drawn for, and how many of them are used."""
    columns: int


class Source:
    """Streams of all jobs and blocks.

    Args:
        faults: the faults. noisy: kinds of accesses that noise strikes. kinds: all kinds of
            accesses. parts: subarrays among which a fan-in is divided.

    """

    def __init__(self, faults: Faults, noisy: Sequence[Access], kinds: Kinds, parts: int) -> None:
        self._faults, self._noisy, self._parts = faults, noisy, parts
        self._kinds = [kinds.accesses.index(access) for access in noisy]
        self._most = np.zeros(len(kinds.accesses))
        self._most[self._kinds] = [float(faults.access_rates(one).max()) for one in noisy]
        self._gaps = [Gaps.of(float(rate)) for rate in self._most[self._kinds]]
        self._tables = np.zeros(len(kinds.accesses), np.int64)
        self._tables[self._kinds] = [gaps.table.ctypes.data for gaps in self._gaps]
        self._keys: dict[tuple[int, int], Words] = {}

    def streams(self, job: Job, block: int, width: int, columns: int) -> Streams:
        """Return the noise of a job, for any part, in the first columns of a block."""
        at = np.zeros((self._parts, len(self._most), 2), np.int64)
        at[:, :, NEXT] = NEVER
        if self._noisy:
            keys = self._part_keys(job.stage, job.attempt)
            for name in (job.output, block):
                keys = words(keys, name + 1)[:, 0]
            at[:, self._kinds, NEXT] = 0
            at[:, self._kinds, NUMBER] = keys.view(np.int64).reshape(self._parts, -1)
        return Streams(at, self._tables, self._most, width, columns)

    def drawing(self, stage: int, places: Sequence[NDArray[np.int64]]) -> Drawing:
        """Return the noise of a stage's outputs, computed for the first time.

        Args:
            stage: number of the stage.
            places: by part and then by kind of access, the places of its accesses, in order.

        """
        edges = np.cumsum([0, *map(len, places)], dtype=np.int64)
        every = np.concatenate([np.zeros(0, np.int64), *places])
        order = np.argsort(every)
        ranks = np.empty(len(every), np.int32)
        ranks[order] = np.arange(len(every))
        tables = [gaps.table for gaps in self._gaps] * self._parts
        return Drawing(
            keys=self._part_keys(stage, 0) if self._noisy else np.zeros(0, np.uint64),
            tables=np.array(tables, np.uint64).reshape(-1, ENTRIES, 2),
            most=np.tile(self._most[self._kinds], self._parts),
            edges=edges,
            ranks=ranks,
            places=every[order],
        )

    def _part_keys(self, stage: int, attempt: int) -> Words:
        """Keys of all kinds of accesses in each of the parts."""
        found = self._keys.get((stage, attempt))
        if found is None:
            job = Job(stage, 0, 0, attempt)
            whole = [self._faults.noise_key(job, access) for access in self._noisy]
            parts = range(self._parts)
            found = np.array([named(key, [part]) for part in parts for key in whole], np.uint64)
            self._keys[stage, attempt] = found
        return found
