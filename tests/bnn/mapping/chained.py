"""Small networks whose stages can be chained, and a run of one on random images."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.lower import lower
from bnn.lowering.stage import Stage
from bnn.mapping.chain.laid import MakePlanner
from bnn.mapping.chain.layout import Step, steps
from bnn.model.network import BatchNorm, Dense, Layer, Network
from bnn.run.execute import Execution, NetworkRun, run
from bnn.system.system import System
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard, load
from pimsim.dram.traces.trace import Trace

SIGN = "ste_sign"
DDR3 = load("ddr3-1600-8-8-8")
NARROW = replace(DDR3, row_bytes=64, chips_per_rank=1)  # 512 columns, a burst a row
SHALLOW = replace(NARROW, rows_per_subarray=48)  # 30 data rows
MAPPING = "output-stationary"
TREE = "output-tree"


def mlp(*widths: int, seed: int = 0) -> Network:
    """Dense layers of such widths, each of which is normalized but the last."""
    rng = np.random.default_rng(seed)
    layers: list[Layer] = []
    for number, (fan_in, outputs) in enumerate(itertools.pairwise(widths)):
        kernel = rng.normal(size=(fan_in, outputs)).astype(np.float32)
        layers.append(Dense(f"d{number}", kernel, None, SIGN, SIGN))
        if number < len(widths) - 2:
            gamma, beta = rng.normal(size=(2, outputs)).astype(np.float32)
            mean = rng.integers(-3, 4, outputs).astype(np.float32)
            layers.append(BatchNorm(f"n{number}", mean, gamma**2 + 1, gamma, beta, 1e-3))
    return Network("mlp", (widths[0],), tuple(layers))


def images(network: Network, count: int) -> NDArray[np.float32]:
    """So many random images, always the same."""
    rng = np.random.default_rng(count)
    return rng.normal(size=(count, *network.input_shape)).astype(np.float32)


def ran(
    network: Network,
    count: int,
    chain: str = "always",
    mapping: str = MAPPING,
    *,
    standard: Standard = DDR3,
    banks: int = 8,
    compiled: bool = True,
    check: bool = True,
    traces: Sequence[Trace] = (),
) -> NetworkRun:
    """Run a network on so many random images."""
    system, x = System(standard, ModelOptions(banks=banks)), images(network, count)
    how = Execution(check=check, compiled=compiled)
    return run(network, x, None, system, mapping, chain=chain, traces=traces, execution=how)


def planned(planner: MakePlanner, stages: Sequence[Stage], system: System) -> list[Step]:
    """Where a planner lays stages out, for 600 images."""
    return steps(stages, system, planner(stages, system, 600))


def stages(network: Network) -> list[Stage]:
    """Stages of a network whose inputs are real."""
    return [stage for stage in lower(network, None) if isinstance(stage, Stage)]
