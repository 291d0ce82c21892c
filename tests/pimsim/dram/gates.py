"""What a timing constraint is tested by: the shortest stream in which it binds alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.standard.timing import Timing

from .scheduled import (
    ACT,
    RD,
    WR,
    Command,
    kept,
)


@dataclass(frozen=True)
class Gate:
    """A command that one constraint keeps from starting before ``at``."""

    earlier: list[Command]
    kind: Kind
    bank: int
    at: int
    to: int | None = None


Build = Callable[[Standard, ModelOptions], Gate]


@dataclass(frozen=True)
class Scenario:
    """The shortest stream in which a constraint binds, and what lets it bind alone."""

    reason: str
    build: Build
    shape: Callable[[Standard], dict[str, Any]]
    """Fields of the standard without which there is no such constraint."""
    stretch: Callable[[Timing, int], dict[str, int]]
    """Constraints, from those of the part and the clocks of a burst, with which it binds alone."""
    aap: bool
    """Whether it is about the two ACTs of an AAP."""


class Scenarios(dict[str, Scenario]):
    """Scenarios under the names of the functions that build them."""

    def add(
        self,
        reason: str,
        *,
        shape: Callable[[Standard], dict[str, Any]] = lambda _: {},
        stretch: Callable[[Timing, int], dict[str, int]] = lambda _t, _b: {},
        aap: bool = False,
    ) -> Callable[[Build], Build]:
        """Take in what is decorated."""

        def register(build: Build) -> Build:
            self[build.__name__] = Scenario(reason, build, shape, stretch, aap)
            return build

        return register


def grouped(standard: Standard) -> dict[str, Any]:
    return {"bank_groups": standard.bank_groups if standard.bank_groups > 1 else 2}


def two_ranks(standard: Standard) -> dict[str, Any]:
    return {"ranks": 2}


def longer_rc(t: Timing, _burst: int) -> dict[str, int]:
    return {"t_rc_ps": t.t_ras_ps + t.t_rp_ps + 3 * t.t_ck_ps}


def longer_rp(t: Timing, _burst: int) -> dict[str, int]:
    return {"t_rp_ps": t.t_rc_ps}


def longer_ccd(_t: Timing, burst: int) -> dict[str, int]:
    return {
        "t_ccd_s_clocks": burst + 2, "t_ccd_l_clocks": burst + 3, "t_ccd_l_wr_clocks": burst + 3
    }  # fmt: skip


def shorter_ccd(_t: Timing, _burst: int) -> dict[str, int]:
    return {"t_ccd_s_clocks": 1, "t_ccd_l_clocks": 1, "t_ccd_l_wr_clocks": 1}


def longer_faw(t: Timing, _burst: int) -> dict[str, int]:
    return {"t_faw_ps": 4 * t.t_rrd_l_ps + 5 * t.t_ck_ps}


def opened(standard: Standard, options: ModelOptions, *banks: int) -> tuple[list[Command], int]:
    """Banks opened, far enough apart, and a time when nothing keeps columns of them back."""
    t = kept(standard, options)
    acts = [(t.t_rrd_l_ps * i, ACT, bank) for i, bank in enumerate(banks)]
    return acts, t.t_rc_ps + t.t_rrd_l_ps * len(banks)


def column_gate(
    standard: Standard, options: ModelOptions, first: Kind, second: Kind, bank: int, gap_ps: int
) -> Gate:
    acts, at = opened(standard, options, *{0, bank})
    return Gate([*acts, (at, first, 0)], second, bank, at + gap_ps)


def burst_clocks(standard: Standard) -> int:
    """Clocks that a burst is on the bus."""
    return standard.burst_length // standard.timing.transfers_per_clock


def data_gap(standard: Standard, first: Kind, second: Kind, clocks: int) -> int:
    """Time between column commands whose data are that many clocks apart on the bus."""
    t = standard.timing
    latency = {RD: t.cl_clocks, WR: t.cwl_clocks}
    burst = burst_clocks(standard)
    return (latency[first] + burst + clocks - latency[second]) * t.t_ck_ps
