"""An argument parser whose messages are one line and suggest what may have been meant.

>>> parser = Parser(prog="pimsim run", allow_abbrev=False)
>>> _ = parser.add_argument("--banks", type=int)
>>> parser.parse_args(["--banks", "4"]).given
mappingproxy({'banks': '--banks'})
>>> import contextlib, sys
>>> with contextlib.redirect_stderr(sys.stdout), contextlib.suppress(SystemExit):
...     parser.parse_args(["--bank", "4"])
pimsim run: error: unknown option `--bank`; did you mean `--banks`? (see pimsim run --help)

An option with an optional value leaves the next word to a positional argument that needs it:

>>> _ = parser.add_argument("network"), parser.add_argument("--look", nargs="?", const="all")
>>> [parser.parse_args(words.split()).look for words in ("--look cnn", "cnn --look far", "cnn")]
['all', 'far', None]
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from experiments.options import option
from pimsim.documents import meant

_NEGATIVE = re.compile(r"^-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$|^-(inf|infinity|nan)$", re.IGNORECASE)

_WORDS = {
    "expected one argument": "needs a value",
    "expected at least one argument": "needs a value",
    "ignored explicit argument": "takes no value, not",
    "not allowed with argument": "must not be given with",
}
"""Beginnings of messages of :mod:`argparse`, and our words for them."""

_MOST_SHOWN = 60


class Parser(argparse.ArgumentParser):
    """Checks types and ranges of values, and records which options were given.

    The namespace has ``given``, which maps a destination to the flag that was given. A value must
    not be empty. A number must be finite, and in the range of its :mod:`option
    <experiments.options.option>`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"exit_on_error": False, **kwargs})
        self._negative_number_matcher = _NEGATIVE
        self._given: dict[str, str] = {}

    def error(self, message: str) -> NoReturn:
        """Print one line; ``--help`` shows the full usage."""
        self.exit(2, f"{self.prog}: error: {one_line(message)} (see {self.prog} --help)\n")

    def parse_known_args(  # type: ignore[override]  # nothing is ever left over
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse; an unknown argument is an error of this parser, not of its parent."""
        self._given = {}
        words = list(sys.argv[1:] if args is None else args)
        try:
            found, rest = super().parse_known_args(self._left_alone(words), namespace)
        except argparse.ArgumentError as error:
            self.error(_said(error))
        if rest:
            self.error(self._unknown(rest))
        deeper: Mapping[str, str] = getattr(found, "given", {})
        found.given = MappingProxyType({**self._given, **deeper})
        return found, []

    def _left_alone(self, words: list[str]) -> list[str]:
        """Return words in which an option with an optional value takes no needed argument.

        The word after such an option is its value, unless a positional argument is needed and no
        other word can be it: in ``--disturbance mnist-cnn``, ``mnist-cnn`` is the network, not the
        value.
        """
        needed = sum(
            1 for one in self._actions if not one.option_strings and one.nargs in (None, "+")
        )
        behind: list[int] = []
        number = 0
        while number < len(words):
            word = words[number]
            number += 1
            if word == "--":
                needed -= len(words) - number
                break
            action = self._option_string_actions.get(word)
            if action is None:
                dashed = word.startswith("-") and word != "-" and not _NEGATIVE.match(word)
                needed -= not dashed
            elif number < len(words) and action.nargs in (None, "?"):
                if action.nargs is None:
                    number += 1
                elif not words[number].startswith("-"):
                    behind.append(number)
                    number += 1
        found = list(words)
        for number in behind[: max(needed, 0)]:
            option = self._option_string_actions[words[number - 1]]
            found[number - 1] = f"{words[number - 1]}={option.const}"
        return found

    def _unknown(self, rest: Sequence[str]) -> str:
        for word in rest:
            option = word.partition("=")[0]
            if option.startswith("-") and option.strip("-"):
                known = [name for name in self._option_string_actions if name.startswith("--")]
                wanted = f"--{option.lstrip('-')}"
                return f"unknown option `{option}`{meant(wanted, known, '`', cutoff=0.7)}"
        return f"unexpected argument {shortened(rest[0])}"

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        if action.option_strings:
            self._given[action.dest] = action.option_strings[0]
        return super()._get_values(action, arg_strings)

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        if isinstance(action, argparse._SubParsersAction):  # its values are words of the next
            return arg_string
        if not arg_string.strip():
            raise _Refused(action, "must not be empty")
        known = option.of(action)
        words = () if known is None else known.words
        if action.type not in (int, float) or arg_string in words:
            return arg_string if words else super()._get_value(action, arg_string)
        kind = " or ".join([*words, "an integer" if action.type is int else "a number"])
        try:
            value = action.type(arg_string)
        except ValueError:
            if not arg_string.strip().lstrip("+-").isdecimal():
                raise _Refused(action, f"must be {kind}, not {shortened(arg_string)}") from None
            value = math.inf  # thousands of digits, which Python does not read
        if action.type is float and not math.isfinite(value):
            raise _Refused(action, f"must be a finite number, not {arg_string}")
        if known is not None and known.range is not None and not known.range.holds(value):
            raise _Refused(action, f"must be {known.values()}, not {cut(arg_string.strip())}")
        return value

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        raise _Refused(
            action,
            f"must be one of {', '.join(known)}, not {shortened(value)}{meant(value, known)}",
        )


class _Refused(argparse.ArgumentError):
    """A value that an argument refuses."""


def one_line(message: str) -> str:
    """Return a message with all white space as single spaces."""
    return " ".join(message.split())


def shortened(value: object) -> str:
    """Return a value as a message shows it: quoted if a text, cut if long.

    >>> shortened("x"), shortened(3), len(shortened("9" * 5000))
    ("'x'", '3', 63)
    """
    return cut(repr(value))


def cut(text: str) -> str:
    """Return a text, cut if long."""
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Return every argument of a parser and of its subcommands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for part in action.choices.values():
                yield from actions(part)


def is_path(action: argparse.Action) -> bool:
    """Return whether an argument may name a file or a folder.

    The type may say so, or a metavar such as ``NAME|FILE.toml``.
    """
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    return action.type is Path or metavar == "NETWORK" or "FILE" in metavar or "." in metavar


def _said(error: argparse.ArgumentError) -> str:
    message = error.message
    for theirs, ours in _WORDS.items():
        message = message.replace(theirs, ours)
    name = error.argument_name
    if name is None:
        return message
    return f"`{name.partition('/')[0] if name.startswith('-') else name}` {message}"
