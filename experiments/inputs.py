"""What a network's inputs and outputs must be to be run, and how its inputs are integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnn.encoding import Encoding
    from bnn.network import Network


def check_output(network: Network) -> None:
    """Refuse a network that does not end in one number a class.

    Raises :class:`~pimsim.errors.InputError`.
    """
    from pimsim.errors import InputError

    shape = network.shapes()[-1]
    if len(shape) != 1:
        raise InputError(
            f"`network` must give one vector of classes an image, not an array of shape {shape}: "
            "end it with a Flatten or a dense layer"
        )


def encoding_of(network: Network, x: Any) -> Encoding | None:
    """Return the encoding of inputs ``x``, one that has what the first product pads if there is.

    None where they are those of no encoding.
    """
    from bnn import encoding
    from bnn.alphabet import padding_of_inputs

    padding = padding_of_inputs(network)
    found = encoding.detect(x, also=padding) or encoding.detect(x)
    return None if found is None else found[0]
