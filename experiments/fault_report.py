"""What faults did to a run: beside the same network on a DRAM in which nothing goes wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.encoding import Encoding
from bnn.mapping import Result
from bnn.network import Network
from bnn.runtime import NetworkRun, run
from pimsim.dram.standards import Standard
from pimsim.dram.switches import Switches


def beside_error_free(
    done: NetworkRun,
    network: Network,
    x: NDArray[np.float32] | NDArray[np.uint8],
    labels: NDArray[np.integer[Any]] | None,
    encoding: Encoding | None,
    standard: Standard,
    switches: Switches,
) -> dict[str, Any]:
    """Return what changed, as JSON values.

    Args:
        done: the run with faults.
        network: what was run.
        x: its images.
        labels: ``(images,)``, or None.
        encoding: how the images are integers.
        standard: the DRAM.
        switches: what changes headline numbers.

    """
    right = run(network, x, encoding, standard, switches, "output-stationary", check=False)
    predicted, wanted = done.logits.argmax(1), right.logits.argmax(1)
    struck = {
        layer.name: layer.result.flips for layer in done.layers if isinstance(layer.result, Result)
    }
    return {
        "accuracy_error_free": None if labels is None else float((wanted == labels).mean()),
        "predictions_changed": int(np.count_nonzero(predicted != wanted)),
        "logits_changed": int(np.count_nonzero(done.logits != right.logits)),
        "noise_strikes": struck,
    }
