"""Options that several subcommands share, and what they stand for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from experiments.options.effects import Rule

if TYPE_CHECKING:
    from pimsim.dram.options import ModelOptions
    from pimsim.dram.standard.standard import Standard

DEFAULT_STANDARD = "ddr3-1600-8-8-8"
"""The part and speed bin that the Ambit paper assumes."""


RULES = (
    Rule(
        ("acts_per_aap",),
        lambda args: args.faw or args.energy != "ambit-paper" or bool(getattr(args, "trace", ())),
        "needs --faw or --energy datasheet: nothing else counts ACTIVATEs",
    ),
)
"""Which options of :func:`add_dram` have no effect without which."""


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else"
    )


def add_dram(
    parser: argparse.ArgumentParser,
    *,
    faw: bool = True,
    refresh: bool = True,
    energy: bool = True,
) -> None:
    """Add the options that choose a DRAM standard and the options of the cost model.

    ``faw`` and ``refresh`` are the defaults of ``--faw`` and ``--refresh``. Without ``energy``
    there is no ``--energy``, for a command that shows both models.
    """
    group = parser.add_argument_group("DRAM and its cost model (printed with every result)")
    group.add_argument(
        "--standard",
        metavar="NAME|FILE.toml",
        default=DEFAULT_STANDARD,
        help="DRAM standard, or a file of your own; `pimsim standards` lists them "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--banks",
        type=int,
        metavar="N",
        help="banks that compute at the same time (default: all banks of all ranks and channels "
        "of the part, 8 of DDR3, 128 of hbm2)",
    )
    if energy:
        group.add_argument(
            "--energy",
            choices=("ambit-paper", "datasheet"),
            help="energy model: the Ambit paper's per-command figures, or derived from the "
            "currents of the part; the two are never mixed (default: ambit-paper for DDR3, whose "
            "figures these are; datasheet for other parts)",
        )
    parser.set_defaults(energy=None)
    _add_switch(group, "faw", faw, "obey tFAW and tRRD, the limits on the rate of ACTIVATEs")
    _add_switch(group, "refresh", refresh, "lose tRFC of every tREFI to refresh")
    _add_switch(group, "split-decoder", True, "AAP with overlapped ACTIVATEs, as in Ambit")
    _add_switch(group, "clocked", False, "start commands on clock edges only")
    group.add_argument(
        "--acts-per-aap",
        type=int,
        choices=(1, 2),
        default=2,
        help="ACTIVATEs that an AAP counts for in tFAW and in the datasheet energy "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--extra-wordline-factor",
        type=float,
        metavar="SHARE",
        default=0.0,
        help="energy of each further wordline raised together with the first, as a share of one "
        "ACTIVATE (default: %(default)s)",
    )


def chosen_dram(args: argparse.Namespace) -> tuple[Standard, ModelOptions]:
    """Return the standard and options that the options of :func:`add_dram` say.

    Raises :class:`~pimsim.errors.InputError` for an unknown standard or a value out of range.
    """
    from pimsim.dram.options import ModelOptions
    from pimsim.dram.standard import standard as standards

    standard = standards.load(args.standard)
    options = ModelOptions.of(
        standard,
        banks=args.banks,
        faw=args.faw,
        refresh=args.refresh,
        split_decoder=args.split_decoder,
        clocked=args.clocked,
        acts_per_aap=args.acts_per_aap,
        energy=args.energy,
        extra_wordline_factor=args.extra_wordline_factor,
    )
    return standard, options


def _add_switch(group: argparse._ArgumentGroup, name: str, default: bool, help_text: str) -> None:
    group.add_argument(
        f"--{name}",
        action=argparse.BooleanOptionalAction,
        default=default,
        help=f"{help_text} (default: {'on' if default else 'off'})",
    )
