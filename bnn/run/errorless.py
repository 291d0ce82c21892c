"""What a network answers on a DRAM in which nothing goes wrong: what the integer reference says.

Every run without faults is held against that reference, bit by bit. So a run with faults is set
beside the reference itself, and nothing is planned or compiled for a second DRAM.

>>> from bnn.model.network import Dense
>>> from bnn.values.encoding import ENCODINGS
>>> kernel = np.float32([[1, -1, 1], [1, 1, -1]])
>>> net = Network("n", (2,), (
...     Dense("a", kernel, None, None, "ste_sign", "ste_sign"),
...     Dense("b", kernel.T, None, "ste_sign", "ste_sign"),
... ))
>>> logits(net, np.float32([[0, 1], [0.2, 1]]), ENCODINGS["unit"]).tolist()
[[-1.0, 3.0], [-1.0, 3.0]]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnn import reference
from bnn.lowering.lower import lower
from bnn.lowering.stage import HostStage, Stage
from bnn.mapped.mapped_stage import Result
from bnn.model.network import Network
from bnn.reference.checker import SumChecker
from bnn.run.flow import Flow
from bnn.system.system import Occupancy
from bnn.values.bitstrings import Values
from bnn.values.encoding import Encoding


def logits(
    network: Network,
    x: NDArray[np.float32] | NDArray[np.uint8],
    encoding: Encoding | None,
    threads: int | None = None,
) -> NDArray[np.float32]:
    """Return what the network gives, ``(images, classes)``, before a softmax.

    Args:
        network: the layers.
        x: ``(images, ...)``, as the Keras model would be fed.
        encoding: which integers stand for the values of ``x``, if any do.
        threads: processors used, all if None.

    Raises:
        InputError: ``x`` that does not fit.
    """
    network = network.before_softmax()
    reference.refuse_unfit(network, x)
    flow = Flow(network, x, encoding, threads)
    for stage in lower(network, encoding):
        if isinstance(stage, HostStage):
            flow.run_on_host(stage)
        else:
            flow.take(stage, Result(_values(flow, stage, threads), Occupancy()))
    return flow.logits()


def _values(flow: Flow, stage: Stage, threads: int | None) -> Values:
    """Bits or sums that a stage must give."""
    fed = flow.analysis.fed[stage.index]
    return SumChecker(stage, fed, flow.operands(stage), threads).values(flow.network)
