"""What an option is: one record of it for the command line, for Python and for sweeps.

What would have no effect is refused: a subcommand lists its :class:`Rule` s as ``RULES``.

The name is the destination, the keyword of Python, and the flag with dashes for underscores; what a
number may be is held by :class:`experiments.options.parser.Parser`; ``swept`` makes it a field that
a specification can fix or vary. An option of numbers without a range fails the tests.

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
    """Whether they have one, with everything else as it is."""
    message: str
    """What is to be said otherwise, behind the name of the option."""


def given(*options: str) -> Condition:
    """Return the condition that one of some options is given."""
    return lambda args: any(option in args.given for option in options)


def absent(*options: str) -> Condition:
    """Return the condition that none of some options is given."""
    return lambda args: not any(option in args.given for option in options)


def require_effects(args: argparse.Namespace, rules: Iterable[Rule]) -> None:
    """Refuse an option that is given without an effect.

    Rules are held before anything else is done, so that nobody waits for a result that an option
    has not entered.

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
    """An option as a field of sweeps."""

    label: str
    """What it is, for people and figures."""
    measures: tuple[str, ...]
    """Measures that it acts on."""
    help: str = ""
    """One line; empty: that of the command line."""
    name: str = ""
    """Of the field; empty: that of the option."""
    default: Any = SAME
    """What the key of a point that leaves it out has in its place; a new option with None leaves
    the keys of older stores as they are."""
    derived: str = ""
    """What the part gives where nothing is set, in words; it stands in the key."""
    unit: str = ""
    """Unless the option has one."""
    required: bool = False
    suffixes: tuple[str, ...] = ()
    """Endings by which a text is known to be the path of a file."""
    bounded: bool = False
    """Whether the greatest value of the range holds for sweeps, too."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option."""

    name: str
    help: str
    """What ``--help`` says; a default is added unless it is named."""
    kind: type = str
    """Type of the value: int, float, str, Path; bool for ``--name`` and ``--no-name``."""
    metavar: str | None = None
    default: Any = None
    range: Range | None = None
    choices: tuple[Any, ...] = ()
    flags: tuple[str, ...] = ()
    """Its names on the command line, if not the name with dashes."""
    unit: str = ""
    """Unless the name ends with it."""
    needs: tuple[Condition, str] | None = None
    """When it has an effect, and what is said otherwise, behind its name."""
    swept: Swept | None = None
    required: bool = False
    repeated: bool = False
    """Whether it may be given again: the value is a list."""
    alone: bool = False
    """Whether it is ``--name`` alone, without ``--no-name``."""
    if_alone: Any = None
    """The value where it is given without one; None: it must have one."""
    words: tuple[str, ...] = ()
    """Words that may be given in place of a number."""
    off: str = ""
    """What ``--no-name`` does, which gives False, for ``--help``; empty: there is none."""

    def but(self, **changes: Any) -> Option:
        """Return the option as another command has it."""
        return replace(self, **changes)

    @property
    def in_unit(self) -> str:
        """Unit in which it is given; empty if it has none."""
        return self.unit or ranges.UNITS.get(ranges.end(self.name), "")

    @property
    def rules(self) -> tuple[Rule, ...]:
        """When it has an effect, for :func:`require_effects`."""
        return () if self.needs is None else (Rule((self.name,), *self.needs),)

    def values(self) -> str:
        """Return what a number, or a word in its place, must be.

        >>> Option("check", "", int, range=ranges.whole(1, 9), words=("all",)).values()
        'all or an integer from 1 to 9'
        """
        number = "" if self.range is None else self.range.text(self.in_unit)
        return " or ".join([*self.words, number])

    def arguments(self) -> dict[str, Any]:
        """Return what ``add_argument`` is to be told, besides the flags."""
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
    """Give options to a parser, or to a group of its arguments."""
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
    """Return the option that became an argument; None if it was none."""
    found: Option | None = getattr(action, "option", None)
    return found


def flag(name: str, help: str) -> Option:
    """Return an option that is given or not: ``--name`` alone."""
    return Option(name, help, bool, alone=True)


def out_folder(help: str) -> Option:
    """Return ``--out DIR``."""
    return Option("out", help, Path, "DIR")
