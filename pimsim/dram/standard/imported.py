"""Parts of one's own, read from the files of other tools.

A *memory specification* is the JSON of DRAMPower 5 and 6 and of DRAMSys (key ``memspec``). A
*preset* is a JSON object with the tables ``org`` and ``timing`` of Ramulator 2. All numbers must be
written out, including those that Ramulator's program computes (nRRDS, nFAW, nRFC, nREFI). Values
that a file lacks are listed in one message and never guessed. Where pimsim assumes something (rows
of a subarray), the source of the value says so.

>>> preset = {"org": {"dq": 8, "channel_width": 64, "bank": 8, "row": 65536, "column": 1024},
...           "timing": {"tCK_ps": 1250, "nBL": 4, "nCL": 11, "nRCD": 11, "nRP": 11, "nRAS": 28,
...                      "nRC": 39, "nWR": 12, "nRTP": 6, "nCWL": 8, "nCCD": 4, "nRRD": 5,
...                      "nWTR": 6, "nFAW": 24, "nRFC": 208, "nREFI": 6240, "nCS": 1}}
>>> part = of_document(preset, "mine.json")
>>> part.name, part.bin, part.row_bytes, part.timing.t_faw_ps
('mine', '11-11-11', 8192, 30000)
>>> del preset["timing"]["nFAW"]
>>> of_document(preset, "mine.json")
Traceback (most recent call last):
...
pimsim.errors.InputError: mine.json: [timing] must have nFAW, above 0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pimsim.documents import MOST_TOML_BYTES, json_value, read_text, shown
from pimsim.dram.standard.currents import Currents
from pimsim.dram.standard.standard import Standard
from pimsim.dram.standard.timing import Timing
from pimsim.errors import InputError

_SUBARRAY_ROWS = 1024
_ASSUMED_ROWS = "assumed, as in Seshadri et al., Ambit, MICRO 2017: 1024 rows a subarray"
_MOST = 1e12
"""Largest number that a file may have, larger than any value of a part in any unit."""
_SMALLEST_MA = 5
"""IDD4R below which a file states amperes, as DRAMPower 5 and 6 do; older files have mA."""

_SPECIFIED: Mapping[str, tuple[str, ...]] = {
    "t_rcd_ps": ("RCD", "RCDRD", "RCD_S"),
    "t_ras_ps": ("RAS",),
    "t_rp_ps": ("RP", "RPpb"),
    "t_rc_ps": ("RC", "RCpb"),
    "t_rrd_s_ps": ("RRD_S", "RRDS", "RRD_S_slr", "RRD"),
    "t_rrd_l_ps": ("RRD_L", "RRDL", "RRD_L_slr", "RRD"),
    "t_faw_ps": ("FAW", "FAW_slr"),
    "t_rfc_ps": ("RFC", "RFC1", "RFC1_slr", "RFCab"),
    "t_refi_ps": ("REFI", "REFI1"),
    "t_wr_ps": ("WR",),
    "t_rtp_ps": ("RTP", "RBTP"),
    "t_wtr_s_ps": ("WTR_S", "WTRS", "WTR"),
    "t_wtr_l_ps": ("WTR_L", "WTRL", "WTR"),
    "cl_clocks": ("RL", "CL"),
    "cwl_clocks": ("WL", "CWL"),
    "t_ccd_s_clocks": ("CCD_S", "CCDS", "CCD_S_slr", "CCD", "BL_n_S_16", "BL_n_min_16"),
    "t_ccd_l_clocks": ("CCD_L", "CCDL", "CCD_L_slr", "CCD", "BL_n_L_16", "BL_n_max_16"),
    "t_rtrs_clocks": ("RTRS",),
    "t_ccd_l_wr_clocks": ("CCD_L_WR_slr",),
}
"""For each field of Timing, its names in memory specifications, in clocks; the first that a file
has counts."""
_PRESET: Mapping[str, tuple[str, ...]] = {
    "t_rcd_ps": ("nRCD", "nRCDRD"),
    "t_ras_ps": ("nRAS",),
    "t_rp_ps": ("nRP",),
    "t_rc_ps": ("nRC",),
    "t_rrd_s_ps": ("nRRDS", "nRRD"),
    "t_rrd_l_ps": ("nRRDL", "nRRD"),
    "t_faw_ps": ("nFAW",),
    "t_rfc_ps": ("nRFC", "nRFCab"),
    "t_refi_ps": ("nREFI",),
    "t_wr_ps": ("nWR",),
    "t_rtp_ps": ("nRTP", "nRTPL"),
    "t_wtr_s_ps": ("nWTRS", "nWTR"),
    "t_wtr_l_ps": ("nWTRL", "nWTR"),
    "cl_clocks": ("nCL",),
    "cwl_clocks": ("nCWL",),
    "t_ccd_s_clocks": ("nCCDS", "nCCD"),
    "t_ccd_l_clocks": ("nCCDL", "nCCD"),
    "t_rtrs_clocks": ("nCS",),
    "t_ccd_l_wr_clocks": ("nCCDL_WR",),
    "t_rtw_clocks": ("nRTW",),
}
_OPTIONAL = {"t_ccd_l_wr_clocks", "t_rtw_clocks"}
_ASSUMED = {"t_rtrs_clocks": (1, "assumed: the file states none, and one rank never waits for it")}
_CURRENTS = ("idd0", "idd2n", "idd3n", "idd4r", "idd4w", "idd5")
_FIRST = {name: (name, f"{name}2", f"{name}2h") for name in _CURRENTS} | {
    "idd5": ("idd5b", "idd5B", "idd5", "idd52", "idd52h")
}
_SECOND = {name: (name.replace("idd", "ipp"), f"{name}1") for name in _CURRENTS} | {
    "idd5": ("ipp5b", "ipp5B", "idd51")
}
_ONE_OPEN = ("LPDDR4", "LPDDR5")
"""Kinds of DRAM for which JEDEC measures IDD3N with one bank open (JESD209-4, JESD209-5)."""


@dataclass(slots=True)
class _Table:
    """A table of numbers in a file; it notes what is missing and where values came from."""

    name: str
    values: Mapping[str, Any]
    file: str
    mistakes: list[str] = field(default_factory=list)

    def number(self, *keys: str, least: float = 0.0) -> tuple[float, str] | None:
        """The number of the first key that has one above ``least``, and its source; or None."""
        for key in keys:
            value = self.values.get(key)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                self.mistakes.append(f"[{self.name}] {key} must be a number, not {shown(value)}")
                return 1.0, ""
            if value > _MOST:
                self.mistakes.append(
                    f"[{self.name}] {key} must be at most {_MOST:g}, not {value:g}"
                )
                return 1.0, ""
            if value > least:
                return value, f"{self.file}, {self.name}, {key}"
        return None

    def needed(self, *keys: str) -> tuple[float, str]:
        """The same; it is a mistake if there is none."""
        found = self.number(*keys)
        if found is None:
            self.mistakes.append(f"[{self.name}] must have {' or '.join(keys)}, above 0")
            return 1.0, ""
        return found

    def whole(self, *keys: str, default: int | None = None) -> tuple[int, str]:
        """The same as an integer; a default also stands in for 0."""
        found = self.number(*keys) if default is not None else self.needed(*keys)
        if found is None:
            assert default is not None
            return default, f"{self.file} states no {keys[0]}"
        value, source = found
        if value != int(value):
            self.mistakes.append(f"[{self.name}] {keys[0]} must be an integer, not {value!r}")
        return int(value), source


def load(path: Path) -> Standard:
    """Return the part that a memory specification or preset in a ``.json`` file states.

    Raises :class:`~pimsim.errors.InputError`, in one line, for a file that cannot be read or has
    neither form, for missing values, and for values that no part can have.
    """
    text = read_text(path, f"`FILE` {str(path)!r}", "JSON", MOST_TOML_BYTES)
    return of_document(json_value(text, path.name), path.name)


def of_document(document: object, file: str) -> Standard:
    """Return the part that a parsed file states; ``file`` names it in messages and sources.

    Raises :class:`~pimsim.errors.InputError` as :func:`load` does.
    """
    if isinstance(document, Mapping):
        specified = document.get("memspec", document)
        if isinstance(specified, Mapping) and "memarchitecturespec" in specified:
            return _of_specification(specified, file)
        if "org" in document and "timing" in document:
            return _of_preset(document, file)
    raise InputError(
        f"{file} must be a memory specification (a `memspec` with memarchitecturespec and "
        "memtimingspec, of DRAMPower or DRAMSys) or a preset (an object with `org` and `timing`, "
        "of Ramulator 2)"
    )


def _tables(document: Mapping[str, Any], names: tuple[str, ...], file: str) -> list[_Table]:
    """Tables of a document, which share one list of mistakes."""
    tables, mistakes = [], list[str]()
    for name in names:
        values = document.get(name, {})
        if not isinstance(values, Mapping):
            raise InputError(f"{file}: {name} must be an object, not {shown(values)}")
        tables.append(_Table(name, values, file, mistakes))
    return tables


def _of_specification(document: Mapping[str, Any], file: str) -> Standard:
    names = ("memarchitecturespec", "memtimingspec", "mempowerspec", "bankwisespec")
    built, timed, powered, bankwise = _tables(document, names, file)
    devices, width = built.whole("nbrOfDevices", default=1), built.whole("width")
    columns = built.whole("nbrOfColumns")
    geometry = {
        "channels": built.whole("nbrOfChannels", default=1),
        "ranks": built.whole("nbrOfRanks", default=1),
        "chips_per_rank": devices,
        "banks": built.whole("nbrOfBanks"),
        "bank_groups": built.whole("nbrOfBankGroups", default=1),
        "row_bytes": (columns[0] * width[0] * devices[0] // 8, columns[1]),
        "channel_bits": (width[0] * devices[0], width[1]),
        "burst_length": built.whole("burstLength"),
        **_subarrays(built.whole("nbrOfRows")),
    }
    clock, clock_source = timed.needed("tCK")
    clock_ps = round(clock * 1e12) if clock < 1e-6 else round(clock * 1e3)
    timing = {"t_ck_ps": (clock_ps, clock_source)} | _timing(timed, _SPECIFIED, clock_ps)
    rate, data_clock = built.number("dataRate"), timed.number("WCK2CK")
    if data_clock is not None and rate is not None:
        timing["transfers_per_clock"] = (
            round(rate[0] * data_clock[0]),
            f"{rate[1]}; {data_clock[1]}",
        )
    kind = str(document.get("memoryType", ""))
    currents = _supplies(powered, bankwise, one_open=kind in _ONE_OPEN)
    named = document.get("memoryId")
    return _built(file, named, built.mistakes, {"geometry": geometry, "timing": timing, **currents})


def _of_preset(document: Mapping[str, Any], file: str) -> Standard:
    org, timed = _tables(document, ("org", "timing"), file)
    width, dq = org.whole("channel_width"), org.whole("dq")
    column, groups = org.whole("column"), org.whole("bankgroup", default=1)
    bank, burst = org.whole("bank"), timed.whole("nBL", "nBL_min")
    clock_ps, clock_source = timed.whole("tCK_ps")
    timing = {"t_ck_ps": (clock_ps, clock_source)} | _timing(timed, _PRESET, clock_ps)
    transfers, why = 2, f"{burst[1]}: two transfers a clock, where the file states no rate"
    rate = timed.number("rate")
    if rate is not None:  # in Mb/s; it and the clock are rounded
        transfers = max(2, round(rate[0] * clock_ps * 1e-6))
        why = f"{rate[1]}, times tCK_ps"
        timing["transfers_per_clock"] = transfers, why
    channels, pseudo = org.whole("channel", default=1), org.whole("pseudochannel", default=1)
    geometry = {
        "channels": (channels[0] * pseudo[0], channels[1]),
        "ranks": org.whole("rank", default=1),
        "chips_per_rank": (max(1, width[0] // dq[0]), dq[1]),
        "banks": (bank[0] * groups[0], bank[1]),
        "bank_groups": groups,
        "row_bytes": (column[0] * width[0] // 8, column[1]),
        "channel_bits": width,
        "burst_length": (transfers * burst[0], f"{burst[1]}; {why}"),
        **_subarrays(org.whole("row")),
    }
    named = document.get("name")
    return _built(file, named, org.mistakes, {"geometry": geometry, "timing": timing})


_Sourced = dict[str, tuple[Any, str]]


def _subarrays(rows: tuple[int, str]) -> _Sourced:
    """Subarrays of 1024 rows; or one of all rows, if their number is no multiple of 1024."""
    count, source = rows
    if count % _SUBARRAY_ROWS:
        alone = f"{source}: no multiple of 1024, so one subarray of all rows is assumed"
        return {"subarrays_per_bank": (1, alone), "rows_per_subarray": (count, alone)}
    return {
        "subarrays_per_bank": (count // _SUBARRAY_ROWS, f"{source}; {_ASSUMED_ROWS}"),
        "rows_per_subarray": (_SUBARRAY_ROWS, _ASSUMED_ROWS),
    }


def _timing(timed: _Table, names: Mapping[str, tuple[str, ...]], clock_ps: int) -> _Sourced:
    """Times in ps, and clocks, of a table that has clocks."""
    found: _Sourced = {}
    for key, keys in names.items():
        stated = timed.number(*keys)
        if stated is None and key == "t_rc_ps":
            sums = [timed.needed(*names[one])[0] for one in ("t_ras_ps", "t_rp_ps")]
            stated = sum(sums), "derived: tRAS + tRP"
        if stated is None and key in _ASSUMED:
            stated = _ASSUMED[key]
        if stated is None:
            if key not in _OPTIONAL:
                timed.needed(*keys)
            continue
        clocks, source = stated
        value = clocks * clock_ps if key.endswith("_ps") else clocks
        found[key] = round(value), source
    return found


def _supplies(powered: _Table, bankwise: _Table, *, one_open: bool) -> dict[str, _Sourced]:
    """The sections of currents; none if all are 0, as in files that are for timing only."""
    sections: dict[str, _Sourced] = {}
    reads = powered.number(*_FIRST["idd4r"])
    if reads is None and powered.number(*_FIRST["idd0"]) is None:
        return sections
    third = powered.number("idd02l")
    if third is not None:
        powered.mistakes.append(
            f"[{powered.name}] idd02l must be 0, not {third[0]:g}: a part has two supplies at most"
        )
    scale = 1.0 if reads is not None and reads[0] >= _SMALLEST_MA else 1e3
    unit = "" if scale == 1 else " (in A)"
    for section, names, volts in (
        ("currents", _FIRST, ("vdd2", "vdd2h") if _numbered(powered) else ("vdd",)),
        ("second_supply", _SECOND, ("vdd1",) if _numbered(powered) else ("vpp",)),
    ):
        if section == "second_supply" and powered.number(*names["idd0"]) is None:
            continue
        vdd, vdd_source = powered.needed(*volts)
        found: _Sourced = {"vdd_mv": (round(vdd * 1e3, 6), vdd_source)}
        for name, keys in names.items():
            wanted = [key for key in keys if _of_supply(key, section, powered)]
            current, source = powered.needed(*wanted)
            found[f"{name}_ma"] = round(current * scale, 9), f"{source}{unit}"
        sections[section] = found
    if one_open:
        what = "JESD209-4 and -5, IDD3N conditions: one bank open"
        sections["currents"]["idd3n_open_banks"] = 1, what
    share = bankwise.values.get("factRho")
    if share is not None:
        cited = f"{bankwise.file}, bankwisespec, factRho"
        sections["currents"]["open_bank_share"] = share, cited
    return sections


def _of_supply(key: str, section: str, powered: _Table) -> bool:
    """Whether a current belongs to the supply: LPDDR numbers both supplies, others only VPP."""
    if section == "currents":
        return key.endswith(("2", "2h")) == _numbered(powered)
    return key.startswith("ipp") != _numbered(powered)


def _numbered(powered: _Table) -> bool:
    """Whether currents are numbered by supply, as of LPDDR: VDD1 and VDD2 or VDD2H."""
    return "idd01" in powered.values and bool({"idd02", "idd02h"} & set(powered.values))


def _built(
    file: str, named: object, mistakes: list[str], sections: Mapping[str, _Sourced]
) -> Standard:
    """The part, named after its file if it has no name; or an error with all mistakes."""
    if mistakes:
        raise InputError.of(list(dict.fromkeys(mistakes)), file)
    is_name = isinstance(named, str) and named.isprintable() and named.strip()
    name = str(named) if is_name else Path(file).stem
    values = {
        section: {key: value for key, (value, _) in table.items()}
        for section, table in sections.items()
    }
    sources = {
        f"{section}.{key}": source
        for section, table in sections.items()
        for key, (_, source) in table.items()
    }
    try:
        timing = Timing(**values["timing"])
        first, second = (
            Currents(**values[section]) if section in values else None
            for section in ("currents", "second_supply")
        )
        clocks = [
            timing.cl_clocks,
            *(-(-t // timing.t_ck_ps) for t in (timing.t_rcd_ps, timing.t_rp_ps)),
        ]
        return Standard(
            name=name,
            description=f"{name}, imported from {file}",
            bin="-".join(map(str, clocks)),
            timing=timing,
            sources=sources,
            currents=first,
            second_supply=second,
            **values["geometry"],
        )
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
