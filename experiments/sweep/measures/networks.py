"""Makes the network, the images and the DRAM from the fields of a point.

>>> model, dataset = trained({"network": "digits-mlp", "images": 5})
>>> model.name, dataset.x.shape
('digits_mlp', (5, 64))
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.options import table
from experiments.sweep.measures.field import Stamp, stamp_of
from experiments.sweep.results import Value
from pimsim.errors import InputError

if TYPE_CHECKING:
    from bnn.data.datasets import Dataset
    from bnn.model.network import Network
    from bnn.system.mitigation import Mitigation
    from bnn.system.system import System
    from experiments.options.option import Option
    from pimsim.dram.array.address_map import AddressMap
    from pimsim.dram.options import ModelOptions
    from pimsim.dram.standard.standard import Standard

_FEW = 4


def trained(values: Mapping[str, Value]) -> tuple[Network, Dataset]:
    """Return the network and the first ``images`` of its data, with labels.

    Raises :class:`~pimsim.errors.InputError` for what cannot be read or does not fit, images
    without labels, and more images than there are.
    """
    name = data_name(values)
    network = model(str(values["network"]), name)
    dataset = _data(name, network.input_shape, scale(values), _stamps(name))
    if dataset.y is None:
        raise InputError(
            f"`data` must have labels `y`, and {dataset.name} has none ({dataset.unlabelled})"
        )
    images = int(values.get("images", len(dataset.x)))
    if images > len(dataset.x):
        raise InputError(f"`images` must be at most {len(dataset.x)}, all there are, not {images}")
    return network, replace(dataset, x=dataset.x[:images], y=dataset.y[:images])


def model(name: str, data: str) -> Network:
    """Return the network of a bundled name or a model file, for some data.

    Raises :class:`~pimsim.errors.InputError` if it cannot be read.
    """
    from bnn import zoo

    path = zoo.locate(name)
    return _model(path, stamp_of(path), data, _stamps(data))


@lru_cache(maxsize=_FEW)
def _model(path: Path, _stamp: Stamp, data: str, _data_stamps: tuple[Stamp, ...]) -> Network:
    from bnn.larq import model_file
    from experiments.report.inputs import shape_of

    return model_file.read_model(path, lambda: shape_of(data))


def data_name(values: Mapping[str, Value]) -> str:
    """Return the name of the data; by default, the data of the bundled network.

    Raises :class:`~pimsim.errors.InputError` if none is set for a network that is not bundled.
    """
    from bnn import zoo

    if "data" in values:
        return str(values["data"])
    network = str(values["network"])
    if network in zoo.names():
        return zoo.entry(network).data
    zoo.locate(network)  # a missing network is reported first
    raise InputError("`data` must be set for a network of your own")


def data_digest(values: Mapping[str, Value]) -> str:
    """Return the SHA-256 of the images and labels of a point."""
    network, dataset = trained(values)
    name = data_name(values)
    images = len(dataset.x)
    return _data_digest(name, network.input_shape, scale(values), images, _stamps(name))


def scale(values: Mapping[str, Value]) -> str | None:
    """Return the scale that a point sets, as text."""
    return str(values["input_scale"]) if "input_scale" in values else None


def opened(name: str, written: str | None) -> Dataset:
    """Return data in the scale that a point sets; None: as in the file.

    Raises :class:`~pimsim.errors.InputError` if they cannot be read or scaled.
    """
    from experiments.options import data as data_options

    return data_options.open_data(name, None, scale=data_options.chosen_scale(written))


@lru_cache(maxsize=256)
def _data_digest(
    name: str,
    input_shape: tuple[int, ...],
    written: str | None,
    images: int,
    stamp: tuple[Stamp, ...],
) -> str:
    dataset = _data(name, input_shape, written, stamp)
    found = hashlib.sha256()
    for array in (dataset.x, dataset.y):
        if array is not None:
            some = np.ascontiguousarray(array[:images])
            found.update(f"{some.dtype}{some.shape}".encode())
            found.update(some.data)
    return found.hexdigest()


def mitigation(values: Mapping[str, Value]) -> Mitigation:
    """Return the mitigation.

    Raises :class:`~pimsim.errors.InputError` for values that exclude one another.
    """
    from bnn.system.mitigation import Mitigation

    return Mitigation(**_given(table.MITIGATION, values))


def dram(values: Mapping[str, Value]) -> tuple[Standard, ModelOptions]:
    """Return the standard and the model options; other options have their defaults.

    Raises :class:`~pimsim.errors.InputError` for an unknown standard or a value out of range.
    """
    from pimsim.dram.options import ModelOptions
    from pimsim.dram.standard import standard as standards

    standard = standards.load(str(values["standard"]))
    return standard, ModelOptions.of(standard, **_given(table.MODEL, values))


def system(values: Mapping[str, Value]) -> System:
    """Return the system: the DRAM, how its rows are moved, and the mitigation.

    Raises :class:`~pimsim.errors.InputError` as :func:`dram` and :func:`mitigation` do.
    """
    from bnn.system.system import System

    standard, options = dram(values)
    moves = str(values["moves"])
    return System(
        standard, options, compute_rows(values), moves=moves, mitigation=mitigation(values)
    )


def compute_rows(values: Mapping[str, Value]) -> AddressMap:
    """Return the address map.

    Raises :class:`~pimsim.errors.InputError` for an unknown name, a file that is not a map, and a
    map that cannot compute.
    """
    from pimsim.dram.array import address_map

    found = address_map.load(str(values.get("address_map", address_map.DEFAULT_MAP.name)))
    found.require_logic()
    return found


def of_part(name: str, values: Mapping[str, Value]) -> Value:
    """Return the default of an option that depends on the part: all banks, or the energy mode."""
    found: Value = getattr(dram(values)[1], name)
    return found


def _given(options: Sequence[Option], values: Mapping[str, Value]) -> dict[str, Any]:
    """The options that a point sets, with their values."""
    return {option.name: values[option.name] for option in options if option.name in values}


_LATER = {"transfers_per_clock": 2, "t_rtw_clocks": None}
"""Timing fields that are newer than some stores, with the value that means "not set"."""


def dram_identity(values: Mapping[str, Value]) -> dict[str, Any]:
    """Return every value of the DRAM standard, and of an address map that is set, for a key."""
    standard, _ = dram(values)
    found = asdict(replace(standard, sources={}))
    del found["sources"], found["description"]
    del found["command_bus"]  # only traces use it
    for key, usual in _LATER.items():
        if found["timing"][key] == usual:
            del found["timing"][key]
    if "address_map" in values:
        found["address_map"] = compute_rows(values).content
    return found


def _stamps(name: str) -> tuple[Stamp, ...]:
    """Stamps of data files; named data sets do not change."""
    return tuple(stamp_of(path) for path in data_files(name))


def data_files(name: str) -> tuple[Path, ...]:
    """Return the files with images and labels; none for named data sets."""
    from bnn.data.labelled import labels_beside
    from experiments.options import data as data_options

    if not data_options.is_file(name):
        return ()
    labels = labels_beside(Path(name))
    return (Path(name),) if labels is None else (Path(name), labels)


@lru_cache(maxsize=_FEW)
def _data(
    name: str, input_shape: tuple[int, ...], written: str | None, _stamp: tuple[Stamp, ...]
) -> Dataset:
    from bnn.data import datasets

    return datasets.reshape_for(opened(name, written), input_shape)


def planner(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a mapping adds to a point's identity: its planner's version, if not 1."""
    from bnn.mapping import choice

    version = choice.version(str(values["mapping"]))
    return {"mapping_version": version} if version > 1 else {}
