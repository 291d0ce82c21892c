"""Options of the DRAM, of its cost model and of mitigations, and the objects they choose."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from experiments.options.option import add
from experiments.options.table import ADDRESS_MAP, MITIGATION, MODEL, STANDARD

if TYPE_CHECKING:
    from bnn.system.mitigation import Mitigation
    from bnn.system.system import System
    from pimsim.dram.array.address_map import AddressMap
    from pimsim.dram.options import ModelOptions
    from pimsim.dram.standard.standard import Standard


def add_dram(
    parser: argparse.ArgumentParser,
    *,
    energy: bool = True,
    leave_out: Collection[str] = (),
    **defaults: Any,
) -> None:
    """Add the options that choose a DRAM standard and the options of the cost model.

    ``defaults`` are defaults of options that differ for this command. Without ``energy`` there is
    no ``--energy``, for a command that shows both models. Options in ``leave_out`` are not added,
    and keep their defaults.
    """
    group = parser.add_argument_group("DRAM and its cost model (printed with every result)")
    add(group, STANDARD.but(default=defaults.pop(STANDARD.name, STANDARD.default)))
    for option in MODEL:
        own = option.but(default=defaults.get(option.name, option.default))
        if "energy" in leave_out:  # the one energy model has standby, and counts ACTIVATEs
            own = own.but(needs=None)
        if option.name in leave_out:
            parser.set_defaults(**{option.name: own.default})
        elif energy:
            add(group, own)
        elif option.name != "energy":  # with both models, everything has an effect
            add(group, own.but(needs=None))
    parser.set_defaults(energy=None)


def add_address_map(parser: argparse.ArgumentParser, **changes: Any) -> None:
    """Add ``--address-map``, with the ``changes`` that a command makes to the option."""
    group = parser.add_argument_group("compute rows of a subarray (docs/address-maps.md)")
    add(group, ADDRESS_MAP.but(**changes))


def chosen_map(args: argparse.Namespace) -> AddressMap:
    """Return the address map that ``--address-map`` names; it must be able to compute.

    Raises :class:`~pimsim.errors.InputError` for an unknown name, a file that is not a map, and a
    map that has no NOT, no majority or no constant.
    """
    from pimsim.dram.array import address_map

    found = address_map.load(args.address_map or address_map.DEFAULT_MAP.name)
    found.require_logic()
    return found


def stated_map(args: argparse.Namespace) -> dict[str, str]:
    """Return the assumption about the address map; empty for the default map.

    >>> parser = argparse.ArgumentParser()
    >>> add_address_map(parser)
    >>> stated_map(parser.parse_args([]))
    {}
    >>> stated_map(parser.parse_args(["--address-map", "ambit"]))
    {'address_map': 'ambit: Seshadri et al., MICRO 2017, Table 1'}
    """
    if args.address_map is None:
        return {}
    from pathlib import Path

    from experiments.sweep.measures.field import digest
    from pimsim.dram.array import address_map

    found = address_map.load(args.address_map)
    file = Path(args.address_map)
    held = (
        "" if args.address_map in address_map.names() else f" ({file.name}, SHA-256 {digest(file)})"
    )
    return {"address_map": f"{found.name}: {found.source}{held}"}


def chosen_dram(args: argparse.Namespace) -> tuple[Standard, ModelOptions]:
    """Return the standard and model options that the options of :func:`add_dram` choose.

    Raises :class:`~pimsim.errors.InputError` for an unknown standard or a value out of range.
    """
    from pimsim.dram.options import ModelOptions
    from pimsim.dram.standard import standard as standards

    standard = standards.load(args.standard)
    given = {option.name: getattr(args, option.name) for option in MODEL}
    return standard, ModelOptions.of(standard, **given)


def add_mitigation(parser: argparse.ArgumentParser) -> None:
    """Add ``--tmr``, ``--activation-rows``, ``--retries`` and ``--screening``."""
    group = parser.add_argument_group(
        "what is done about commands that go wrong (each costs commands; docs/mitigations.md)"
    )
    add(group, *MITIGATION)


def chosen_mitigation(args: argparse.Namespace) -> Mitigation:
    """Return the mitigation that the options of :func:`add_mitigation` choose.

    Raises :class:`~pimsim.errors.InputError` for values out of range or that exclude one another.
    """
    from bnn.system.mitigation import Mitigation

    return Mitigation(**{option.name: getattr(args, option.name) for option in MITIGATION})


def chosen_system(args: argparse.Namespace) -> System:
    """Return the system: standard, model options, address map, row moves and mitigation.

    Raises :class:`~pimsim.errors.InputError` for values out of range or that exclude one another.
    """
    from bnn.system.system import System

    standard, options = chosen_dram(args)
    return System(
        standard, options, chosen_map(args), moves=args.moves, mitigation=chosen_mitigation(args)
    )
