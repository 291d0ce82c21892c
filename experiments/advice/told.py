"""Words for what a change would save, for the terminal and for pages.

>>> saved(2_500_000.0, "ps"), saved(-1_000.0, "pJ"), saved(0.0, "ps")
('-2.5 us', '+1 nJ', 'as before')
"""

from __future__ import annotations

from experiments.advice.ranking import Advice, Advised
from experiments.output.words import NOT_STATED, counted, more_energy, quantity, slower


def saved(value: float, unit: str) -> str:
    """Return a saving with a minus sign, and a loss with a plus sign."""
    sign = "-" if value > 0 else "+"
    return f"{sign}{quantity(abs(value), unit)}" if value else "as before"


def time(one: Advice) -> str:
    """Return how much less or more time an image takes; '' if the change is refused."""
    return "" if one.after is None else saved(one.before.time_ps - one.after.time_ps, "ps")


def energy(one: Advice) -> str:
    """Return how much less or more energy an image takes, or why that is not known."""
    if one.after is not None and one.after.energy_pj is None:
        return NOT_STATED
    return "another energy model" if one.saved_pj is None else saved(one.saved_pj, "pJ")


def ratio(one: Advice) -> str:
    """Return how many times faster it would be, and how many times less energy it would take."""
    said = [] if one.speedup is None else [slower(one.speedup).replace("the same", "as fast")]
    if one.energy_ratio is not None:
        said.append(f"{more_energy(one.energy_ratio)} energy")
    return ", ".join(said)


def looked_at(found: Advised) -> str:
    """Return how many changes there were, and how many of them help."""
    better, refused = len(found.helpful), sum(bool(one.refused) for one in found.ranked)
    said = f"{better:,} would help, {len(found.ranked) - better - refused:,} would not"
    if refused:
        said += f", {refused:,} cannot be made"
    return f"looked at {counted(len(found.ranked), 'change')}: {said}"


def as_it_is(found: Advised) -> str:
    """Return the time and energy of an image in the run as it is."""
    cost = found.cost
    energy_pj = cost.energy_pj
    stated = "no energy that is stated" if energy_pj is None else quantity(energy_pj, "pJ")
    return f"{quantity(cost.time_ps, 'ps')} and {stated} an image"
