"""Monte Carlo on the decision path: how often an operation is wrong.

:func:`count` counts bitlines that fail a criterion, and :func:`tabulate` makes the
:class:`~pimsim.circuit.failure_tables.table.FailureTable` that the layers above use.

>>> from pimsim.circuit.statistics.sense_decision import majority
>>> from pimsim.circuit.model.parameters import load
>>> from pimsim.circuit import variation
>>> ambit = variation.load("ambit-like")
>>> counts = count(load("rambus55"), ambit, majority(3), 25.0, samples=20_000, seed=1)
>>> counts.samples, 0.24 < counts.failed / counts.samples < 0.28
(20000, True)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pimsim import __version__
from pimsim.circuit.failure_tables.table import Entry, FailureTable
from pimsim.circuit.model.parameters import Circuit
from pimsim.circuit.model.variation import Floats, Layout, Process
from pimsim.circuit.statistics.charge_sharing import replication
from pimsim.circuit.statistics.intervals import LEVEL, clopper_pearson
from pimsim.circuit.statistics.sense_decision import DecisionPath, Operation
from pimsim.errors import InputError

_CHUNK = 4096
"""Samples at a time, each chunk with random streams of its own: it must stay what it is, or the
numbers of a seed change."""

MODEL = (
    "decision path: exact charge sharing of every cell, and an input-referred offset of the latch "
    "that depends on the common mode; no time: a latch that decides too late is not seen"
)
"""What the counts rest on, in words."""

Progress = Callable[[int], None]
"""Called with how many samples are done since the last call."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a Monte Carlo run saw."""

    names: tuple[str, ...]
    """The patterns, such as ``110``."""
    samples: int
    """Bitlines, each with static properties of its own."""
    accesses: int
    """Accesses to each bitline."""
    wrong: tuple[int, ...]
    """Wrong accesses, of ``samples * accesses``, one number a pattern."""
    always_wrong: tuple[int, ...]
    """Bitlines that were wrong in every access, one number a pattern."""
    failed: int
    """Bitlines that got at least one pattern wrong in at least one access."""

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the Clopper-Pearson interval of the share of failed bitlines."""
        return clopper_pearson(self.failed, self.samples, level)


class Counter(Protocol):
    """A function that counts as :func:`count` does."""

    def __call__(
        self,
        circuit: Circuit,
        process: Process,
        operation: Operation,
        variation_percent: float,
        *,
        samples: int,
        seed: int,
        accesses: int = 1,
        progress: Progress | None = None,
    ) -> Counts:
        """Count wrong decisions."""


def count(
    circuit: Circuit,
    process: Process,
    operation: Operation,
    variation_percent: float,
    *,
    samples: int,
    seed: int,
    accesses: int = 1,
    progress: Progress | None = None,
) -> Counts:
    """Count wrong decisions of ``samples`` bitlines, each accessed ``accesses`` times.

    The same seed gives the same units at every variation (common random numbers), so that
    curves are smooth and comparisons sharp. Static and per-access draws use separate streams:
    the bitlines stay the same however often they are accessed.

    Raises :class:`~pimsim.errors.InputError` for values out of range.
    """
    require_variation(variation_percent)
    require_counts(samples, accesses, seed)
    path = DecisionPath(circuit, process, operation)
    variation = variation_percent / 100.0
    tally = Tally(len(operation.patterns))
    for units, access in _chunks(path, samples, seed):
        tally.add(lambda u: path.wrong(u, variation), path.layout, units, access, accesses)
        if progress is not None:
            progress(units.shape[1])
    return tally.counts(operation.names, samples, accesses)


class Tally:
    """Adds up what chunks of bitlines get wrong, access by access."""

    def __init__(self, patterns: int) -> None:
        self._wrong = np.zeros(patterns, dtype=np.int64)
        self._always = np.zeros(patterns, dtype=np.int64)
        self._failed = 0

    def add(
        self,
        wrong: Callable[[Floats], NDArray[np.bool_]],
        layout: Layout,
        units: Floats,
        access: np.random.Generator,
        accesses: int,
    ) -> None:
        """Let every sample of ``units`` be accessed ``accesses`` times.

        ``wrong`` says, for units, which patterns are wrong, shape ``(patterns, samples)``.
        """
        now = wrong(units)
        self._wrong += now.sum(axis=1)
        ever, every = now, now.copy()
        for _ in range(accesses - 1):
            layout.redraw(units, access)
            now = wrong(units)
            self._wrong += now.sum(axis=1)
            ever |= now
            every &= now
        self._always += every.sum(axis=1)
        self._failed += int(ever.any(axis=0).sum())

    def counts(self, names: tuple[str, ...], samples: int, accesses: int) -> Counts:
        """Return what was added up."""
        wrong, always = tuple(self._wrong.tolist()), tuple(self._always.tolist())
        return Counts(names, samples, accesses, wrong, always, self._failed)


def tabulate(
    circuit: Circuit,
    process: Process,
    operations: Sequence[tuple[int, int]],
    variation_percent: float,
    *,
    samples: int,
    seed: int,
    accesses: int = 1,
    counter: Counter | None = None,
    model: str = MODEL,
    progress: Progress | None = None,
) -> FailureTable:
    """Return P(wrong | rows opened, ones among them) for majorities of ``(inputs, rows)``.

    ``counter`` counts in place of :func:`count`; ``model`` is what then goes into the provenance.

    Cells are alike, so that one pattern stands for all with as many ones; ``inputs`` 1 is a read.

    >>> from pimsim.circuit.model.parameters import load
    >>> from pimsim.circuit import variation
    >>> table = tabulate(load("rambus55"), variation.load("ambit-like"), [(3, 3)], 20.0,
    ...                  samples=10_000, seed=1)
    >>> [(entry.rows, entry.ones) for entry in table.entries]
    [(3, 0), (3, 1), (3, 2), (3, 3)]
    >>> table.entry(3, 2).wrong > table.entry(3, 3).wrong
    True
    """
    entries = []
    for inputs, rows in operations:
        copies = replication(circuit, inputs, rows)
        patterns = tuple(
            tuple(index < ones for index in range(inputs)) for ones in range(inputs + 1)
        )
        counts = (count if counter is None else counter)(
            circuit,
            process,
            Operation(inputs, rows, patterns),
            variation_percent,
            samples=samples,
            seed=seed,
            accesses=accesses,
            progress=progress,
        )
        entries += [
            Entry(
                rows=rows,
                ones=ones * copies,
                halves=rows - inputs * copies,
                trials=samples * accesses,
                wrong=counts.wrong[ones],
                bitlines=samples,
                always_wrong=counts.always_wrong[ones],
            )
            for ones in range(inputs + 1)
        ]
    provenance = {
        "pimsim": __version__,
        "model": model,
        "circuit": circuit.name,
        "parameters": circuit.values(),
        "process": process.as_json(),
        "variation_percent": variation_percent,
        "seed": seed,
        "accesses": accesses,
    }
    return FailureTable(tuple(entries), provenance)


def require_variation(variation_percent: float) -> None:
    """Raise :class:`~pimsim.errors.InputError` unless it is a number from 0 to 100."""
    if not 0.0 <= variation_percent <= 100.0 or math.isnan(variation_percent):
        raise InputError(f"`variation` must be from 0 to 100 %, not {variation_percent!r}")


def require_counts(samples: int, accesses: int, seed: int) -> None:
    """Raise :class:`~pimsim.errors.InputError` unless samples and accesses are positive."""
    for name, value in (("samples", samples), ("accesses", accesses)):
        if type(value) is not int or value < 1:
            raise InputError(f"`{name}` must be a positive integer, not {value!r}")
    if type(seed) is not int or seed < 0:
        raise InputError(f"`seed` must be an integer of at least 0, not {seed!r}")


def _chunks(
    path: DecisionPath, samples: int, seed: int
) -> Iterator[tuple[Floats, np.random.Generator]]:
    """Units of all samples, chunk by chunk, with the generator of their per-access draws."""
    static_root, access_root = np.random.SeedSequence(seed).spawn(2)
    for start in range(0, samples, _CHUNK):
        static = np.random.default_rng(static_root.spawn(1)[0])
        access = np.random.default_rng(access_root.spawn(1)[0])
        yield path.layout.draw(static, access, min(_CHUNK, samples - start)), access
