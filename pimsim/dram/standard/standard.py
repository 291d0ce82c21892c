"""DRAM standards as data: geometry, timing and currents, with a source for every value.

The bundled ones are TOML files in the directory ``standards`` beside this module; a user's own
file of the same form loads by its path.

>>> standard = load("ddr3-1600-8-8-8")
>>> standard.bin, standard.banks, standard.columns, standard.timing.t_rp_ps
('8-8-8', 8, 65536, 10000)
>>> load("ddr3-1600")  # doctest: +ELLIPSIS
Traceback (most recent call last):
...
pimsim.errors.InputError: `standard` must be one of ddr3-1600-11-11-11, ... not 'ddr3-1600'; did \
you mean 'ddr3-1600-11-11-11'?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from pimsim import sections
from pimsim.documents import shown
from pimsim.dram.standard.command_bus import ONE_CLOCK, CommandBus
from pimsim.dram.standard.currents import Currents, Interface, InterfacePerBit
from pimsim.dram.standard.timing import Timing
from pimsim.errors import InputError
from pimsim.ranges import mistake, require

MOST_BANKS = 1_024
"""Most banks in all ranks of a channel together; DDR5 has 32 in a rank."""
_DDR3_LEAST_MV = 1350
"""Supply voltage of DDR3L (JESD79-3-1A); DDR3 has 1500 mV."""


@dataclass(frozen=True, slots=True)
class Standard:
    """A DRAM memory: one speed bin of one part.

    ``currents`` may be missing (None). The energy mode ``datasheet`` then refuses the standard, and
    energies are not stated. ``second_supply`` (VPP of DDR4 and DDR5, VDD1 of LPDDR4) and both
    interfaces may be missing, too; ``datasheet`` then leaves their energy out and says so.
    ``sources`` gives the citation of every value, keyed ``"section.field"`` with the sections of
    the file: geometry, timing, currents, second_supply, interface, interface_per_bit, command_bus.

    Raises :class:`~pimsim.errors.InputError` if sizes are out of range or contradict each other;
    the message lists all of them.
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
    """Bytes of one row of a rank: the row buffers of all its chips together."""
    channel_bits: int
    """Data width of the channel."""
    burst_length: int
    """Transfers of one READ or WRITE."""
    timing: Timing
    currents: Currents | None = None
    second_supply: Currents | None = None
    interface: Interface | None = None
    interface_per_bit: InterfacePerBit | None = None
    command_bus: CommandBus = ONE_CLOCK
    sources: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __repr__(self) -> str:
        return f"<Standard {self.name!r}: {self.description}>"

    def __post_init__(self) -> None:
        require(self)
        wrong = [
            f"`{name}` must be a multiple of {step}, not {getattr(self, name)}"
            for name, step in (
                ("channel_bits", 8),
                ("burst_length", self.timing.transfers_per_clock),
            )
            if getattr(self, name) % step
        ]
        if self.banks % self.bank_groups:
            wrong.append(
                f"`banks` must be a multiple of bank_groups ({self.bank_groups}), not {self.banks}"
            )
        if not wrong and self.row_bytes % self.burst_bytes:
            wrong.append(
                f"`row_bytes` must be a multiple of a burst ({self.burst_bytes} bytes), "
                f"not {self.row_bytes}"
            )
        if self.ranks * self.banks > MOST_BANKS:
            wrong.append(
                f"`banks` must be at most {MOST_BANKS:,} in all ranks of a channel, "
                f"not {self.ranks * self.banks:,}"
            )
        if self.second_supply is not None and self.currents is None:
            wrong.append("`second_supply` must come with currents, those of the first supply")
        if self.second_supply is not None and self.currents is not None:
            stated = self.second_supply.shares_stated
            if stated:
                wrong.append(
                    f"`second_supply` must leave {stated} to currents: it holds for all supplies"
                )
        for at, supply in zip(("", "`second_supply` is wrong: "), self.supplies, strict=False):
            wrong += [f"{at}{text}" for text in supply.negative(self.banks)]
        if self.interface is not None and self.interface_per_bit is not None:
            wrong.append("`interface_per_bit` must not come with interface: one model of I/O")
        if wrong:
            raise InputError.of(wrong)

    @property
    def all_banks(self) -> int:
        """Banks of all ranks of all channels."""
        return self.channels * self.ranks * self.banks

    @property
    def like_ddr3(self) -> bool:
        """Whether it is built like DDR3: bursts of eight, no bank groups, 1.35 V or more.

        The voltage is not checked if the part has no currents.

        >>> [name for name in names() if load(name).like_ddr3][-3:]
        ['ddr3l-1333', 'ddr3l-1600', 'ddr3l-1866']
        """
        volts = self.currents is None or self.currents.vdd_mv >= _DDR3_LEAST_MV
        return self.burst_length == 8 and self.bank_groups == 1 and volts

    @property
    def supplies(self) -> tuple[Currents, ...]:
        """Currents of every supply of the core, with the bank convention of the first."""
        if self.currents is None:
            return ()
        if self.second_supply is None:
            return (self.currents,)
        second = replace(
            self.second_supply,
            idd3n_open_banks=self.currents.idd3n_open_banks,
            open_bank_share=self.currents.open_bank_share,
        )
        return self.currents, second

    @property
    def open_bank_share(self) -> float:
        """Share of the standby current of open banks that comes with the first one."""
        share = None if self.currents is None else self.currents.open_bank_share
        return 1.0 if share is None else share

    @property
    def open_bank_shares(self) -> tuple[float, float]:
        """The least and the largest share at which no operation has a negative energy.

        >>> load("ddr4-2400").open_bank_shares
        (0.0, 1.0)
        >>> [round(share, 3) for share in load("ddr5-4800").open_bank_shares]
        [0.0, 0.195]
        """
        every = [supply.shares(self.banks) for supply in self.supplies]
        least, most = zip(*every, strict=True) if every else ((0.0,), (1.0,))
        return max(least), min(most)

    @property
    def chip_bits(self) -> int:
        """Capacity of one chip, as far as one channel uses it, in bits."""
        rows = self.banks * self.subarrays_per_bank * self.rows_per_subarray
        return self.columns // self.chips_per_rank * rows

    @property
    def peak_gb_per_s(self) -> float:
        """Peak bandwidth of all channels, in 1e9 bytes a second.

        >>> load("ddr4-2400").peak_gb_per_s, load("lpddr5-6400").peak_gb_per_s
        (19.207683..., 12.8)
        """
        transfers = self.channels * self.timing.transfers_per_clock / self.timing.t_ck_ps
        return transfers * self.channel_bits / 8 * 1e3

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


def names() -> tuple[str, ...]:
    """Names of the bundled standards, sorted."""
    return _SHELF.names()


_SHELF = sections.Shelf("standard", "pimsim.dram", "standards")


def load(standard: str | Path) -> Standard:
    """Return the bundled standard of that name, or the one in the ``.toml`` file at that path.

    A file may name a ``base``, from which it takes what it does not state itself. If a file has the
    name of a bundled part but other values, its part is called ``NAME (FILE.toml)``.

    Raises :class:`~pimsim.errors.InputError` for an unknown name (listing the known ones), an
    unreadable file, unknown or missing keys, and values out of range. The message lists everything
    that is wrong, with file, key and value.
    """
    if isinstance(standard, str) and standard in names():
        return _bundled(standard)
    found = _read(standard)
    if found.name in names() and _values(found) != _values(_bundled(found.name)):
        return replace(found, name=f"{found.name} ({Path(standard).name})")
    return found


def _values(standard: Standard) -> Standard:
    """The values of a standard, without name, description and sources."""
    return replace(standard, sources={}, description="")


@cache
def _bundled(name: str) -> Standard:
    return _read(name)


def _read(standard: str | Path) -> Standard:
    document = _SHELF.read(standard, ("bin", *_KEYS))
    wrong = document.mistakes
    values, sources = sections.stated(document, _KEYS, _checked, _INSTEAD)
    speed_bin = next((d.body["bin"] for d in reversed(document.lineage()) if "bin" in d.body), None)
    if not isinstance(speed_bin, str) or not speed_bin.isprintable() or not speed_bin:
        wrong.append(f"`bin` must be a text of one line, not {shown(speed_bin)}")
    wanted = [section for section in _KEYS if section in values or section in _REQUIRED]
    needed = {name: tuple(k for k in _KEYS[name] if k not in _OPTIONAL) for name in wanted}
    sections.require(document, values, needed)
    built: dict[str, Any] = {}
    for section in values if not wrong else ():
        if section != "geometry":
            try:
                built[section] = _PARTS[section](**values[section])
            except InputError as error:
                wrong += _placed(error, section)
    document.settle()
    texts: dict[str, Any] = {
        "name": document.name,
        "description": document.description,
        "bin": str(speed_bin),
    }
    try:
        part = Standard(**texts, **values["geometry"], **built, sources=sources)
    except InputError as error:
        raise InputError.of(_placed(error, "geometry"), document.file) from error
    if part.timing.t_refi_ps < part.timing.busy_ps(part.ranks):
        raise InputError(f"{document.file}: [timing] {part.timing.no_room(part.ranks)}")
    return part


def toml(standard: Standard) -> str:
    """Return the text of a file that reads back as this standard, sources included.

    >>> print(toml(load("ddr4-2400")).splitlines()[4])
    bin = "17-17-17"
    """
    values: dict[str, dict[str, Any]] = {}
    for path in standard.sources:
        section, key = path.split(".")
        owner = standard if section == "geometry" else getattr(standard, section)
        values.setdefault(section, {})[key] = getattr(owner, key)
    note = (
        f"A DRAM part: `--standard FILE.toml` takes it. A value may stand alone, without a source; "
        f'with `base = "{standard.name}"` in place of what is the same, only changes need be here.'
    )
    tops = {key: getattr(standard, key) for key in ("name", "description", "bin")}
    return sections.text(tops, values, standard.sources, note)


_PARTS: Mapping[
    str,
    type[Timing] | type[Currents] | type[Interface] | type[InterfacePerBit] | type[CommandBus],
] = {
    "timing": Timing,
    "currents": Currents,
    "second_supply": Currents,
    "interface": Interface,
    "interface_per_bit": InterfacePerBit,
    "command_bus": CommandBus,
}
_KEYS = {
    "geometry": tuple(f.name for f in fields(Standard) if f.type == "int"),
    **{section: tuple(f.name for f in fields(kind)) for section, kind in _PARTS.items()},
}
_OPTIONAL = {f.name for kind in _PARTS.values() for f in fields(kind) if f.default is not MISSING}
_REQUIRED = ("geometry", "timing")
_INSTEAD = {"interface": "interface_per_bit", "interface_per_bit": "interface"}


def _checked(section: str, key: str, value: object) -> object:
    wrong = mistake(key, value)
    if wrong is not None:
        raise InputError(f"[{section}] {wrong}")
    return value


def _placed(error: InputError, section: str) -> list[str]:
    """The messages of a dataclass, each with the table of the file that the value is in."""
    placed = []
    for text in error.mistakes or (str(error),):
        name = text.split("`")[1]
        near = (section, *_KEYS)
        at = next((one for one in near if name in _KEYS[one]), None)
        placed.append(f"[{at}] {text}" if at else text)
    return placed
