"""Options that say which measurements of unmodified chips row groups are drawn from."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.options import dram
from experiments.options.option import Option, add
from experiments.options.table import STANDARD as ANY_STANDARD
from pimsim.errors import InputError
from pimsim.ranges import Range

if TYPE_CHECKING:
    from pimsim.dram.options import ModelOptions
    from pimsim.dram.standard.standard import Standard
    from pimsim.offtheshelf.groups import Measured

STANDARD = "ddr4-2400"
"""Default part for unmodified chips."""
PART = ANY_STANDARD.but(default=STANDARD)
IDLE = ("split_decoder", "acts_per_aap", "idle_ranks")
"""Options left out: they concern AAPs, which these chips do not have, or whole runs."""
ROWS = Option("rows", "rows that a majority opens", int, "N", 32, choices=(4, 8, 16, 32))
_DELAYS = Range(0, 1_000_000)


def add_part(parser: argparse.ArgumentParser, *leave_out: str, **defaults: Any) -> None:
    """Add the options of the part and its cost model; energy comes from currents."""
    dram.add_dram(parser, leave_out=("energy", *leave_out), standard=STANDARD, **defaults)
    parser.set_defaults(energy="datasheet")


def chosen_part(args: argparse.Namespace) -> tuple[Standard, ModelOptions]:
    """Return the part and the options of its cost model.

    Raises :class:`~pimsim.errors.InputError` for a part without currents, and where
    :func:`~experiments.options.dram.chosen_dram` does.
    """
    from pimsim.dram.standard.standard import load

    part = load(args.standard)
    if part.currents is None:
        raise InputError(
            f"`standard` must have currents, from which energies of unmodified chips are, "
            f"not {part.name}"
        )
    return dram.chosen_dram(args)


def add_measured(parser: argparse.ArgumentParser, best: float = 1.0) -> None:
    """Add ``--t1``, ``--t2``, ``--pattern``, ``--best`` (default ``best``) and ``--boxes``."""
    add(
        parser.add_argument_group("measurements that row groups are drawn from"),
        Option("t1", "for majorities: from the first ACTIVATE to PRECHARGE (default: "
               "%(default)s ns)",
               float, "NS", 1.5, _DELAYS, unit="ns"),
        Option("t2", "for majorities: from PRECHARGE to the second ACTIVATE (default: "
               "%(default)s ns)",
               float, "NS", 3.0, _DELAYS, unit="ns"),
        Option("pattern", "data in the rows of majorities", default="random",
               choices=("random", "all0/1")),
        Option("best", "share of the row groups that are used, the best of all: a screening",
               float, "SHARE", best, Range(0, 1)),
        Option("boxes", "boxes of what was measured (default: "
               "real-chips/simra_success_boxstats.csv in $PIMSIM_DATA)", Path, "FILE.csv"),
    )  # fmt: skip


def found_measured(args: argparse.Namespace) -> Measured | None:
    """Return the measurements that the options name; None if there is no file of boxes.

    Raises :class:`~pimsim.errors.InputError` if the file has no boxes, or ``--best`` leaves no
    group.
    """
    from pimsim.circuit.failure_tables.chips.summary import ActivationDelays
    from pimsim.offtheshelf.boxes import location, read_boxes, require_best
    from pimsim.offtheshelf.groups import Measured

    best, path = require_best(args.best), location(args.boxes)
    if path is None:
        return None
    return Measured(read_boxes(path), args.pattern, ActivationDelays(args.t1, args.t2), best)


def chosen_measured(args: argparse.Namespace) -> Measured:
    """Return the measurements that the options name.

    Raises :class:`~pimsim.errors.InputError` as :func:`found_measured`, and if there is no file.
    """
    from pimsim.offtheshelf.boxes import NEEDED

    found = found_measured(args)
    if found is None:
        raise InputError(f"`--boxes` must be {NEEDED}")
    return found


def stated(args: argparse.Namespace) -> dict[str, object]:
    """Return the assumptions of a result that these options set."""
    from pimsim.offtheshelf.boxes import location

    boxes = "SiMRA, DSN 2024, 120 DDR4 chips pooled" if args.boxes is None else args.boxes.name
    return {
        "boxes": boxes if location(args.boxes) else "none",
        "t1_ns": args.t1,
        "t2_ns": args.t2,
        "pattern": args.pattern,
        "best_share_of_groups": args.best,
    }


STATED = {
    "rows_opened": "by the decoder that SiMRA supposes, five predecoders",
    "chip_energy": "two whole ACTs and PREs an access, though one of each is cut short",
}
"""Assumptions behind time and energy of unmodified chips."""
