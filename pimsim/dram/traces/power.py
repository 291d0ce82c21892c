"""Average power of a rank over time, from its commands, in consecutive windows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.commands import Kind
from pimsim.dram.energy import CommandEnergies
from pimsim.dram.traces.block import Block, Numbers
from pimsim.dram.traces.event import Spans
from pimsim.object_code import Kept, part

WINDOW_PS = 100_000
"""Window over which power is averaged; about two AAPs long."""

_NO_KIND = len(Kind)
"""Stands for the end of time in place of a command: it lasts for no time, and takes no energy."""
_NOW, _OPEN_BANKS, _CLOSES, _PENDING, _WINDOW, _WINDOWS = range(6)
"""What a rank remembers: the time up to which power is counted, banks that ACTs have opened, when
the last row closes that a command closes itself, and until when energy of commands is spread. While
commands are counted: which of the windows time is in, and how many there are."""


def energies_by_part(energies: CommandEnergies) -> Mapping[Kind, Mapping[str, float]]:
    """Energy of one command of each kind, in pJ, by part of the energy."""
    every = {
        Kind.ACT: {"activate_precharge": energies.act_pj},
        Kind.PRE: {"activate_precharge": energies.pre_pj},
        Kind.RD: {"read_write": energies.rd_pj, "io": energies.rd_io_pj},
        Kind.WR: {"read_write": energies.wr_pj, "io": energies.wr_io_pj},
        Kind.TRANSFER: {"read_write": energies.transfer_pj},
        Kind.REF: {"refresh": energies.ref_pj},
        Kind.AAP: {"activate_precharge": energies.aap_pj},
        Kind.AP: {"activate_precharge": energies.ap_pj},
    }
    return {
        kind: {part: pj for part, pj in parts.items() if part in energies.parts}
        for kind, parts in every.items()
    }


class Steps(NamedTuple):
    """Where power changes, ``(steps,)`` each."""

    before: Numbers
    """Number of the command of the block before which a step is known; the number of commands for
    steps after the block."""
    at_ps: Numbers
    power_mw: NDArray[np.float64]
    """``(steps, parts)`` power from then on."""


class _Kinds(NamedTuple):
    """What commands do, ``(kinds,)`` each, with one more kind for none."""

    level: Numbers
    """1 where it opens a bank that a PRE closes, -1 for that."""
    busy_ps: Numbers
    """For how long its own energy is spread."""
    open_ps: Numbers
    """For how long it keeps a bank open that it closes itself."""
    spread_pj: NDArray[np.float64]
    """``(kinds, parts)`` its own energy."""
    spreads: NDArray[np.bool_]
    """``(kinds, parts)`` whether it has such energy."""
    adds_mw: NDArray[np.float64]
    """Background power of banks that it opens and closes."""


class _Rank(NamedTuple):
    """What is the same for all commands of a rank."""

    standing_mw: NDArray[np.float64]
    """``(3,)`` background power in precharge standby, in active standby, and of an open bank."""
    extra_pj: NDArray[np.float64]
    """``(1,)`` energy of a further wordline."""
    background: int
    """Number of the part that is background; -1 if there is none."""
    rows: int
    """Number of the part that has the energy of further wordlines."""


class _Windows(NamedTuple):
    """Windows in the order of time, and idle time of any number of windows between them."""

    number: Numbers
    """Time over :data:`WINDOW_PS`."""
    before: Numbers
    """Number of the command before which it is over; -1 if it is not."""
    idle_mw: NDArray[np.float64]
    """The power of idle time; -1 for a window."""
    energy_pj: NDArray[np.float64]
    """``(windows, parts)``."""


class RankPower:
    """Average power of one rank over windows of time, and where it changes.

    A command's energy is spread evenly over the time for which it keeps its bank busy. While a bank
    is open or the rank refreshes, background power is that of active standby plus what each open
    bank adds; else it is that of precharge standby.

    >>> from pimsim.dram.energy import command_energies
    >>> from pimsim.dram.options import ModelOptions
    >>> from pimsim.dram.standard.standard import load
    >>> from pimsim.dram.traces.event import Event
    >>> ddr3 = load("ddr3-1600-8-8-8")
    >>> rank = RankPower(command_energies("ambit-paper", ddr3), Spans.of(ddr3, ModelOptions()))
    >>> len(rank.add(Block.of([Event(0, Kind.AAP, bank=0)])).at_ps)  # its window is not over
    0
    >>> steps = rank.finish(100_000)
    >>> steps.at_ps.tolist(), steps.power_mw.round(3).tolist()  # 6.29 nJ in 100 ns
    ([0, 100000], [[62.9, 0.0], [0.0, 0.0]])
    """

    def __init__(self, energies: CommandEnergies, spans: Spans) -> None:
        self._parts = len(energies.parts)
        background = "background" in energies.parts
        kinds = len(Kind) + 1
        level, busy_ps, open_ps = np.zeros((3, kinds), np.int64)
        spread_pj = np.zeros((kinds, self._parts))
        spreads = np.zeros((kinds, self._parts), np.bool_)
        self._kinds = _Kinds(level, busy_ps, open_ps, spread_pj, spreads, np.zeros(kinds))
        self._kinds.level[[Kind.ACT, Kind.PRE]] = 1, -1
        for kind, named in energies_by_part(energies).items():
            self._kinds.busy_ps[kind] = spans.busy_ps[kind]
            self._kinds.open_ps[kind] = spans.open_ps.get(kind, 0)
            for name, pj in named.items():
                self._kinds.spread_pj[kind, energies.parts.index(name)] = pj
                self._kinds.spreads[kind, energies.parts.index(name)] = True
        for kind, banks in spans.opens_banks.items() if background else ():
            self._kinds.adds_mw[kind] = banks * energies.open_bank_mw
        self._rank = _Rank(
            np.array([energies.standby_mw, energies.active_mw, energies.open_bank_mw]),
            np.array([energies.extra_wordline_pj]),
            energies.parts.index("background") if background else -1,
            energies.parts.index("activate_precharge"),
        )
        self._longest_ps = int(max(self._kinds.busy_ps.max(), self._kinds.open_ps.max()))
        self._now = np.zeros(6, np.int64)
        self._pending_pj = np.zeros((0, self._parts))
        """Energy in each window, from the window of the present time on."""
        self._shown = np.full(self._parts, np.nan)

    def add(self, block: Block) -> Steps:
        """Count commands of the rank, in order of time; return the steps that became known."""
        return self._counted(block.at_ps, block.kind, block.extra_wordlines)

    def finish(self, end_ps: int) -> Steps:
        """Return the remaining steps, up to ``end_ps``, where power drops to 0."""
        parts = [self._counted(np.array([end_ps]), np.array([_NO_KIND]), np.zeros(1, np.int64))]
        now_ps = int(self._now[_NOW])
        inside_ps = now_ps % WINDOW_PS
        if inside_ps:
            last = self._pending_pj[:1] if len(self._pending_pj) else np.zeros((1, self._parts))
            parts.append(self._changes(
                np.zeros(1, np.int64), np.array([now_ps - inside_ps]), last * 1e3 / inside_ps
            ))  # fmt: skip
        zero = np.zeros((1, self._parts))
        parts.append(self._changes(np.zeros(1, np.int64), np.array([now_ps]), zero))
        return Steps(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _counted(self, at_ps: Numbers, kind: Numbers, extra: Numbers) -> Steps:
        # Before a command there may be two pieces of time, each with a window that begins, idle
        # time, and a window that does not end; and then come the windows that its energy reaches.
        reach, pending = self._longest_ps // WINDOW_PS + 2, len(self._pending_pj)
        most = pending + len(at_ps) * (6 + reach) + reach + 1
        windows = _Windows(
            np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most),
            np.empty((most, self._parts)),
        )  # fmt: skip
        windows.number[:pending] = self._now[_NOW] // WINDOW_PS + np.arange(pending)
        windows.before[:pending], windows.idle_mw[:pending] = -1, -1.0
        windows.energy_pj[:pending] = self._pending_pj
        self._now[_WINDOW], self._now[_WINDOWS] = 0, pending
        commands = map(np.ascontiguousarray, (at_ps, kind, extra))
        found = _COUNT(*commands, self._kinds, self._rank, self._now, windows)
        number, before = windows.number[:found], windows.before[:found]
        idle_mw, energy_pj = windows.idle_mw[:found], windows.energy_pj[:found]
        self._pending_pj = energy_pj[(number >= self._now[_NOW] // WINDOW_PS) & (idle_mw < 0)]
        over = before >= 0
        power_mw, idle_mw = energy_pj[over] * 1e3 / WINDOW_PS, idle_mw[over]
        power_mw[idle_mw >= 0] = 0.0
        if self._rank.background >= 0:
            power_mw[idle_mw >= 0, self._rank.background] = idle_mw[idle_mw >= 0]
        return self._changes(before[over], number[over] * WINDOW_PS, power_mw)

    def _changes(self, before: Numbers, at_ps: Numbers, power_mw: NDArray[np.float64]) -> Steps:
        """Only those steps that differ from the one before."""
        if not len(at_ps):
            return Steps(before, at_ps, power_mw)
        previous = np.concatenate([self._shown[None], power_mw[:-1]])
        differs = (power_mw != previous).any(axis=1)
        self._shown = power_mw[-1]
        return Steps(before[differs], at_ps[differs], power_mw[differs])


def _count(
    at_ps: Numbers,
    kind: Numbers,
    extra: Numbers,
    kinds: _Kinds,
    rank: _Rank,
    now: Numbers,
    windows: _Windows,
) -> int:
    """Count some commands; return how many windows time and their energy have reached."""
    for command in range(len(at_ps)):
        # Active before it, and in standby from when the last row closes.
        until_ps, what = max(at_ps[command], now[_NOW]), kind[command]
        split_ps, banks = until_ps, now[_OPEN_BANKS]
        if banks == 0:
            split_ps = min(max(now[_CLOSES], now[_NOW]), until_ps)
        for active, stop_ps in ((1, split_ps), (0, until_ps)):
            if stop_ps > now[_NOW]:
                mw = rank.standing_mw[active] + banks * rank.standing_mw[2]
                _pass(command, stop_ps, mw, rank.background, now, windows)
        # A PRE of a closed bank has no effect.
        now[_OPEN_BANKS] = max(0, banks + kinds.level[what])
        now[_CLOSES] = max(now[_CLOSES], at_ps[command] + kinds.open_ps[what])
        if extra[command] > 0 or kinds.spreads[what].any():
            now[_PENDING] = max(now[_PENDING], at_ps[command] + kinds.busy_ps[what])
        if kinds.adds_mw[what] > 0:
            now[_PENDING] = max(now[_PENDING], at_ps[command] + kinds.open_ps[what])
    number, last = now[_NOW] // WINDOW_PS, now[_WINDOWS] - 1
    if last >= 0 and windows.idle_mw[last] < 0:
        number = max(number, windows.number[last] + 1)
    for more in range(number, -(-now[_PENDING] // WINDOW_PS)):
        _append(more, now, windows)
    _spread(at_ps, kind, extra, kinds, rank, now, windows)
    return int(now[_WINDOWS])


@part
def _append(number: int, now: Numbers, windows: _Windows) -> None:
    """Begin a window behind all others."""
    last = now[_WINDOWS]
    windows.number[last], windows.before[last], windows.idle_mw[last] = number, -1, -1.0
    windows.energy_pj[last] = 0.0
    now[_WINDOWS] += 1


@part
def _pass(
    command: int, stop_ps: int, mw: float, background: int, now: Numbers, windows: _Windows
) -> None:
    """Let time go on before a command, with the same background power."""
    # One window after the other as far as commands reach, and all windows after that at once.
    start_ps, near_ps = now[_NOW], stop_ps
    leap_ps = -(-max(start_ps, now[_PENDING]) // WINDOW_PS) * WINDOW_PS
    last_ps = stop_ps // WINDOW_PS * WINDOW_PS
    if last_ps > leap_ps:
        near_ps = leap_ps
    while start_ps < stop_ps:
        if start_ps == near_ps:
            _append(leap_ps // WINDOW_PS, now, windows)
            now[_WINDOW] = now[_WINDOWS] - 1
            windows.before[now[_WINDOW]], windows.idle_mw[now[_WINDOW]] = command, mw
            start_ps, near_ps = last_ps, stop_ps
            continue
        number = start_ps // WINDOW_PS
        while now[_WINDOW] < now[_WINDOWS] and windows.number[now[_WINDOW]] < number:
            now[_WINDOW] += 1
        if now[_WINDOW] == now[_WINDOWS]:
            _append(number, now, windows)
        until_ps = min(near_ps, (number + 1) * WINDOW_PS)
        if background >= 0:
            windows.energy_pj[now[_WINDOW], background] += mw * (until_ps - start_ps) * 1e-3
        if until_ps % WINDOW_PS == 0:
            windows.before[now[_WINDOW]] = command
        start_ps = until_ps
    now[_NOW] = stop_ps


@part
def _spread(
    at_ps: Numbers,
    kind: Numbers,
    extra: Numbers,
    kinds: _Kinds,
    rank: _Rank,
    now: Numbers,
    windows: _Windows,
) -> None:
    """Spread the energy of commands over windows; windows that were over before are left out."""
    place, found, extra_pj = 0, now[_WINDOWS], rank.extra_pj[0]
    for command in range(len(at_ps)):
        what, start_ps, more = kind[command], at_ps[command], extra[command]
        busy_ps, open_ps = kinds.busy_ps[what], kinds.open_ps[what]
        stop_ps = start_ps + max(busy_ps, open_ps)
        for number in range(start_ps // WINDOW_PS, -(-stop_ps // WINDOW_PS)):
            while place > 0 and windows.number[place] > number:
                place -= 1
            while place + 1 < found and windows.number[place + 1] <= number:
                place += 1
            if place >= found or windows.number[place] != number or windows.idle_mw[place] >= 0:
                continue
            begin_ps, energy_pj = max(start_ps, number * WINDOW_PS), windows.energy_pj[place]
            inside_ps = min(start_ps + busy_ps, (number + 1) * WINDOW_PS) - begin_ps
            if inside_ps > 0:
                for each in range(len(energy_pj)):
                    if kinds.spreads[what, each]:
                        energy_pj[each] += kinds.spread_pj[what, each] * inside_ps / busy_ps
                if more > 0 and extra_pj != 0.0:
                    energy_pj[rank.rows] += more * extra_pj * inside_ps / busy_ps
            inside_ps = min(start_ps + open_ps, (number + 1) * WINDOW_PS) - begin_ps
            if inside_ps > 0 and kinds.adds_mw[what] > 0:
                energy_pj[rank.background] += kinds.adds_mw[what] * inside_ps * 1e-3


_COUNT = Kept(_count, [Path(__file__)])
