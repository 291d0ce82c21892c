"""Says in words what was proven about a program, and under which rules.

>>> from pimsim.synthesis.search import synthesize
>>> from pimsim.synthesis.task import ambit, task
>>> found = synthesize(task("out = ~a", ambit()))
>>> certificate(found)
'optimal: no program has fewer than 2 commands; all that could were tried (9 states)'
>>> rules(found.task)  # doctest: +ELLIPSIS
'row commands of the address map ambit; the input a in a row that is only read; the output out ...'
"""

from __future__ import annotations

from pimsim.synthesis.expression import input_tables
from pimsim.synthesis.objective import COMMANDS
from pimsim.synthesis.search import Found
from pimsim.synthesis.task import Task


def certificate(found: Found) -> str:
    """Say how good a program is, and what was proven."""
    fewest = f"no program has fewer than {found.bound} commands"
    tried = f"all that could were tried ({found.states:,} states)"
    if found.optimal and found.minimise is COMMANDS:
        return f"optimal: {fewest}; {tried}"
    if found.optimal:
        return f"optimal: no program has {found.minimise.fewer}; {tried}"
    if len(found.program) == found.bound:
        return (
            f"best found: {fewest}, but to try all with {found.minimise.fewer} takes more memory "
            "(--memory-mb)"
        )
    return (
        f"best found, {len(found.program)} commands: {fewest}, for all shorter ones were tried; "
        "then memory was used up, and samples went on (--memory-mb for more)"
    )


def notes(found: Found) -> list[str]:
    """Say which outputs are complemented."""
    return [
        f"{name} is complemented"
        if name in found.complemented
        else f"{name} is as it was asked for, not complemented"
        for name in (one.name for one in found.task.outputs if len(one.tables) > 1)
    ]


def rules(task: Task) -> str:
    """Say what a program may do, and so under which rules it is shortest."""
    over = [one.name for one in task.stored if one.name in task.rows]
    read = [name for name in task.rows if name not in over]
    stored = [one.name for one in task.stored if one.name not in over]
    resident = [name for name in task.inputs if name not in task.rows]
    told = [f"row commands of the address map {task.address_map.name}"]
    if read:
        told.append(_many("input", read) + _where(read, "row", "is", "are") + " only read")
    if over:
        told.append(_many("input", over) + " in the row that then takes the output of this name")
    if resident:
        told.append(_many("input", resident) + " in compute cells alone")
    if stored:
        told.append(
            _many("output", stored) + " stored in " + ("a row" if len(stored) == 1 else "rows")
            + " of no other use"
        )  # fmt: skip
    free = [one.name for one in task.outputs if len(one.tables) > 1]
    if free:
        told.append(f"{' and '.join(free)} in either polarity")
    if task.start:
        told.append("at the start " + _cells(task, task.start))
    told.append(
        ("all other" if task.start else "all") + " compute cells unknown at the start, and nothing "
        "depends on what is unknown"
    )
    if task.endings[0].cells:
        told.append("at the end " + _cells(task, task.endings[0].cells) + _polarity(task))
    told.append(f"{task.scratch or 'no'} scratch row{'s' * (task.scratch > 1)}")
    return "; ".join(told)


def _many(what: str, names: list[str]) -> str:
    return f"the {what}{'s' * (len(names) > 1)} {', '.join(names)}"


def _where(names: list[str], place: str, one: str, many: str) -> str:
    return f" in a {place} that {one}" if len(names) == 1 else f" in {place}s that {many}"


def _polarity(task: Task) -> str:
    return ", or all of this complemented" if len(task.endings) > 1 else ""


def _cells(task: Task, cells: tuple[tuple[int, int], ...]) -> str:
    """Cells with their values, by name if a value has one."""
    return " and ".join(
        f"{task.address_map.cells[cell]} = {_called(task, table)}" for cell, table in cells
    )


def _called(task: Task, table: int) -> str:
    everywhere = (1 << (1 << len(task.inputs))) - 1
    known = {**input_tables(task.inputs), **{one.name: one.tables[0] for one in task.outputs}}
    for name, value in {**known, "0": 0, "1": everywhere}.items():
        if table == value:
            return name
        if table == value ^ everywhere and name not in "01":
            return f"~{name}"
    return f"the truth table {table:#x}"
