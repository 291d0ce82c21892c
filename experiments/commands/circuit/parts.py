"""``pimsim circuit preset`` and ``process``: the bundled files, to look at and to edit."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

from experiments.options.effects import Rule
from experiments.options.option import add, flag
from experiments.options.table import JSON
from experiments.output import json_output

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


@dataclass(frozen=True, slots=True)
class FilePart:
    """A subcommand that shows files of one kind."""

    NAME: str
    plural: str
    one: str
    """A bundled one, for examples."""
    module: str
    """That of :mod:`pimsim.circuit.model` which loads them; the functions below are given it."""
    record: Callable[[Any, str], dict[str, Any]]
    """By name or path: ``name``, ``description``, and ``values``, records that are alike."""
    toml: Callable[[Any, str], str]
    RULES: tuple[Rule, ...] = (
        Rule(("toml",), lambda args: args.file is not None and not args.json,
             "must come with the name of one and without --json"),
    )  # fmt: skip

    @property
    def HELP(self) -> str:
        """One line."""
        return f"list the {self.plural}, or every value of one with its source"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Describe the subcommand."""
        parser.description = _DESCRIPTION.format(name=self.NAME, plural=self.plural)
        parser.epilog = _EPILOG.format(name=self.NAME, one=self.one)
        parser.add_argument("file", nargs="?", metavar="NAME|FILE.toml", help="show this one only")
        text = f"print it as a TOML file to edit, for --{self.NAME} FILE.toml"
        add(parser, flag("toml", text), JSON)

    def run(self, args: argparse.Namespace) -> int:
        """Print the list or one, as tables, JSON or TOML."""
        module = import_module(f"pimsim.circuit.model.{self.module}")
        if args.toml:
            print(self.toml(module, args.file), end="")
            return 0
        chosen = [args.file] if args.file is not None else module.names()
        records = [self.record(module, one) for one in chosen]
        if args.json:
            json_output.show({self.plural: records})
            return 0
        from experiments.output import tables

        if args.file is None:
            listed = [(one["name"], one["description"]) for one in records]
            tables.show((self.NAME, "what"), listed)
            return 0
        (one,) = records
        rows, above = [], None
        for value in one["values"]:
            source = "as above" if value["source"] == above else value["source"]
            rows.append(tuple(map(_shown, {**value, "source": source}.values())))
            above = value["source"]
        tables.show(
            [key.replace("_", " ") for key in one["values"][0]],
            rows,
            title=f"{one['name']}: {one['description']}",
        )
        return 0


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)


def _circuit_record(parameters: Any, name: str) -> dict[str, Any]:
    circuit = parameters.load(name)
    values = [
        {"parameter": key, "value": value, "source": circuit.sources[key]}
        for key, value in circuit.values().items()
    ]
    return {"name": circuit.name, "description": circuit.description, "values": values}


def _process_record(variation: Any, name: str) -> dict[str, Any]:
    process = variation.load(name)
    values = [asdict(one) for one in process.varied]
    return {"name": process.name, "description": process.description, "values": values}


PARTS = (
    FilePart(
        "preset", "presets", "rambus55", "parameters", _circuit_record,
        lambda parameters, name: parameters.toml(parameters.load(name)),
    ),
    FilePart(
        "process", "processes", "ambit-like", "variation", _process_record,
        lambda variation, name: variation.text(name),
    ),
)  # fmt: skip
"""Circuits, and what varies in them."""
