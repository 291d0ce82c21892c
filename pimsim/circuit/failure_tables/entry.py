"""One line of a failure table: how likely one kind of access is wrong, and how that is known.

It holds either counts (:class:`Entry`) or an estimate (:class:`Estimate`). Estimates are for rare
events, and for publications that state shares without counts.

>>> Entry(rows=3, ones=2, halves=0, trials=1000, wrong=60, bitlines=1000, always_wrong=60).rate
Rate(static=0.06, access=0.0)
>>> rare = Estimate(rows=3, ones=2, halves=0, static=2e-9, access=0.0, low=1.9e-9, high=2.1e-9)
>>> rare.probability, rare.low, rare.high
(2e-09, 1.9e-09, 2.1e-09)
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pimsim.circuit.statistics.intervals import clopper_pearson
from pimsim.documents import shown
from pimsim.errors import InputError
from pimsim.ranges import Range

KINDS = ("sense", "copy", "not")
"""What can go wrong.

``sense``: the first activation, of ``rows`` rows of which ``ones`` raise the bitline; the sense
amplifier decides for the opposite value, which every open row then takes. ``copy`` and ``not``:
the second activation, of ``rows`` destination rows at once through d-wordlines or n-wordlines; a
destination cell keeps the opposite of what it is driven to. ``ones`` is then ``rows`` if the
bitline drives a one, and 0 if it drives a zero.
"""

_MOST = 2**63 - 1
"""Largest count. Counts are read from files, and statistics of larger ones would overflow."""
_SHARE = Range(0, 1)


@dataclass(frozen=True, slots=True)
class Rate:
    """How likely an access is wrong: by a weak bitline, or by the access itself."""

    static: float
    """Share of bitlines that are wrong in every such access."""
    access: float
    """Probability that one access to any other bitline is wrong."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One kind of access."""

    rows: int
    """Rows opened, or driven, at once."""
    ones: int
    """Cells among them that hold a one, or are driven to one."""
    halves: int
    """Cells among them that hold vdd/2; the others hold a zero."""
    kind: str = field(default="sense", kw_only=True)
    """One of :data:`KINDS`."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"`kind` must be one of {', '.join(KINDS)}, not {shown(self.kind)}")
        for name in ("rows", "ones", "halves"):
            _require_count(name, getattr(self, name))
        if self.rows < 1 or self.ones + self.halves > self.rows:
            raise InputError(
                f"`rows` must be at least 1 and `ones` + `halves` ({self.ones + self.halves}), "
                f"not {self.rows}"
            )
        if self.kind != "sense" and (self.halves or self.ones not in (0, self.rows)):
            raise InputError(
                f"`ones` must be 0 or `rows` ({self.rows}) and `halves` 0 "
                f"for the kind {self.kind}, not {self.ones} and {self.halves}"
            )


@dataclass(frozen=True, slots=True)
class Entry(_Line):
    """How often one kind of access was wrong: counts.

    Raises :class:`~pimsim.errors.InputError` if the counts do not fit.
    """

    trials: int
    """Accesses."""
    wrong: int
    """Accesses with the wrong answer."""
    bitlines: int
    """Bitlines that were accessed, ``trials / bitlines`` times each."""
    always_wrong: int
    """Bitlines that were wrong in every access: faults of the bitline, not of the access."""

    def __post_init__(self) -> None:
        _Line.__post_init__(self)
        for name in ("trials", "wrong", "bitlines", "always_wrong"):
            _require_count(name, getattr(self, name))
        for part, whole in (("bitlines", "trials"), ("wrong", "trials"),
                            ("always_wrong", "bitlines")):  # fmt: skip
            if getattr(self, part) > getattr(self, whole):
                raise InputError(
                    f"`{part}` must be at most `{whole}` ({getattr(self, whole)}), "
                    f"not {getattr(self, part)}"
                )
        if self.bitlines < 1 or self.trials % self.bitlines:
            raise InputError(
                f"`trials` must be a multiple of `bitlines` ({self.bitlines}), not {self.trials}"
            )
        least = self.always_wrong * (self.trials // self.bitlines)
        if self.wrong < least:
            raise InputError(
                f"`wrong` must be at least {least}, the accesses to bitlines that are always "
                f"wrong, not {self.wrong}"
            )

    @property
    def probability(self) -> float:
        """Share of wrong accesses."""
        return self.wrong / self.trials

    @property
    def rate(self) -> Rate:
        """That share in two parts: weak bitlines, and single accesses."""
        static = self.always_wrong / self.bitlines
        rest = 1.0 - static
        # Rounding must not make a tiny rate negative.
        return Rate(static, max(0.0, (self.probability - static) / rest) if rest > 0 else 0.0)

    def interval(self) -> tuple[float, float]:
        """Return the 95 % Clopper-Pearson interval of the probability.

        The interval holds for independent trials. Accesses to the same bitline are not independent:
        where each bitline is accessed several times, every bitline counts as one trial.
        """
        wrong = round(self.wrong * self.bitlines / self.trials)
        return clopper_pearson(wrong, self.bitlines)


@dataclass(frozen=True, slots=True)
class Estimate(_Line):
    """How likely one kind of access is wrong: a rate without counts.

    Raises :class:`~pimsim.errors.InputError` for a value that is no probability, and for an
    interval that the probability lies outside of.
    """

    static: float
    """Share of bitlines that are wrong in every such access."""
    access: float
    """Probability that one access to any other bitline is wrong."""
    low: float | None = None
    """Lower end of the interval of the probability; None where no interval is known."""
    high: float | None = None
    """Upper end of the interval."""
    level: float | None = None
    """Confidence level of the interval; None is 95 %."""
    source: str = ""
    """Where the number comes from, in words."""

    def __post_init__(self) -> None:
        _Line.__post_init__(self)
        for name in ("static", "access"):
            _require_probability(name, getattr(self, name))
        if type(self.source) is not str:
            raise InputError(f"`source` must be a text, not {shown(self.source)}")
        if self.low is None or self.high is None:
            for name in ("low", "high", "level"):
                if getattr(self, name) is not None:
                    raise InputError(
                        f"`{name}` must be left out without the whole interval `low` to `high`, "
                        f"not {shown(getattr(self, name))}"
                    )
            return
        for name in ("low", "high"):
            _require_probability(name, getattr(self, name))
        if self.level in (0, 1) or not (self.level is None or _SHARE.holds(self.level)):
            raise InputError(f"`level` must be between 0 and 1, not {shown(self.level)}")
        slack = 1e-12 * self.probability  # the ends may have been rounded in writing
        if not self.low <= self.probability + slack or not self.probability <= self.high + slack:
            raise InputError(
                f"`low` to `high` must hold the probability {self.probability!r}, "
                f"not {self.low!r} to {self.high!r}"
            )

    @property
    def probability(self) -> float:
        """Probability that an access is wrong, by a weak bitline or by itself."""
        return self.static + (1.0 - self.static) * self.access

    @property
    def rate(self) -> Rate:
        """The same, as a :class:`Rate`."""
        return Rate(float(self.static), float(self.access))


def _require_count(name: str, value: object) -> None:
    if type(value) is not int or value < 0:
        raise InputError(f"`{name}` must be an integer of at least 0, not {shown(value)}")
    if value > _MOST:
        raise InputError(f"`{name}` must be at most {_MOST}, not a larger integer")


def _require_probability(name: str, value: object) -> None:
    if not _SHARE.holds(value):
        raise InputError(f"`{name}` must be a probability from 0 to 1, not {shown(value)}")
