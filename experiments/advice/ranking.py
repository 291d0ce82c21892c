"""Costing every idea beside what there is, and putting the best first.

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
"""A gain below it is none."""

Tell = Callable[[str, int, int], None]
"""Called with what is costed, how much is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an image takes, its share of the batch."""

    time_ps: float
    energy_pj: float | None
    mode: str
    """The energy model."""

    @staticmethod
    def of(report: Mapping[str, Any]) -> Cost:
        """Return that of a report."""
        return Cost(
            report["latency_ps_per_image"],
            report["energy_pj_per_image"],
            report["assumptions"]["energy"],
        )


@dataclass(frozen=True, slots=True)
class Advice:
    """A change, and what it would bring."""

    idea: Idea
    text: str
    setup: Setup
    before: Cost
    after: Cost | None
    """None where it is refused."""
    refused: str = ""

    @property
    def speedup(self) -> float | None:
        """How many times faster; None where it is refused, or where nothing takes time."""
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
        """What an image takes less; None where there is no :attr:`energy_ratio`."""
        if self.energy_ratio is None or self.after is None:
            return None
        return (self.before.energy_pj or 0.0) - (self.after.energy_pj or 0.0)

    @property
    def gain(self) -> float:
        """By what changes are ranked: product of both ratios, of the first alone without another.

        0 where it is refused.
        """
        return (self.speedup or 0.0) * (1.0 if self.energy_ratio is None else self.energy_ratio)

    def record(self) -> dict[str, Any]:
        """Return it as JSON values; what is saved is that of an image."""
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
    """What there is, and what could be changed."""

    setup: Setup
    report: Mapping[str, Any]
    ranked: tuple[Advice, ...]
    """All changes, the best first, those that are refused last."""

    @property
    def cost(self) -> Cost:
        """Of what there is."""
        return Cost.of(self.report)

    @property
    def helpful(self) -> tuple[Advice, ...]:
        """Changes that bring something."""
        return tuple(one for one in self.ranked if one.gain >= LEAST)


def advise(setup: Setup, only: Collection[str] = (), tell: Tell | None = None) -> Advised:
    """Return what every idea would bring, each costed by its command.

    Args:
        setup: what there is.
        only: names of the ideas that are looked at; all if there are none.
        tell: is told what is costed.

    Raises InputError for what ``pimsim run`` would refuse of what there is.
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
