"""Simulates what ``pimsim run`` asks for; gives a report, logits and a Keras check."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.options import data, dram
from experiments.options import faults as fault_options
from experiments.options import traces as trace_options
from experiments.output import progress
from experiments.output.stopwatch import Stopwatch
from experiments.report import cost_only, disturbance
from pimsim.errors import InputError

if TYPE_CHECKING:
    from bnn.model.network import Network
    from bnn.run.estimate import Estimate
    from bnn.run.execute import NetworkRun
    from bnn.run.plan import LayerRun
    from bnn.run.scoring import Scoring
    from bnn.system.system import System
    from bnn.values.encoding import Encoding
    from experiments.report.witness import Witness

PHASES = "import", "load", "compile", "execute", "schedule", "check", "report", "write"
"""Where the wall-clock time of a run goes, in the order of the report: `import` from the first line
of pimsim's program, `report` with baselines and hints, `write` with figures and pages."""
CheckKeras = Callable[[dict[str, Any]], None]
"""Compares with Keras and adds the result to a report."""


def require_sensible(args: argparse.Namespace) -> None:
    """Refuse options that contradict each other, before anything is loaded.

    Raises :class:`~pimsim.errors.InputError`.
    """
    cost_only.check(args)
    if args.check_keras:
        from bnn import train

        train.check_extra("`--check-keras`")
    trace_options.chosen_traces(args)
    disturbance.chosen(args)


def simulate(
    args: argparse.Namespace, witness: Witness | None = None
) -> tuple[dict[str, Any], Any, CheckKeras | None]:
    """Run a network as the options say; write nothing. ``witness`` records what pages show.

    Returns the report; the logits, or None for an estimate; and a function that compares with Keras
    and adds the result to the report, or None.

    Raises :class:`~pimsim.errors.InputError`.
    """
    watch = Stopwatch(PHASES)
    if args.cost_only:
        return cost_only.simulate(args, watch, witness), None, None
    from bnn import zoo
    from bnn.data import datasets
    from bnn.larq import model_file
    from bnn.mapping import choice
    from bnn.run import doubts
    from bnn.run.execute import Execution
    from bnn.run.execute import run as run_network
    from bnn.run.scoring import scoring_of
    from experiments.report import run as reports
    from experiments.report.inputs import chosen_shape, encoding_by_name, encoding_of, stated

    watch.lap("import")
    system = dram.chosen_system(args)
    choice.check(args.mapping)  # a typing error is found before data are read
    faulty = fault_options.faulty_layers(args)
    scale = data.chosen_scale(args.input_scale)
    path = zoo.locate(args.network)
    few = args.limit if scale is None else None  # the scale can only be told from all images
    opened = cache(lambda: data.open_data(data_name(args), args.data_dir, args.labels, scale, few))
    network = model_file.read_model(
        path, chosen_shape(args.input_shape) or (lambda: opened().x.shape[1:])
    )
    fault_options.require_layers(faulty, network)
    system = replace(system, faults=fault_options.chosen_faults(args))
    system = disturbance.hammered(disturbance.watched(system, args), args)
    dataset = datasets.reshape_for(opened(), network.input_shape)
    if few is not None and data.read_by_name(args):
        encoding = encoding_by_name(network, data_name(args))
    else:
        encoding = encoding_of(network, dataset.x, dataset.encoding)
    x = dataset.x[: args.limit]
    scoring = scoring_of(network, dataset.y, dataset.unlabelled).first(args.limit)
    watch.lap("load")
    with (
        trace_options.opened(args, system.standard, system.options) as traces,
        progress.bars(quiet=args.json) as show,
    ):
        done = run_network(
            network,
            x,
            encoding,
            system,
            args.mapping,
            chain=args.chain,
            traces=[*traces, *([] if witness is None else [witness.first])],
            execution=Execution(
                check=True if args.check == "all" else args.check,
                compiled=args.executor == "compiled",
                threads=args.threads,
                faulty=faulty,
                progress=show,
            ),
        )
    parts = {"execute": done.execute_s, "schedule": done.schedule_s, "check": done.check_s}
    watch.lap("compile", parts)
    name = encoding.name if encoding is not None else None
    report = reports.build(
        args.network,
        dataset.name,
        scoring,
        done,
        system,
        name,
        args.mapping,
        {
            **({} if scale is None else {"input_scale": scale.text}),
            **dram.stated_map(args),
            **system.mitigation.stated(),
            **fault_options.stated(args, system.faults),
            **stated(network),
        },
    )

    def estimated(other: System) -> Estimate:
        from bnn.run import estimate

        chain = args.chain if system.faults is None else "never"  # as the run has it
        return estimate.of_network(network, encoding, len(x), other, args.mapping, chain=chain)

    def planned(other: System) -> Sequence[LayerRun]:
        return estimated(other).layers

    names = [layer.name for layer in network.layers]
    report |= disturbance.found(done.layers, system, args, planned, names)
    if witness is not None:
        witness.system, witness.scoring, witness.logits = system, scoring, done.logits
        witness.images, witness.classes = opened().x[: args.limit], dataset.classes
        witness.estimated = estimated
    if system.faults is not None:
        report["faults"] = _beside_error_free(done, network, x, scoring, encoding, args.threads)
    if scale is None:
        right = report["faults"] or {"accuracy_error_free": report["accuracy"]}
        report["input_scale_hint"] = doubts.scale_hint(network, x) or doubts.guessing_hint(
            scoring, x, right["accuracy_error_free"], network.shapes()[-1][-1]
        )
    watch.lap("report")
    report["wall_s"] = watch.wall_s
    if not args.check_keras:
        return report, done.logits, None
    report["keras_why"] = "the check did not finish"
    return report, done.logits, partial(_check_keras, args, path, x, encoding, done.logits)


def _beside_error_free(
    done: NetworkRun,
    network: Network,
    x: Any,
    scoring: Scoring,
    encoding: Encoding | None,
    threads: int | None,
) -> dict[str, Any]:
    """What faults changed, compared with the same network on a DRAM without errors."""
    import numpy as np

    from bnn.run import errorless

    right = errorless.logits(network, x, encoding, threads)
    answers, wanted = scoring.answers(done.logits), scoring.answers(right)
    changed = None
    if answers is not None and wanted is not None:
        changed = int(np.count_nonzero(answers != wanted))
    return {
        "accuracy_error_free": scoring.accuracy(right),
        "predictions": None if wanted is None else wanted.size,
        "predictions_changed": changed,
        "logits_changed": int(np.count_nonzero(done.logits != right)),
        "noise_strikes": {layer.name: layer.result.flips for layer in done.layers if layer.result},
    }


def _check_keras(
    args: argparse.Namespace,
    path: Path,
    x: Any,
    encoding: Any,
    logits: Any,
    report: dict[str, Any],
) -> None:
    """Add the comparison with Keras to a report, or why there is none."""
    from bnn.keras.apart import check_apart

    started = time.perf_counter()
    with progress.bars(quiet=args.json) as show:
        tell = partial(show, "Keras") if show is not None else lambda _done, _all: None
        found = check_apart(path, x, encoding, logits, progress=tell)
    if isinstance(found, str):
        report["keras_why"] = found
    else:
        report["keras_why"] = None
        report["keras_equal"] = found.difference is None
        report["keras_difference"] = found.difference
        report["keras_ties"] = sum(found.ties.values())
        report["keras_tie_layers"] = found.ties
        report["keras_predict_s"] = found.predict_s
    report["wall_s"]["keras"] = time.perf_counter() - started


def data_name(args: argparse.Namespace) -> str:
    """Return the name of the data: ``--data``, or the data of a bundled network."""
    from bnn import zoo

    if args.data is not None:
        return str(args.data)
    if args.network in zoo.names():
        return zoo.entry(args.network).data
    raise InputError(
        "`--data` must be given for a network of your own: digits, mnist, cifar10 or the path of "
        "a .npz or .npy file"
    )
