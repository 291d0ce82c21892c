"""``pimsim run``: classify images with a network in simulated DRAM, and say what it cost."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.figures import wanted
from experiments.options import data, dram
from experiments.options import faults as fault_options
from experiments.options import figures as figure_options
from experiments.options import traces as trace_options
from experiments.options.option import Option, Rule, absent, add, flag, out_folder
from experiments.options.table import (
    CHAIN,
    DATA,
    DISTURBANCE,
    DISTURBANCE_FLIPS,
    HTML,
    INPUT_SCALE,
    JSON,
    LIMIT,
    MAPPING,
    MOVES,
    NETWORK,
)
from experiments.output import json_output, outdir, progress
from experiments.output.escaping import visible
from experiments.report import simulated
from pimsim.ranges import whole

if TYPE_CHECKING:
    from experiments.html.parts import Part
    from experiments.report.witness import Witness

NAME = "run"
HELP = "run a Larq network on simulated DRAM: answers, commands, time, energy"

_DESCRIPTION = """\
Run a binarized network in simulated DRAM, row command by row command, and report what came out,
how long the DRAM took and what energy, beside a processor behind the same memory.

NETWORK is a name from `pimsim networks` or the path of a model saved by Larq (.keras or .h5;
TensorFlow is not needed). Every integer sum that stands in DRAM rows is compared with an
independent integer reference: `bit exact: yes` means that all of them agree. With --check N, those
of N images are compared, spread evenly over those that are run.

With --variation or --failures, row commands fail as often as in a circuit or on measured chips. The
report then compares accuracy with and without these faults. Sums are not compared with the
reference, because they may be wrong.

With --cost-only, commands are counted and scheduled but not executed: time and energy are exactly
the same, but nothing is computed. Networks that pimsim knows only by their shapes, such as vgg16,
need this option.
"""

_EPILOG = """\
examples:
  pimsim run digits-mlp                                    works anywhere
  pimsim run mnist-mlp --data mnist --limit 1000 --out out/mlp
  pimsim run mnist-cnn --data mnist --mapping weight-stationary    not the best for each layer
  pimsim run mnist-mlp --data mnist --check-keras          against Keras itself
  pimsim run mnist-mlp --data mnist --variation 10         on cells and amplifiers that vary
  pimsim run mnist-cnn --data mnist --limit 100 --disturbance    would it disturb rows beside?
  pimsim run digits-mlp --limit 8 --trace perfetto:run.json
  pimsim run my_model.h5 --data my_images.npz --energy datasheet --json
  pimsim run my_model.h5 --data x.npy --labels y.npy --input-scale symmetric
  pimsim run resnet50 --cost-only --images 64 --mapping weight-stationary
  pimsim run digits-mlp --address-map three-dcc            other compute rows than Ambit's

FILE.npz holds `x` (images, ...), numbers of any type, as the Keras model would be fed, and
optionally `y`, the labels: whole numbers from 0, (images,) or (images, 1), or one-hot. Also taken:
x_test and y_test, images and labels, x_train and y_train, or what np.savez(FILE, x, y) writes;
and FILE.npy, images alone, with labels in --labels FILE or beside it (x.npy and y.npy, x_test.npy
and y_test.npy, images.npy and labels.npy).

A network with one output says yes or no: the loss in the model file tells where the line lies, and
the report names it. Images in another scale than the network was trained on are named where its
first BatchNorm, or an accuracy of guessing, gives them away; --input-scale puts them right.

DIR receives report.json, logits.npy (not with --cost-only), report.html, a page that shows
all of it in any browser, and two figures with their tables.
"""


_PARTS = flag(
    "parts", "cost the run on every other part, too, for report.html; takes seconds to minutes"
)
CHECK = Option(
    "check",
    "compare every sum that stands in rows with the integer reference: of all images, or of N of "
    "them, spread evenly over those that are run",
    int, "all|N", default="all", range=whole(1, 10_000_000), words=("all",), if_alone="all",
    off="compare nothing with the integer reference",
)  # fmt: skip

RULES = (
    Rule(
        ("parts",),
        lambda args: args.out is not None and args.html,
        "needs --out and report.html: the page shows it",
    ),
    Rule(
        ("executor", "threads", "check", "check_keras", "data_dir", "variation", "failures"),
        absent("cost_only"),
        "must not be given with --cost-only: nothing is computed",
    ),
    Rule(
        ("threads",),
        lambda args: args.executor != "reference",
        "needs --executor compiled: the reference uses one processor",
    ),
    Rule(
        ("check", "check_keras"),
        absent("variation", "failures"),
        "must not be given with --variation or --failures: no sum has to be right",
    ),
    Rule(
        ("data_dir",),
        data.read_by_name,
        "needs the name of a data set as --data: a file is read from where it is",
    ),
    *fault_options.RULES,
)
"""Which options have no effect without which."""

_OTHERS = ("ddr4-2400", "hbm2")
"""Parts in the example that the page gives for ``pimsim compare``."""

WRITES = ("report.json", "report.html", "logits.npy", "comparison.*", "layers.*", "disturbance.*")
"""Names of what is written into the folder `--out`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim run``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("network", metavar=NETWORK.metavar, help=NETWORK.help)
    group = parser.add_argument_group("images")
    add(
        group,
        DATA,
        LIMIT,
        Option(
            "input_shape",
            "shape of an image, such as 64,64,3, where the model file leaves sizes open (default: "
            "that of the images)",
            metavar="SIZES",
        ),
        data.LABELS,
        INPUT_SCALE,
        data.DATA_DIR,
    )
    add(parser, MAPPING, MOVES, CHAIN)
    dram.add_dram(parser)
    dram.add_address_map(parser)
    dram.add_mitigation(parser)
    add(
        parser,
        CHECK,
        Option(
            "executor",
            "carry commands out as vector code, which leaves every row as they would (compiled), "
            "or one by one (reference)",
            default="compiled", choices=("compiled", "reference"),
        ),
        Option(
            "threads", "processors that the compiled executor uses (default: all)",
            int, "N", range=whole(1, 1_024),
        ),
        flag(
            "check_keras",
            "hold every accumulator and prediction against Keras, and time its predict (needs the "
            "extra `larq`)",
        ),
        flag(
            "cost_only",
            "commands, time and energy alone: nothing is executed, no images are read",
        ),
        Option(
            "channels",
            "of a network that is known by its shapes alone: round the channels of every hidden "
            "layer to the nearest multiple of N",
            int, "N", range=whole(1, 65_536),
        ),
    )  # fmt: skip
    fault_options.add_faults(parser)
    add(parser.add_argument_group("read disturbance"), DISTURBANCE, DISTURBANCE_FLIPS)
    trace_options.add_trace(parser)
    figure_options.add_figures(parser)
    add(parser, out_folder("folder for report and figures"), HTML, _PARTS, JSON)


def run(args: argparse.Namespace) -> int:
    """Run the network; print tables or the report as JSON, and write it if asked."""
    from pimsim.microprogram.schedule import gc_paused

    with gc_paused():
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    """See :func:`run`."""
    simulated.require_sensible(args)
    with outdir.asked(args.out, last="report.json") as folder:
        witness = _witness() if folder is not None and args.html else None
        report, logits, check = simulated.simulate(args, witness)
        if folder is not None:
            _write(report, logits, folder, args, witness)
    code = _show(report, check, args, witness)
    if args.parts and witness is not None:
        _page(report, args, witness, args.out, _parts(args, witness))
    return code


def found(
    args: argparse.Namespace, named: dict[str, Any], *, typed: bool = True
) -> tuple[dict[str, Any], Any]:
    """Run the network, print nothing, and write the folder ``--out`` if it is asked for.

    Args:
        args: parsed arguments.
        named: entries of the report to replace, such as the name of a network.
        typed: whether a command line with these ``args`` gives the same result.

    Returns the report, with the comparison with Keras if asked for, and the logits.
    """
    simulated.require_sensible(args)
    with outdir.asked(args.out, last="report.json") as folder, wanted.wanted(wanted.of(args)):
        witness = None if folder is None else _witness()
        report, logits, check = simulated.simulate(args, witness)
        if check is not None:
            check(report)
        report |= named
        if folder is not None:
            _write(report, logits, folder, args, witness, typed=typed)
    return report, logits


def _parts(args: argparse.Namespace, witness: Witness) -> list[Part]:
    """What the run would have cost on other parts."""
    from experiments.html import parts

    with progress.bars(quiet=args.json) as show:
        return [*parts.costed(witness, args, show)]


def _witness() -> Witness:
    from experiments.html.timeline import FirstCommands
    from experiments.report.witness import Witness

    return Witness(FirstCommands())


def _write(
    report: dict[str, Any],
    logits: Any,
    folder: Path,
    args: argparse.Namespace,
    witness: Witness | None,
    *,
    typed: bool = True,
) -> None:
    """Write logits, figures and page, and at last the report."""
    started = time.perf_counter()
    import numpy as np

    from experiments.figures import run as figures

    if logits is not None:
        np.save(folder / "logits.npy", logits)
    figures.draw(report, folder)
    if "disturbance" in report:
        from experiments.figures import disturbance

        disturbance.draw(report["network"], report["disturbance"], folder)
    if witness is not None:
        _page(report, args, witness, folder, typed=typed)
    report["wall_s"]["write"] = time.perf_counter() - started
    _report(report, folder)


def _page(
    report: dict[str, Any],
    args: argparse.Namespace,
    witness: Witness,
    folder: Path,
    parts: list[Part] | None = None,
    *,
    typed: bool = True,
) -> None:
    """Write the page of a run, or write it again."""
    from experiments.html import command, page
    from experiments.html import run as pages

    told = command.typed(f"pimsim {NAME}", args, "network") if typed else ""
    beside = shlex.join(["pimsim", "compare", str(args.out), *_OTHERS])
    made = pages.page(report, told, witness, (parts or [], beside))
    outdir.replace_text(folder / page.NAME, page.render(made))


def _report(report: dict[str, Any], folder: Path) -> None:
    outdir.replace_text(folder / "report.json", json_output.text(report) + "\n")


def _show(
    report: dict[str, Any],
    check: simulated.CheckKeras | None,
    args: argparse.Namespace,
    witness: Witness | None,
) -> int:
    """Print the report, then compare with Keras and print that; return the exit code.

    The report is printed and written first, because Keras may take long or fail.
    """
    if not args.json:
        from experiments.report import tables

        tables.show(report)
        if args.out is not None:
            logits = "" if args.cost_only else " logits.npy,"
            page = " report.html," if args.html else ""
            first = wanted.current().formats[0]
            written = f"written to {args.out}: report.json,{logits}{page} "
            written += f"comparison.{first}, layers.{first}"
            print(visible(written))
        sys.stdout.flush()
    try:
        if check is not None:
            check(report)
            if args.out is not None:
                _report(report, args.out)
            if witness is not None:
                _page(report, args, witness, args.out)
    finally:
        if args.json:
            shown = {} if witness is None else {"html": str(args.out / "report.html")}
            json_output.show(report | shown)
    if check is not None and not args.json:
        tables.show_keras(report)
    for name, other in (("bit_exact", "the integer reference"), ("keras_equal", "Keras")):
        if report[name] is False:
            print(f"pimsim: error: the rows differ from {other}", file=sys.stderr)
            return 1
    return 0
