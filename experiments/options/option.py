"""What an option is: one record for the command line, for Python and for sweeps.

An option that would have no effect is refused: a subcommand lists its :class:`Rule` s as ``RULES``.

The name is the destination of the parser and the keyword in Python; with dashes for underscores it
is the flag. :class:`experiments.options.parser.Parser` checks that a number is in its range. With
``swept``, the option is also a field that a specification can fix or vary. An option of numbers
without a range fails the tests.

>>> from experiments.options.parser import Parser
>>> parser = Parser()
>>> add(parser, Option("wait_ms", "time that cells leak for", float, range=Range(0, 1e12)))
>>> parser.parse_args(["--wait-ms", "64"]).wait_ms
64.0
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pimsim import ranges
from pimsim.errors import InputError
from pimsim.ranges import Range

SAME: Any = ...
"""The default of the command line."""


Condition = Callable[[argparse.Namespace], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """When some options have an effect."""

    options: tuple[str, ...]
    """Their destinations."""
    effective: Condition
    """Whether they have an effect, given all parsed arguments."""
    message: str
    """End of the message otherwise; it follows the name of the option."""


def given(*options: str) -> Condition:
    """Return the condition that at least one of these options is given."""
    return lambda args: any(option in args.given for option in options)


def absent(*options: str) -> Condition:
    """Return the condition that none of these options is given."""
    return lambda args: not any(option in args.given for option in options)


def require_effects(args: argparse.Namespace, rules: Iterable[Rule]) -> None:
    """Refuse an option that is given but has no effect.

    Rules are checked first, so that nobody waits for a result that ignores an option.

    Raises :class:`~pimsim.errors.InputError`.

    >>> rule = Rule(("celsius",), given("wait_ms"), "needs --wait-ms")
    >>> args = argparse.Namespace(given={"celsius": "--celsius"}, celsius=95.0)
    >>> require_effects(args, [rule])
    Traceback (most recent call last):
    ...
    pimsim.errors.InputError: `--celsius` needs --wait-ms
    """
    for rule in rules:
        for option in rule.options:
            if option in args.given and not rule.effective(args):
                name = args.given[option]
                if getattr(args, option) is False:
                    name = f"--no-{name.removeprefix('--').removeprefix('no-')}"
                raise InputError(f"`{name}` {rule.message}")


@dataclass(frozen=True, slots=True)
class Swept:
    """How an option is a field of sweeps."""

    label: str
    """Its label in tables and figures."""
    measures: tuple[str, ...]
    """Measures that it has an effect on."""
    help: str = ""
    """Help in one line; empty: the help of the command line."""
    name: str = ""
    """Name of the field; empty: that of the option."""
    default: Any = SAME
    """Default, which enters the key of a point that does not set the field. None enters no key, so
    a new option with None does not change the keys of older stores."""
    derived: str = ""
    """If the part decides the default: what it is, in words. The value enters the key."""
    unit: str = ""
    """Unit, unless the option has one."""
    required: bool = False
    suffixes: tuple[str, ...] = ()
    """A text with one of these endings is the path of a file."""
    bounded: bool = False
    """Whether the upper end of the range holds for sweeps, too."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option."""

    name: str
    help: str
    """Help text; the default is appended unless the text names it."""
    kind: type = str
    """Type of the value: int, float, str, Path; bool for ``--name`` and ``--no-name``."""
    metavar: str | None = None
    default: Any = None
    range: Range | None = None
    choices: tuple[Any, ...] = ()
    flags: tuple[str, ...] = ()
    """Flags on the command line, if they are not the name with dashes."""
    unit: str = ""
    """Unit, if the name does not end with it."""
    needs: tuple[Condition, str] | None = None
    """When it has an effect, and the end of the message otherwise."""
    swept: Swept | None = None
    required: bool = False
    repeated: bool = False
    """Whether it may be repeated; the value is then a list."""
    alone: bool = False
    """Whether it is ``--name`` alone, without ``--no-name``."""
    if_alone: Any = None
    """The value if the option is given without one; None: a value is required."""
    words: tuple[str, ...] = ()
    """Words that may be given in place of a number."""
    off: str = ""
    """Help text of ``--no-name``, which gives False; empty: there is no such flag."""

    def but(self, **changes: Any) -> Option:
        """Return a copy with changes, for another command."""
        return replace(self, **changes)

    @property
    def in_unit(self) -> str:
        """Unit of the value; empty if it has none."""
        return self.unit or ranges.UNITS.get(ranges.end(self.name), "")

    @property
    def rules(self) -> tuple[Rule, ...]:
        """When it has an effect, for :func:`require_effects`."""
        return () if self.needs is None else (Rule((self.name,), *self.needs),)

    def values(self) -> str:
        """Return in words which values are allowed.

        >>> Option("check", "", int, range=ranges.whole(1, 9), words=("all",)).values()
        'all or an integer from 1 to 9'
        """
        number = "" if self.range is None else self.range.text(self.in_unit)
        return " or ".join([*self.words, number])

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments for ``add_argument``."""
        told: dict[str, Any] = {"dest": self.name, "default": self.default, "help": self.help}
        if self.alone:
            return {**told, "action": "store_true", "default": False}
        if self.required:
            told["required"] = True
        if self.default is not None and not self.repeated and "(default: " not in self.help:
            shown = {True: "on", False: "off"}[self.default] if self.kind is bool else "%(default)s"
            told["help"] = f"{self.help} (default: {shown})".lstrip()
        if self.kind is bool:
            return {**told, "action": argparse.BooleanOptionalAction}
        if self.repeated:
            told["action"] = "append"
        if self.if_alone is not None:
            told |= {"nargs": "?", "const": self.if_alone}
        return {
            **told,
            "type": None if self.kind is str else self.kind,
            "metavar": self.metavar,
            "choices": self.choices or None,
        }


def add(to: argparse._ActionsContainer, *options: Option) -> None:
    """Add options to a parser, or to a group of its arguments."""
    for option in options:
        flags = option.flags or (f"--{option.name.replace('_', '-')}",)
        action = to.add_argument(*flags, **option.arguments())
        action.option = option  # type: ignore[attr-defined]
        if option.off:
            to.add_argument(
                f"--no-{flags[0].removeprefix('--')}",
                dest=option.name, action="store_const", const=False, default=option.default,
                help=option.off,
            )  # fmt: skip


def of(action: argparse.Action) -> Option | None:
    """Return the option behind an argument; None if the argument was not made from one."""
    found: Option | None = getattr(action, "option", None)
    return found


def flag(name: str, help: str) -> Option:
    """Return an option without a value: ``--name``."""
    return Option(name, help, bool, alone=True)


def out_folder(help: str) -> Option:
    """Return ``--out DIR``."""
    return Option("out", help, Path, "DIR")
