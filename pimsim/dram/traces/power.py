"""Average power of one rank over windows of time, from the energies of its commands.

A command's energy is spread evenly over the time it keeps its bank busy; background power is
that of active standby while a bank is open or the rank refreshes, else of precharge standby.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from pimsim.dram.commands import Kind
from pimsim.dram.energy import CommandEnergies
from pimsim.dram.traces.event import Event
from pimsim.dram.traces.spans import Spans

WINDOW_PS = 100_000
"""Window that power is averaged over; about two AAPs long."""

EmitPower: TypeAlias = Callable[[int, Sequence[float]], None]
"""Takes a time in ps and the power in mW of each part from then on."""


def energies_by_part(energies: CommandEnergies) -> Mapping[Kind, Mapping[str, float]]:
    """Energy of one command of each kind, in pJ, by the part of the report that it counts in."""
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


class RankPower:
    """Power of one rank, emitted where it changes from one window to the next.

    >>> from pimsim.dram.energy import command_energies
    >>> from pimsim.dram.standard.standard import load
    >>> from pimsim.dram.options import ModelOptions
    >>> ddr3 = load("ddr3-1600-8-8-8")
    >>> seen = []
    >>> rank = RankPower(
    ...     command_energies("ambit-paper", ddr3),
    ...     Spans.of(ddr3, ModelOptions()),
    ...     lambda at_ps, power_mw: seen.append((at_ps, [round(mw, 3) for mw in power_mw])),
    ... )
    >>> rank.add(Event(0, Kind.AAP, bank=0))
    >>> rank.finish(100_000)
    >>> seen  # 6.29 nJ in 100 ns
    [(0, [62.9, 0.0]), (100000, [0.0, 0.0])]
    """

    def __init__(self, energies: CommandEnergies, spans: Spans, emit: EmitPower) -> None:
        self._parts = {part: index for index, part in enumerate(energies.parts)}
        self._background = self._parts.get("background")
        self._energies, self._spans, self._emit = energies, spans, emit
        self._by_kind = {
            kind: [(self._parts[part], pj) for part, pj in parts.items()]
            for kind, parts in energies_by_part(energies).items()
        }
        self._now_ps = 0
        self._open_banks = 0
        self._closes_ps = 0
        self._windows: dict[int, list[float]] = {}  # energy of windows that are not over
        self._shown: list[float] | None = None

    def add(self, event: Event) -> None:
        """Count one command; events come in order of time."""
        self._advance(event.at_ps)
        kind = event.kind
        if kind is Kind.ACT:
            self._open_banks += 1
        elif kind is Kind.PRE:
            self._open_banks = max(self._open_banks - 1, 0)  # a PRE may find its bank closed
        elif kind in self._spans.open_ps:
            self._closes_ps = max(self._closes_ps, event.at_ps + self._spans.open_ps[kind])
        start_ps, end_ps = event.at_ps, event.at_ps + self._spans.busy_ps[kind]
        for part, pj in self._by_kind[kind]:
            self._spread(part, pj, start_ps, end_ps)
        if event.extra_wordlines:
            pj = event.extra_wordlines * self._energies.extra_wordline_pj
            self._spread(self._parts["activate_precharge"], pj, start_ps, end_ps)

    def finish(self, end_ps: int) -> None:
        """Emit what is left: all of it lies before ``end_ps``, where power drops to 0."""
        self._advance(end_ps)
        if self._now_ps % WINDOW_PS:
            self._close_window(self._now_ps % WINDOW_PS)
        self._show(self._now_ps, [0.0] * len(self._parts))

    def _spread(self, part: int, pj: float, start_ps: int, end_ps: int) -> None:
        first, last = start_ps // WINDOW_PS, (end_ps - 1) // WINDOW_PS
        for window in range(first, last + 1):
            begin_ps = window * WINDOW_PS
            inside_ps = min(end_ps, begin_ps + WINDOW_PS) - max(start_ps, begin_ps)
            self._window(window)[part] += pj * inside_ps / (end_ps - start_ps)

    def _window(self, window: int) -> list[float]:
        found = self._windows.get(window)
        if found is None:
            found = self._windows[window] = [0.0] * len(self._parts)
        return found

    def _advance(self, until_ps: int) -> None:
        """Go on to a time, with the background power, closing the windows that are over."""
        while self._now_ps < until_ps:
            active = self._open_banks > 0 or self._closes_ps > self._now_ps
            stop_ps = until_ps
            if active and not self._open_banks:
                stop_ps = min(stop_ps, self._closes_ps)
            self._background_until(stop_ps, self._background_mw(active))

    def _background_mw(self, active: bool) -> float:
        if self._background is None:
            return 0.0
        return self._energies.active_mw if active else self._energies.standby_mw

    def _background_until(self, stop_ps: int, power_mw: float) -> None:
        while self._now_ps < stop_ps:
            window, inside_ps = divmod(self._now_ps, WINDOW_PS)
            if not inside_ps and not self._windows and stop_ps - self._now_ps >= WINDOW_PS:
                # windows with nothing but this power, however many: one value says it
                level = [0.0] * len(self._parts)
                if self._background is not None:
                    level[self._background] = power_mw
                self._show(self._now_ps, level)
                self._now_ps = stop_ps // WINDOW_PS * WINDOW_PS
                continue
            end_ps = min(stop_ps, (window + 1) * WINDOW_PS)
            if self._background is not None:
                pj = power_mw * (end_ps - self._now_ps) * 1e-3  # mW x ps = 1e-3 pJ
                self._window(window)[self._background] += pj
            self._now_ps = end_ps
            if end_ps % WINDOW_PS == 0:
                self._close_window(WINDOW_PS)

    def _close_window(self, length_ps: int) -> None:
        start_ps = self._now_ps - length_ps
        energy_pj = self._windows.pop(start_ps // WINDOW_PS, [0.0] * len(self._parts))
        self._show(start_ps, [pj * 1e3 / length_ps for pj in energy_pj])

    def _show(self, at_ps: int, power_mw: list[float]) -> None:
        if power_mw != self._shown:
            self._emit(at_ps, power_mw)
            self._shown = power_mw
