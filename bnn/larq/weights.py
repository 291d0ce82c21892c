"""Weights out of the two HDF5 layouts in which Keras stores them, without trusting the file.

A path is followed only through plain (hard) links, so nothing outside the file is opened and links
cannot form a circle. The type and shape of an array are checked before it is read.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from math import prod

import h5py
import numpy as np
from numpy.typing import NDArray

from bnn.larq.graph import LayerEntry
from bnn.model.layers.layer import Shape
from bnn.values.fields import shown
from pimsim.errors import InputError

LARGEST_ARRAY = 1 << 28
"""Most numbers in one array (1 GB of float32). The size of a file is no bound: HDF5 compresses."""

_DAMAGE = (
    OSError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    EOFError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)

_FILTERS = frozenset({1, 2, 3, 4, 32000})
"""HDF5 filters that h5py itself brings: deflate, shuffle, fletcher32, szip, lzf."""


@contextmanager
def damage_reported(what: str) -> Iterator[None]:
    """Turn what h5py and zipfile raise for a broken file into one InputError."""
    try:
        yield
    except InputError:
        raise
    except _DAMAGE as error:
        detail = shown(str(error).splitlines()[0] if str(error) else type(error).__name__)
        raise InputError(
            f"{what} is truncated or damaged: {detail}; copy or save it again"
        ) from None


Places = tuple[h5py.Group, dict[str, str]]
"""The group of a layer, and by name where in it an array lies."""


class WeightSource:
    """Arrays of the layers of one file.

    Args:
        file: an open file.
        find: where its layout keeps the arrays of a layer: :func:`by_name` or :func:`by_number`.
    """

    def __init__(
        self,
        file: h5py.File,
        find: Callable[[h5py.File, LayerEntry, tuple[str, ...], str | None], Places],
    ) -> None:
        self._file, self._find = file, find

    def read(
        self, entry: LayerEntry, shapes: Mapping[str, Shape], without: str | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Return the arrays of one layer by the names in ``shapes``.

        Args:
            entry: the layer.
            shapes: what it must have, in the order in which Keras stores it.
            without: name of a layer inside it, whose arrays are not its own.

        Raises:
            InputError: other arrays, other shapes, not float32, not finite, or behind a link.
        """
        with damage_reported(entry.where):
            group, places = self._find(self._file, entry, tuple(shapes), without)
            return {
                key: _array(group, places[key], entry.where, key, shape)
                for key, shape in shapes.items()
            }


def by_name(
    file: h5py.File, entry: LayerEntry, names: tuple[str, ...], without: str | None
) -> Places:
    """Find arrays in the layout of ``.h5`` files: a group per layer name, arrays listed by name."""
    where, path = entry.where, entry.path
    group = _follow(file, f"model_weights/{path[0]}", where)
    if not isinstance(group, h5py.Group):
        raise InputError(f"{where} must have a group of weights named {shown(path[0])}")
    paths = _of_layer(_listed(group, where), path)
    paths = [one for one in paths if one.split("/")[-2:-1] != [without]]
    found = {path.rsplit("/", 1)[-1].partition(":")[0]: path for path in paths}
    if len(found) != len(paths) or found.keys() != set(names):
        raise InputError(f"{where} must have the weights {_named(names)}, not {_named(found)}")
    return group, found


def by_number(
    file: h5py.File, entry: LayerEntry, names: tuple[str, ...], without: str | None
) -> Places:
    """Find arrays inside ``.keras`` files: a group per class and count, arrays numbered."""
    where, place = entry.where, f"{entry.slot}/vars"
    group = _follow(file, place, where)
    if not isinstance(group, h5py.Group):
        raise InputError(f"{where} must have weights under '{place}'")
    if len(group) != len(names):
        raise InputError(f"{where} must have the weights {_named(names)}, not {len(group)} arrays")
    return group, {name: str(number) for number, name in enumerate(names)}


def text_attribute(group: h5py.Group, key: str) -> str | None:
    """Return a text attribute of an HDF5 group; None if it is missing or no text."""
    with damage_reported("the file"):
        # Not `get`: it takes an attribute that cannot be read for one that is not there.
        if key not in group.attrs:
            return None
        value = group.attrs[key]
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value if isinstance(value, str) else None


def _follow(start: h5py.Group, path: str, where: str) -> object:
    """Return what lies at ``path``, None if nothing does; refuses every link but hard ones."""
    here: object = start
    for part in path.split("/"):
        if not isinstance(here, h5py.Group) or part in ("", "."):
            return None
        link = here.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise InputError(
                f"{where} must hold its weights itself, not through a link ({shown(path)})"
            )
        here = here[part]
    return here


def _of_layer(names: list[str], path: tuple[str, ...]) -> list[str]:
    """Choose the weights of one layer from those of the model around it.

    A file lists the weights of all layers of an inner model together, each under the layer's name,
    or none, as Keras does with those of a Normalization.

    >>> _of_layer(["conv/kernel:0", "norm/beta:0"], ("block", "norm"))
    ['norm/beta:0']
    >>> _of_layer(["a/conv/kernel:0", "b/conv/kernel:0"], ("block", "b", "conv"))
    ['b/conv/kernel:0']
    >>> _of_layer(["conv/kernel:0", "mean:0"], ("block", "scaled"))
    ['mean:0']
    """
    if len(path) == 1:
        return names
    for length in range(1, len(path)):
        end = list(path[-length:])
        found = [name for name in names if name.split("/")[:-1][-length:] == end]
        kinds = {name.rsplit("/", 1)[-1] for name in found}
        if found and len(kinds) == len(found):
            return found
    return [name for name in names if "/" not in name]


def _listed(group: h5py.Group, where: str) -> list[str]:
    """Return the attribute ``weight_names``, which Keras splits when it is long."""
    chunks = [key for key in group.attrs if key.removeprefix("weight_names").isdigit()]
    keys = ["weight_names"] if "weight_names" in group.attrs else []
    keys += sorted(chunks, key=lambda key: int(key.removeprefix("weight_names")))
    names: list[str] = []
    for key in keys:
        for value in np.asarray(group.attrs[key]).reshape(-1).tolist():
            name = value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
            if not isinstance(name, str):
                raise InputError(f"{where}: `weight_names` must be names, not {shown(value)}")
            names.append(name)
    return names


def _array(
    group: h5py.Group, path: str, where: str, name: str, shape: Shape
) -> NDArray[np.float32]:
    dataset = _follow(group, path, where)
    if not isinstance(dataset, h5py.Dataset):
        raise InputError(f"{where} must have an array {name}, but it is missing")
    counts = shape == () and dataset.dtype.kind in "iu"
    # A Normalization keeps its statistics in the precision of its policy: float16 is exact.
    if not counts and (dataset.dtype.kind != "f" or dataset.dtype.itemsize not in (2, 4)):
        raise InputError(f"{name} of {where} must be float32, not {dataset.dtype}")
    if dataset.shape != shape:
        raise InputError(f"{name} of {where} must have shape {shape}, not {dataset.shape}")
    if prod(shape) > LARGEST_ARRAY:
        raise InputError(f"{name} of {where} must have at most {LARGEST_ARRAY} values, not {shape}")
    plan = dataset.id.get_create_plist()
    filters = {plan.get_filter(place)[0] for place in range(plan.get_nfilters())}
    if dataset.external or dataset.is_virtual or filters - _FILTERS:
        raise InputError(f"{name} of {where} must be stored in the file itself, in a plain way")
    values: NDArray[np.float32] = np.array(dataset[()], dtype=np.float32, order="C")
    if not np.isfinite(values).all():
        raise InputError(f"{name} of {where} must be finite, not NaN or infinite")
    return values


def _named(names: Collection[str]) -> str:
    return shown(", ".join(names)) if names else "none"
