"""Monte Carlo on the decision path: how often an operation is wrong.

:func:`count` counts bitlines that fail a criterion, and :func:`tabulate` makes the
:class:`~pimsim.circuit.failure_tables.table.FailureTable` that the layers above use.

>>> from pimsim.circuit.statistics.sense_decision import majority
>>> from pimsim.circuit.model.parameters import load
>>> from pimsim.circuit.model import variation
>>> ambit = variation.load("ambit-like")
>>> counts = count(load("rambus55"), ambit, majority(3), 25.0, Sampling(20_000, seed=1))
>>> counts.samples, 0.24 < counts.failed / counts.samples < 0.28
(20000, True)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pimsim import __version__
from pimsim.circuit.failure_tables.table import Entry, FailureTable
from pimsim.circuit.model.parameters import Circuit
from pimsim.circuit.model.variation import Floats, Process, UnitLayout
from pimsim.circuit.statistics.charge_sharing import replication
from pimsim.circuit.statistics.intervals import LEVEL, clopper_pearson
from pimsim.circuit.statistics.sense_decision import DecisionPath, Majority, by_ones
from pimsim.errors import InputError, require_positive

_CHUNK = 4096
"""Samples at a time."""

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

    def entry(self, pattern: int, rows: int, ones: int, halves: int) -> Entry:
        """Return the entry of a failure table for the pattern of that number."""
        return Entry(
            rows,
            ones,
            halves,
            trials=self.samples * self.accesses,
            wrong=self.wrong[pattern],
            bitlines=self.samples,
            always_wrong=self.always_wrong[pattern],
        )


@dataclass(frozen=True, slots=True)
class Sampling:
    """What is drawn.

    The same seed gives the same units at every variation (common random numbers), so that
    curves are smooth and comparisons sharp. Static and per-access draws use separate streams:
    the bitlines stay the same however often they are accessed.

    Raises :class:`~pimsim.errors.InputError` unless samples and accesses are positive.
    """

    samples: int
    """Bitlines, each with static properties of its own."""
    seed: int
    accesses: int = 1
    """Accesses to each bitline."""

    def __post_init__(self) -> None:
        require_positive(samples=self.samples, accesses=self.accesses)
        if type(self.seed) is not int or self.seed < 0:
            raise InputError(f"`seed` must be an integer of at least 0, not {self.seed!r}")

    def chunks(
        self, layout: UnitLayout, most_samples: int
    ) -> Iterator[tuple[Floats, np.random.Generator]]:
        """Units of all samples, chunk by chunk, with the generator of their per-access draws.

        Each chunk has random streams of its own: ``most_samples`` must stay what it is, or the
        numbers of a seed change.
        """
        static_root, access_root = np.random.SeedSequence(self.seed).spawn(2)
        for start in range(0, self.samples, most_samples):
            static = np.random.default_rng(static_root.spawn(1)[0])
            access = np.random.default_rng(access_root.spawn(1)[0])
            yield layout.draw(static, access, min(most_samples, self.samples - start)), access


class CountFunction(Protocol):
    """A function that counts as :func:`count` does."""

    def __call__(
        self,
        circuit: Circuit,
        process: Process,
        operation: Majority,
        variation_percent: float,
        sampling: Sampling,
        progress: Progress | None = None,
    ) -> Counts:
        """Count wrong decisions."""


def count(
    circuit: Circuit,
    process: Process,
    operation: Majority,
    variation_percent: float,
    sampling: Sampling,
    progress: Progress | None = None,
) -> Counts:
    """Count wrong decisions.

    Raises :class:`~pimsim.errors.InputError` for values out of range.
    """
    require_variation(variation_percent)
    path = DecisionPath(circuit, process, operation)
    variation = variation_percent / 100.0
    wrong = partial(path.wrong, variation=variation)
    return count_wrong(wrong, path.layout, operation.names, sampling, _CHUNK, progress)


def count_wrong(
    wrong: Callable[[Floats], NDArray[np.bool_]],
    layout: UnitLayout,
    names: tuple[str, ...],
    sampling: Sampling,
    most_samples: int,
    progress: Progress | None,
) -> Counts:
    """Add up what bitlines get wrong, access by access and ``most_samples`` at a time.

    ``wrong`` says, for units, which of the patterns ``names`` are wrong, shape ``(patterns,
    samples)``; ``layout`` draws the units.
    """
    each, always = (np.zeros(len(names), dtype=np.int64) for _ in range(2))
    failed = 0
    for units, access in sampling.chunks(layout, most_samples):
        now = wrong(units)
        each += now.sum(axis=1)
        ever, every = now, now.copy()
        for _ in range(sampling.accesses - 1):
            layout.redraw(units, access)
            now = wrong(units)
            each += now.sum(axis=1)
            ever |= now
            every &= now
        always += every.sum(axis=1)
        failed += int(ever.any(axis=0).sum())
        if progress is not None:
            progress(units.shape[1])
    counted = tuple(each.tolist()), tuple(always.tolist())
    return Counts(names, sampling.samples, sampling.accesses, *counted, failed)


def tabulate(
    circuit: Circuit,
    process: Process,
    operations: Sequence[tuple[int, int]],
    variation_percent: float,
    sampling: Sampling,
    counter: CountFunction = count,
    model: str = MODEL,
) -> FailureTable:
    """Return P(wrong | rows opened, ones among them) for majorities of ``(inputs, rows)``.

    ``counter`` counts, and ``model`` says in the provenance what that rests on.

    Cells are alike, so that one pattern stands for all with as many ones; ``inputs`` 1 is a read.

    >>> from pimsim.circuit.model.parameters import load
    >>> from pimsim.circuit.model import variation
    >>> table = tabulate(load("rambus55"), variation.load("ambit-like"), [(3, 3)], 20.0,
    ...                  Sampling(10_000, seed=1))
    >>> [(entry.rows, entry.ones) for entry in table.entries]
    [(3, 0), (3, 1), (3, 2), (3, 3)]
    >>> table.entry(3, 2).wrong > table.entry(3, 3).wrong
    True
    """
    entries = []
    for inputs, rows in operations:
        copies, operation = replication(circuit, inputs, rows), by_ones(inputs, rows)
        counts = counter(circuit, process, operation, variation_percent, sampling)
        entries += [
            counts.entry(ones, rows, ones * copies, rows - inputs * copies)
            for ones in range(inputs + 1)
        ]
    drawn = {"seed": sampling.seed, "accesses": sampling.accesses}
    stated = provenance(circuit, process, variation_percent, model)
    return FailureTable(tuple(entries), {**stated, **drawn})


def provenance(
    circuit: Circuit, process: Process, variation_percent: float, model: str
) -> dict[str, object]:
    """Return what a failure table says it was made from, but for what was drawn."""
    return {
        "pimsim": __version__,
        "model": model,
        "circuit": circuit.name,
        "parameters": circuit.values(),
        "process": process.as_json(),
        "variation_percent": variation_percent,
    }


def require_variation(variation_percent: float) -> None:
    """Raise :class:`~pimsim.errors.InputError` unless it is a number from 0 to 100."""
    if not 0.0 <= variation_percent <= 100.0 or math.isnan(variation_percent):
        raise InputError(f"`variation` must be from 0 to 100 %, not {variation_percent!r}")
