"""Trained networks that come with pimsim, each a Larq model file with a model card beside it.

>>> zoo = [entry(name) for name in names()]
>>> all(one.accuracy > 0.7 for one in zoo)
True
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from bnn.training.architectures import ARCHITECTURES
from pimsim.documents import beside, meant, require_one_of
from pimsim.errors import InputError

if TYPE_CHECKING:
    from bnn.training.card import Card


@dataclass(frozen=True)
class ZooEntry:
    """A bundled network, which is named like its architecture."""

    name: str
    path: Path
    """The model file."""

    def __repr__(self) -> str:
        return f"<ZooEntry {self.name!r}: {self.parameters:,} parameters, trained on {self.data}>"

    @cached_property
    def card(self) -> Card:
        """How it was trained, and what came out."""
        from bnn.training.card import Card

        return Card.parse(self.text)

    @property
    def data(self) -> str:
        """Name of the data set that it was trained on, as ``--data`` takes it."""
        return ARCHITECTURES[self.name].data

    @property
    def accuracy(self) -> float:
        """Fraction of the test images that Keras classifies right with it."""
        return self.card.accuracy

    @property
    def parameters(self) -> int:
        """Numbers in the file."""
        return self.card.parameters

    @property
    def file_bytes(self) -> int:
        """Size of the model file."""
        return self.path.stat().st_size

    @property
    def text(self) -> str:
        """The model card, in Markdown."""
        return self.path.with_suffix(".md").read_text(encoding="utf-8")


def names() -> tuple[str, ...]:
    """Return the names of the bundled networks, in alphabetical order."""
    return tuple(sorted(path.stem for path in _folder().glob("*.keras")))


def entry(name: str) -> ZooEntry:
    """Return one bundled network.

    Raises:
        InputError: there is none of this name.
    """
    require_one_of("network", name, names(), hint=True)
    return ZooEntry(name, _folder() / f"{name}.keras")


def locate(network: str) -> Path:
    """Return the model file that NETWORK on the command line means: a bundled name, or a path.

    Raises:
        InputError: neither.

    >>> locate("digits-mlp").name
    'digits-mlp.keras'
    """
    if network in names():
        return entry(network).path
    from bnn.tables import catalog

    path = Path(network)
    if network in catalog.names() and not path.exists():
        raise InputError(
            f"`network` {network!r} is a table of layers without weights: it can be costed, with "
            f"pimsim run {network} --cost-only, and must be a model to be executed"
        )
    if not path.exists() and path.suffix not in (".keras", ".h5"):
        near = meant(network, (*names(), *catalog.names()))
        raise InputError(
            f"`network` must be one of {', '.join(names())} or the path of a .keras or .h5 file, "
            f"not {network!r}{near or ' (pimsim networks has those that can be costed only)'}"
        )
    if not network or not path.exists():  # a folder is told what it may be where it is read
        raise InputError(
            f"`network` must be an existing file, not {network!r}{beside(path) if network else ''}"
        )
    return path


def _folder() -> Path:
    return Path(str(resources.files("bnn") / "models"))
