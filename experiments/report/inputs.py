"""How the inputs of a network become integers, and their shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pimsim.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from bnn.data.input_scale import InputScale
    from bnn.model.network import Network
    from bnn.values.encoding import Encoding


def encoding_of(network: Network, x: Any, known: Encoding | None = None) -> Encoding | None:
    """Return the encoding of inputs ``x``, preferably one that includes the padding value.

    None if no encoding fits; ``known`` if that encoding already does.
    """
    from bnn.lowering.operand_analysis import padding_of_inputs
    from bnn.values import encoding

    if known is not None:
        return known
    padding = padding_of_inputs(network)
    found = encoding.detect(x, also=padding) or encoding.detect(x)
    return None if found is None else found[0]


def encoding_by_name(
    network: Network, data: str | None, scale: InputScale | None = None
) -> Encoding | None:
    """Return the encoding of a named data set without reading it; for None, that of 8 bits."""
    from bnn.data import datasets
    from bnn.values.encoding import ENCODINGS

    levels = ENCODINGS["uint8"].levels() if data is None else datasets.levels(data)
    x, known = (levels, None) if scale is None else scale.applied(levels[:, None])
    return encoding_of(network, x, known)


def shape_of(data: str, data_dir: Path | None = None) -> tuple[int, ...]:
    """Return the shape of an image of ``--data NAME|FILE``; named data are not read for that."""
    from bnn.data import datasets
    from experiments.options import data as data_options

    if data in datasets.NAMES:
        return datasets.shape(data)
    return tuple(data_options.open_data(data, data_dir).x.shape[1:])


def chosen_shape(text: str | None) -> tuple[int, ...] | None:
    """Return the shape that ``--input-shape 64,64,3`` means; None if it is not given.

    Raises :class:`~pimsim.errors.InputError`.

    >>> chosen_shape("64,64,3")
    (64, 64, 3)
    """
    if text is None:
        return None
    sizes = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and 0 < int(part) < 2**31 for part in sizes):
        raise InputError(f"`--input-shape` must be positive sizes such as 64,64,3, not {text!r}")
    return tuple(int(part) for part in sizes)


def stated(network: Network) -> dict[str, object]:
    """Return assumptions that differ from what the model file asks for."""
    from bnn.model.network import FLOAT32

    if network.precision == FLOAT32:
        return {}
    return {
        "precision": f"float32 throughout; the file asks for {network.precision}, in which Keras "
        "rounds values between layers"
    }
