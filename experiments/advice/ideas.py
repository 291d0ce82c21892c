"""Kinds of changes to a run; each is one entry of :data:`IDEAS`.

A change sets other options of ``pimsim run``, so a command can show what it saves.

>>> setup = Setup("digits-mlp", {"--limit": "100", "--mapping": "auto"})
>>> print(setup.changed({"--limit": "200"}).command())
pimsim run digits-mlp --cost-only --limit 200 --mapping auto
>>> [idea.name for idea in IDEAS][:2]
['batch', 'mapping']
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from experiments.output.words import counted

Options = Mapping[str, str | None]
"""Flags with their values; None for those that have none."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A command that costs a network."""

    network: str
    options: Options

    def words(self) -> list[str]:
        """Return the words of the command after ``pimsim``."""
        found = ["run", self.network, "--cost-only"]
        for flag, value in self.options.items():
            found += [flag] if value is None else [flag, value]
        return found

    def command(self) -> str:
        """Return the command line."""
        return shlex.join(["pimsim", *self.words()])

    def changed(self, changes: Options) -> Setup:
        """Return the same with other options; a flag replaces its negation."""
        negated = {f"--no-{flag[2:]}" for flag in changes}
        negated |= {f"--{flag[5:]}" for flag in changes if flag.startswith("--no-")}
        kept = {flag: value for flag, value in self.options.items() if flag not in negated}
        return Setup(self.network, {**kept, **changes})


@dataclass(frozen=True, slots=True)
class Change:
    """A change, in words and as options."""

    text: str
    options: Options


@dataclass(frozen=True, slots=True)
class Idea:
    """A kind of change."""

    name: str
    why: str
    """Why it may help."""
    changes: Callable[[Setup, Mapping[str, Any]], Iterator[Change]]
    """Yields the changes for a command and its report; none equals the settings in use."""
    answers: str = "the same: the network is not changed"
    """What happens to the accuracy, as far as that is known."""


def _batches(setup: Setup, report: Mapping[str, Any]) -> Iterator[Change]:
    """As many images as fill the columns of the layer that uses most of them, and twice as many."""
    images = int(report["images"])
    used = [layer["column_utilisation"] for layer in report["layers"] if layer["subarrays"]]
    most = max(used, default=1.0)
    counts = {int(images / most)} if most else set()
    for count in sorted({*counts, 2 * images, 10 * images} - {images}):
        yield Change(f"batches of {counted(count, 'image')}", {"--limit": str(count)})


def _mappings(setup: Setup, report: Mapping[str, Any]) -> Iterator[Change]:
    from bnn.mapping import MAPPINGS, choice

    for name in choice.names():
        counted = name not in MAPPINGS or MAPPINGS[name].popcount == "in DRAM"
        if counted and name != report["assumptions"]["mapping"]:  # all of the work is costed
            yield Change(f"mapping {name}", {"--mapping": name})


def _chains(setup: Setup, report: Mapping[str, Any]) -> Iterator[Change]:
    from experiments.options.table import CHAIN

    for name in CHAIN.choices:
        if name != setup.options.get("--chain", CHAIN.default):
            yield Change(f"dense layers chained: {name}", {"--chain": name})


def _moves(setup: Setup, report: Mapping[str, Any]) -> Iterator[Change]:
    from experiments.options.table import MOVES

    for name in MOVES.choices:
        if name != setup.options.get("--moves", MOVES.default):
            yield Change(f"partial counts moved by {name}", {"--moves": str(name)})


def _banks(setup: Setup, report: Mapping[str, Any]) -> Iterator[Change]:
    from pimsim.dram.standard.standard import load

    part, banks = load(_part(setup)), int(report["assumptions"]["banks"])
    for count in sorted({part.all_banks, banks // 2, banks // 4} - {banks, 0}):
        yield Change(counted(count, "bank"), {"--banks": str(count)})


def _parts(setup: Setup, report: Mapping[str, Any]) -> Iterator[Change]:
    from pimsim.dram.standard import standard

    for name in standard.names():
        if name != _part(setup):
            yield Change(f"part {name}", {"--standard": name})


def _maps(setup: Setup, report: Mapping[str, Any]) -> Iterator[Change]:
    from pimsim.dram.array import address_map

    taken = setup.options.get("--address-map") or address_map.DEFAULT_MAP.name
    for name in address_map.names():
        if name != taken:
            yield Change(f"address map {name}", {"--address-map": name})


def _channels(setup: Setup, report: Mapping[str, Any]) -> Iterator[Change]:
    """Only for networks without weights: trained weights fix the number of channels."""
    from bnn.tables import catalog

    if setup.network in catalog.names():
        for multiple in (8, 16, 32, 64):
            if setup.options.get("--channels") != str(multiple):
                yield Change(f"channels at multiples of {multiple}", {"--channels": str(multiple)})


def _part(setup: Setup) -> str:
    from experiments.options.table import STANDARD

    return setup.options.get("--standard") or str(STANDARD.default)


IDEAS: tuple[Idea, ...] = (
    Idea("batch", "a row command works on all columns, used or not", _batches),
    Idea(
        "mapping", "where weights lie, and what columns stand for, decides the commands", _mappings
    ),
    Idea("chain", "values that stay in DRAM need not cross the channel", _chains),
    Idea("moves", "partial counts can go from bank to bank instead of through the host", _moves),
    Idea("banks", "more banks compute at once; fewer draw less standby", _banks),
    Idea("part", "rows, timing and currents differ from part to part", _parts),
    Idea(
        "channels",
        "channels that fill whole groups of adders and columns cost no more than some fewer",
        _channels,
        "not known: a network with other channels must be trained anew",
    ),
    Idea("address-map", "more compute rows make shorter programs", _maps),
)
"""Every kind of change."""
