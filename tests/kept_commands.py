"""A trace that keeps the commands it is given, for tests to look at."""

from __future__ import annotations

from pimsim.dram.traces import Event


class Kept:
    """Takes every command, up to a limit if there is one."""

    def __init__(self, limit: int | None = None) -> None:
        self.events: list[Event] = []
        self.skipped = 0
        self._limit = limit

    @property
    def full(self) -> bool:
        """Whether the limit is reached."""
        return self._limit is not None and len(self.events) >= self._limit

    def add(self, event: Event) -> None:
        """Take a command."""
        self.events.append(event)

    def skip(self, commands: int) -> None:
        """Count commands beyond the limit."""
        assert self.full, commands
        self.skipped += commands
