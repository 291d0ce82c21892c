"""A side of a row as a process: what runs it, and what it took."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import inputs
from .rows import MEMORY, PROCESSOR, WALL, Side

HERE = Path(__file__).resolve().parents[2]
PACKAGES = ("pimsim", "bnn", "experiments")


class FailedError(Exception):
    """A side could not be measured; the message says why, in one line."""


@dataclass(frozen=True)
class Places:
    """Where a row is measured."""

    work: Path
    """Inputs made once, and folders of sides."""
    base: Path | None = None
    """The checkout that is compared with."""

    def checkout(self, side: Side) -> Path:
        """Where a side's code is; raises FailedError if nobody has said."""
        if side.before and self.base is None:
            raise FailedError("no other checkout: say BASE=DIR")
        return self.base if side.before and self.base is not None else HERE


def command(side: Side, places: Places, folder: Path) -> list[str]:
    """The words of a side's process, ``python`` first."""
    words = [word.format(dir=folder, work=places.work) for word in side.words]
    if words[0] == "probe":
        return [sys.executable, str(Path(__file__).with_name("probes.py")), *words[1:]]
    return [sys.executable, "-m", "experiments", *words]


def measure(side: Side, places: Places, *more: str) -> list[float]:
    """Run a side, and return its quantity, and ``more`` of the same process.

    Raises FailedError for a process that fails, and for one that does not print what is taken of
    it.
    """
    code = places.checkout(side)
    try:
        inputs.provide(side.words, places.work)
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines() or ["nothing"]
        raise FailedError(f"inputs cannot be made: {last[-1]}") from error
    with tempfile.TemporaryDirectory() as own:
        folder = Path(own)
        environment = _environment(code, places.work)
        if side.fresh:
            code = _copied(code, folder / "code")
            environment |= {"PYTHONPATH": str(code)}
            for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR"):
                (folder / name).mkdir()
                environment[name] = str(folder / name)
            del environment["PYTHONPYCACHEPREFIX"]
            environment.pop("PIMSIM_CACHE", None)
        if side.after:
            before = Side(side.after, before=side.before)
            _run(command(before, places, folder), environment, folder)
        took, said = _run(command(side, places, folder), environment, folder)
    return [took[q] if q in took else _number(said, q) for q in (side.quantity, *more)]


def _environment(code: Path, work: Path) -> dict[str, str]:
    """That of users: nothing but the code's own folder is imported from, and bytecode is kept."""
    found = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    more = {"PYTHONPATH": str(code), "PYTHONSAFEPATH": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    kept = {"PYTHONPYCACHEPREFIX": str(work / "bytecode"), "TF_USE_LEGACY_KERAS": "1"}
    return found | more | kept


def _copied(code: Path, target: Path) -> Path:
    """A checkout in which nothing has been run yet, but whose bytecode is there, as installed."""
    for package in PACKAGES:
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(code / package, target / package, ignore=without)
    compileall.compile_dir(target, quiet=2)
    return target


def _run(
    words: list[str], environment: dict[str, str], folder: Path
) -> tuple[dict[str, float], str]:
    """Times and memory of a process with all that it starts, and what it printed.

    On Linux the most memory is that of this process at least, from which it is begun.
    """
    out, error = folder / "out", folder / "error"
    started = time.perf_counter()
    opened = [
        (os.POSIX_SPAWN_OPEN, 1, str(out), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, str(error), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    ]
    process = os.posix_spawn(words[0], words, environment, file_actions=opened)
    _, status, used = os.wait4(process, 0)
    wall = time.perf_counter() - started
    if status:
        said = error.read_text("utf-8", "replace").strip().splitlines() or ["nothing"]
        raise FailedError(f"exit code {os.waitstatus_to_exitcode(status)}: {said[-1]}")
    kibibytes = used.ru_maxrss if sys.platform != "darwin" else used.ru_maxrss / 1024
    took = {
        PROCESSOR: used.ru_utime + used.ru_stime,
        WALL: wall,
        MEMORY: kibibytes / 1024,
    }
    return took, out.read_text("utf-8", "replace")


def _number(said: str, path: str) -> float:
    try:
        value: Any = json.loads(said)
        for name in [path] if path in value else path.split("."):
            value = value[name]
        return float(value)
    except (ValueError, KeyError, TypeError) as error:
        raise FailedError(f"it prints no {path}: {error}") from error
