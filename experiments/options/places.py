"""Checks that written files never replace a file that is read, or another written file.

:data:`READ` and :data:`WRITTEN` list the destinations of all options that name files. A subcommand
that fills the folder ``--out`` lists the names of its files as ``WRITES``. All checks run before
any work.
"""

from __future__ import annotations

import argparse
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from pimsim.errors import InputError

READ = (
    "network", "data", "labels", "failures", "preset", "process", "standard", "spec", "file",
    "files", "address_map", "boxes", "runs",
)  # fmt: skip
"""Destinations of arguments that may name a file to read; other values are not files."""

WRITTEN = ("trace", "csv", "out", "export")
"""Destinations of arguments that name a file or folder to write."""

_WITH_FORMAT = ("trace", "export")
"""Those of the form FORMAT:FILE; another form is refused where the option is read."""

_STREAMED = ("csv",)
"""Those that may be written to anything that exists, such as a pipe."""

_PACKAGES = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Place:
    """A file that an argument names."""

    argument: str
    """Its name in messages."""
    path: Path


def check(args: argparse.Namespace, writes: Sequence[str] = ()) -> None:
    """Refuse outputs that cannot be written, or that would replace something of the same run.

    Args:
        args: what was given.
        writes: patterns of the names of files written into the folder ``--out``; none if ``--out``
            is a file.

    Raises :class:`~pimsim.errors.InputError`.
    """
    folder: Path | None = getattr(args, "out", None) if writes else None
    if folder is not None:
        _require_folder(folder)
    read, files = [*_read(args)], [*_written(args, with_out=not writes)]
    for index, file in enumerate(files):
        for other in read:
            if _same(file.path, other.path):
                raise InputError(
                    f"`{file.argument}` must not be written over the file of `{other.argument}`, "
                    f"which is read: {str(file.path)!r}"
                )
        _spare_data(args, file)
        for other in files[:index]:
            if _same(file.path, other.path):
                raise InputError(
                    f"`{file.argument}` must name a file of its own, not that of "
                    f"`{other.argument}` again: {str(file.path)!r}"
                )
    if folder is not None:
        for place in (*read, *files):
            _keep_apart(place, folder, writes, place in read)


def _read(args: argparse.Namespace) -> Iterator[Place]:
    for destination in READ:
        value = getattr(args, destination, None)
        for one in value if isinstance(value, list) else [value]:
            if one is not None and os.path.exists(one):
                place = Place(_shown(args, destination), Path(one))
                _require_written(place)
                yield place


def _require_written(place: Place) -> None:
    """Refuse a named pipe: opening it waits, perhaps for ever, for a writer.

    Pipes that a shell makes for `<(...)` are allowed: they have a writer, and no such name.
    """
    real = os.path.realpath(place.path)
    if os.path.exists(real) and stat.S_ISFIFO(os.stat(real).st_mode):
        raise InputError(f"`{place.argument}` must be a file, not the pipe {str(place.path)!r}")


def _written(args: argparse.Namespace, *, with_out: bool) -> Iterator[Place]:
    for destination in WRITTEN:
        value = getattr(args, destination, None)
        if value is None or (destination == "out" and not with_out):
            continue
        for one in value if isinstance(value, list) else [value]:
            path = one.partition(":")[2] if destination in _WITH_FORMAT else str(one)
            if path:
                place = Place(_shown(args, destination), Path(path))
                _require_writable(place, args, destination in _STREAMED)
                yield place


def _shown(args: argparse.Namespace, destination: str) -> str:
    name: str = args.given.get(destination, destination)
    return name


def _require_folder(folder: Path) -> None:
    must = f"`--out` must be a folder that can be written, not {str(folder)!r}"
    there = next((one for one in (folder, *folder.parents) if os.path.lexists(one)), None)
    if there is None:  # nothing can be seen from here: making it says why
        return
    if not there.is_dir():
        raise InputError(f"{must}: {str(there)!r} is not a folder")
    if not os.access(there, os.W_OK):
        raise InputError(f"{must}: {str(there)!r} cannot be written to")


def _require_writable(place: Place, args: argparse.Namespace, streamed: bool) -> None:
    path, must = place.path, f"`{place.argument}` must be a file that can be written"
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except OSError as error:
        raise InputError(f"{must}, not {str(path)!r}: {error.strerror}") from error
    if stat.S_ISDIR(mode):
        raise InputError(f"{must}, not the folder {str(path)!r}")
    if not stat.S_ISREG(mode):
        if not streamed:
            raise InputError(f"{must}, not {str(path)!r}, which is a device or a pipe")
        return
    folder, out = path.resolve().parent, getattr(args, "out", None)
    if not folder.exists() and out is not None and out.resolve() == folder:
        return  # made with the other results
    if not folder.is_dir():
        raise InputError(f"{must}, not {str(path)!r}: there is no folder {str(path.parent)!r}")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{must}, not {str(path)!r}: its folder cannot be written to")


def _spare_data(args: argparse.Namespace, file: Place) -> None:
    """Refuse files in the folders of data sets, of the user's data, or of this program."""
    if not file.path.exists():
        return
    kept = [getattr(args, "data_dir", None), getattr(args, "chips", None)]
    kept += [os.environ.get("PIMSIM_DATA")]
    kept += [_PACKAGES / name for name in ("pimsim", "bnn", "experiments")]
    for folder in kept:
        if folder and file.path.resolve().is_relative_to(Path(folder).resolve()):
            raise InputError(
                f"`{file.argument}` must not be written over {str(file.path)!r}: {str(folder)!r} "
                "holds what is read"
            )


def _keep_apart(place: Place, folder: Path, writes: Sequence[str], read: bool) -> None:
    """Refuse a file in the results folder that a result would replace."""
    for path in {place.path.absolute(), place.path.resolve()}:
        if any(fnmatch(path.name, pattern) for pattern in writes) and _same(path.parent, folder):
            raise InputError(
                f"`--out` must be another folder than {str(folder)!r}: a result is written to "
                f"{path.name} there, which `{place.argument}` {'reads' if read else 'names'}"
            )


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)  # hard links too
    except OSError:  # one of them is not there yet
        return one.resolve() == other.resolve()
