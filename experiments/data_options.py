"""The options that say which images a command works on, and reading them with progress."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bnn.data.datasets import Dataset
    from bnn.data.pixels import Split


def add_data_dir(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add ``--data-dir``."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="folder that data sets are looked for in first; then come $PIMSIM_DATA, Keras's "
        "cache, and a download",
    )


def open_named(name: str, split: Split, data_dir: Path | None) -> Dataset:
    """Return one half of a named data set, showing a bar on stderr while it is downloaded."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from bnn.data import datasets

    console = Console(stderr=True)
    progress = Progress(
        TextColumn("downloading {task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    tasks = {}

    def show(file: str, come: int, total: int) -> None:
        if file not in tasks:
            progress.start()  # not before there is something to show
            tasks[file] = progress.add_task(file, total=total or None)
        progress.update(tasks[file], completed=come)

    try:
        return datasets.load(name, split, data_dir, show)
    finally:
        progress.stop()


def open_data(data: str, data_dir: Path | None) -> Dataset:
    """Return the images that ``--data NAME|FILE.npz`` means: test images of a name, or a file's.

    Raises:
        InputError: neither a known name nor a usable file.
    """
    from bnn.data import datasets
    from pimsim.errors import InputError

    if data in datasets.NAMES:
        return open_named(data, "test", data_dir)
    path = Path(data)
    if path.suffix != ".npz" and not path.exists():
        raise InputError(
            f"`--data` must be one of {', '.join(datasets.NAMES)} or the path of a .npz file, "
            f"not {data!r}"
        )
    return datasets.load_npz(path)
