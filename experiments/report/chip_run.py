"""``pimsim chips run``: accuracy, time and energy of a network on unmodified chips."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from experiments.options import chips, data

if TYPE_CHECKING:
    from bnn.run.plan import LayerRun
    from bnn.system.chip_tally import ChipTally
    from pimsim.dram.options import ModelOptions
    from pimsim.dram.standard.standard import Standard
    from pimsim.offtheshelf.group_faults import GroupFaults

ASSUMED = (
    "a subarray computes on one row group; all its majorities meet the same weak bitlines",
    "a bitline that fails does so for half of the patterns in which operands differ; copies and "
    "reads are right (measured: 99.98 % of cells and more)",
    "every value stands in both polarities, so that a NOT takes nothing: every majority and copy "
    "is done twice, every operand written twice, and both fail alike",
    "operands of a majority are copied into its group and the result is copied out, however the "
    "design with Ambit's rows would have left them there",
    "layers come one after the other; in a layer the busiest bank decides, majorities first",
    "two whole ACTs and PREs an access are charged, though one of each is cut short",
)
"""The assumptions of the model."""
RAILS = 2
"""Polarities in which a value is stored."""


def simulate(args: argparse.Namespace) -> dict[str, Any]:
    """Run a network as the options of ``pimsim chips run`` say, on every chip, and cost it.

    Raises :class:`~pimsim.errors.InputError`.
    """
    from bnn import zoo
    from bnn.data import datasets
    from bnn.larq import model_file
    from bnn.run.execute import Execution
    from bnn.run.execute import run as run_network
    from bnn.run.scoring import scoring_of
    from bnn.system.chip_tally import ChipTally
    from bnn.system.mitigation import Mitigation
    from bnn.system.system import System
    from experiments.report.inputs import encoding_of
    from experiments.report.simulated import data_name
    from pimsim.cost import assumptions
    from pimsim.offtheshelf.group_faults import GroupFaults
    from pimsim.offtheshelf.primitives import PRIMITIVES

    standard, options = chips.chosen_part(args)
    measured = chips.chosen_measured(args)
    box = measured.box(PRIMITIVES["maj3"], args.rows)
    assert box is not None
    mitigation = Mitigation(activation_rows=args.rows)
    plain = System(standard, options, mitigation=mitigation)
    network = model_file.read_model(
        zoo.locate(args.network),
        lambda: data.open_data(data_name(args), args.data_dir).x.shape[1:],
    )
    opened = datasets.reshape_for(
        data.open_data(data_name(args), args.data_dir), network.input_shape
    )
    encoding = encoding_of(network, opened.x, opened.encoding)
    x = opened.x[: args.limit]
    scoring = scoring_of(network, opened.y, opened.unlabelled).first(args.limit)
    tally = ChipTally(plain.address_map, plain.subarray_rows)
    quiet = Execution(check=False)
    right = run_network(
        network, x, encoding, replace(plain, counter=tally), "output-stationary",
        chain="never", execution=quiet,
    )  # fmt: skip
    found = []
    for best in dict.fromkeys((1.0, args.best)):
        for chip in range(args.seed, args.seed + args.chips):
            faults = GroupFaults.of(box, chip, best)
            done = run_network(
                network, x, encoding, replace(plain, faults=faults), "output-stationary",
                chain="never", execution=quiet,
            )  # fmt: skip
            success = _successes(faults, right.layers, tally)
            found.append(
                {
                    "best": best,
                    "chip": chip,
                    "accuracy": scoring.accuracy(done.logits),
                    "groups": len(success),
                    "success_mean": sum(success) / len(success),
                    "success_least": min(success),
                }
            )
    layers = [_layer(one, tally, standard, options, args.rows) for one in right.layers]
    parts = {name: sum(one["energy"][name] for one in layers) for name in layers[0]["energy"]}
    return {
        "network": args.network,
        "data": opened.name,
        "images": len(x),
        "accuracy_error_free": scoring.accuracy(right.logits),
        "chips": found,
        "layers": [{k: v for k, v in one.items() if k != "energy"} for one in layers],
        "latency_ps": sum(one["compute_ps"] + one["channel_ps"] for one in layers),
        "energy_pj": {**parts, "total": sum(parts.values())},
        "ambit": _ambit(right.layers),
        "assumed": list(ASSUMED),
        "assumptions": {
            **assumptions(standard, options),
            "rows": args.rows,
            **chips.stated(args),
            **chips.STATED,
        },
    }


def _successes(faults: GroupFaults, layers: Sequence[LayerRun], tally: ChipTally) -> list[float]:
    """Success of the group of every subarray that computes."""
    from pimsim.dram.array.faults import Site

    sites = {site for one in layers for site in tally.steps.get(one.ledger, {})}
    return [faults.success(Site(*site)) for site in sorted(sites)]


def _layer(
    layer: LayerRun, tally: ChipTally, standard: Standard, options: ModelOptions, rows: int
) -> dict[str, Any]:
    """Time and energy of a layer on a chip."""
    from bnn.system.ledger import PHASES
    from pimsim.cost import price
    from pimsim.dram.commands import Kind
    from pimsim.dram.timeline.command_stream import streamed
    from pimsim.offtheshelf.cost import burst, charged, program_cost
    from pimsim.offtheshelf.primitives import PRIMITIVES

    programs = PRIMITIVES["maj3"].program(rows), PRIMITIVES["clone"].program()
    busiest = RAILS * tally.busiest(layer.ledger)
    total = RAILS * tally.total(layer.ledger)
    banks = tally.banks(layer.ledger)
    unrefreshed, bursts = 0.0, []
    if banks:
        some = replace(options, banks=banks, refresh=False)
        for program, most, every in zip(programs, busiest, total, strict=True):
            unrefreshed += int(most) * program_cost(program, standard, some).round_ps
            bursts += [(burst(step, standard, options), int(every)) for step in program.steps]
    computed = charged(bursts, round(unrefreshed), max(banks, 1), (standard, options))
    counts = [layer.ledger.counts(phase) for phase in PHASES]
    bits = standard.burst_bytes * 8
    moved = [
        (Kind.WR, RAILS * sum(one.wr for one in counts)),
        (Kind.RD, sum(one.rd for one in counts)),
    ]
    segments = [each for kind, times in moved
                for each in streamed(kind, times * bits, standard, options.banks)]  # fmt: skip
    channel = price(segments, standard, options)
    energy = {
        part: pj + channel.energy_pj.get(part, 0.0) for part, pj in computed.energy_pj.items()
    }
    return {
        "name": layer.name,
        "where": layer.where,
        "banks": banks,
        "majorities": int(total[0]),
        "copies": int(total[1]),
        "compute_ps": computed.latency_ps,
        "channel_ps": channel.latency_ps,
        "energy_pj": sum(energy.values()),
        "energy": energy,
    }


def _ambit(layers: Sequence[LayerRun]) -> dict[str, float]:
    """Time and energy of the same layers if the part had Ambit's rows, without execution."""
    from bnn.system.ledger import PHASES

    costs = [layer.ledger.cost(phase) for layer in layers for phase in PHASES]
    return {
        "latency_ps": sum(one.latency_ps for one in costs),
        "energy_pj": sum(one.total_pj for one in costs),
    }
