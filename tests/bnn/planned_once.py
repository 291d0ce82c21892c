"""What is planned once for all who carry it out or book it: planning takes longest by far."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import MappedStage
from bnn.mapping import MAPPINGS, selection
from bnn.mapping.selection import Selection
from bnn.model.network import Network
from bnn.system.system import System
from bnn.values.encoding import Encoding

_Planner = Callable[[Stage, System, int], list[MappedStage]]
_Selector = Callable[[str, Network, Encoding | None, System, int, str], Selection]


@contextmanager
def planned_once() -> Iterator[None]:
    """Let every mapping give what it gave before for an equal stage, system and count of images.

    So does the choice of mappings and chains for an equal network, if no faults are in its system.
    What decides how a mapping plans is not to be changed inside. That a plan made again is equal,
    and what fails does not change it but where columns are tested, are tests of their own, in
    ``test_plans_made_again``.
    """
    with pytest.MonkeyPatch.context() as patch:
        for mapping in MAPPINGS.values():
            patch.setattr(mapping, "map_stage", _remembering(mapping.map_stage))
        patch.setattr("bnn.run.plan.select", _selecting(selection.select))
        yield


def _remembering(plan: _Planner) -> _Planner:
    known: dict[Hashable, list[MappedStage]] = {}

    def remembered(stage: Stage, system: System, images: int) -> list[MappedStage]:
        if system.counter is not None:  # which is none of what makes systems equal
            return plan(stage, system, images)
        own = system if system.mitigation.screening else replace(system, faults=None)
        key = pickle.dumps(stage), own, images
        if key not in known:
            known[key] = plan(stage, own, images)
        return [replace(one, system=system) for one in known[key]]

    return remembered


def _selecting(select: _Selector) -> _Selector:
    known: dict[Hashable, Selection] = {}

    def remembered(
        mapping: str,
        network: Network,
        encoding: Encoding | None,
        system: System,
        images: int,
        chaining: str,
    ) -> Selection:
        if system.faults is not None or system.counter is not None:
            return select(mapping, network, encoding, system, images, chaining)
        key = mapping, pickle.dumps((network, encoding)), system, images, chaining
        if key not in known:
            known[key] = select(mapping, network, encoding, system, images, chaining)
        return known[key]

    return remembered
