"""What the pages of ``pimsim circuit`` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.html.blocks import Fact, Page, Section
from experiments.html.run import assumed, reproduced

Result = Mapping[str, Any]
"""What a subcommand prints with ``--json``, as Python values."""


def made(
    subcommand: str, title: str, summary: str, answer: Sequence[str], sections: Sequence[Section],
    facts: Sequence[Fact] = (),
) -> Page:  # fmt: skip
    """Return a page of ``pimsim circuit``."""
    return Page(title, f"pimsim circuit {subcommand}", summary, answer, sections, facts)


def rests(result: Result, command: str, files: str) -> list[Section]:
    """Return the last sections: assumptions, the command, and what ``files`` says of the others."""
    stated = {name: value for name, value in result["assumptions"].items() if value is not None}
    changed = stated.get("set")
    if isinstance(changed, Mapping):
        words = " ".join(f"{key}={value}" for key, value in changed.items())
        stated["set"] = words or "nothing"
    return [assumed(stated), reproduced(command, files)]
