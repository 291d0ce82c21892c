"""Choosing an offer for every part, such that latency, energy, or their product is least.

An offer is a latency with an energy. There are very many combinations of offers. But the product of
two sums is least at a corner of the convex hull of all combinations. There are few corners, because
from one to the next only a single part changes its offer.

>>> both = (Offer(4, 1.0), Offer(1, 3.0))
>>> least("auto", [both, both, (Offer(9, 1.0),)]), least("auto", [both, both])
([0, 0, 0], [1, 1])
>>> least("auto-energy", [both, both])
[0, 0]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum
from typing import NamedTuple

OBJECTIVES: dict[str, Callable[[float, float], float]] = {
    "auto": lambda latency_ps, energy_pj: latency_ps * energy_pj,
    "auto-latency": lambda latency_ps, energy_pj: latency_ps,
    "auto-energy": lambda latency_ps, energy_pj: energy_pj,
}
"""What each way of choosing keeps small."""


class Offer(NamedTuple):
    """What one way to carry a part out would take."""

    latency_ps: int
    energy_pj: float


@dataclass(frozen=True, slots=True)
class Corner:
    """One offer of every part, and what they take together."""

    picks: tuple[int, ...]
    total: Offer


def corners(parts: Sequence[Sequence[Offer]]) -> Iterator[Corner]:
    """Give the corners of the sums, from the least latency to the least energy."""
    hulls = [_hull(offers) for offers in parts]
    places = [0] * len(parts)
    edges = sorted(
        ((_steepness(*edge), part, place)
        for part, (hull, offers) in enumerate(zip(hulls, parts, strict=True))
        for place, edge in enumerate(pairwise(offers[pick] for pick in hull))),
        key=lambda edge: (-edge[0], *edge[1:]),
    )  # fmt: skip
    for _, part, place in [(0.0, None, 0), *edges]:
        if part is not None:
            places[part] = place + 1
        picks = tuple(hull[place] for hull, place in zip(hulls, places, strict=True))
        chosen = [offers[pick] for offers, pick in zip(parts, picks, strict=True)]
        total = Offer(
            sum(offer.latency_ps for offer in chosen), fsum(offer.energy_pj for offer in chosen)
        )
        yield Corner(picks, total)


def least(way: str, parts: Sequence[Sequence[Offer]]) -> list[int]:
    """Return the place of the offer that every part takes; the first of those that are as good.

    Args:
        way: one of :data:`OBJECTIVES`.
        parts: offers of each.
    """
    return list(min(corners(parts), key=lambda corner: OBJECTIVES[way](*corner.total)).picks)


def _hull(offers: Sequence[Offer]) -> list[int]:
    """Places of the offers that some weighting of latency and energy prefers, fastest first."""
    hull: list[int] = []
    for pick in sorted(range(len(offers)), key=lambda pick: (*offers[pick], pick)):
        if hull and offers[pick].energy_pj >= offers[hull[-1]].energy_pj:
            continue
        while len(hull) > 1 and (
            _steepness(offers[hull[-1]], offers[pick])
            >= _steepness(offers[hull[-2]], offers[hull[-1]])
        ):
            hull.pop()
        hull.append(pick)
    return hull


def _steepness(faster: Offer, slower: Offer) -> float:
    """Energy saved for each additional ps."""
    return (faster.energy_pj - slower.energy_pj) / (slower.latency_ps - faster.latency_ps)
