"""The options that say which images a command works on, and reading them with progress."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.options.option import Option
from experiments.output.progress import paused
from pimsim.documents import meant
from pimsim.errors import InputError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from bnn.data.archives import Split
    from bnn.data.datasets import Dataset
    from bnn.data.input_scale import InputScale


def read_by_name(args: argparse.Namespace) -> bool:
    """Return whether images come from a named data set, and not from a file."""
    from bnn.data import datasets

    return args.data is None or args.data in datasets.NAMES


DATA_DIR = Option(
    "data_dir",
    "folder that data sets are looked for in first; then come $PIMSIM_DATA, Keras's cache, and a "
    "download",
    Path, "DIR",
)  # fmt: skip
LABELS = Option(
    "labels",
    "labels of the images of a file, as .npy or .npz (default: those in the same .npz file; beside "
    "x.npy, x_test.npy or images.npy: y.npy, y_test.npy or labels.npy)",
    Path, "FILE",
)  # fmt: skip


def chosen_scale(text: str | None) -> InputScale | None:
    """Return the scale that ``--input-scale`` names; None if it is not given.

    Raises :class:`~pimsim.errors.InputError`.
    """
    if text is None:
        return None
    from bnn.data.input_scale import InputScale

    return InputScale.parse(text)


def open_named(name: str, split: Split, data_dir: Path | None, limit: int | None = None) -> Dataset:
    """Return the training or test images of a named data set; a download shows a bar on stderr.

    With a limit, return only its first images.
    """
    from bnn.data import datasets

    bars: list[Progress] = []
    tasks: dict[str, TaskID] = {}

    def show(file: str, come: int, total: int) -> None:
        if not bars:
            bars.append(_bars_of_downloads())
            hidden.callback(bars[0].stop)
        if file not in tasks:
            hidden.enter_context(paused())
            bars[0].start()  # not before there is something to show
            tasks[file] = bars[0].add_task(file, total=total or None)
        bars[0].update(tasks[file], completed=come)

    with ExitStack() as hidden:
        return datasets.load(name, split, data_dir, show, limit)


def _bars_of_downloads() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    return Progress(
        TextColumn("downloading {task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def open_data(
    data: str,
    data_dir: Path | None,
    labels: Path | None = None,
    scale: InputScale | None = None,
    limit: int | None = None,
) -> Dataset:
    """Return the images that ``--data NAME|FILE`` means: test images of a name, or a file's.

    Args:
        data: name or path.
        data_dir: folder that is searched first for named data.
        labels: file of labels; None for those in the same file, or beside it.
        scale: scale in which images are fed to the network; None: as they are.
        limit: number of images to return; of a named data set, only these are decoded.

    Raises:
        InputError: neither a known name nor a usable file; or the images cannot be scaled.
    """
    from bnn.data import datasets, labelled

    if data in datasets.NAMES:
        if labels is not None:
            raise InputError(f"`--labels` must come with a file of images, not with {data!r}")
        dataset = open_named(data, "test", data_dir, limit)
    else:
        path = Path(data)
        if not is_file(data) and not path.exists():
            raise InputError(
                f"`--data` must be one of {', '.join(datasets.NAMES)} or the path of a .npz or "
                f".npy file, not {data!r}{meant(data, datasets.NAMES)}"
            )
        dataset = labelled.load_file(path, labels)
    if scale is None:
        return dataset
    x, encoding = scale.applied(dataset.x)
    return replace(dataset, x=x, encoding=encoding)


def is_file(data: str) -> bool:
    """Whether ``--data`` names a file of images by its ending.

    >>> is_file("images.npz"), is_file("mnist")
    (True, False)
    """
    return Path(data).suffix in (".npz", ".npy")
