"""DRAM standards as data: geometry, timing, currents, every value with its source.

The bundled ones are TOML files in the directory ``standards`` beside this module; a user's own
file of the same form loads by its path.

>>> standard = load("ddr3-1600-8-8-8")
>>> standard.bin, standard.banks, standard.columns, standard.timing.t_rp_ps
('8-8-8', 8, 65536, 10000)
>>> load("ddr3-1600")  # doctest: +ELLIPSIS
Traceback (most recent call last):
...
pimsim.errors.InputError: `standard` must be one of ddr3-1600-11-11-11, ... not 'ddr3-1600'
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from pimsim import documents
from pimsim.documents import Document
from pimsim.dram.currents import Currents, Interface, InterfacePerBit
from pimsim.dram.timing import Timing
from pimsim.errors import InputError

_GEOMETRY = (
    "channels",
    "ranks",
    "chips_per_rank",
    "banks",
    "bank_groups",
    "subarrays_per_bank",
    "rows_per_subarray",
    "row_bytes",
    "channel_bits",
    "burst_length",
)


@dataclass(frozen=True, slots=True)
class Standard:
    """A DRAM memory: one speed bin of one part.

    ``currents`` may be missing (None); the energy mode ``datasheet`` then refuses the standard.
    So may ``second_supply`` (VPP of DDR4 and DDR5, VDD1 of LPDDR4) and both interfaces;
    ``datasheet`` then leaves that energy out and says so. ``sources`` gives the citation of every
    value, keyed ``"section.field"`` with the sections of the file: geometry, timing, currents,
    second_supply, interface, interface_per_bit.

    Raises :class:`~pimsim.errors.InputError` if a size is not positive or sizes do not fit.
    """

    name: str
    description: str
    bin: str
    """Speed bin, CL-tRCD-tRP in clocks."""
    channels: int
    """Independent channels, each with its own data bus and ranks."""
    ranks: int
    """Ranks on a channel."""
    chips_per_rank: int
    """Chips that work in lock-step behind the channel."""
    banks: int
    """Banks of a rank, all bank groups together."""
    bank_groups: int
    """Bank groups of a rank; 1 where the standard has none."""
    subarrays_per_bank: int
    """Subarrays of a bank."""
    rows_per_subarray: int
    """Rows of a subarray, all row groups together."""
    row_bytes: int
    """One row of a rank: the row buffers of its chips together."""
    channel_bits: int
    """Data width of the channel."""
    burst_length: int
    """Transfers of one READ or WRITE."""
    timing: Timing
    currents: Currents | None = None
    second_supply: Currents | None = None
    interface: Interface | None = None
    interface_per_bit: InterfacePerBit | None = None
    sources: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name in _GEOMETRY:
            value = getattr(self, name)
            if type(value) is not int or value <= 0:
                raise InputError(f"`{name}` must be a positive integer, not {value!r}")
        for name, step in (("channel_bits", 8), ("burst_length", 2)):
            if getattr(self, name) % step:
                raise InputError(
                    f"`{name}` must be a multiple of {step}, not {getattr(self, name)}"
                )
        if self.banks % self.bank_groups:
            raise InputError(
                f"`banks` must be a multiple of bank_groups ({self.bank_groups}), not {self.banks}"
            )
        if self.row_bytes % self.burst_bytes:
            raise InputError(
                f"`row_bytes` must be a multiple of a burst ({self.burst_bytes} bytes), "
                f"not {self.row_bytes}"
            )
        if self.second_supply is not None and self.currents is None:
            raise InputError("`second_supply` must come with currents, those of the first supply")
        if self.interface is not None and self.interface_per_bit is not None:
            raise InputError("`interface_per_bit` must not come with interface: one model of I/O")

    @property
    def all_banks(self) -> int:
        """Banks of all ranks of all channels."""
        return self.channels * self.ranks * self.banks

    @property
    def chip_bits(self) -> int:
        """Capacity of one chip, as far as one channel uses it, in bits."""
        rows = self.banks * self.subarrays_per_bank * self.rows_per_subarray
        return self.columns // self.chips_per_rank * rows

    @property
    def peak_gb_per_s(self) -> float:
        """Peak bandwidth of all channels, in 1e9 bytes a second: two transfers a clock."""
        return self.channels * self.channel_bits / 8 * 2 / self.timing.t_ck_ps * 1e3

    @property
    def columns(self) -> int:
        """Bits of a rank's row: the columns that a row command works on at once."""
        return self.row_bytes * 8

    @property
    def burst_bytes(self) -> int:
        """Bytes that one READ or WRITE moves."""
        return self.channel_bits // 8 * self.burst_length

    @property
    def bursts_per_row(self) -> int:
        """READs or WRITEs that move a whole row."""
        return self.row_bytes // self.burst_bytes

    @property
    def burst_ps(self) -> int:
        """Time the data of one burst are on the bus, in ps."""
        return self.timing.burst_ps(self.burst_length)

    @property
    def column_ps(self) -> int:
        """Time from one column access to the next, in ps."""
        return self.timing.column_ps(self.burst_length)


def names() -> tuple[str, ...]:
    """Names of the bundled standards, sorted."""
    return documents.bundled("pimsim.dram", "standards")


def load(standard: str | Path) -> Standard:
    """Return the bundled standard of that name, or the one in the ``.toml`` file at that path.

    Raises :class:`~pimsim.errors.InputError` for an unknown name (listing the known ones), an
    unreadable file, an unknown or missing key, and a value out of range; the message names file,
    key and value.
    """
    known = ("bin", "geometry", *_PARTS)
    return _build(documents.read("standard", standard, "pimsim.dram", "standards", known))


_PARTS: Mapping[str, type[Timing] | type[Currents] | type[Interface] | type[InterfacePerBit]] = {
    "timing": Timing,
    "currents": Currents,
    "second_supply": Currents,
    "interface": Interface,
    "interface_per_bit": InterfacePerBit,
}
_REQUIRED = frozenset({"geometry", "timing"})


def _build(document: Document) -> Standard:
    file, body = document.file, document.body
    if not isinstance(body.get("bin"), str) or not body["bin"]:
        raise InputError(f"{file}: `bin` must be a text, not {body.get('bin')!r}")
    sources: dict[str, str] = {}
    values: dict[str, dict[str, Any]] = {}
    for section in ("geometry", *_PARTS):
        if section in body or section in _REQUIRED:
            values[section] = _section(document, section, sources)
    built: dict[str, Any] = {}
    for section, kind in _PARTS.items():
        if section in values:
            with _located(f"{file}: [{section}]"):
                built[section] = kind(**values[section])
    texts = {"name": document.name, "description": document.description, "bin": body["bin"]}
    with _located(f"{file}: [geometry]"):
        standard = Standard(**texts, **values["geometry"], **built, sources=sources)
    refreshing_ps = standard.ranks * standard.timing.t_rfc_ps
    if refreshing_ps >= standard.timing.t_refi_ps:  # REFs of a channel's ranks would pile up
        raise InputError(
            f"{file}: [timing] `t_refi_ps` must be more than t_rfc_ps of all ranks "
            f"({refreshing_ps}), not {standard.timing.t_refi_ps}"
        )
    return standard


def _section(document: Document, section: str, sources: dict[str, str]) -> dict[str, Any]:
    """Values of one table; adds their citations to ``sources``.

    An entry is ``{ value = ..., source = "key of [sources]" }``, or a bare value, which is then
    the file's own claim.
    """
    table = document.body.get(section)
    where = f"{document.file}: [{section}]"
    if table is None:
        raise InputError(f"{document.file} must have the table [{section}]")
    if not isinstance(table, dict):
        raise InputError(f"{where} must be a table, not {table!r}")
    optional: set[str] = set()
    known: tuple[str, ...] = _GEOMETRY
    if section != "geometry":
        known = tuple(f.name for f in fields(_PARTS[section]))
        optional = {f.name for f in fields(_PARTS[section]) if f.default is not MISSING}
    documents.require_known(table, known, where)
    values: dict[str, Any] = {}
    for key in known:
        if key not in table:
            if key in optional:
                continue
            raise InputError(f"{where} must have the key `{key}`")
        entry = table[key]
        if isinstance(entry, dict):
            documents.require_known(entry, ("value", "source"), f"{where} `{key}`")
            if entry.keys() != {"value", "source"}:
                raise InputError(f"{where} `{key}` must have `value` and `source`, not {entry!r}")
            sources[f"{section}.{key}"] = document.cited(entry["source"], f"{where} `{key}`")
            values[key] = entry["value"]
        else:
            sources[f"{section}.{key}"] = f"stated by {document.file}"
            values[key] = entry
    return values


@contextmanager
def _located(where: str) -> Iterator[None]:
    """Say in which file and table a value stands that its dataclass refuses."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where} {error}") from error
