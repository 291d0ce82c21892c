"""The report of a run: every number that a script or a figure may rely on.

The report is a plain dict, written as ``report.json``; figures and tables are made from it alone.
Time and energy are sums over the phases that the layers' subarrays executed. Loading weights, which
is done once for any number of images, is stated apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bnn.mapping.choice import popcount
from bnn.run.baselines import (
    BREAK_EVEN,
    LayerWork,
    Processor,
    break_even_reuse,
    reuse_aware,
    streaming,
)
from bnn.run.execute import NetworkRun
from bnn.run.plan import LayerRun
from bnn.run.scoring import Scoring
from bnn.system.ledger import PHASES
from bnn.system.system import System
from experiments.output.json_output import without_nan
from pimsim.cost import Cost, assumptions, at_share
from pimsim.dram.commands import CommandCounts
from pimsim.dram.energy import NO_ENERGY, stated_pj

if TYPE_CHECKING:
    from bnn.run.estimate import Estimate

KINDS = ("AAP", "AP", "ACT", "PRE", "RD", "WR", "REF", "TRANSFER")
PER_PASS = ("inputs", "compute")
"""Phases that every pass over images executes."""
ONCE = ("weights",)
"""Phases that are executed once, however many images follow."""
_SUM_BITS = 32
_MOVED = {
    "host": "moved through the host (RD and WR)",
    "psm": "moved from bank to bank (TRANSFER, RowClone PSM)",
}

Books = Mapping[str, tuple[CommandCounts, Cost]]
"""Commands (with REF) and cost of each phase of a layer."""


def build(
    network: str,
    data: str | None,
    scoring: Scoring | None,
    done: NetworkRun | Estimate,
    system: System,
    encoding: str | None,
    mapping: str,
    stated: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Return the report of a run or of an estimate, without wall times.

    Args:
        network: name or path of the network.
        data: name of the images; None if there are none.
        scoring: says which answers are right; None for an estimate.
        done: the run.
        system: the DRAM that it ran on.
        encoding: name of the encoding of the inputs; None if they are real numbers.
        mapping: name of the mapping.
        stated: further assumptions.
    """
    ran = done if isinstance(done, NetworkRun) else None
    # All ledgers share a timeline, so their times and energies can be added.
    books = [
        {phase: (layer.ledger.counts(phase), layer.ledger.cost(phase)) for phase in PHASES}
        for layer in done.layers
    ]
    layers = [_layer(layer, book, done) for layer, book in zip(done.layers, books, strict=True)]
    cost, once = _total(books, PER_PASS), _total(books, ONCE)
    energy = {"total": cost["energy_pj"], **cost["energy_parts_pj"]}
    report: dict[str, Any] = {
        "network": network,
        "data": data,
        "images": done.images,
        "cost_only": ran is None,
        "accuracy": scoring.accuracy(ran.logits) if scoring and ran else None,
        "accuracy_means": None if scoring is None else scoring.means,
        "input_scale_hint": None,
        "bit_exact": ran.bit_exact if ran else None,
        "images_checked": ran.checked if ran else 0,
        "keras_equal": None,
        "keras_why": None,
        "faults": None,
        "disputed_signs": ran.disputed if ran else {},
        "sums_checked": sum(layer.checker.compared for layer in done.layers if layer.checker),
        "commands": cost["commands"],
        "latency_ps": cost["latency_ps"],
        "latency_ps_per_image": cost["latency_ps"] / done.images,
        "energy_pj_per_image": cost["energy_pj"] / done.images,
        "throughput_images_per_s": _rate(done, cost["latency_ps"]),
        "energy_pj": energy,
        **_band(done, system),
        "weights_once": once,
        "assumptions": {
            **assumptions(system.standard, system.options),
            "mapping": mapping,
            "popcount": popcount(mapping, _reading(done)),
            "input_encoding": encoding or "none: real numbers",
            "subarray_rows": system.subarray_rows,
            "partial_counts": _MOVED[system.moves] + _in_chains(done, system.moves),
            "chain": "; ".join(choice.text for choice in done.chains) or "none",
            "host_layers": "costed as traffic only",
            "seed": None,
            **(stated or {}),
        },
        "layers": layers,
        "baselines": _baselines(done, cost, system),
    }
    report["chains"] = [
        {
            "layers": list(choice.names),
            "chained": choice.layout is not None,
            "banks_of_a_team": choice.layout and choice.layout.team,
            "chained_ps": choice.chained_ps,
            "apart_ps": choice.apart_ps,
        }
        for choice in done.chains
    ]
    report["break_even_reuse"] = _break_even(done, cost["energy_pj"], system)
    report["break_even_means"] = BREAK_EVEN
    return without_nan(report) if system.options.energy == NO_ENERGY else report


def _band(done: NetworkRun | Estimate, system: System) -> dict[str, Any]:
    """Energy of the passes with the share of the first open bank at 0 and at 1.

    Empty for the mode ``ambit-paper``, which has no standby.
    """
    if system.options.energy != "datasheet":
        return {}
    band = []
    for share in system.standard.open_bank_shares:
        options = at_share(system.options, share)
        costs = [layer.ledger.cost(phase, options) for layer in done.layers for phase in PER_PASS]
        parts = {part: math.fsum(c.energy_pj[part] for c in costs) for part in costs[0].energy_pj}
        band.append({"open_bank_share": share, "total": math.fsum(parts.values()), **parts})
    return {"energy_band_pj": band}


def _reading(done: NetworkRun | Estimate) -> list[str]:
    """Mappings of layers whose sums are read."""
    return [one.mapping for one in done.layers if one.mapping is not None and one.gives_sums]


def _layer(layer: LayerRun, books: Books, done: NetworkRun | Estimate) -> dict[str, Any]:
    kept = (choice.operands(layer.name) for choice in done.chains)
    row: dict[str, Any] = {
        "name": layer.name,
        "where": layer.where,
        "macs": layer.macs,
        "weights": layer.weights,
        "operand_bits": layer.operand_bits,
        "mapping": layer.mapping,
        "alternatives": _alternatives(layer),
        "no_room": layer.refused,
        "host_reasons": layer.reasons,
        "operands_from": next(filter(None, kept), "the host"),
        **_total([books], PER_PASS),
        "weights_once": _total([books], ONCE),
        "phases": _phases(books),
        "sums_checked": None if layer.checker is None else layer.checker.compared,
        "wall_s": layer.wall_s,
    }
    used = layer.occupancy
    row["column_utilisation"] = used and used.columns_used / used.columns_opened
    row["columns_usable"] = used and used.capacity
    row["outputs_repeated"] = layer.result.repeated if layer.result else 0
    row["banks_used"] = used.banks if used else 0
    row["subarrays"] = used.subarrays if used else 0
    row["subarrays_of_a_bank"] = used.numbers if used else 0
    row["latency_ps_per_image"] = row["latency_ps"] / done.images
    row["energy_pj_per_image"] = row["energy_pj"] / done.images
    if math.isnan(row["energy_pj"]):
        for one in row["alternatives"]:
            one["energy_pj"] = None
    return row


def _alternatives(layer: LayerRun) -> list[dict[str, Any]]:
    """Cost of the layer under each mapping that was not chosen, alone on a timeline."""
    return [
        {
            "mapping": one.mapping,
            "latency_ps": one.offer and one.offer.latency_ps,
            "energy_pj": one.offer and one.offer.energy_pj,
            "refused": one.refused or None,
        }
        for one in layer.candidates
        if one.mapping != layer.mapping
    ]


def _phases(books: Books) -> dict[str, Any]:
    return {
        phase: {
            "commands": _commands(counts),
            "latency_ps": cost.latency_ps,
            "energy_pj": cost.total_pj,
        }
        for phase, (counts, cost) in books.items()
    }


def _total(books: Sequence[Books], phases: tuple[str, ...]) -> dict[str, Any]:
    """Commands, time and energy of some phases of some layers together."""
    chosen = [book[phase] for book in books for phase in phases]
    counts, cost = chosen[0]
    for more, further in chosen[1:]:
        counts, cost = counts + more, cost + further
    return {
        "commands": _commands(counts),
        "latency_ps": cost.latency_ps,
        "energy_pj": cost.total_pj,
        "energy_parts_pj": dict(cost.energy_pj),
    }


def passes(layers: Sequence[LayerRun]) -> tuple[int, float]:
    """Return time in ps and energy in pJ of all passes, without weights that are loaded once."""
    costs = [layer.ledger.cost(phase) for layer in layers for phase in PER_PASS]
    return sum(cost.latency_ps for cost in costs), math.fsum(cost.total_pj for cost in costs)


def _commands(counts: CommandCounts) -> dict[str, int]:
    return {kind: getattr(counts, kind.lower()) for kind in KINDS}


def _in_chains(done: NetworkRun | Estimate, moves: str) -> str:
    chained = any(choice.layout is not None for choice in done.chains)
    return ", in chains from bank to bank" if chained and moves == "host" else ""


def _rate(done: NetworkRun | Estimate, latency_ps: int) -> float | None:
    """Images per second; None if the DRAM only stores what the host fetches."""
    in_dram = any(layer.where == "dram" for layer in done.layers)
    return done.images / latency_ps * 1e12 if in_dram and latency_ps else None


def _work(done: NetworkRun | Estimate) -> list[LayerWork]:
    """Work of the baselines: every layer with products, on the host or in DRAM."""
    layers = [layer for layer in done.layers if layer.macs]
    return [
        LayerWork(
            layer.name,
            layer.macs,
            layer.operand_bits,
            layer.weights * layer.bits_of_weight,
            layer.inputs * layer.operand_bits,
            layer.outputs * (_SUM_BITS if layer is layers[-1] else 1),
            layer.bits_of_weight,
            layer.where == "host",
        )
        for layer in layers
    ]


def _baselines(
    done: NetworkRun | Estimate, cost: Mapping[str, Any], system: System
) -> dict[str, Any]:
    """Processors that compute all layers; none if no layer was computed in DRAM."""
    work, result = _work(done), {}
    if any(layer.where == "dram" for layer in done.layers) and cost["latency_ps"]:
        for model in (streaming, reuse_aware):
            baseline = model(work, done.images, Processor(), system)
            result[baseline.name] = baseline.against(cost["latency_ps"], cost["energy_pj"])
    return result


def _break_even(done: NetworkRun | Estimate, energy_pj: float, system: System) -> float | None:
    """How often a processor must use each fetched bit to need no more energy than this run."""
    in_dram = [
        work
        for work in _work(done)
        if not work.real  # left to the host, whose layers compute with real numbers
    ]
    if not in_dram or not stated_pj(energy_pj):
        return None
    return break_even_reuse(energy_pj / done.images, in_dram, Processor(), system)
