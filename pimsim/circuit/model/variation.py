"""What varies from cell to cell and from access to access, and how it is drawn.

A :class:`Process` is a tuple of :class:`Varied` quantities; at a *variation* of p percent each of
them that is not ``fixed`` is spread by p/100 of its ``amount``. The bundled ones are TOML files in
the directory ``processes`` beside this module; a user's own file of the same form loads by its
path.

Drawn numbers are *units*: uniform in [-1, 1] or standard normal (a Gumbel quantity takes the Gumbel
value of the same rank). Only :meth:`UnitLayout.values` turns them into capacitances and voltages.
The same units can thus be scaled to any variation, and be drawn from tilted distributions for rare
events.

Static units belong to a bitline and stay the same in every access to it; per-access units are
drawn anew each time, from a random stream of their own.

>>> process = load("ambit-like")
>>> layout = UnitLayout(process, cells=3)
>>> units = layout.draw(np.random.default_rng(1), np.random.default_rng(2), samples=5)
>>> units.shape == (layout.dims, 5)
True
>>> capacitance = layout.values(units, "cell.capacitance", variation=0.10)
>>> capacitance.shape, bool(np.all(abs(capacitance) <= 0.10))
((3, 5), True)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim import documents, sections
from pimsim.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ProcessQuantity:
    """Something that can vary."""

    instances: str
    """``cell`` (each opened cell), ``side`` (bitline and complement) or ``pair`` (one)."""
    unit: str
    """``share`` (relative to the nominal value) or ``mv`` (a shift in mV)."""
    decides: bool
    """Whether the decision path takes it into account; the transient path takes all."""
    meaning: str
    """One line for the user."""


QUANTITIES: Mapping[str, ProcessQuantity] = MappingProxyType(
    {
        "cell.capacitance": ProcessQuantity("cell", "share", True, "storage capacitor"),
        "cell.one": ProcessQuantity("cell", "share", True, "level of a stored one"),
        "cell.zero": ProcessQuantity("cell", "mv", True, "level of a stored zero"),
        "cell.retention": ProcessQuantity("cell", "share", True, "ln of a cell's retention"),
        "bitline.capacitance": ProcessQuantity("side", "share", True, "capacitance of a bitline"),
        "bitline.precharge": ProcessQuantity("side", "share", True, "precharge level of a bitline"),
        "latch_n.vt": ProcessQuantity("side", "mv", True, "threshold of a latch nMOS"),
        "latch_n.w": ProcessQuantity("side", "share", True, "width of a latch nMOS"),
        "latch_n.l": ProcessQuantity("side", "share", True, "length of a latch nMOS"),
        "latch_p.vt": ProcessQuantity("side", "mv", True, "threshold magnitude of a latch pMOS"),
        "latch_p.w": ProcessQuantity("side", "share", True, "width of a latch pMOS"),
        "latch_p.l": ProcessQuantity("side", "share", True, "length of a latch pMOS"),
        "latch.offset": ProcessQuantity("pair", "mv", True, "input-referred offset of the latch"),
        "sense.noise": ProcessQuantity("pair", "mv", True, "noise at the input of the latch"),
        "bitline.resistance": ProcessQuantity("side", "share", False, "resistance of a bitline"),
        "access.w": ProcessQuantity("cell", "share", False, "width of an access transistor"),
        "access.l": ProcessQuantity("cell", "share", False, "length of an access transistor"),
        "set_n.w": ProcessQuantity("pair", "share", False, "width of the nMOS set device"),
        "set_n.l": ProcessQuantity("pair", "share", False, "length of the nMOS set device"),
        "set_p.w": ProcessQuantity("pair", "share", False, "width of the pMOS set device"),
        "set_p.l": ProcessQuantity("pair", "share", False, "length of the pMOS set device"),
        "supply.vpp": ProcessQuantity("pair", "share", False, "level of a raised word line"),
    }
)
"""Every quantity that can vary.

``cell.retention`` is a shift of ln(time constant) in units of the circuit's
``retention.log_scale``; it acts where cells have leaked, and on nothing else.

The transistors of the latch are named by the side of their drains: ``latch_n`` of the bitline is
the nMOS that discharges the bitline. The quantities that the decision path leaves out matter before
sensing only if sensing begins less than about 2 ns after the word line.
"""

_MOST_AMOUNT = {"share": (100, "of the nominal value"), "mv": (100_000, "mV")}
"""Largest spread at 100 % variation, by the unit of the quantity, and that unit in words."""

DISTRIBUTIONS = ("uniform", "gaussian", "gumbel")

_LEAST = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True)
class Varied:
    """One quantity and how it varies.

    Raises :class:`~pimsim.errors.InputError` for an unknown quantity, naming the nearest known
    one, and for a value out of range.
    """

    quantity: str
    """Key of :data:`QUANTITIES`."""
    distribution: str
    """``uniform``: the amount is its half-width; ``gaussian``: its standard deviation;
    ``gumbel``: its scale, about a median of zero, with the long tail upwards."""
    amount: float
    """Spread at 100 % variation, in the unit of the quantity: a share, or mV."""
    shared: bool = False
    """One draw for all instances of the pair (fully correlated), instead of one for each."""
    per_access: bool = False
    """Drawn anew in every access, instead of once for each bitline."""
    fixed: bool = False
    """Spread by its whole amount at any variation, as noise is, instead of by variation percent of
    it."""
    source: str = field(default="stated by the user", compare=False)
    """Where the numbers come from."""

    def __post_init__(self) -> None:
        if self.quantity not in tuple(QUANTITIES):
            hint = documents.nearest(str(self.quantity), tuple(QUANTITIES))
            raise InputError(f"unknown quantity `{self.quantity}`{hint}")
        documents.require_one_of("distribution", self.distribution, DISTRIBUTIONS)
        if isinstance(self.amount, bool) or not isinstance(self.amount, int | float):
            raise InputError(f"`amount` must be a number, not {self.amount!r}")
        most, unit = _MOST_AMOUNT[QUANTITIES[self.quantity].unit]
        if not 0.0 <= self.amount <= most:
            raise InputError(
                f"`amount` must be a number from 0 to {most:,} {unit}, not {self.amount!r}"
            )
        for name in ("shared", "per_access", "fixed"):
            if type(getattr(self, name)) is not bool:
                raise InputError(f"`{name}` must be true or false, not {getattr(self, name)!r}")

    def instances(self, cells: int) -> int:
        """Return how many independent draws a bitline pair with that many open cells takes."""
        if self.shared:
            return 1
        return {"cell": cells, "side": 2, "pair": 1}[QUANTITIES[self.quantity].instances]

    def below(self, value: float) -> float:
        """Return which share of draws is below a value, at the whole amount.

        >>> [round(Varied("cell.retention", kind, 2.0).below(-1.0), 3) for kind in DISTRIBUTIONS]
        [0.25, 0.309, 0.319]
        """
        from scipy.special import ndtr

        at = value / self.amount
        if self.distribution == "uniform":
            return min(max((at + 1.0) / 2.0, 0.0), 1.0)
        return float(ndtr(at)) if self.distribution == "gaussian" else float(0.5 ** np.exp(-at))

    def quantile(self, share: float) -> float:
        """Return the value that this share of draws is below, at the whole amount.

        >>> slow = Varied("cell.retention", "gumbel", 2.0)
        >>> slow.quantile(0.5), round(slow.quantile(slow.below(-1.0)), 9)
        (0.0, -1.0)
        """
        from scipy.special import ndtri

        if self.distribution == "uniform":
            return self.amount * (2.0 * share - 1.0)
        if self.distribution == "gaussian":
            return self.amount * float(ndtri(share))
        return -self.amount * float(np.log(-np.log2(share))) + 0.0


@dataclass(frozen=True, slots=True)
class Process:
    """Which quantities vary and how; none is named twice."""

    name: str
    description: str
    varied: tuple[Varied, ...]

    def with_amount(self, quantity: str, amount: float) -> Process:
        """Return the process with the amount of one of its quantities changed."""
        if quantity not in {one.quantity for one in self.varied}:
            raise InputError(f"`quantity` must be one that {self.name} varies, not {quantity!r}")
        varied = (
            replace(one, amount=amount) if one.quantity == quantity else one for one in self.varied
        )
        return replace(self, varied=tuple(varied))

    def with_noise(self, sigma_mv: float) -> Process:
        """Return the process with Gaussian noise at the latch, anew in every access.

        Raises :class:`~pimsim.errors.InputError` if the process has such noise already.

        >>> load("ambit-like").with_noise(3.0).varied[-1].per_access
        True
        """
        noise = Varied("sense.noise", "gaussian", sigma_mv, per_access=True, fixed=True)
        if sigma_mv and any(one.quantity == noise.quantity for one in self.varied):
            raise InputError(f"`{noise.quantity}` must be varied once, not twice")
        return replace(self, varied=(*self.varied, noise)) if sigma_mv else self

    def as_json(self) -> dict[str, Any]:
        """Return the process as JSON values, for provenance."""
        names = ("quantity", "distribution", "amount", "shared", "per_access", "fixed")
        return {
            "name": self.name,
            "varied": [{name: getattr(one, name) for name in names} for one in self.varied],
        }


class UnitLayout:
    """Where the units of each quantity stand among the ``dims`` numbers of one sample."""

    def __init__(self, process: Process, cells: int, *, decision_only: bool = True) -> None:
        self.cells = cells
        self.varied = tuple(
            one
            for one in process.varied
            if one.amount > 0 and (QUANTITIES[one.quantity].decides or not decision_only)
        )
        self._rows: dict[str, slice] = {}
        start = 0
        for one in self.varied:
            self._rows[one.quantity] = slice(start, start + one.instances(cells))
            start += one.instances(cells)
        self.dims = start
        self._amounts = {one.quantity: one.amount for one in self.varied}
        self._fixed = {one.quantity for one in self.varied if one.fixed}
        self.gaussian = ~self._mask("distribution", "uniform")
        """Which units are standard normal, shape ``(dims,)``; the others are uniform."""
        self._gumbel = {one.quantity for one in self.varied if one.distribution == "gumbel"}
        self.per_access = self._mask("per_access", True)
        """Which units are drawn anew in every access, shape ``(dims,)``."""

    def _mask(self, name: str, value: object) -> NDArray[np.bool_]:
        mask = np.zeros(self.dims, dtype=np.bool_)
        for one in self.varied:
            mask[self._rows[one.quantity]] = getattr(one, name) == value
        return mask

    def draw(
        self, static: np.random.Generator, access: np.random.Generator, samples: int
    ) -> Floats:
        """Return units, shape ``(dims, samples)``: static and per-access from their own streams."""
        units = np.empty((self.dims, samples))
        for one in self.varied:
            self._fill(units, one, access if one.per_access else static)
        return units

    def redraw(self, units: Floats, access: np.random.Generator) -> None:
        """Draw the per-access units of ``units`` anew, in place."""
        for one in self.varied:
            if one.per_access:
                self._fill(units, one, access)

    def _fill(self, units: Floats, one: Varied, rng: np.random.Generator) -> None:
        rows = units[self._rows[one.quantity]]
        if one.distribution == "uniform":
            rng.random(out=rows)
            rows *= 2.0
            rows -= 1.0
        else:
            rng.standard_normal(out=rows)

    def rows(self, quantity: str) -> range:
        """Return which of the ``dims`` numbers are units of a quantity; none if it has none."""
        return range(self.dims)[self._rows.get(quantity, slice(0, 0))]

    def values(self, units: Floats, quantity: str, variation: float) -> Floats | None:
        """Return the spread of a quantity, shape ``(instances, samples)``; None if it has none.

        In the unit of the quantity, at that variation (0.10 for 10 %). A shared quantity has one
        instance, which broadcasts.
        """
        if quantity not in self._rows:
            return None
        share = 1.0 if quantity in self._fixed else variation
        drawn = units[self._rows[quantity]]
        if quantity in self._gumbel:
            drawn = gumbel(drawn)
        return np.asarray(drawn * (self._amounts[quantity] * share))

    def varies(self, variation: float) -> bool:
        """Whether anything is spread at that variation."""
        return bool(self._fixed or (self.dims and variation))


def gumbel(normal: Floats) -> Floats:
    """Return the Gumbel variates of scale 1 and median 0 of the same rank as standard normals.

    The largest of many values is distributed so (E. J. Gumbel, Statistics of Extremes, 1958).

    >>> gumbel(np.array([-5.0, 0.0, 5.0])).round(2).tolist()
    [-3.08, 0.0, 14.7]
    """
    from scipy.special import log_ndtr

    rank: Floats = np.maximum(-log_ndtr(normal), _LEAST)
    return np.asarray(np.log(np.log(2.0)) - np.log(rank))


def names() -> tuple[str, ...]:
    """Names of the bundled processes, sorted."""
    return _SHELF.names()


_SHELF = sections.Shelf("process", "pimsim.circuit", "processes")


def load(process: str | Path) -> Process:
    """Return the bundled process of that name, or the one in the ``.toml`` file at that path.

    Raises :class:`~pimsim.errors.InputError` for an unknown name (listing the known ones), an
    unreadable file, an unknown key or quantity (naming the nearest known one), and a value out of
    range; the message names file, quantity and value.
    """
    document = _SHELF.read(process, ("vary",))
    varied: dict[str, Varied] = {}
    for one in document.lineage():
        own = dict(_varied(one))
        if one is not document:
            one.settle()
            own = {
                name: replace(found, source=f"assumed, as in {one.name} ({found.source})")
                for name, found in own.items()
            }
        varied |= own
    document.settle()
    return Process(document.name, document.description, tuple(varied.values()))


def text(process: str | Path) -> str:
    """Return the text of the file that :func:`load` reads, once it has been checked.

    Raises :class:`~pimsim.errors.InputError` as :func:`load` does.
    """
    load(process)
    return _SHELF.text_of(process)[0]


def _varied(document: sections.Document) -> Iterator[tuple[str, Varied]]:
    """What a file varies, by quantity; mistakes are noted in ``document``."""
    known = tuple(one.name for one in fields(Varied))
    wrong, where = document.mistakes, "[[vary]]"
    entries = document.body.get("vary", [] if document.base else None)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        wrong.append(f"`vary` must be tables [[vary]], not {documents.shown(entries)}")
        return
    seen: set[object] = set()
    for entry in entries:
        unknown = [key for key in entry if key not in known]
        wrong += (
            f"{where} has the unknown key `{k}`{documents.nearest(k, known)}" for k in unknown
        )
        missing = [key for key in ("quantity", "distribution", "amount") if key not in entry]
        wrong += (f"{where} must have the key `{key}`" for key in missing)
        if unknown or missing:
            continue
        source = f"stated by {document.file}"
        if "source" in entry:
            source = document.cited(entry["source"], where)
        try:
            found = Varied(**{**entry, "source": source})
        except InputError as error:
            wrong.append(f"{where} {error}")
            continue
        if found.quantity in seen:
            wrong.append(f"`{found.quantity}` must be varied once, not twice")
        seen.add(found.quantity)
        yield found.quantity, found
