"""What a run has that its report does not say, and a page shows: images, answers, first commands.

>>> class Nothing:
...     on_bus, room = False, 0
...     def add_block(self, block, wait_clocks): ...
...     def skip(self, commands): ...
>>> Witness(Nothing()).wrong() is None
True
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnn.run.estimate import Estimate
    from bnn.run.scoring import Scoring
    from bnn.system.system import System
    from pimsim.dram.traces.recorder import Target


@dataclass(slots=True, eq=False)
class Witness:
    """Looks on while something is run."""

    first: Target
    """Takes the commands, in the order of issue, as long as it has room."""
    system: System | None = None
    """The DRAM."""
    images: Any = None
    """What was classified, as the data have it, ``(n, ...)``; None if nothing was."""
    scoring: Scoring | None = None
    classes: tuple[str, ...] = ()
    """Name of each label; empty when not known."""
    logits: Any = None
    estimated: Callable[[System], Estimate] | None = None
    """What the same would take on another DRAM."""

    def wrong(self) -> tuple[Any, Any] | None:
        """Return answers and labels ``(n,)``, of 0 to classes - 1; None unless each image has one.

        Of a network with one output, 1 is yes.
        """
        if self.scoring is None or self.scoring.labels is None or self.logits is None:
            return None
        answers, labels = self.scoring.answers(self.logits), self.scoring.labels
        if answers is None or answers.size != len(answers):
            return None
        return answers.ravel(), labels.ravel()
