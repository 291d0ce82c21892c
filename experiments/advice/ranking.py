"""Costs every change, compares it with the run as it is, and puts the best first.

>>> found = advise(Setup("lenet5", {"--limit": "1"}), only=("batch",))
>>> found.ranked[0].setup.options, found.ranked[0].speedup > 1
({'--limit': '163'}, True)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from experiments.advice import costed
from experiments.advice.ideas import IDEAS, Idea, Setup
from pimsim.errors import InputError

LEAST = 1.01
"""The least gain that counts as one."""

Tell = Callable[[str, int, int], None]
"""Called with the name of the change being costed, how many are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Time and energy of an image: its share of the batch."""

    time_ps: float
    energy_pj: float | None
    mode: str
    """The energy model."""

    @staticmethod
    def of(report: Mapping[str, Any]) -> Cost:
        """Return the cost that a report states."""
        return Cost(
            report["latency_ps_per_image"],
            report["energy_pj_per_image"],
            report["assumptions"]["energy"],
        )


@dataclass(frozen=True, slots=True)
class Advice:
    """A change, and what it would save."""

    idea: Idea
    text: str
    setup: Setup
    before: Cost
    after: Cost | None
    """None if ``pimsim run`` refuses the change."""
    refused: str = ""

    @property
    def speedup(self) -> float | None:
        """How many times faster; None if the change is refused, or nothing takes time."""
        if self.after is None or not self.after.time_ps or not self.before.time_ps:
            return None
        return self.before.time_ps / self.after.time_ps

    @property
    def energy_ratio(self) -> float | None:
        """How many times less energy; None, too, where the energy models differ."""
        after, before_pj = self.after, self.before.energy_pj
        if after is None or after.mode != self.before.mode or not after.energy_pj:
            return None
        return None if before_pj is None else before_pj / after.energy_pj

    @property
    def saved_pj(self) -> float | None:
        """Energy that an image saves, in pJ; None if there is no :attr:`energy_ratio`."""
        if self.energy_ratio is None or self.after is None:
            return None
        return (self.before.energy_pj or 0.0) - (self.after.energy_pj or 0.0)

    @property
    def gain(self) -> float:
        """What changes are ranked by: speedup times energy ratio, or the speedup alone.

        It is 0 if the change is refused.
        """
        return (self.speedup or 0.0) * (1.0 if self.energy_ratio is None else self.energy_ratio)

    def record(self) -> dict[str, Any]:
        """Return it as JSON values; savings are per image."""
        after = self.after
        return {
            "idea": self.idea.name,
            "change": self.text,
            "why": self.idea.why,
            "command": self.setup.command(),
            "latency_ps_per_image": after and after.time_ps,
            "energy_pj_per_image": after and after.energy_pj,
            "energy": after and after.mode,
            "saved_ps_per_image": after and self.before.time_ps - after.time_ps,
            "saved_pj_per_image": self.saved_pj,
            "speedup": self.speedup,
            "energy_ratio": self.energy_ratio,
            "answers": self.idea.answers,
            "refused": self.refused or None,
        }


@dataclass(frozen=True, slots=True)
class Advised:
    """The run as it is, and all changes."""

    setup: Setup
    report: Mapping[str, Any]
    ranked: tuple[Advice, ...]
    """All changes, the best first, those that are refused last."""

    @property
    def cost(self) -> Cost:
        """Cost of the run as it is."""
        return Cost.of(self.report)

    @property
    def helpful(self) -> tuple[Advice, ...]:
        """Changes that save something."""
        return tuple(one for one in self.ranked if one.gain >= LEAST)


def advise(setup: Setup, only: Collection[str] = (), tell: Tell | None = None) -> Advised:
    """Return what every change would save, each costed as its command costs it.

    Args:
        setup: the run as it is.
        only: names of the ideas to try; all if empty.
        tell: called before each change is costed.

    Raises InputError if ``pimsim run`` refuses the run as it is.
    """
    report = costed.report(setup.words())
    before = Cost.of(report)
    todo = [
        (idea, change)
        for idea in IDEAS
        if not only or idea.name in only
        for change in idea.changes(setup, report)
    ]
    found = []
    for place, (idea, change) in enumerate(todo):
        if tell is not None:
            tell("costing changes", place, len(todo))
        other = setup.changed(change.options)
        after, refused = None, ""
        try:
            after = Cost.of(costed.report(other.words()))
        except InputError as error:
            refused = str(error)
        found.append(Advice(idea, change.text, other, before, after, refused))
    ranked = sorted(found, key=lambda one: -one.gain)  # equal ones stay in the order of the ideas
    return Advised(setup, report, tuple(ranked))
