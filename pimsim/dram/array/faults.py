"""What goes wrong when rows are activated: where, when, and how often.

A :class:`~pimsim.circuit.failure_tables.table.FailureTable` says how likely an access is wrong;
this module says which accesses are wrong. There are two effects, each with a seed of its own:  *
*static* faults belong to a chip: the same columns fail again and again. A column of a subarray has
one number, its *lean*, uniform in [0, 1). Let p be the probability that an access is wrong. If its
right answer is 0, it is always wrong in columns whose lean is below p; if its right answer is 1, in
columns whose lean is above 1 - p. That is how a sense amplifier with an offset to one side behaves.
A column that is wrong at some margin is wrong at every smaller one, and hardly any column is wrong
both ways. * *noise* belongs to an access: it strikes any column, anew each time. It is drawn
sparsely. Candidates are drawn with the largest probability that any pattern of cells has. A
candidate is kept by a second draw, with the probability of the cells that were really open.  Both
depend on names only (which bank, which output, which column), never on the order in which a
simulator gets there.

>>> from pimsim.circuit.failure_tables.table import Entry, FailureTable
>>> entries = tuple(
...     Entry(rows, ones, 0, trials=1000, wrong=wrong, bitlines=1000, always_wrong=wrong)
...     for rows, ones, wrong in ((3, 0, 0), (3, 1, 100), (3, 2, 50), (3, 3, 0))
... )
>>> faults = Faults(FailureTable(entries, {}), chip=1, noise=2)
>>> lean = faults.weak(Site(bank=0, subarray=0), columns=4000)
>>> faults.static_mask("sense", 3, 1, lean).mean().round(2)
0.1
>>> both = faults.static_mask("sense", 3, 1, lean) & faults.static_mask("sense", 3, 2, lean)
>>> bool(both.any())
False
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.documents import require_one_of
from pimsim.dram.array.noise_stream import Gaps, candidates, key_of, named
from pimsim.errors import InputError

if TYPE_CHECKING:
    from pimsim.circuit.failure_tables.table import FailureTable
    from pimsim.dram.disturbance.hammer import Hammer

MAJORITY = 3
"""Rows that one address opens for a triple-row activation."""

KINDS = ("sense", "copy", "not")
"""The first activation; the second, driving a cell through a d-wordline, and an n-wordline."""

EFFECTS = ("table", "static", "noise")
"""What the probabilities of a table are applied as: what the table says, or all as static faults,
or all as noise."""

BLOCK = 4096
"""Columns, about, whose noise is drawn together. A change of it changes the faults of every
seed."""

_CACHED = 64


class Site(NamedTuple):
    """A subarray of a rank."""

    bank: int
    subarray: int


class Access(NamedTuple):
    """A kind of access: what its probability of being wrong depends on, besides the cells."""

    kind: str
    """One of :data:`KINDS`."""
    rows: int
    """Rows that its address raises."""


class Draws(NamedTuple):
    """Accesses that may be wrong, in order."""

    event: NDArray[np.int64]
    """Number of the access, counted over those of its kind."""
    column: NDArray[np.int64]
    draw: NDArray[np.float64]
    """Uniform in [0, the largest probability): the access is wrong if this is below its own
    probability."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a subarray computes: the name under which its noise is drawn."""

    stage: int
    output: int
    part: int
    """Number of this subarray among those that share the fan-in of an output."""
    attempt: int = 0
    """How often the output has been computed before, and had to be computed again."""


@dataclass(frozen=True, eq=False)
class Faults:
    """Faults of a chip, and the noise of a run.

    Raises :class:`~pimsim.errors.InputError` for a seed that is no integer of at least 0, and for
    fewer than three rows.
    """

    table: FailureTable
    chip: int
    """Seed of the static faults."""
    noise: int
    """Seed of the noise."""
    rows: int = MAJORITY
    """Rows that a majority of three really opens, ``rows // 3`` for each operand."""
    effect: str = EFFECTS[0]
    """One of :data:`EFFECTS`: the same probabilities may act as weak columns or as noise."""
    hammer: Hammer | None = None
    """What activations do to the rows beside them; None: nothing."""

    def __post_init__(self) -> None:
        for name in ("chip", "noise"):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise InputError(f"`{name}` must be an integer of at least 0, not {value!r}")
        if type(self.rows) is not int or self.rows < MAJORITY:
            raise InputError(f"`rows` must be an integer of at least 3, not {self.rows!r}")
        require_one_of("effect", self.effect, EFFECTS)

    # -- probabilities -----------------------------------------------------------------------

    @cached_property
    def drives(self) -> bool:
        """Whether driving a cell can fail; a table that does not mention it says no."""
        return bool(self.table.kinds & {"copy", "not"})

    def static_rates(self, access: Access) -> NDArray[np.float64]:
        """Return how likely a column always gets it wrong, for each of :func:`patterns`."""
        rates: NDArray[np.float64] = self._rates(access)[0]
        return rates

    def access_rates(self, access: Access) -> NDArray[np.float64]:
        """Return how likely one access elsewhere is wrong, for each of :func:`patterns`."""
        rates: NDArray[np.float64] = self._rates(access)[1]
        return rates

    @cached_property
    def _known(self) -> dict[Access, NDArray[np.float64]]:
        return {}

    def _rates(self, access: Access) -> NDArray[np.float64]:
        found = self._known.get(access)
        if found is None:
            rows, copies = access.rows, 1
            if access == Access("sense", MAJORITY):
                rows, copies = self.rows, self.rows // MAJORITY
            try:
                pairs = [
                    self.table.rate(access.kind, rows, ones * copies) for ones in patterns(access)
                ]
            except InputError as error:
                if access.kind == "sense" and access.rows > MAJORITY:
                    error = InputError(
                        f"{error}, and the address map opens as many at once: take a table that "
                        "has it, such as one of the circuit"
                    )
                raise error from None
            found = np.array([[one.static for one in pairs], [one.access for one in pairs]])
            if not ((found >= 0) & (found <= 1)).all():
                raise InputError(
                    f"probabilities of {access.kind} of {rows} rows must be 0 to 1, "
                    f"not {found.min():g} to {found.max():g}"
                )
            if self.effect != EFFECTS[0]:
                whole = found[0] + (1.0 - found[0]) * found[1]
                nothing = np.zeros_like(whole)
                pair = (whole, nothing) if self.effect == "static" else (nothing, whole)
                found = np.array(pair)
            self._known[access] = found
        return found

    # -- static faults -----------------------------------------------------------------------

    def weak(self, site: Site, columns: int, kind: str = "sense") -> NDArray[np.float64]:
        """Return the lean of the first columns of a subarray, ``(columns,)``."""
        return _lean(self.chip, KINDS.index(kind), *site, columns)

    def static_mask(
        self, kind: str, rows: int, ones: int, lean: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Return which columns, of that lean, always get an access wrong.

        ``ones`` is how many of the ``rows`` of the address raise the bitline; of an access that
        drives, ``rows`` if it drives a one, else 0.
        """
        access = Access(kind, rows)
        rate = float(self.static_rates(access)[patterns(access).index(ones)])
        return lean >= 1.0 - rate if 2 * ones > rows else lean < rate

    # -- noise -------------------------------------------------------------------------------

    def draws(self, job: Job, access: Access, events: int, block: int, width: int) -> Draws:
        """Return the accesses of a job that may be wrong, in the columns of a block.

        Args:
            job: what is computed.
            access: kind of access.
            events: how many of them the job has.
            block: number of the block.
            width: columns of a block, see :func:`block_width`.

        """
        most = float(self.access_rates(access).max())
        if most <= 0.0:
            return _NOTHING
        key = named(self.noise_key(job, access), [job.part, job.output, block])
        where, draw = candidates(key, Gaps.of(most), events * width)
        event, column = np.divmod(where, width)
        return Draws(event, column, draw * most)

    def noise_key(self, job: Job, access: Access) -> int:
        """Return the key under which the noise of parts, outputs and blocks has its own.

        The key depends on the stage and the attempt of the job. The key of a part is derived from
        this one and the number of the part, that of an output from its part's key, and that of a
        block from its output's.
        """
        kind = KINDS.index(access.kind)
        return key_of(self.noise, (job.stage, job.attempt, kind, access.rows))


_NOTHING = Draws(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float64))


def patterns(access: Access) -> Sequence[int]:
    """Return the numbers of ones for which an access has probabilities of its own.

    For ``sense``, these are the cells that hold a one; for the others, all or none of the rows.

    >>> patterns(Access("sense", 3)), patterns(Access("copy", 2))
    ([0, 1, 2, 3], [0, 2])
    """
    if access.kind == "sense":
        return list(range(access.rows + 1))
    return [0, access.rows]


def block_width(positions: int) -> int:
    """Return the columns of a block: whole images of so many positions.

    >>> block_width(1), block_width(100), block_width(10_000)
    (4096, 4000, 10000)
    """
    return max(BLOCK // positions, 1) * positions


@lru_cache(maxsize=_CACHED)
def _lean(chip: int, kind: int, bank: int, subarray: int, columns: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(np.random.SeedSequence(chip, spawn_key=(kind, bank, subarray)))
    lean = rng.random(columns)
    lean.setflags(write=False)
    return lean
