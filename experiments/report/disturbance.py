"""``pimsim run --disturbance``: what a run does to rows beside those that it activates."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from experiments.output.words import quantity

if TYPE_CHECKING:
    from bnn.run.disturbance import Exposures
    from bnn.run.plan import LayerRun
    from bnn.system.system import System
    from pimsim.dram.disturbance.chip_classes import ChipClass

_ROWS = 8
"""Rows that a report names."""

ASSUMED = (
    "in a layer, a bank works on its subarrays one after the other, evenly",
    "activations of both neighbours count as double-sided, what one has more as single-sided, and "
    "the two add up",
    "activating a row restores it; rows two away are not disturbed",
    "a row may be refreshed just before it is disturbed: a whole refresh window counts",
    "rows that host layers fetch, and those beyond three that a majority opens, are not counted",
)
"""What is taken for granted, besides where rows lie."""


def chosen(args: argparse.Namespace) -> tuple[ChipClass, ...]:
    """Return the classes of chips that the option names; none if it was not given.

    Raises :class:`~pimsim.errors.InputError`.
    """
    from pimsim.dram.disturbance import chip_classes

    return () if args.disturbance is None else chip_classes.load(args.disturbance)


def watched(system: System, args: argparse.Namespace) -> System:
    """Return the system with a counter of activations, if disturbance is asked for."""
    if args.disturbance is None:
        return system
    from bnn.system.activations import ActivationCounter

    counter = ActivationCounter(system.address_map, system.subarray_rows)
    return replace(system, counter=counter)


def found(layers: Sequence[LayerRun], system: System, args: argparse.Namespace) -> dict[str, Any]:
    """Return ``{"disturbance": ...}`` for a report, or nothing if it was not asked for."""
    chips = chosen(args)
    if system.counter is None or not chips:
        return {}
    from bnn.run import disturbance
    from pimsim.dram.disturbance import chip_classes
    from pimsim.dram.disturbance.row_order import ASSUMED as ORDER

    window_ps = disturbance.window_ps(system.standard)
    taken = disturbance.latencies_ps(layers)
    run_ps = sum(taken.values())
    weakest = min(chips, key=lambda chip: chip.hc_double_sided)
    result: dict[str, Any] = {
        "chip": asdict(weakest),
        "window_ps": window_ps,
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
        result["preventions"] = [
            one._asdict()
            for one in disturbance.preventions(
                times["again"], system.counter, layers, system, weakest
            )
        ]
    result["text"] = text(result, disturbance.energy_pj(layers))
    return {"disturbance": result}


def _seen(seen: Exposures, chip: ChipClass) -> dict[str, Any]:
    import numpy as np

    victims = seen.victims(chip, _ROWS)
    return {
        "share": victims[0].share if victims else 0.0,
        "disturbs": bool(victims) and victims[0].share >= 1.0,
        "rows_disturbed": int(np.count_nonzero(seen.shares(chip) >= 1.0)),
        "victims": [{**one._asdict(), "beside": list(one.beside)} for one in victims],
        "hottest": [one._asdict() for one in seen.hottest(_ROWS)],
    }


def _subarray(seen: Exposures, chip: ChipClass) -> dict[str, Any] | None:
    """Every row of the subarray with the row in most danger, in a run that is repeated."""
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
    """Return in one line whether chips are disturbed, and what preventing that takes."""
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
        f"{verdict}: {worst['row']} of bank {worst['bank']}, subarray {worst['subarray']}, has "
        f"{worst['one']:,} activations beside it on one side and {worst['pair']:,} on both before "
        f"it is restored, {worst['share']:.2g} times what {chip['name']} stands (HC_first "
        f"{chip['hc_double_sided']:,} on both sides, {chip['hc_single_sided']:,} on one)"
    )
    ways = [_way(one, result["run_ps"], energy_pj) for one in result["preventions"]]
    if again["disturbs"]:
        said += f"; prevented by {', or by '.join(filter(None, ways))}"
    else:
        said += f"; nothing has to prevent it: {ways[-1]} would act for nothing"
    return (
        f"{said}. {hottest['row']} is activated {hottest['activations']:,} times in {window}: no "
        "row that nobody opens may lie beside it"
    )


def _way(one: Mapping[str, Any], run_ps: int, energy_pj: float) -> str | None:
    """A way to prevent it, and what it takes; None if it is not enough."""
    if not one["possible"]:
        return None
    if one["rows_left_empty"]:
        rows = one["rows_left_empty"]
        return f"{rows:,} data row{'s' if rows > 1 else ''} of a subarray left empty"
    time, energy = one["latency_ps"] / run_ps, one["energy_pj"] / energy_pj
    return f"{one['name']} ({_more(time)} time, {_more(energy)} energy)"


def _more(share: float) -> str:
    return f"+{100 * share:.2g} %" if share < 1 else f"{1 + share:,.3g} times the"
