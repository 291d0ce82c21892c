"""Docstrings as the pages of the reference show them: examples as code, roles as links.

The docstrings of pimsim are read in editors and by ``help``: an example begins with ``>>>``, and
another object is named by a role such as ``:func:`~pimsim.cost.primitive_cost```. Markdown knows
neither, so both are rewritten when the reference is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import griffe

_ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):`(~?)([\w.]+)`")


def fenced(text: str) -> str:
    r"""Return ``text`` with each example in a code block, up to the next empty line.

    >>> fenced("Add one.\n\n>>> one(1)\n2\n").splitlines()
    ['Add one.', '', '```pycon', '>>> one(1)', '2', '```']
    """
    lines: list[str] = []
    inside: str | None = None
    for line in text.splitlines():
        if inside is None and line.lstrip().startswith(">>> "):
            inside = line[: len(line) - len(line.lstrip())]
            lines.append(f"{inside}```pycon")
        elif inside is not None and not line.strip():
            lines.append(f"{inside}```")
            inside = None
        lines.append(line)
    return "\n".join([*lines, f"{inside}```"] if inside is not None else lines)


class Roles(griffe.Extension):
    """Rewrites every docstring of a package once the whole package is there."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Rewrite the docstrings of ``pkg`` and of all that is in it."""
        for each in _inside(pkg):
            if each.docstring is not None:
                text = _ROLE.sub(lambda found, each=each: _link(each, found), each.docstring.value)
                each.docstring.value = fenced(text)


def _inside(one: griffe.Object) -> Iterator[griffe.Object]:
    """``one`` and all below it that is defined there."""
    yield one
    for member in one.members.values():
        if not member.is_alias:
            yield from _inside(member)


def _link(where: griffe.Object, found: re.Match[str]) -> str:
    """A role as Markdown: a link if the object has a place in the reference, else code."""
    short, name = found.groups()
    shown = f"`{name.rpartition('.')[2] if short else name}`"
    try:
        path = name if "." in name else where.resolve(name)
    except griffe.NameResolutionError:
        return shown
    first, *further = path.split(".")
    if first != where.package.name:  # of another package: only what is shown in full is sure
        return f"[{shown}][{path}]" if first in ("pimsim", "bnn", "experiments") else shown
    try:
        one = where.package[tuple(further)] if further else where.package
    except KeyError:
        return shown
    if one.is_alias or any(part.startswith("_") for part in further):
        return shown
    return f"[{shown}][{path}]"
