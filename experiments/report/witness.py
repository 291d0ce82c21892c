"""Records what a page shows beyond the report of a run: images, answers, first commands.

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
    """Records a run while it goes on."""

    first: Target
    """Takes the commands, in the order of issue, as long as it has room."""
    system: System | None = None
    """The DRAM."""
    images: Any = None
    """Images that were classified, as in the data, ``(n, ...)``; None if none were."""
    scoring: Scoring | None = None
    classes: tuple[str, ...] = ()
    """Name of each label; empty when not known."""
    logits: Any = None
    estimated: Callable[[System], Estimate] | None = None
    """Estimates the same run on another DRAM."""

    def wrong(self) -> tuple[Any, Any] | None:
        """Return answers and labels ``(n,)``, 0 to classes - 1; None if an image has no label.

        For a network with one output, 1 is yes.
        """
        if self.scoring is None or self.scoring.labels is None or self.logits is None:
            return None
        answers, labels = self.scoring.answers(self.logits), self.scoring.labels
        if answers is None or answers.size != len(answers):
            return None
        return answers.ravel(), labels.ravel()
