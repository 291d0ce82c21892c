"""Average power of a rank over time, from its commands, in consecutive windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.commands import Kind
from pimsim.dram.energy import CommandEnergies
from pimsim.dram.traces.block import Block, Numbers
from pimsim.dram.traces.event import Spans

WINDOW_PS = 100_000
"""Window over which power is averaged; about two AAPs long."""

_NEAR = 8
"""Up to this many windows per command, windows are numbered by a table instead of by sorting."""


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

    before: NDArray[np.intp]
    """Number of the command of the block before which a step is known; the number of commands for
    steps after the block."""
    at_ps: Numbers
    power_mw: NDArray[np.float64]
    """``(steps, parts)`` power from then on."""


class _Pieces(NamedTuple):
    """Stretches of time with constant background power, each within one window."""

    start_ps: Numbers
    stop_ps: Numbers
    before: NDArray[np.intp]
    power_mw: NDArray[np.float64]
    leap: NDArray[np.bool_]
    """Whether it stands for any number of whole windows with only this power."""


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
        self._background = energies.parts.index("background") if background else None
        self._power_mw = np.array([energies.standby_mw, energies.active_mw])
        self._open_bank_mw = energies.open_bank_mw
        self._spread = np.zeros((len(Kind), self._parts))
        self._spreads = np.zeros((len(Kind), self._parts), bool)
        for kind, parts in energies_by_part(energies).items():
            for part, pj in parts.items():
                self._spread[kind, energies.parts.index(part)] = pj
                self._spreads[kind, energies.parts.index(part)] = True
        self._extra_pj = energies.extra_wordline_pj
        self._rows = energies.parts.index("activate_precharge")
        self._busy_ps = np.array([spans.busy_ps[kind] for kind in Kind])
        self._open_ps = np.array([spans.open_ps.get(kind, 0) for kind in Kind])
        self._adds_mw = np.zeros(len(Kind))
        """Energy that open banks add for commands that open and close them, over their
        ``_open_ps``."""
        for kind, banks in spans.opens_banks.items() if background else ():
            self._adds_mw[kind] = banks * energies.open_bank_mw
        self._now_ps = 0
        self._open_banks = 0
        self._closes_ps = 0
        self._pending_ps = 0
        """Until when the energy of commands so far is spread."""
        self._pending_pj = np.zeros((0, self._parts))
        """Energy in each window, from the window of ``_now_ps`` on."""
        self._shown = np.full(self._parts, np.nan)

    def add(self, block: Block) -> Steps:
        """Count commands of the rank, in order of time; return the steps that became known."""
        opened = (block.kind == Kind.ACT).astype(np.int64) - (block.kind == Kind.PRE)
        level = np.concatenate([[self._open_banks], self._open_banks + np.cumsum(opened)])
        level -= np.minimum(np.minimum.accumulate(level), 0)  # a PRE of a closed bank has no effect
        closes_ps = np.maximum.accumulate(
            np.concatenate([[self._closes_ps], block.at_ps + self._open_ps[block.kind]])
        )
        extra = block.extra_wordlines > 0
        spreading = self._spreads[block.kind].any(axis=1) | extra
        ends_ps = np.where(spreading, block.at_ps + self._busy_ps[block.kind], 0)
        adding = self._adds_mw[block.kind] > 0
        added_ps = np.where(adding, block.at_ps + self._open_ps[block.kind], 0)
        pending_ps = np.maximum.accumulate(
            np.concatenate([[self._pending_ps], np.maximum(ends_ps, added_ps)])
        )
        pieces = self._pieces(block.at_ps, level[:-1], closes_ps[:-1], pending_ps[:-1])
        self._open_banks, self._closes_ps = int(level[-1]), int(closes_ps[-1])
        self._pending_ps = int(pending_ps[-1])
        return self._steps(pieces, block)

    def finish(self, end_ps: int) -> Steps:
        """Return the remaining steps, up to ``end_ps``, where power drops to 0."""
        none = Block.of([])
        pieces = self._pieces(
            np.array([end_ps]), np.array([self._open_banks]), np.array([self._closes_ps]),
            np.array([self._pending_ps]),
        )  # fmt: skip
        steps = self._steps(pieces, none)
        parts = [steps]
        inside_ps = self._now_ps % WINDOW_PS
        if inside_ps:
            last = self._pending_pj[:1] if len(self._pending_pj) else np.zeros((1, self._parts))
            parts.append(self._changes(
                np.zeros(1, np.intp), np.array([self._now_ps - inside_ps]), last * 1e3 / inside_ps
            ))  # fmt: skip
        zero = np.zeros((1, self._parts))
        parts.append(self._changes(np.zeros(1, np.intp), np.array([self._now_ps]), zero))
        return Steps(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _pieces(
        self,
        until_ps: Numbers,
        banks: Numbers,
        closes_ps: Numbers,
        pending_ps: Numbers,
    ) -> _Pieces:
        """Cut the time up to each of ``until_ps`` into pieces.

        The other arguments hold before those times; ``banks`` is how many banks ACTs have opened.
        """
        # Before each command: active, and standby from when the last row closes.
        until_ps = np.maximum.accumulate(np.maximum(until_ps, self._now_ps))
        start_ps = np.concatenate([[self._now_ps], until_ps[:-1]])
        self._now_ps = int(until_ps[-1]) if len(until_ps) else self._now_ps
        split_ps = np.where(banks > 0, until_ps, np.clip(closes_ps, start_ps, until_ps))
        starts = np.stack([start_ps, split_ps], axis=1).ravel()
        stops = np.stack([split_ps, until_ps], axis=1).ravel()
        before = np.repeat(np.arange(len(until_ps)), 2)
        pending_ps = np.repeat(pending_ps, 2)
        active = np.tile([1, 0], len(until_ps))
        power_mw = self._power_mw[active] + np.repeat(banks, 2) * self._open_bank_mw
        some = stops > starts
        starts, stops, before, power_mw = starts[some], stops[some], before[some], power_mw[some]
        pending_ps = pending_ps[some]

        # One piece for each window as far as commands reach, and one for all windows after that.
        first = -(-starts // WINDOW_PS) * WINDOW_PS
        leap_ps = np.maximum(first, -(-pending_ps // WINDOW_PS) * WINDOW_PS)
        last = stops // WINDOW_PS * WINDOW_PS
        leaps = last > leap_ps
        near = np.where(leaps, leap_ps, stops)
        counts = np.maximum(-(-near // WINDOW_PS) - starts // WINDOW_PS, 0)
        of = np.repeat(np.arange(len(starts)), counts)
        number = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
        window = (starts // WINDOW_PS)[of] + number
        pieces = [(
            np.maximum(starts[of], window * WINDOW_PS),
            np.minimum(near[of], (window + 1) * WINDOW_PS), of, np.zeros(len(of), bool),
        )]  # fmt: skip
        where = np.flatnonzero(leaps)
        pieces.append((leap_ps[where], last[where], where, np.ones(len(where), bool)))
        rest = np.flatnonzero(leaps & (stops > last))
        pieces.append((last[rest], stops[rest], rest, np.zeros(len(rest), bool)))
        begin, end, of, leap = (np.concatenate(each) for each in zip(*pieces, strict=True))
        order = np.argsort(begin, kind="stable")
        of = of[order]
        return _Pieces(begin[order], end[order], before[of], power_mw[of], leap[order])

    def _steps(self, pieces: _Pieces, block: Block) -> Steps:
        """The steps that follow from the energy of windows that are over."""
        base = pieces.start_ps[0] // WINDOW_PS if len(pieces.start_ps) else (
            self._now_ps // WINDOW_PS
        )  # fmt: skip
        closing = ~pieces.leap & (pieces.stop_ps % WINDOW_PS == 0)
        # Windows by number: those with a piece, and those that commands reach.
        windows = [base + np.arange(len(self._pending_pj)), pieces.start_ps // WINDOW_PS]
        spread = self._entries(block)
        windows += [entry[0] for entry in spread]
        known, places = _numbered(np.concatenate(windows))
        energy = np.zeros((len(known), self._parts))
        starts = np.cumsum([0, *(len(each) for each in windows)])
        of = np.split(places, starts[1:-1])
        for part in range(self._parts):
            here = [of[0]]
            pj = [self._pending_pj[:, part]]
            if part == self._background:
                some = ~pieces.leap
                here.append(of[1][some])
                pj.append((pieces.power_mw * (pieces.stop_ps - pieces.start_ps) * 1e-3)[some])
            for place, entry in zip(of[2:], spread, strict=True):
                if entry[1] == part:
                    here.append(place)
                    pj.append(entry[2])
            energy[:, part] = np.bincount(
                np.concatenate(here), np.concatenate(pj), minlength=len(known)
            )
        shown = closing | pieces.leap
        power_mw = energy[of[1]] * 1e3 / WINDOW_PS
        level = np.zeros((len(pieces.leap), self._parts))
        if self._background is not None:
            level[:, self._background] = pieces.power_mw
        power_mw = np.where(pieces.leap[:, None], level, power_mw)[shown]
        at_ps = (pieces.start_ps // WINDOW_PS * WINDOW_PS)[shown]
        now = self._now_ps // WINDOW_PS
        self._pending_pj = np.zeros((max(0, int(known.max(initial=now)) - now + 1), self._parts))
        later = known >= now
        self._pending_pj[known[later] - now] = energy[later]
        return self._changes(pieces.before[shown], at_ps, power_mw)

    def _entries(self, block: Block) -> list[tuple[Numbers, int, NDArray[np.float64]]]:
        """The energy that commands spread: window and energy by part, in the order of commands."""
        kind = block.kind
        window, inside = _inside(block.at_ps, self._busy_ps[kind])
        length = self._busy_ps[kind][:, None]
        found = []
        for part in range(self._parts):
            spreads = self._spreads[kind, part]
            pj = self._spread[kind, part]
            touched = (inside > 0) & spreads[:, None]
            if part == self._rows and self._extra_pj:
                extra = block.extra_wordlines > 0
                more = (inside > 0) & extra[:, None]
                both = np.stack([touched, more], axis=1)
                extra_pj = block.extra_wordlines * self._extra_pj
                each = np.stack(
                    [pj[:, None] * inside / length, extra_pj[:, None] * inside / length], axis=1
                )
                windows = np.broadcast_to(window[:, None], both.shape)
                found.append((windows[both], part, each[both]))
            elif touched.any():
                found.append((window[touched], part, (pj[:, None] * inside / length)[touched]))
        if self._background is not None and self._adds_mw.any():
            window, inside = _inside(block.at_ps, self._open_ps[kind])
            adds_mw = self._adds_mw[kind][:, None]
            touched = (inside > 0) & (adds_mw > 0)
            found.append((window[touched], self._background, (adds_mw * inside * 1e-3)[touched]))
        return found

    def _changes(
        self, before: NDArray[np.intp], at_ps: Numbers, power_mw: NDArray[np.float64]
    ) -> Steps:
        """Only those steps that differ from the one before."""
        if not len(at_ps):
            return Steps(before, at_ps, power_mw)
        previous = np.concatenate([self._shown[None], power_mw[:-1]])
        differs = (power_mw != previous).any(axis=1)
        self._shown = power_mw[-1]
        return Steps(before[differs], at_ps[differs], power_mw[differs])


def _numbered(windows: Numbers) -> tuple[Numbers, NDArray[np.intp]]:
    """The different windows, and which of them each is.

    >>> _numbered(np.array([7, 5, 7]))
    (array([5, 7]), array([1, 0, 1]))
    """
    first, last = (int(windows.min()), int(windows.max())) if len(windows) else (0, 0)
    if last - first > _NEAR * len(windows):
        known, places = np.unique(windows, return_inverse=True)
        return known, places
    used = np.zeros(last - first + 1, np.bool_)
    used[windows - first] = True
    return np.flatnonzero(used) + first, (np.cumsum(used) - 1)[windows - first]


def _inside(start_ps: Numbers, lasts_ps: Numbers) -> tuple[Numbers, Numbers]:
    """``(commands, windows)`` windows from that of a start on, and time in them; <= 0 if none."""
    widest = int(lasts_ps.max(initial=0)) // WINDOW_PS + 2
    window = (start_ps // WINDOW_PS)[:, None] + np.arange(widest)
    begin_ps, stop_ps = window * WINDOW_PS, (start_ps + lasts_ps)[:, None]
    until_ps = np.minimum(stop_ps, begin_ps + WINDOW_PS)
    return window, until_ps - np.maximum(start_ps[:, None], begin_ps)
