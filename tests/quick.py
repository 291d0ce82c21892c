"""Run the tests of one area: ``make test-quick AREA=dram``, or without ``AREA`` for a list.

An area is a folder of code and the folder of tests of the same name: ``pimsim/dram`` and
``tests/pimsim/dram``. Nobody lists them: a new folder is a new area. What lies in no such folder is
in the area of its package, and the tests of the project itself are the area ``project``.

First comes what holds that nothing new is missing from the tables of the tests. Doctests and tests
run in two processes, without those marked ``slow``, and without those marked ``larq``, which wait
ten seconds for TensorFlow, where the area is not about Keras.
"""

from __future__ import annotations

import ast
import os
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pimsim", "bnn", "experiments")
ABOUT_KERAS = ("keras", "training")
"""Areas whose tests are worth the time that TensorFlow takes to be imported."""


SHARING = ("mapping",)
"""Areas whose files plan a network once for many tests: each file runs in one process."""


@dataclass(frozen=True)
class Area:
    """Code and tests that belong together."""

    name: str
    line: str
    """What it is, in one line."""
    folders: tuple[Path, ...]
    whole: bool = True
    """With the folders inside them."""

    def has(self, path: Path) -> bool:
        """Whether a file belongs to it."""
        return any(
            one in (path.parents if self.whole else path.parents[:1]) for one in self.folders
        )

    def command(self, root: Path = ROOT) -> list[str]:
        """What runs its quick tests."""
        chosen = "not slow" if self.name in ABOUT_KERAS else "not slow and not larq"
        left_out = [] if self.whole else [f"--ignore-glob={one}/*/*" for one in self.folders]
        folders = [str(one.relative_to(root)) for one in self.folders if one.exists()]
        dealt = "loadfile" if self.name in SHARING else "worksteal"
        run = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", dealt]
        run += ["-m", chosen, *left_out]
        return [*run, "tests/project/test_complete.py", *folders]


def areas(root: Path = ROOT) -> list[Area]:
    """Return all areas of a checkout, in the order of its layers."""
    found = []
    for package in PACKAGES:
        code, tests = root / package, root / "tests" / package
        loose = ", ".join(path.name for path in sorted(code.glob("[!_]*.py")))
        line = f"What lies in no folder of it: {loose}."
        found.append(Area(package, line, (tests, code), whole=False))
        for inside in sorted(code.glob("*/__init__.py")):
            name = inside.parent.name
            found.append(Area(name, _first_line(inside), (tests / name, code / name)))
    project = root / "tests" / "project"
    found.append(Area("project", "What the project says of itself, and its tools.", (project,)))
    return found


def _first_line(module: Path) -> str:
    said = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or "?"
    return said.partition("\n")[0].replace(":mod:", "")


def main(argv: list[str]) -> int:
    """Run an area, or list them all; return the exit code."""
    known = {area.name: area for area in areas()}
    if not argv:
        width = max(map(len, known))
        print("make test-quick AREA=... runs the tests of one area:\n")
        print("\n".join(f"  {area.name:{width}}  {area.line}" for area in known.values()))
        return 0
    if len(argv) > 1 or argv[0] not in known:
        said = " ".join(argv)
        print(f"AREA must be one of {', '.join(sorted(known))}, not {said!r}", file=sys.stderr)
        return 2
    os.chdir(ROOT)
    run = known[argv[0]].command()
    os.execv(run[0], run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
