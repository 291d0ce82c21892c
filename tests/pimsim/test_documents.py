"""Text files from anybody: whatever they hold, they are read or refused in one line."""

from __future__ import annotations

import contextlib
import math
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim import documents, ranges, sections
from pimsim.circuit.model import parameters, variation
from pimsim.circuit.statistics import charge_sharing, monte_carlo
from pimsim.circuit.statistics.monte_carlo import Sampling
from pimsim.circuit.statistics.sense_decision import majority
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard import standard
from pimsim.dram.standard.currents import Currents, Interface, InterfacePerBit
from pimsim.dram.standard.timing import Timing
from pimsim.errors import InputError

LOADERS: tuple[Callable[[Path], object], ...] = (
    standard.load, parameters.load, variation.load,
)  # fmt: skip
DEEP = {
    "arrays": "x = " + "[" * 100_000,
    "closed arrays": "x = " + "[" * 500 + "]" * 500,
    "tables": "x = " + "{a=" * 5_000,
    "dotted": ".".join("a" * 100_000) + " = 1",
    "dotted and quoted": "[" + ".".join(['"a"'] * 50_000) + "]",
    "digits": "x = " + "9" * 5_000,
    "hexadecimal": "x = 0x" + "f" * 5_000,
    "huge": "x = " + "9" * 400,
    "beyond": "x = 1e999",
    "nan": "x = [{ y = nan }]",
    "64 bits": "x = 9223372036854775808",
    "large": "# " + "x" * (1 << 20),
    "not utf-8": "\udcff\udcfe",
    "no toml": "x = ",
    "twice": "x = 1\nx = 2",
}


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("load", LOADERS)
def test_a_hostile_file_is_one_line(
    name: str, load: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(DEEP[name].encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError) as caught:
        load(path)
    assert "mine.toml" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("wanted", ["/dev/zero.toml", "."])
def test_what_is_no_file_is_one_line(load: Callable[[Path], object], wanted: str) -> None:
    with pytest.raises(InputError):
        load(Path(wanted))


def test_a_byte_order_mark_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + standard.toml(standard.load("hbm2")).encode())
    assert standard.load(path) == standard.load("hbm2")


def test_every_wrong_number_of_a_text_is_named() -> None:
    with pytest.raises(InputError) as caught:
        documents.toml("a = [1, inf]\nb.c = 99999999999999999999", "f.toml")
    assert str(caught.value) == (
        "f.toml has 2 mistakes: (1) `a[1]` must be a finite number, not inf; "
        "(2) `b.c` must be an integer of 64 bits, not 99999999999999999999"
    )


_VALUES = st.recursive(
    st.integers() | st.floats() | st.text(max_size=3) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(value=_VALUES, name=st.sampled_from(sorted(ranges._BY_NAME)))
def test_a_range_takes_what_is_in_it_and_nothing_else(value: object, name: str) -> None:
    found = ranges._BY_NAME[name]
    kinds = (int,) if found.whole else (int, float)
    right = type(value) in kinds and found.least <= value <= found.most  # type: ignore[operator]
    assert (ranges.mistake(name, value) is None) == right


@pytest.mark.parametrize(
    "kind", [*dict.fromkeys(parameters.SECTIONS.values()), Currents, Interface, InterfacePerBit]
)
def test_every_number_of_a_file_has_a_range(kind: type) -> None:
    for field in fields(kind):
        assert (ranges.mistake(field.name, math.inf) is None) == (field.name == "enabled")


@pytest.mark.parametrize("value", [1e308, 1e-308, 10**400, 0, -1], ids="abcde")
def test_no_extreme_of_a_circuit_warns(value: float) -> None:
    """Accepted or refused: nothing overflows when the circuit is used."""
    circuits = []
    for key in parameters.KEYS:
        with contextlib.suppress(InputError):
            circuits.append(parameters.load("rambus55").with_set(key, value))
    for key in ranges._BY_NAME:
        for circuit_key in parameters.KEYS:
            if circuit_key.endswith(f".{key}"):
                for end in ranges._BY_NAME[key][:2]:
                    with contextlib.suppress(InputError):
                        circuits.append(parameters.load("rambus55").with_set(circuit_key, end))
    assert circuits
    for circuit in circuits:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with contextlib.suppress(InputError):
                charge_sharing.majority_margin_mv(circuit, inputs=1)
                monte_carlo.count(
                    circuit, variation.load("ambit-like"), majority(3), 10.0, Sampling(16, 1)
                )


@given(
    words=st.lists(
        st.text(st.characters(exclude_categories=("Cs",)), max_size=200), min_size=1, max_size=4
    )
)
def test_any_text_reads_back_from_toml(words: list[str]) -> None:
    values = {"one": dict.fromkeys((f"v{n}" for n in range(len(words))), 10_000)}
    sources = {f"one.v{n}": word for n, word in enumerate(words)}
    text = sections.text({"name": words[0]}, values, sources, "A note.")
    found = tomllib.loads(text)
    assert found["name"] == words[0]
    assert [found["sources"][entry["source"]] for entry in found["one"].values()] == words


@pytest.mark.parametrize("name", parameters.names())
def test_a_circuit_reads_back_from_its_toml(name: str, tmp_path: Path) -> None:
    circuit = parameters.load(name)
    path = tmp_path / "mine.toml"
    path.write_text(parameters.toml(circuit), "utf-8")
    again = parameters.load(path)
    assert again == circuit
    assert again.sources == circuit.sources


def test_a_process_states_only_what_differs_from_its_base(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'base = "ddr4-like"\n[[vary]]\nquantity = "latch.offset"\ndistribution = "uniform"\n'
        'amount = 9\n[[vary]]\nquantity = "access.w"\ndistribution = "uniform"\namount = 1\n',
        "utf-8",
    )
    base, mine = variation.load("ddr4-like"), variation.load(path)
    assert [one.quantity for one in mine.varied] == [
        *(one.quantity for one in base.varied), "access.w",
    ]  # fmt: skip
    assert (mine.varied[0].distribution, mine.varied[0].amount) == ("uniform", 9)
    assert mine.varied[1] == base.varied[1]
    assert mine.varied[1].source == f"assumed, as in ddr4-like ({base.varied[1].source})"


def test_all_mistakes_of_a_process_are_in_one_message(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'base = "ddr4-like"\n[[vary]]\nquantity = "latch.ofset"\ndistribution = "uniform"\n'
        'amount = 9\n[[vary]]\nquantity = "access.w"\ndistribution = "uniform"\namount = 1e300\n',
        "utf-8",
    )
    with pytest.raises(InputError) as caught:
        variation.load(path)
    assert str(caught.value) == (
        "mine.toml has 2 mistakes: (1) [[vary]] unknown quantity `latch.ofset`; did you mean "
        "`latch.offset`?; (2) [[vary]] `amount` must be a number from 0 to 100 of the nominal "
        "value, not 1e+300"
    )


KNOWN = {
    "times of a part": tuple(one.name for one in fields(Timing)),
    "choices of the model": tuple(one.name for one in fields(ModelOptions)),
    "parameters of the circuit": parameters.KEYS,
    "quantities of a process": tuple(variation.QUANTITIES),
}
"""Names that people write by hand."""


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_a_slip_leads_back_to_the_name(known: tuple[str, ...]) -> None:
    held = 0
    for name in known:
        exchanged = {
            name[:i] + name[i + 1] + name[i] + name[i + 2 :] for i in range(len(name) - 1)
        }  # fmt: skip
        section, dot, key = name.rpartition(".")
        words = key.split("_")
        shorter = {
            section + dot + "_".join(words[:i] + words[i + 1 :]) for i in range(1, len(words))
        }
        written = {name.upper(), name.replace("_", "-"), name.title()} - {name}
        for slip in {*exchanged, *shorter, *written} - {name}:
            as_near = [
                one for one in known
                if one in (slip.casefold(), name)
                or documents.slips(slip, one) <= documents.SMALL
                or set(slip.split("_")) <= set(one.split("_"))
            ]  # fmt: skip
            found = documents.nearest(slip, known)
            assert any(f"`{one}`" in found for one in as_near) or len(slip) < 5, (slip, found)
            held += len(as_near) == 1 and f"`{name}`" in found
    assert held > 2 * len(known)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("t_rdc_ps", "t_rcd_ps"), ("t_rc_psx", "t_rc_ps"), ("T_RCD_PS", "t_rcd_ps"),
        ("t-rcd-ps", "t_rcd_ps"), ("t_rcd_ns", "t_rcd_ps"), ("t_rrd_ps", "t_rrd_s_ps"),
        ("t_rcd_min_ps", "t_rcd_ps"), ("trcd_ps", "t_rcd_ps"),
    ],
)  # fmt: skip
def test_the_nearest_name_is_the_one_that_was_meant(typed: str, meant: str) -> None:
    known = KNOWN["times of a part"]
    assert documents.nearest(typed, known) == f"; did you mean `{meant}`?"
    assert documents.meant(typed, known) == f"; did you mean '{meant}'?"
