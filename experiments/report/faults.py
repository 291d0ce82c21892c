"""What faults did to a run: beside the same network on a DRAM in which nothing goes wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.choice import DEFAULT
from bnn.model.network import Network
from bnn.run.execute import Execution, NetworkRun, run
from bnn.run.scoring import Scoring
from bnn.system.system import System
from bnn.values.encoding import Encoding


def beside_error_free(
    done: NetworkRun,
    network: Network,
    x: NDArray[np.float32] | NDArray[np.uint8],
    scoring: Scoring,
    encoding: Encoding | None,
    system: System,
) -> dict[str, Any]:
    """Return what changed, as JSON values.

    Args:
        done: the run with faults.
        network: what was run.
        x: its images.
        scoring: which answers are right.
        encoding: how the images are integers.
        system: the DRAM, with its faults.
    """
    taken = {layer.mapping for layer in done.layers if layer.mapping is not None}
    mapping = taken.pop() if len(taken) == 1 else DEFAULT  # values are the same under all
    plain = System(system.standard, system.options, system.address_map)
    right = run(network, x, encoding, plain, mapping, execution=Execution(check=False))
    answers, wanted = scoring.answers(done.logits), scoring.answers(right.logits)
    changed = None
    if answers is not None and wanted is not None:
        changed = int(np.count_nonzero(answers != wanted))
    struck = {layer.name: layer.result.flips for layer in done.layers if layer.result}
    return {
        "accuracy_error_free": scoring.accuracy(right.logits),
        "predictions": None if wanted is None else wanted.size,
        "predictions_changed": changed,
        "logits_changed": int(np.count_nonzero(done.logits != right.logits)),
        "noise_strikes": struck,
    }
