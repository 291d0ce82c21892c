"""Published failure and success rates that fits and figures are compared with.

>>> [point.failure_percent for point in ambit_tra()]
[0.0, 0.0, 0.29, 6.01, 16.36, 26.19]
>>> len(simra_majority()), simra_majority()[3].success_percent
(12, 99.68)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pimsim.documents import bundled_rows


@dataclass(frozen=True, slots=True)
class TraPoint:
    """Triple-row activations that failed in a published circuit simulation."""

    variation_percent: float
    """Process variation, plus or minus."""
    failure_percent: float
    """Runs that failed."""
    samples: int
    """Runs."""
    source: str
    """Publication, and how sure the number is."""

    @property
    def failed(self) -> int:
        """Runs that failed, as a count."""
        return round(self.failure_percent / 100 * self.samples)


@dataclass(frozen=True, slots=True)
class MajorityPoint:
    """Majorities measured on real chips."""

    inputs: int
    """Operands."""
    rows: int
    """Rows opened at once."""
    success_percent: float
    """Mean over row groups of the bitlines that got every pattern right."""
    source: str
    """Publication, and how the number was obtained."""


@cache
def ambit_tra() -> tuple[TraPoint, ...]:
    """Return Ambit's triple-row activations against process variation, 55 nm."""
    return bundled_rows(TraPoint, __package__, "published_data", "ambit_tra.csv")


@cache
def simra_majority() -> tuple[MajorityPoint, ...]:
    """Return SiMRA's majorities of 3 to 9 operands on 4 to 32 rows of DDR4 chips."""
    return bundled_rows(MajorityPoint, __package__, "published_data", "simra_majority.csv")
