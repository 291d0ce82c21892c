"""Every option of the model, declared once. To add one, add an entry and use its value.

The command line, the keywords of Python, the fields of sweeps and the keys of their points are all
made from these entries. An entry of :data:`MODEL` needs a field of
:class:`pimsim.dram.options.ModelOptions` of the same name, one of :data:`MITIGATION` a field of
:class:`bnn.system.mitigation.Mitigation`. Options of a single command are in the module of that
command.

Ranges are wide. The upper end is what a fast machine computes in days, or what a circuit or a part
can have; the lower end excludes values that would do nothing. A limit that depends on another
option, such as the banks of a part, is checked where that option is known.

>>> SAMPLES.range.text(), WAIT_MS.range.text(WAIT_MS.in_unit)
('an integer from 1 to 1,000,000,000', 'a number from 0 to 1,000,000,000,000 ms')
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from experiments.options.option import Option, Swept, flag, given
from experiments.sweep.measures.field import ACCURACY, COST, ERRORS, TRA
from pimsim.ranges import Range, whole

_FAULTY = (ACCURACY, ERRORS)
_CIRCUIT = (TRA, *_FAULTY)
_NETWORK = (ACCURACY, COST, ERRORS)


def _has_standby(args: argparse.Namespace) -> bool:
    """Whether the energy model, given or the part's default, includes standby."""
    if args.energy is not None:
        return bool(args.energy == "datasheet")
    from pimsim.dram.energy import modes
    from pimsim.dram.standard.standard import load

    return modes(load(args.standard))[:1] == ("datasheet",)


JSON = flag("json", "print one JSON object and nothing else")
HTML = Option(
    "html", "write report.html as well, a page for a browser", bool, default=True,
    needs=(given("out"), "needs --out: nothing else is written"),
)  # fmt: skip
SEED = Option("seed", "random seed", int, "N", 1, whole(0, 2**63 - 1))
WORKERS = Option("workers", "worker processes", int, "N", range=whole(1, 1_024))
CLUSTER = Option("cluster", "scheduler of a Dask cluster", metavar="ADDRESS")

# -- circuit ---------------------------------------------------------------------------------
VARIATION = Option(
    "variation",
    "let row commands fail as the circuit does at this process variation, 0 to 100 %%",
    float, "PERCENT", range=Range(0, 100), unit="%",
    swept=Swept(
        "process variation", _CIRCUIT,
        "how far the quantities of the process spread, in percent of the amounts it states",
        name="variation_percent", bounded=True,
    ),
)  # fmt: skip
PRESET = Option(
    "preset",
    "circuit parameters: rambus55, crow22, dramspec58, ddr4-like, worst-cell or a file of your own",
    metavar="NAME|FILE.toml", default="rambus55",
    swept=Swept(
        "circuit", _CIRCUIT, "circuit parameters: a preset of `pimsim circuit`, or a TOML file",
        suffixes=(".toml",),
    ),
)  # fmt: skip
SETTINGS = Option(
    "settings", "change one parameter, such as cell.capacitance_ff=20; may be given again",
    metavar="FIELD=VALUE", default=[], flags=("--set",), repeated=True,
)  # fmt: skip
PROCESS = Option(
    "process", "what varies: ambit-like, ddr4-like or a file of your own",
    metavar="NAME|FILE.toml", default="ambit-like",
    swept=Swept(
        "process", _CIRCUIT, "what varies: ambit-like, ddr4-like, or a TOML file",
        suffixes=(".toml",),
    ),
)  # fmt: skip
CB_CS_RATIO = Option(
    "cb_cs_ratio", "capacitance of the bitline over that of a cell; changes the bitline",
    float, range=Range(0, math.inf), swept=Swept("Cb/Cs", _CIRCUIT),
)  # fmt: skip
VDD_MV = Option(
    "vdd_mv", "array supply", float, range=Range(0, math.inf), swept=Swept("VDD", _CIRCUIT)
)
RESTORE_NS = Option(
    "restore_ns", "let cells be restored for this long only, from a bitline held at its rail",
    float, "NS", range=Range(0, 1_000_000),
    swept=Swept("time to restore", _CIRCUIT, "cells were restored for so long only"),
)  # fmt: skip
WAIT_MS = Option(
    "wait_ms", "let cells leak for this long before the access", float, "MS", range=Range(0, 1e12),
    swept=Swept("time since restore", _CIRCUIT, "cells leaked for so long before the access"),
)  # fmt: skip
CELSIUS = Option(
    "celsius", "temperature at which they leak", float, "C", 85.0, Range(-273.15, 1_000),
    needs=(given("wait_ms"), "needs --wait-ms, the time that cells leak for"),
    swept=Swept(
        "temperature", _CIRCUIT,
        "at which cells leaked: acts with wait_ms only, where 85 is assumed", default=None,
        unit="°C",
    ),
)  # fmt: skip

# -- failures of an operation ----------------------------------------------------------------
INPUTS = Option(
    "inputs", "operands of the majority; 1 is a read", int, "X", 3, whole(1, 65_535),
    swept=Swept("operands", (TRA,)),
)  # fmt: skip
ROWS = Option(
    "rows", "rows opened, each operand on N div X of them, left-over rows at vdd/2 (default: X)",
    int, "N", range=whole(1, 65_536),
    swept=Swept(
        "rows opened", (TRA,),
        "rows opened at once, each operand on rows // inputs of them; as many as inputs if not set",
    ),
)  # fmt: skip
CRITERION = Option(
    "criterion", "when a bitline counts as failed", metavar="either|all|PATTERN", default="either",
    swept=Swept(
        "criterion", (TRA,),
        "when a bitline has failed: either (110 or 100 wrong), all, or a pattern such as 110",
    ),
)  # fmt: skip
PATH = Option(
    "path", "charge sharing and offset, millions a second, or whole cycles, thousands a second",
    default="decision", choices=("decision", "transient"),
    swept=Swept(
        "circuit model", (TRA,),
        "charge sharing and offset (millions a second), or whole cycles (thousands a second)",
    ),
)  # fmt: skip
SAMPLES = Option(
    "samples", "bitlines at each variation", int, "N", 100_000, whole(1, 1_000_000_000),
    swept=Swept(
        "bitlines a trial", (TRA,),
        "bitlines that a trial looks at, each with a sense amplifier of its own", default=20_000,
    ),
)  # fmt: skip

# -- networks --------------------------------------------------------------------------------
NETWORK = Option(
    "network", "bundled name, or path of a model file", metavar="NETWORK",
    swept=Swept(
        "network", _NETWORK, "a network of `pimsim networks`, or a model file", required=True,
        suffixes=(".keras", ".h5"),
    ),
)  # fmt: skip
DATA = Option(
    "data",
    "images: digits, mnist, cifar10 or a .npz or .npy file (default: what a bundled network was "
    "trained for)",
    metavar="NAME|FILE",
    swept=Swept(
        "data", _NETWORK,
        "digits, mnist, cifar10 or a .npz or .npy file (labels beside x.npy in y.npy); what a "
        "bundled network was trained for if not set",
        suffixes=(".npz", ".npy"),
    ),
)  # fmt: skip
INPUT_SCALE = Option(
    "input_scale",
    "feed the network with the pixels behind the images as they are from 0 to 255 (raw), divided "
    "by 255 (unit), from -1 to 1 (symmetric), or with (x - MEAN)/STD of the values in the file "
    "(standardised:MEAN,STD); default: as the file has them",
    metavar="SCALE",
    swept=Swept(
        "input scale", _NETWORK,
        "scale in which pixels are fed, as `pimsim run --input-scale`; as they are if not set",
    ),
)  # fmt: skip
LIMIT = Option(
    "limit", "only the first N images; with --cost-only, how many (default there: 1)",
    int, "N", range=whole(1, 10_000_000), flags=("--limit", "--images"),
    swept=Swept(
        "images", _NETWORK, "only the first so many images; accuracy: all if not set, cost: 1",
        name="images",
    ),
)  # fmt: skip
FAILURES = Option(
    "failures",
    "let row commands fail as a failure table says: of `pimsim circuit failures --out`, or of "
    "`pimsim circuit convert` from measured chips",
    Path, "FILE.json",
    swept=Swept(
        "failure table", _FAULTY,
        "a JSON file of failure probabilities, in place of the circuit", suffixes=(".json",),
    ),
)  # fmt: skip
TABLE_SAMPLES = Option(
    "table_samples", "bitlines from which the circuit's failure table is counted",
    int, default=100_000, range=whole(100, 1_000_000_000),
    swept=Swept("bitlines of the failure table", _FAULTY),
)  # fmt: skip
EFFECT = Option(
    "effect",
    "kind of the failures: static (weak columns, which fail again and again), noise (any column in "
    "any access), or as the table says; the probabilities stay the same; by default, all those of "
    "`--variation` are static",
    choices=("table", "static", "noise"),
    swept=Swept(
        "kind of failures", _FAULTY,
        "weak columns and noise as the table has them, or all of one of the two", default="table",
    ),
)  # fmt: skip
FAULT_LAYERS = Option(
    "fault_layers", "layers that faults reach (default: all)", metavar="NAME,...",
    swept=Swept(
        "faulty layer", _FAULTY,
        "the only layer that faults reach, or several with commas between; all if not set",
        name="faulty_layer",
    ),
)  # fmt: skip
STANDARD = Option(
    "standard", "DRAM standard, or a file of your own; `pimsim standards` lists them",
    metavar="NAME|FILE.toml", default="ddr3-1600-8-8-8",
    swept=Swept(
        "DRAM", _NETWORK, "a part of `pimsim standards`, or a TOML file", suffixes=(".toml",)
    ),
)  # fmt: skip
ADDRESS_MAP = Option(
    "address_map",
    "compute rows of a subarray, and which of them an address opens; `pimsim address-maps` lists "
    "them (default: ambit)",
    metavar="NAME|FILE.toml",
    swept=Swept(
        "address map", _NETWORK,
        "a map of `pimsim address-maps`, or a TOML file; ambit if not set", default=None,
        suffixes=(".toml",),
    ),
)  # fmt: skip
MAPPING = Option(
    "mapping",
    "where weights are and who counts: output-stationary (weights are in the command stream), "
    "output-tree (the same, but outputs share adders), weight-stationary (weights are in rows), "
    "no-local-reuse (the same, but the host counts); or let pimsim choose for each layer, so that "
    "the whole run has the least time times energy (auto), time (auto-latency) or energy "
    "(auto-energy); no-local-reuse is never chosen, and output-tree not where commands go wrong",
    metavar="NAME", default="auto",
    swept=Swept(
        "mapping", _NETWORK, "dataflow, as `pimsim run --mapping`, where auto is the default",
        default="output-stationary",
    ),
)  # fmt: skip
MOVES = Option(
    "moves",
    "where a sum takes several subarrays, how their partial counts are moved: through the host, or "
    "from bank to bank by RowClone's pipelined serial mode (psm)",
    default="host", choices=("host", "psm"),
    swept=Swept("moves", _NETWORK, "how partial counts are moved"),
)  # fmt: skip
CHAIN = Option(
    "chain",
    "keep the results of a layer in DRAM, as operands of a dense layer or convolution of one tap "
    "behind it (output-stationary, output-tree): where that takes less time, wherever there is "
    "room, or never",
    default="auto", choices=("auto", "always", "never"),
    swept=Swept("chaining", (COST,), "keep what layers give in DRAM"),
)  # fmt: skip

MITIGATION = (
    Option(
        "tmr",
        "compute every output three times, in the same subarray or in three with operands of their "
        "own, and vote on what comes out by a triple-row activation",
        default="off", choices=("off", "time", "banks"),
        swept=Swept(
            "triple modular redundancy", _NETWORK,
            "compute every output three times and vote, as `pimsim run --tmr`; off if not set",
            default=None,
        ),
    ),
    Option(
        "activation_rows",
        "rows that a majority opens, every operand standing on N div 3 of them: 3, 4, 8, 16 or 32",
        int, "N", 3, choices=(3, 4, 8, 16, 32),
        swept=Swept(
            "rows of a majority", _NETWORK,
            "rows that a majority of three opens, as `pimsim run --activation-rows`; 3 if not set",
            default=None,
        ),
    ),
    Option(
        "retries",
        "read the lowest bit of every count, and compute an output again, up to N times, where it "
        "contradicts the parity of the operands",
        int, "N", 0, whole(0, 1_000),
        swept=Swept(
            "retries", _NETWORK,
            "how often an output is computed again where its checksum is wrong; never if not set",
            default=None,
        ),
    ),
    Option(
        "screening",
        "rounds of test patterns on every subarray before it is used; columns that fail one are "
        "left out (default: %(default)s, none)",
        int, "TESTS", 0, whole(0, 10_000),
        swept=Swept(
            "rounds of test patterns", _NETWORK,
            "by which weak columns are found and left out; none if not set", default=None,
        ),
    ),
    Option(
        "guard_rows",
        "rows left empty between compute rows and constants, and as many between these and data, "
        "so that no data lie beside rows that are activated all the time (docs/disturbance.md)",
        int, "N", 0, whole(0, 10_000),
        swept=Swept(
            "guard rows", _NETWORK,
            "rows left empty beside compute rows and constants, as `pimsim run --guard-rows`; none "
            "if not set", default=None,
        ),
    ),
)  # fmt: skip
"""Options of mitigations: measures against commands that go wrong."""

BANKS = Option(
    "banks",
    "banks that compute at the same time (default: all banks of all ranks and channels of the "
    "part, 8 of DDR3, 128 of hbm2)",
    int, "N", range=whole(1, 1_048_576),
    swept=Swept(
        "banks", _NETWORK, "banks that compute at the same time", derived="all of the part"
    ),
)  # fmt: skip

DISTURBANCE = Option(
    "disturbance",
    "count how often rows are activated; say whether and where rows beside them would lose bits "
    "(RowHammer) on a class of chips, and what preventing it takes; a bundled class (the weakest "
    "if none is named) or a CSV file with the columns name, hc_double_sided, hc_single_sided",
    metavar="CLASS|FILE.csv", if_alone="samsung-8gb-e",
)  # fmt: skip
DISTURBANCE_FLIPS = Option(
    "disturbance_flips",
    "flip, while commands are carried out, the bits that rows lose to activations beside them, on "
    "the weakest class that --disturbance names; --chip draws which cells are weak",
    bool,
    alone=True,
    needs=(
        lambda args: args.disturbance is not None and not args.cost_only,
        "needs --disturbance, and must not be given with --cost-only: nothing is computed",
    ),
)

MODEL = (
    BANKS,
    Option(
        "energy",
        "energy model: the Ambit paper's per-command figures, or derived from the currents of the "
        "part; the two are never mixed; or none, for times alone (default: ambit-paper for DDR3, "
        "whose figures these are; datasheet for other parts; none for those without currents)",
        choices=("ambit-paper", "datasheet", "none"),
        swept=Swept(
            "energy mode", (COST,), "energy model",
            derived="ambit-paper for DDR3, else datasheet, or none without currents",
        ),
    ),
    Option(
        "faw", "obey tFAW and tRRD, which limit how many ACTIVATEs fit in a time", bool,
        default=True,
        swept=Swept("tFAW obeyed", (COST,), "obey tFAW and tRRD"),
    ),
    Option(
        "refresh", "refresh rows: all banks wait for tRFC in every tREFI", bool, default=True,
        swept=Swept("refresh", (COST,), "lose time to refresh"),
    ),
    Option(
        "split_decoder", "the two ACTIVATEs of an AAP overlap, as in Ambit", bool, default=True,
        swept=Swept("split row decoder", (COST,)),
    ),
    Option(
        "clocked",
        "start commands on clock edges only; the ACTs of an AAP are then whole clocks apart, "
        "which under tFAW can save a little time as well as cost it",
        bool, default=False,
        swept=Swept("clocked", (COST,)),
    ),
    Option(
        "acts_per_aap",
        "how many ACTIVATEs an AAP counts as, in tFAW and in the datasheet energy",
        int, default=2, choices=(1, 2),
        needs=(
            lambda args: args.faw or args.energy not in ("ambit-paper", "none")
            or bool(getattr(args, "trace", ())),
            "needs --faw or --energy datasheet: nothing else counts ACTIVATEs",
        ),
        swept=Swept(
            "ACTs an AAP", (COST,),
            "ACTIVATEs that an AAP counts for in tFAW and in datasheet energy",
        ),
    ),
    Option(
        "open_bank_share",
        "open banks add to the standby current: the share of it that the first open bank adds, 0 "
        "to 1; the rest grows with the banks that are open; datasheet energy only (default: that "
        "of the part)",
        float, "SHARE", range=Range(0, 1),
        needs=(_has_standby, "needs --energy datasheet: nothing else has standby"),
        swept=Swept(
            "share of the first open bank", (COST,),
            "of what open banks add to standby, as `pimsim run --open-bank-share`; that of the "
            "part if not set", default=None,
        ),
    ),
    Option(
        "idle_ranks",
        "charge standby and refresh of all ranks until the end of the run, even of unused ones; "
        "off: of each rank until its last command; datasheet energy only",
        bool, default=False,
        needs=(_has_standby, "needs --energy datasheet: nothing else has standby"),
        swept=Swept(
            "idle ranks charged", (COST,),
            "charge all ranks of the part, as `pimsim run --idle-ranks`; off if not set",
            default=None,
        ),
    ),
    Option(
        "extra_wordline_factor",
        "energy of each further wordline raised together with the first, as a share of one "
        "ACTIVATE",
        float, "SHARE", 0.0, Range(0, 100),
        swept=Swept(
            "energy of a further wordline", (COST,),
            "of each wordline raised with the first, as a share of one ACTIVATE",
        ),
    ),
)  # fmt: skip
"""Options that change time and energy; they are printed with every result."""

SWEPT = (
    VARIATION, PRESET, PROCESS, CB_CS_RATIO, VDD_MV, RESTORE_NS, WAIT_MS, CELSIUS,
    INPUTS, ROWS, CRITERION, PATH, SAMPLES,
    NETWORK, DATA, INPUT_SCALE, LIMIT, FAILURES, TABLE_SAMPLES, EFFECT, FAULT_LAYERS,
    STANDARD, ADDRESS_MAP, BANKS, MAPPING, MOVES, CHAIN, *MITIGATION,
    *(option for option in MODEL if option is not BANKS),
)  # fmt: skip
"""The options that are fields of sweeps, in the order in which fields are listed."""
