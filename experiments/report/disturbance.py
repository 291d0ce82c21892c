"""``pimsim run --disturbance``: whether a run disturbs rows beside those that it activates."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from experiments.output import json_output
from experiments.output.words import digits, quantity
from pimsim.errors import InputError

if TYPE_CHECKING:
    from bnn.run.disturbance import Exposures, Prevention
    from bnn.run.plan import LayerRun
    from bnn.system.system import System
    from pimsim.dram.disturbance.chip_classes import ChipClass
    from pimsim.dram.disturbance.hammer import Hammer

_ROWS = 8
"""Number of rows that a report names."""

ASSUMED = (
    "in a layer, a bank works on its subarrays one after the other, evenly",
    "activations of both neighbours count as double-sided, what one has more as single-sided, and "
    "the two add up",
    "activating a row restores it; rows two away are not disturbed",
    "a row may be refreshed just before it is disturbed: a whole refresh window counts",
    "rows that host layers fetch, and those beyond three that a majority opens, are not counted",
)
"""The assumptions of the model, besides the places of rows."""


def chosen(args: argparse.Namespace) -> tuple[ChipClass, ...]:
    """Return the classes of chips that the option names; none if it was not given.

    Raises :class:`~pimsim.errors.InputError`.
    """
    from pimsim.dram.disturbance import chip_classes

    return () if args.disturbance is None else chip_classes.load(args.disturbance)


def watched(system: System, args: argparse.Namespace) -> System:
    """Return the system with a counter of activations, if disturbance is asked for."""
    return system if args.disturbance is None else _counting(system)


def _counting(system: System) -> System:
    from bnn.system.activations import ActivationCounter

    rows, guards = system.subarray_rows, system.mitigation.guard_rows
    return replace(system, counter=ActivationCounter(system.address_map, rows, guards))


def hammered(system: System, args: argparse.Namespace) -> System:
    """Return the system with a model that flips bits, if ``--disturbance-flips`` is given."""
    if not args.disturbance_flips:
        return system
    from bnn.run import disturbance
    from pimsim.circuit.failure_tables.table import never
    from pimsim.dram.array.faults import Faults

    most = max(*system.address_map.majorities, system.mitigation.activation_rows)
    seed = 0 if args.chip is None else args.chip
    faults = system.faults or Faults(
        never(most), chip=seed, noise=0, rows=system.mitigation.activation_rows
    )
    hammer = disturbance.hammer(system, _weakest(chosen(args)), seed)
    return replace(system, faults=replace(faults, hammer=hammer))


def _weakest(chips: Sequence[ChipClass]) -> ChipClass:
    return min(chips, key=lambda chip: chip.hc_double_sided)


def found(
    layers: Sequence[LayerRun],
    system: System,
    args: argparse.Namespace,
    planned: Callable[[System], Sequence[LayerRun]],
    stages: Sequence[str] = (),
) -> dict[str, Any]:
    """Return ``{"disturbance": ...}`` for a report, or nothing if it was not asked for.

    Args:
        layers: the layers of the run.
        system: the system, with its counter of activations.
        args: parsed arguments.
        planned: plans the same run on another system and returns its layers.
        stages: names of the stages by number, for reports on flipped bits.

    """
    chips = chosen(args)
    if system.counter is None or not chips:
        return {}
    from bnn.run import disturbance
    from pimsim.dram.disturbance import chip_classes, hammer
    from pimsim.dram.disturbance.row_order import ASSUMED as ORDER

    window_ps = disturbance.window_ps(system.standard)
    taken = disturbance.latencies_ps(layers)
    run_ps = sum(taken.values())
    weakest = _weakest(chips)
    result: dict[str, Any] = {
        "chip": asdict(weakest),
        "window_ps": window_ps,
        "guard_rows": system.mitigation.guard_rows,
        "run_ps": run_ps,
        "once": None,
        "again": None,
        "subarray": None,
        "classes": [],
        "preventions": [],
        "assumptions": [ORDER, *ASSUMED],
    }
    if system.counter.sites():
        times = {
            name: disturbance.exposures(system.counter, taken, window_ps, again=again)
            for name, again in (("once", False), ("again", True))
        }
        for name, seen in times.items():
            result[name] = _seen(seen, weakest)
        result["subarray"] = _subarray(times["again"], weakest)
        every = dict.fromkeys((*chips, *chip_classes.bundled()))
        result["classes"] = [
            {
                **asdict(chip),
                **{name: float(seen.shares(chip).max()) for name, seen in times.items()},
            }
            for chip in every
        ]
        ways = disturbance.preventions(times["again"], system.counter, layers, system, weakest)
        if result["again"]["in_danger"] and not system.mitigation.guard_rows:
            guarded = _guarded(layers, system, weakest, planned)
            ways = [*([guarded] if guarded is not None else []), *ways]
        result["preventions"] = [one._asdict() for one in ways]
    faults = system.faults
    if faults is not None and faults.hammer is not None:
        result["flips"] = _flips(faults.hammer, stages)
        result["assumptions"] += list(hammer.ASSUMED)
    result["text"] = text(result, disturbance.energy_pj(layers))
    return {"disturbance": json_output.without_nan(result)}


def _guarded(
    layers: Sequence[LayerRun],
    system: System,
    chip: ChipClass,
    planned: Callable[[System], Sequence[LayerRun]],
) -> Prevention | None:
    """Cost of a guard row on either side, from a plan with it; None if the network does not fit."""
    from bnn.run import disturbance

    try:
        other = replace(system.mitigation, guard_rows=1)
        guarded = _counting(replace(system, mitigation=other, faults=None))
        return disturbance.guarded(layers, planned(guarded), guarded, chip)
    except InputError:
        return None


def _flips(hammer: Hammer, stages: Sequence[str]) -> dict[str, Any]:
    """How many bits flipped, in which layers and rows."""
    layers: dict[str, int] = {}
    rows: dict[str, int] = {}
    for (stage, place), bits in hammer.flips.most_common():
        for counts, name in ((layers, stages[stage]), (rows, hammer.order.labels[place])):
            counts[name] = counts.get(name, 0) + bits
    largest = sorted(rows.items(), key=lambda one: (-one[1], one[0]))
    return {
        "chip": hammer.chip.name,
        "bits": sum(layers.values()),
        "layers": {name: layers[name] for name in sorted(layers, key=stages.index)},
        "rows": dict(largest[:_ROWS]),
    }


def _seen(seen: Exposures, chip: ChipClass) -> dict[str, Any]:
    import numpy as np

    from pimsim.dram.disturbance.weak_cells import SAFE

    victims = seen.victims(chip, _ROWS)
    return {
        "share": victims[0].share if victims else 0.0,
        "disturbs": bool(victims) and victims[0].share >= 1.0,
        "in_danger": bool(victims) and victims[0].share >= SAFE,
        "rows_disturbed": int(np.count_nonzero(seen.shares(chip) >= 1.0)),
        "victims": [{**one._asdict(), "beside": list(one.beside)} for one in victims],
        "hottest": [one._asdict() for one in seen.hottest(_ROWS)],
    }


def _subarray(seen: Exposures, chip: ChipClass) -> dict[str, Any] | None:
    """Every row of the subarray whose row is most disturbed, for a run that is repeated."""
    victims = seen.victims(chip, 1)
    if not victims:
        return None
    site = victims[0].bank, victims[0].subarray
    number = seen.sites.index(site)
    return {
        "bank": site[0],
        "subarray": site[1],
        "rows": list(seen.labels),
        "activations": seen.acts[number].tolist(),
        "pair": seen.pair[number].tolist(),
        "one": seen.one[number].tolist(),
    }


def text(result: Mapping[str, Any], energy_pj: float) -> str:
    """Return in one line whether rows are disturbed, and the cost of preventing that."""
    once, again = result["once"], result["again"]
    if once is None or not again["victims"]:
        return "no: nothing is activated in DRAM"
    chip, window = result["chip"], quantity(result["window_ps"], "ps")
    worst, hottest = again["victims"][0], again["hottest"][0]
    verdict = (
        "yes" if once["disturbs"] else "yes, if repeated without a pause" if again["disturbs"]
        else "no"
    )  # fmt: skip
    said = (
        f"{verdict}: {worst['row']} of bank {worst['bank']}, subarray {worst['subarray']}, "
        f"{'' if worst['opened'] else 'which this run never opens, '}has "
        f"{worst['one']:,} activations beside it on one side and {worst['pair']:,} on both before "
        f"it is restored, {digits(worst['share'], 2)} times what {chip['name']} stands (HC_first "
        f"{chip['hc_double_sided']:,} on both sides, {chip['hc_single_sided']:,} on one)"
    )
    ways = [_way(one, result["run_ps"], energy_pj) for one in result["preventions"]]
    if again["disturbs"]:
        said += f"; prevented by {', or by '.join(filter(None, ways))}"
    else:
        said += f"; nothing has to prevent it: {ways[-1]} would act for nothing"
    guards = result["guard_rows"]
    apart = (
        "no row that nobody opens may lie beside it" if not guards else
        f"with {_rows(guards)} between compute rows, constants and data, no data lie beside a "
        "compute row or a constant"
    )  # fmt: skip
    flips = result.get("flips")
    lost = "" if flips is None else f". {flips['bits']:,} bits flipped in this run"
    return (
        f"{said}. {hottest['row']} is activated {hottest['activations']:,} times in {window}: "
        f"{apart}{lost}"
    )


def _rows(guards: int) -> str:
    return "a guard row" if guards == 1 else f"{guards:,} guard rows"


def _way(one: Mapping[str, Any], run_ps: int, energy_pj: float) -> str | None:
    """A way to prevent it, with its cost; None if it is not enough."""
    if not one["possible"]:
        return None
    name = one["name"]
    if one["rows_left_empty"]:
        name = f"{one['rows_left_empty']:,} {name} in a subarray"
    time, energy = one["latency_ps"] / run_ps, one["energy_pj"] / energy_pj
    taken = "" if math.isnan(energy) else f", {_more(energy)} energy"
    return f"{name} ({_more(time)} time{taken})"


def _more(share: float) -> str:
    return f"{100 * share:+.2g} %" if share < 0.995 else f"{digits(1 + share)} times the"
