"""Every field that a sweep knows, in one table: to add one, add an entry and use its value.

A measure finds the values of its fields by name (see :mod:`experiments.sweep.measures.catalog`).
Defaults belong to the key of a point: a field that is added with the default None leaves the keys
of older stores as they are. What is derived from the part stands in the key as if it had been
stated, so that a stored point means what it meant. The default mapping is not the one of `pimsim
run`: every store that left it out would begin anew.

>>> named("variation_percent").label
'process variation'
>>> named("variaton_percent")
Traceback (most recent call last):
...
pimsim.errors.InputError: unknown field `variaton_percent`; did you mean `variation_percent`?
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from experiments.sweep.measures import networks
from experiments.sweep.measures.field import INTEGER, NUMBER, SWITCH, TEXT, Field
from pimsim import ranges
from pimsim.documents import nearest
from pimsim.errors import InputError

TRA, ACCURACY, COST = "tra-failure", "accuracy", "cost"
"""Measures, by name."""

_CIRCUIT = (TRA, ACCURACY)
_NETWORK = (ACCURACY, COST)

_STATED = (
    # -- circuit -----------------------------------------------------------------------------
    Field(
        "variation_percent", "process variation", "%", NUMBER, _CIRCUIT,
        "how far the quantities of the process spread, in percent of the amounts it states",
        least=0.0, most=100.0,
    ),
    Field(
        "preset", "circuit", "", TEXT, _CIRCUIT,
        "circuit parameters: a preset of `pimsim circuit`, or a TOML file",
        default="rambus55", suffixes=(".toml",),
    ),
    Field(
        "process", "process", "", TEXT, _CIRCUIT,
        "what varies: ambit-like, ddr4-like, or a TOML file",
        default="ambit-like", suffixes=(".toml",),
    ),
    Field(
        "cb_cs_ratio", "Cb/Cs", "", NUMBER, _CIRCUIT,
        "capacitance of the bitline over that of a cell; changes the bitline", least=0.0,
    ),
    Field("vdd_mv", "VDD", "mV", NUMBER, _CIRCUIT, "array supply", least=0.0),
    Field(
        "restore_ns", "time to restore", "ns", NUMBER, _CIRCUIT,
        "cells were restored for so long only", least=0.0,
    ),
    Field(
        "wait_ms", "time since restore", "ms", NUMBER, _CIRCUIT,
        "cells leaked for so long before the access", least=0.0,
    ),
    Field(
        "celsius", "temperature", "°C", NUMBER, _CIRCUIT,
        "at which cells leaked: acts with wait_ms only, where 85 is assumed", least=-273.15,
    ),
    # -- failures of an operation ------------------------------------------------------------
    Field(
        "inputs", "operands", "", INTEGER, (TRA,),
        "operands of the majority; 1 is a read", default=3, least=1,
    ),
    Field(
        "rows", "rows opened", "", INTEGER, (TRA,),
        "rows opened at once, each operand on rows // inputs of them; as many as inputs if not set",
        least=1,
    ),
    Field(
        "criterion", "criterion", "", TEXT, (TRA,),
        "when a bitline has failed: either (110 or 100 wrong), all, or a pattern such as 110",
        default="either",
    ),
    Field(
        "path", "circuit model", "", TEXT, (TRA,),
        "charge sharing and offset (millions a second), or whole cycles (thousands a second)",
        default="decision", choices=("decision", "transient"),
    ),
    Field(
        "samples", "bitlines a trial", "", INTEGER, (TRA,),
        "bitlines that a trial looks at, each with a sense amplifier of its own",
        default=20_000, least=1,
    ),
    # -- networks ----------------------------------------------------------------------------
    Field(
        "network", "network", "", TEXT, _NETWORK,
        "a network of `pimsim networks`, or a model file", required=True,
        suffixes=(".keras", ".h5"),
    ),
    Field(
        "data", "data", "", TEXT, _NETWORK,
        "digits, mnist, cifar10 or a .npz or .npy file (labels beside x.npy in y.npy); what a "
        "bundled network was trained for if not set",
        suffixes=(".npz", ".npy"),
    ),
    Field(
        "input_scale", "input scale", "", TEXT, _NETWORK,
        "scale in which pixels are fed, as `pimsim run --input-scale`; as they are if not set",
    ),
    Field(
        "images", "images", "", INTEGER, _NETWORK,
        "only the first so many images; accuracy: all if not set, cost: 1", least=1,
    ),
    Field(
        "failures", "failure table", "", TEXT, (ACCURACY,),
        "a JSON file of failure probabilities, in place of the circuit", suffixes=(".json",),
    ),
    Field(
        "table_samples", "bitlines of the failure table", "", INTEGER, (ACCURACY,),
        "bitlines from which the circuit's failure table is counted", default=100_000, least=100,
    ),
    Field(
        "effect", "failures put down to", "", TEXT, (ACCURACY,),
        "weak columns and noise as the table has them, or all to one of the two",
        default="table", choices=("table", "static", "noise"),
    ),
    Field(
        "faulty_layer", "faulty layer", "", TEXT, (ACCURACY,),
        "the only layer that faults reach, or several with commas between; all if not set",
    ),
    Field(
        "standard", "DRAM", "", TEXT, _NETWORK,
        "a part of `pimsim standards`, or a TOML file", default="ddr3-1600-8-8-8",
        suffixes=(".toml",),
    ),
    Field(
        "banks", "banks", "", INTEGER, _NETWORK,
        "banks that compute at the same time", least=1,
        derived=networks.banks, derived_text="all of the part",
    ),
    Field(
        "mapping", "mapping", "", TEXT, _NETWORK,
        "dataflow, as `pimsim run --mapping`, where auto is the default",
        default="output-stationary",
    ),
    Field(
        "moves", "moves", "", TEXT, _NETWORK,
        "how partial counts are moved", default="host", choices=("host", "psm"),
    ),
    Field(
        "chain", "chaining", "", TEXT, (COST,),
        "keep what dense layers give in DRAM", default="auto", choices=("auto", "always", "never"),
    ),
    # -- what is done about failures ---------------------------------------------------------
    Field(
        "tmr", "triple modular redundancy", "", TEXT, _NETWORK,
        "compute every output three times and vote, as `pimsim run --tmr`; off if not set",
        choices=("off", "time", "banks"),
    ),
    Field(
        "activation_rows", "rows of a majority", "", INTEGER, _NETWORK,
        "rows that a majority of three opens, as `pimsim run --activation-rows`; 3 if not set",
        least=3, most=32,
    ),
    Field(
        "retries", "retries", "", INTEGER, _NETWORK,
        "how often an output is computed again where its checksum is wrong; never if not set",
        least=0,
    ),
    Field(
        "screening", "rounds of test patterns", "", INTEGER, _NETWORK,
        "by which weak columns are found and left out; none if not set", least=0,
    ),
    # -- cost --------------------------------------------------------------------------------
    Field(
        "energy", "energy mode", "", TEXT, (COST,), "energy model",
        choices=("ambit-paper", "datasheet"),
        derived=networks.energy, derived_text="ambit-paper for DDR3, else datasheet",
    ),
    Field("faw", "tFAW obeyed", "", SWITCH, (COST,), "obey tFAW and tRRD", default=True),
    Field("refresh", "refresh", "", SWITCH, (COST,), "lose time to refresh", default=True),
    Field(
        "split_decoder", "split row decoder", "", SWITCH, (COST,),
        "AAP with overlapped ACTIVATEs, as in Ambit", default=True,
    ),
    Field(
        "clocked", "clocked", "", SWITCH, (COST,),
        "start commands on clock edges only", default=False,
    ),
    Field(
        "acts_per_aap", "ACTs an AAP", "", INTEGER, (COST,),
        "ACTIVATEs that an AAP counts for in tFAW and in datasheet energy",
        default=2, least=1, most=2,
    ),
    Field(
        "extra_wordline_factor", "energy of a further wordline", "", NUMBER, (COST,),
        "of each wordline raised with the first, as a share of one ACTIVATE",
        default=0.0, least=0.0,
    ),
)  # fmt: skip


@cache
def table() -> Mapping[str, Field]:
    """Return every field by its name: those above, circuit parameters, amounts of the process."""
    fields = (*_STATED, *_parameters(), *_amounts())
    return {field.name: field for field in fields}


def named(name: str) -> Field:
    """Return the field of that name.

    Raises :class:`~pimsim.errors.InputError` if there is none, naming the nearest.
    """
    known = table()
    if name in known:
        return known[name]
    also = [one for one in known if name and name in one.split(".")[-1]]
    hint = nearest(name, known, "; `pimsim sweep --fields` lists all", also, cutoff=0.5)
    raise InputError(f"unknown field `{name}`{hint}")


def of_measure(measure: str) -> tuple[Field, ...]:
    """Return the fields that act on a measure, in the order of the table."""
    return tuple(field for field in table().values() if measure in field.measures)


def _parameters() -> Iterator[Field]:
    """``circuit.cell.capacitance_ff`` and all its likes."""
    from pimsim.circuit.model.parameters import KEYS, load

    kinds = {float: NUMBER, int: INTEGER, bool: SWITCH}
    for key, value in load("rambus55").values().items():
        section, _, name = key.partition(".")
        end = ranges.end(name)
        label = f"{section} {name.removesuffix(f'_{end}') if end else name}".replace("_", " ")
        yield Field(
            f"circuit.{key}", label, ranges.UNITS.get(end, ""), kinds[type(value)], _CIRCUIT,
            f"circuit parameter, in place of the preset's; one of {len(KEYS)}",
        )  # fmt: skip


def _amounts() -> Iterator[Field]:
    """``spread.latch.offset_mv`` and all its likes."""
    from pimsim.circuit.model.variation import QUANTITIES

    for name, quantity in QUANTITIES.items():
        unit = {"mv": "mV", "share": ""}[quantity.unit]
        yield Field(
            f"spread.{name}_{quantity.unit}", f"spread of {quantity.meaning}", unit, NUMBER,
            _CIRCUIT, "amount at 100 % variation, in place of the process's", least=0.0,
        )  # fmt: skip
