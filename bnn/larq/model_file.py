"""Reading networks that Larq saved, without TensorFlow and without running anything in them.

Both formats of Keras 2 are read: ``.keras`` (a zip archive) and ``.h5``. The first bytes of a file
decide which one it is, and not its name. Kernels are latent weights, as in ``bnn.model.network``.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py

from bnn.larq.build import Known, build, computed, filled, joined, precision
from bnn.larq.config import read_architecture
from bnn.larq.graph import OPERATORS, LayerGraph
from bnn.larq.weights import WeightSource, by_name, by_number, damage_reported, text_attribute
from bnn.model.layers.layer import Layer, Shape
from bnn.model.network import FLOAT32, INPUT, Network
from bnn.model.objective import UNKNOWN, Objective, read_objective
from bnn.values.fields import LARGEST_TEXT, parse
from pimsim.errors import InputError

LARGEST_WEIGHTS = 1 << 30
"""Bytes that the weights of an archive may unpack to; read into memory."""

_CONFIG = "config.json"
_WEIGHTS = "model.weights.h5"
_ZIP = b"PK\x03\x04"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_SAVE = "save the whole model with model.save('name.keras')"


Sizes = Shape | Callable[[], Shape]
"""Shape of one image, or what gives it when it is needed."""


def read_model(path: Path, input_shape: Sizes | None = None) -> Network:
    """Read a model that Larq saved as ``.keras`` or ``.h5``.

    Args:
        path: the file.
        input_shape: shape of one image, for sizes that the file leaves open (grey images may lack
            the channel axis); or a function that gives it when it is needed.

    Returns:
        The network; layers that act in training only are left out.

    Raises:
        InputError: one line that begins with the path. No such file, not a model, truncated,
            weights without an architecture, a layer or setting that pimsim does not carry out
            (named, with its position), arrays of a wrong shape, NaN, links out of the file,
            sizes that are left open and that ``input_shape`` does not fit.

    >>> read_model(Path("none.keras"))
    Traceback (most recent call last):
        ...
    pimsim.errors.InputError: 'none.keras': no such file; give a .keras or .h5 file saved by Larq
    """
    path = Path(path)
    try:
        return _read(path, input_shape)
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None


def _read(path: Path, given: Sizes | None) -> Network:
    if path.is_dir():
        raise InputError(_folder(path))
    try:
        with path.open("rb") as stream:
            begin = stream.read(len(_HDF5))
    except FileNotFoundError:
        raise InputError("no such file; give a .keras or .h5 file saved by Larq") from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from None
    if begin.startswith(_ZIP):
        with damage_reported("the archive"):
            archive = zipfile.ZipFile(path)
        with archive:
            return _from_archive(archive, path.name, given)
    if begin == _HDF5:
        with damage_reported("the file"):
            file = h5py.File(path, "r")
        with file:
            return _from_hdf5(file, path.name, given)
    raise InputError(f"must be a .keras or .h5 model, not a file that begins with {begin!r}")


def _folder(path: Path) -> str:
    """The message for a folder; Keras 2 writes one if the name has no ending."""
    if (path / "keras_metadata.pb").exists():
        return (
            "a folder (SavedModel), not a model file; make one of it with python -c "
            f'"import larq, tensorflow as tf; tf.keras.models.load_model({str(path)!r})'
            ".save('model.keras')\""
        )
    if (path / "saved_model.pb").exists():
        return f"a SavedModel folder without a Keras model, not a model file; {_SAVE} from Keras"
    return f"a folder, not a model file; {_SAVE}"


def _from_archive(archive: zipfile.ZipFile, source: str, given: Sizes | None) -> Network:
    names = archive.namelist()
    if _CONFIG not in names:
        if _WEIGHTS in names:
            raise InputError(f"holds weights without an architecture; {_SAVE}")
        raise InputError(f"must be a .keras model, not an archive without {_CONFIG}")
    config = parse(_member(archive, _CONFIG, LARGEST_TEXT))
    architecture = read_architecture(config)
    objective = read_objective(config.get("compile_config") if isinstance(config, dict) else None)
    if _WEIGHTS not in names:
        raise InputError(f"must hold its weights as {_WEIGHTS}, but that is missing; {_SAVE}")
    data = io.BytesIO(_member(archive, _WEIGHTS, LARGEST_WEIGHTS))
    with damage_reported(_WEIGHTS):
        file = h5py.File(data, "r")
    with file:
        return _network(architecture, WeightSource(file, by_number), source, objective, given)


def _from_hdf5(file: h5py.File, source: str, given: Sizes | None) -> Network:
    text = text_attribute(file, "model_config")
    if text is None:
        with damage_reported("the file"):
            bare = "layer_names" in file.attrs or "layers" in file
        if bare:
            raise InputError(f"holds weights without an architecture (save_weights); {_SAVE}")
        raise InputError(f"an HDF5 file, but not a Keras model (no model_config); {_SAVE}")
    architecture = read_architecture(parse(text))
    return _network(architecture, WeightSource(file, by_name), source, _objective(file), given)


def _objective(file: h5py.File) -> Objective:
    """What the file says of its training; nothing if it cannot be understood."""
    try:
        text = text_attribute(file, "training_config")
        return UNKNOWN if text is None else read_objective(parse(text))
    except InputError:
        return UNKNOWN


def _network(
    architecture: LayerGraph,
    weights: WeightSource,
    source: str,
    objective: Objective,
    given: Sizes | None,
) -> Network:
    start = _input_shape(architecture, given)
    layers: list[Layer] = []
    inputs: list[tuple[int, ...]] = []
    shapes: dict[int, Shape] = {INPUT: start}
    gives: dict[int, int | Known] = {INPUT: INPUT}  # by call: the layer that holds what it gives
    for place, call in enumerate(architecture.calls):
        arguments = call.arguments
        feeding = [gives[i] for i in call.sources]
        if call.entry.kind in OPERATORS:
            values = [one if isinstance(one, Known) else shapes[one] for one in feeding]
            function = call.entry.fields.get("function")
            sizes = computed(function, call.arguments, values, call.entry.where)
            if sizes is not None:
                gives[place] = sizes
                continue
            arguments = filled(call.arguments, values)
        elif any(isinstance(one, Known) for one in feeding):
            raise InputError(f"{call.entry.where} must be fed with values, not with sizes")
        fed = tuple(one for one in feeding if not isinstance(one, Known))
        before = tuple(shapes[i] for i in fed)
        for layer in build(replace(call, arguments=arguments), before, weights):
            try:
                shape = layer.shape_after(*(shapes[i] for i in fed))
            except InputError as error:
                raise InputError(f"{call.entry.where}: {error}") from None
            layers.append(layer)
            inputs.append(fed)
            fed = (len(layers) - 1,)
            shapes[fed[0]] = shape
        gives[place] = fed[0]
    if isinstance(gives[len(architecture.calls) - 1], Known):
        raise InputError("the output of the model must be values, not sizes")
    precisions = {precision(call.entry.fields) for call in architecture.calls} - {FLOAT32}
    policy = ", ".join(sorted(precisions)) or FLOAT32
    name, fed_by = architecture.name, tuple(inputs)
    return joined(Network(name, start, tuple(layers), source, fed_by, objective, policy))


def _input_shape(architecture: LayerGraph, given: Sizes | None) -> Shape:
    """The shape of one image, with sizes from ``given`` where the file leaves them open."""
    sizes = architecture.input_shape or ()
    known = tuple(size for size in sizes if size is not None)
    if len(known) == len(sizes) and (given is None or callable(given)):
        return known
    open_ = ", ".join("?" if size is None else str(size) for size in sizes)
    open_ += "," if len(sizes) == 1 else ""
    if given is None:
        example = ",".join("64" if size is None else str(size) for size in sizes)
        raise InputError(
            f"takes images of shape ({open_}), which leaves sizes open: say them with "
            f"--input-shape, such as --input-shape {example}, or give images with --data"
        )
    given = given() if callable(given) else given
    shape = (*given, 1) if len(given) == len(sizes) - 1 and sizes[-1] == 1 else given
    if len(shape) != len(sizes) or any(
        a not in (None, b) for a, b in zip(sizes, shape, strict=True)
    ):
        raise InputError(f"takes images of shape ({open_}), not {given}")
    return shape


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    size = archive.getinfo(name).file_size
    if size > limit:
        raise InputError(f"{name} must unpack to at most {limit} bytes, not {size}")
    with damage_reported(name):
        return archive.read(name)
