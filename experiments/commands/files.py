"""Show bundled files: ``pimsim standards``, ``pimsim address-maps``, and those of the circuit."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from experiments.options.option import Rule, add, flag
from experiments.options.table import JSON
from experiments.output import json_output, tables
from pimsim.errors import InputError

if TYPE_CHECKING:
    from pimsim.circuit.model.parameters import Circuit
    from pimsim.circuit.model.variation import Process
    from pimsim.dram.array.address_map import AddressMap
    from pimsim.dram.standard.standard import Standard


@dataclass(frozen=True, slots=True)
class FileCommand:
    """A subcommand that shows files of one kind."""

    LIBRARIES: ClassVar[str] = "numpy"
    NAME: str
    HELP: str
    description: str
    epilog: str
    argument: str
    """Name of the argument that takes the name or path of a file."""
    plural: str
    """Key of the list in JSON."""
    toml_help: str
    RULES: tuple[Rule, ...]
    module: str
    """The module that lists them (``names``) and loads them (``load``)."""
    toml: Callable[[Any, str], str]
    """From that module and a name or path to the TOML text."""
    record: Callable[[Any], dict[str, Any]]
    """From a file to JSON values."""
    listed: Callable[[Any], dict[str, str]]
    """From a file to its row in the list, by heading."""
    sourced: Callable[[Any], list[dict[str, Any]]]
    """From a file to its values, each by heading, ``source`` among them."""
    title: str | None = None
    """Title of the list."""
    imports: Callable[[Path], str] | None = None
    """Converts a file of another tool; without it, there is no ``import``."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Describe the subcommand."""
        parser.description, parser.epilog = self.description, self.epilog
        words = "NAME|FILE.toml" if self.imports is None else "NAME|FILE.toml|import"
        parser.add_argument(self.argument, nargs="?", metavar=words, help="show this one only")
        if self.imports is not None:
            parser.add_argument(
                "file", nargs="?", metavar="FILE.json", help="with import: a file of another tool"
            )
        add(parser, flag("toml", self.toml_help), JSON)

    def run(self, args: argparse.Namespace) -> int:
        """Print the list or one, as tables, JSON or TOML."""
        module, chosen = import_module(self.module), getattr(args, self.argument)
        file = getattr(args, "file", None)
        if self.imports is not None and (chosen == "import" or file is not None):
            print(self.imports(_to_import(chosen, file, args.json or args.toml)), end="")
            return 0
        if args.toml:
            print(self.toml(module, chosen), end="")
            return 0
        found = [module.load(one) for one in (module.names() if chosen is None else [chosen])]
        if args.json:
            json_output.show({self.plural: [self.record(one) for one in found]})
            return 0
        title, rows = self.title, [self.listed(one) for one in found]
        if chosen is not None:
            (one,) = found
            title, rows = f"{one.name}: {one.description}", _values(self.sourced(one))
        tables.show([*rows[0]], [[*row.values()] for row in rows], title=title)
        return 0


def _to_import(chosen: str | None, file: str | None, formatted: bool) -> Path:
    """Return the file to import; raise InputError if anything else is asked for, too."""
    if chosen != "import":
        raise InputError(f"`{file}` must come with import, not with {chosen!r}")
    if file is None or formatted:
        raise InputError("`import` must come with one FILE.json and nothing else")
    return Path(file)


def _values(sourced: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Values as they are shown; a source is shown only where it differs from the row above."""
    rows, above = [], None
    for value in sourced:
        source = "as above" if value["source"] == above else value["source"]
        above = value["source"]
        shown = {**value, "source": source}.items()
        rows.append({key.replace("_", " "): _shown(one) for key, one in shown})
    return rows


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)


# -- standards -------------------------------------------------------------------------------


def _standard_record(standard: Standard) -> dict[str, Any]:
    timing = standard.timing
    return {
        **{key: value for key, value in asdict(standard).items() if key != "sources"},
        "peak_gb_per_s": standard.peak_gb_per_s,
        "aap_ns": timing.aap_ps(split_decoder=True) / 1e3,
        "ap_ns": timing.ap_ps / 1e3,
        "sources": dict(standard.sources),
    }


def _standard_row(standard: Standard) -> dict[str, str]:
    return {
        "standard": standard.name,
        "GB/s": f"{standard.peak_gb_per_s:.1f}",
        "banks": f"{standard.channels}x{standard.ranks}x{standard.banks}",
        "row KB": f"{standard.row_bytes / 1024:g}",
        "tFAW": f"{standard.timing.t_faw_ps / 1e3:.2f}",
        "AAP": f"{standard.timing.aap_ps(split_decoder=True) / 1e3:.2f}",
        "what": standard.description,
    }


def _standard_values(standard: Standard) -> list[dict[str, str]]:
    rows = []
    for path, source in standard.sources.items():
        section, key = path.split(".")
        owner = standard if section == "geometry" else getattr(standard, section)
        rows.append({"value": path, "": f"{getattr(owner, key):,}", "source": source})
    return rows


def _imported(path: Path) -> str:
    from pimsim.dram.standard import imported, standard

    return standard.toml(imported.load(path))


STANDARDS = FileCommand(
    NAME="standards",
    HELP="list the DRAM standards, or every value of one with its source",
    description="""\
List the DRAM standards that --standard accepts; with a name, or the path of a .toml file
of the same form, every value of that one with its source.

With the words import FILE.json, print a part as TOML that another tool's file states: a memory
specification of DRAMPower 5 or 6 or of DRAMSys, or an object with org and timing, all numbers of a
preset of Ramulator 2.
""",
    epilog="""\
examples:
  pimsim standards
  pimsim standards ddr3-1600-11-11-11      where each value comes from
  pimsim standards --json
  pimsim standards ddr4-2400 --toml > mine.toml   a file of your own, to edit
""",
    argument="standard",
    plural="standards",
    toml_help="print the standard as a TOML file to edit, for --standard FILE.toml",
    RULES=(
        Rule(
            ("toml",),
            lambda args: args.standard is not None and not args.json,
            "must come with the name of one standard and without --json",
        ),
    ),
    module="pimsim.dram.standard.standard",
    toml=lambda module, name: module.toml(module.load(name)),
    record=_standard_record,
    listed=_standard_row,
    sourced=_standard_values,
    title="times in ns; GB/s: peak of all channels; banks: channels x ranks x banks a rank",
    imports=_imported,
)
"""DRAM standards."""


# -- address maps ----------------------------------------------------------------------------


def _map_record(found: AddressMap) -> dict[str, Any]:
    return {
        "name": found.name,
        "description": found.description,
        "source": found.source,
        **found.hardware,
        "constants": dict(found.constants),
        "addresses_raise": {name: [*found.raised(name)] for name, _ in found.addresses},
    }


def _map_row(found: AddressMap) -> dict[str, str]:
    shown = {key.replace("_", " "): str(value) for key, value in found.hardware.items()}
    return {"address map": found.name, **shown, "what": found.description}


def _map_values(found: AddressMap) -> list[dict[str, str]]:
    opened = ((name, " ".join(found.raised(name))) for name, _ in found.addresses)
    held = ((name, f"a constant row of {bit}") for name, bit in found.constants)
    return [
        {"address": name, "opens": what, "source": found.source} for name, what in (*opened, *held)
    ]


ADDRESS_MAPS = FileCommand(
    NAME="address-maps",
    HELP="list the address maps: compute rows, and which of them an address opens",
    description="""\
List the address maps that --address-map accepts; with a name, or the path of a .toml file
of the same form, every address of that one with the wordlines that it raises.

cells            compute rows of a subarray, beside the constant rows
wordlines        of these: a dual-contact cell has two, and !CELL is the second
addresses        outputs of the row decoder that raise them
rows at once     most that one address opens
""",
    epilog="""\
examples:
  pimsim address-maps
  pimsim address-maps ambit                which cells B0 to B15 open
  pimsim address-maps --json
  pimsim address-maps ambit --toml > mine.toml    a map of your own, to edit
""",
    argument="address_map",
    plural="address_maps",
    toml_help="print the map as a TOML file to edit, for --address-map FILE.toml",
    RULES=(
        Rule(
            ("toml",),
            lambda args: args.address_map is not None and not args.json,
            "must come with the name of one and without --json",
        ),
    ),
    module="pimsim.dram.array.address_map",
    toml=lambda module, name: module.text(name),
    record=_map_record,
    listed=_map_row,
    sourced=_map_values,
)
"""Compute rows of a subarray."""


# -- parts of the circuit --------------------------------------------------------------------

_DESCRIPTION = """\
List the {plural} that --{name} accepts; with a name, or the path of a .toml file of the same form,
every value of that one with its source.
"""

_EPILOG = """\
examples:
  pimsim circuit {name}                          what there is
  pimsim circuit {name} {one}             where each value comes from
  pimsim circuit {name} {one} --toml > mine.toml
                                                 a file of your own, to edit, for --{name} mine.toml
"""


def _of_circuit(
    name: str,
    plural: str,
    one: str,
    module: str,
    toml: Callable[[Any, str], str],
    sourced: Callable[[Any], list[dict[str, Any]]],
) -> FileCommand:
    """A subcommand of ``pimsim circuit``; ``one`` is a bundled file, for examples."""
    return FileCommand(
        NAME=name,
        HELP=f"list the {plural}, or every value of one with its source",
        description=_DESCRIPTION.format(name=name, plural=plural),
        epilog=_EPILOG.format(name=name, one=one),
        argument="file",
        plural=plural,
        toml_help=f"print it as a TOML file to edit, for --{name} FILE.toml",
        RULES=(
            Rule(
                ("toml",),
                lambda args: args.file is not None and not args.json,
                "must come with the name of one and without --json",
            ),
        ),
        module=f"pimsim.circuit.model.{module}",
        toml=toml,
        record=lambda found: {
            "name": found.name, "description": found.description, "values": sourced(found)
        },
        listed=lambda found: {name: found.name, "what": found.description},
        sourced=sourced,
    )  # fmt: skip


def _parameters(circuit: Circuit) -> list[dict[str, Any]]:
    return [
        {"parameter": key, "value": value, "source": circuit.sources[key]}
        for key, value in circuit.values().items()
    ]


def _varied(process: Process) -> list[dict[str, Any]]:
    return [asdict(one) for one in process.varied]


OF_CIRCUIT = (
    _of_circuit(
        "preset", "presets", "rambus55", "parameters",
        lambda module, name: module.toml(module.load(name)), _parameters,
    ),
    _of_circuit(
        "process", "processes", "ambit-like", "variation",
        lambda module, name: module.text(name), _varied,
    ),
)  # fmt: skip
"""Presets of circuits, and processes: what varies in them."""
