"""A scenario as an ngspice netlist with the same devices, against which the transient is checked.

Transistors are level 1 without body effect, gate charge and junctions; capacitors are linear.

>>> from pimsim.circuit.model.parameters import load
>>> from pimsim.circuit.transient.scenarios import read
>>> deck = netlist(load("rambus55"), read(1))
>>> [line for line in deck.splitlines() if line.startswith(("Ccell0", "Mcell0"))]
['Ccell0 cell0 plate 22f', 'Mcell0_bl bl_2 wl cell0 0 access w=0.055u l=0.085u']
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pimsim.circuit.model.elements import Transistor
from pimsim.circuit.model.parameters import Circuit
from pimsim.circuit.transient.control_lines import Controls, lines
from pimsim.circuit.transient.instances import Floats, Instances, ladder_position, nominal
from pimsim.circuit.transient.scenarios import Scenario
from pimsim.errors import InputError, PimsimError

LONGEST_STEP_NS = 0.02
"""Longest step that ngspice is allowed."""

_LIMIT_S = 300
_SIDES = ("bl", "blb")


class SpiceError(PimsimError):
    """ngspice is missing or did not finish; the message says what it wrote last."""


@dataclass(frozen=True, slots=True)
class SpiceRun:
    """What ngspice computed, at the instants that it chose."""

    time_ns: Floats
    """(times,)"""
    nodes_mv: dict[str, Floats]
    """``bl``, ``blb``, ``san``, ``sap`` and each cell: (times,)."""
    supply_ua: Floats
    """(times,) current out of the array supply."""


def netlist(
    circuit: Circuit,
    scenario: Scenario,
    instances: Instances | None = None,
    *,
    output: str = "waveforms.txt",
) -> str:
    """Return the deck of the first sample of ``instances`` (default: a nominal one).

    ``ngspice -b`` on it writes ``output``: one line for each instant, with the time and then the
    nodes bl, blb, san, sap, every cell, and the current through the array supply.

    Raises :class:`~pimsim.errors.InputError` if the circuit has gate charge, which the deck does
    not describe, or if a bitline has fewer cells than the scenario opens.
    """
    if circuit.gate_charge.enabled:
        raise InputError("`gate_charge.enabled` must be false for a netlist, not true")
    pairs = nominal(circuit, scenario) if instances is None else instances
    controls = lines(circuit.timeline, scenario)
    deck = _Deck(circuit, scenario, pairs)
    body = [*deck.sources(controls), *deck.ladders(), *deck.sense_amplifier(), *deck.cells()]
    vectors = " ".join(f"v({name})" for name in scenario.nodes)
    return "\n".join(
        [
            f"* {scenario.title}; circuit {circuit.name}",
            *deck.models(),
            *body,
            *deck.initial(),
            ".options reltol=1e-4 abstol=1e-14 vntol=1e-7 chgtol=1e-18",
            f".tran {LONGEST_STEP_NS}n {controls.end_ns:.10g}n 0 {LONGEST_STEP_NS}n uic",
            ".control",
            "run",
            "set wr_singlescale",
            "set numdgt=10",
            f"wrdata {output} {vectors} i(vvdd)",
            "quit",
            ".endc",
            ".end",
            "",
        ]
    )


def run(circuit: Circuit, scenario: Scenario, instances: Instances | None = None) -> SpiceRun:
    """Run ngspice on the first sample of ``instances`` and return its waveforms.

    Raises :class:`SpiceError` if ngspice is not installed or fails.
    """
    program = shutil.which("ngspice")
    if program is None:
        raise SpiceError("ngspice is not installed (apt-get install ngspice)")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "waveforms.txt"
        deck = Path(folder) / "deck.cir"
        deck.write_text(netlist(circuit, scenario, instances), "utf-8")
        try:
            done = subprocess.run(
                [program, "-n", "-b", deck.name],
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SpiceError(f"ngspice did not finish {scenario.name} in {_LIMIT_S} s") from error
        if not output.exists():
            said = (done.stderr + done.stdout).strip().splitlines() or ["nothing"]
            raise SpiceError(f"ngspice failed on {scenario.name}; it said: {said[-1].strip()}")
        table = np.loadtxt(output)
    nodes = enumerate(scenario.nodes, start=1)
    return SpiceRun(
        time_ns=table[:, 0] * 1e9,
        nodes_mv={name: table[:, column] * 1e3 for column, name in nodes},
        supply_ua=-table[:, -1] * 1e6,
    )


class _Deck:
    """Lines of the first sample's netlist; models are collected while devices are written."""

    def __init__(self, circuit: Circuit, scenario: Scenario, pairs: Instances) -> None:
        self.circuit, self.scenario, self.pairs = circuit, scenario, pairs
        self._models: dict[tuple[str, str], str] = {}

    def models(self) -> Iterator[str]:
        for (kind, card), name in self._models.items():
            polarity = "pmos" if kind in ("latch_p", "set_p") else "nmos"
            yield f".model {name} {polarity}(level=1 {card} gamma=0)"

    def sources(self, controls: Controls) -> Iterator[str]:
        pairs = self.pairs
        vdd, vpp, gate = pairs.vdd_mv[0], pairs.vpp_mv[0], pairs.equaliser_gate_mv[0]
        yield f"Vvdd vdd 0 {vdd:.10g}m"
        yield f"Vpre pre 0 {pairs.precharge_mv[0]:.10g}m"
        yield f"Vplate plate 0 {self.circuit.plate_mv:.10g}m"
        for name, corners in zip(controls.names, controls.corners, strict=True):
            if name == "set":
                yield _source("set_n", [(t, vdd * level) for t, level in corners])
                yield _source("set_p", [(t, vdd * (1 - level)) for t, level in corners])
            else:
                full = gate if name == "eq" else vpp
                yield _source(name, [(t, full * level) for t, level in corners])

    def ladders(self) -> Iterator[str]:
        segments = self.circuit.bitline.segments
        for side, name in enumerate(_SIDES):
            ohm = self.pairs.bitline_ohm[0, side] / segments
            farad = self.pairs.bitline_ff[0, side] / segments
            for k in range(segments):
                yield f"R{name}_{k} {_node(name, k)} {_node(name, k + 1)} {ohm:.10g}"
            for k in range(segments + 1):
                share = 0.5 if k in (0, segments) else 1.0
                yield f"C{name}_{k} {_node(name, k)} 0 {farad * share:.10g}f"

    def sense_amplifier(self) -> Iterator[str]:
        for side, (name, other) in enumerate((_SIDES, _SIDES[::-1])):
            nmos, pmos = self._device("latch_n", side), self._device("latch_p", side)
            yield f"Mn_{name} {name} {other} san 0 {nmos}"
            yield f"Mp_{name} {name} {other} sap vdd {pmos}"
        yield f"Mset_n san set_n 0 0 {self._device('set_n', 0, 'set')}"
        yield f"Mset_p sap set_p vdd vdd {self._device('set_p', 1, 'set')}"
        for i, node in enumerate(("san", "sap")):
            yield f"C{node} {node} 0 {self.pairs.set_load_ff[0, i]:.10g}f"
        tied = ("bl", "pre"), ("blb", "pre"), ("san", "pre"), ("sap", "pre"), ("bl", "blb")
        for i, (node, to) in enumerate(tied):
            yield f"Meq_{i} {node} eq {to} 0 {self._device('equaliser', i)}"

    def cells(self) -> Iterator[str]:
        near, share = ladder_position(self.circuit)
        for i, cell in enumerate(self.scenario.cells):
            yield f"C{cell.name} {cell.name} plate {self.pairs.cell_ff[0, i]:.10g}f"
        for i, (index, contact) in enumerate(self.scenario.contacts):
            cell = self.scenario.cells[index]
            name = f"{cell.name}_{contact.side}"
            node = _node(contact.side, near if share < 1 else near + 1)
            if 0 < share < 1:  # interpolated voltage, divided current
                far, node = _node(contact.side, near + 1), f"{name}_tap"
                yield f"E{name}_n {name}_sum {name}_far {_node(contact.side, near)} 0 {1 - share!r}"
                yield f"E{name}_f {name}_far 0 {far} 0 {share!r}"
                yield f"V{name} {name}_sum {node} 0"
                yield f"F{name}_n {_node(contact.side, near)} 0 V{name} {1 - share!r}"
                yield f"F{name}_f {far} 0 V{name} {share!r}"
            device = self._device("access", i)
            yield f"M{name} {node} {contact.word_line} {cell.name} 0 {device}"

    def initial(self) -> Iterator[str]:
        """Levels at the start. The plate has one too: without, it would rise and lift the cells."""
        precharge_mv = self.pairs.precharge_mv[0]
        nodes = [
            *(_node(n, k) for n in _SIDES for k in range(self.circuit.bitline.segments + 1)),
            "san", "sap",
        ]  # fmt: skip
        levels = [("plate", self.circuit.plate_mv)]
        levels += [(node, precharge_mv) for node in nodes]
        levels += [
            (cell.name, self.pairs.cell_mv[0, i]) for i, cell in enumerate(self.scenario.cells)
        ]
        for node, level_mv in levels:
            yield f".ic v({node})={level_mv:.10g}m"

    def _device(self, kind: str, column: int, arrays: str | None = None) -> str:
        """Model and size; a strength that varies is written as a width.

        ``column`` of the arrays that are named after the kind, or as stated.
        """
        device: Transistor = getattr(self.circuit, kind)
        strength, vt_mv = (
            getattr(self.pairs, f"{arrays or kind}_{what}")[0, column]
            for what in ("ua_per_v2", "vt_mv")
        )
        card = f"vto={vt_mv:.10g}m kp={device.kp_ua_per_v2:.10g}u lambda={device.lambda_per_v:.10g}"
        if (kind, card) not in self._models:
            others = sum(other == kind for other, _ in self._models)
            self._models[kind, card] = f"{kind}_{others}" if others else kind
        name = self._models[kind, card]
        return f"{name} w={strength * device.l_um / device.kp_ua_per_v2:.10g}u l={device.l_um:g}u"


def _node(side: str, k: int) -> str:
    """Ladder node, counted from the sense amplifier, whose own is named as the bitline."""
    return f"{side}_{k}" if k else side


def _source(name: str, corners: list[tuple[float, float]]) -> str:
    points = " ".join(f"{t:.10g}n {level:.10g}m" for t, level in corners)
    return f"V{name} {name} 0 PWL({points})"
