"""Published systems as bandwidth models: every operand of a bulk operation crosses a channel.

A bulk bitwise operation on vectors far larger than any cache is bound by the memory channel, not
by the processor: an operation with n inputs and one output moves n + 1 bytes for every byte of
result, so that the result comes at ``efficiency * peak / (n + 1)``.

>>> skylake = SYSTEMS["skylake"]
>>> round(skylake.peak_gb_per_s, 1), round(skylake.throughput_gb_per_s(3), 2)
(34.1, 6.25)
>>> skylake.peak_gb_per_s / SYSTEMS["ddr3-2133"].peak_gb_per_s
2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pimsim.documents import bundled_rows


@dataclass(frozen=True, slots=True)
class PublishedSystem:
    """A processor and its memory channels."""

    name: str
    title: str
    """Name in figures."""
    channels: int
    """Channels (vaults of a memory cube) that work at the same time."""
    channel_gb_per_s: float
    """Peak of one channel, in 1e9 bytes a second."""
    efficiency: float
    """Share of the peak that bulk operations get."""
    peak_source: str
    efficiency_source: str

    @property
    def peak_gb_per_s(self) -> float:
        """Peak of all channels, in 1e9 bytes a second."""
        return self.channels * self.channel_gb_per_s

    def throughput_gb_per_s(self, operands: int) -> float:
        """Result of an operation that moves ``operands`` vectors, its result among them.

        In 1e9 bytes of result a second.
        """
        return self.efficiency * self.peak_gb_per_s / operands


SYSTEMS: Mapping[str, PublishedSystem] = {
    system.name: system for system in bundled_rows(PublishedSystem, __package__, "systems.csv")
}
"""Every system by name, in the order in which figures show them."""
