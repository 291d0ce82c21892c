"""A trace that keeps the commands it is given, for tests to look at."""

from __future__ import annotations

from pimsim.dram.traces import Block, Event
from pimsim.dram.traces.block import Numbers


class Kept:
    """Takes every command, with the times of the run, up to a limit if there is one."""

    on_bus = False

    def __init__(self, limit: int | None = None) -> None:
        self.events: list[Event] = []
        self.skipped = 0
        self._limit = limit

    @property
    def room(self) -> int:
        """How many commands it still takes."""
        return 10**9 if self._limit is None else self._limit - len(self.events)

    def add_block(self, block: Block, wait_clocks: Numbers) -> None:
        """Take commands, and count those beyond the limit."""
        room = self.room
        self.skipped += len(block[room:])
        self.events += block[:room].events()

    def skip(self, commands: int) -> None:
        """Count commands beyond the limit."""
        assert not self.room, commands
        self.skipped += commands
