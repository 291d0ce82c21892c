"""What ``make bench`` measures: one table of rows, each two things that are held side by side.

A row is a :class:`Row`, and a new one is one entry of :data:`ROWS`. What it says at most (or at
least) is what was asked for; a ratio is that of its ``ours`` to its ``against``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

PROCESSOR, WALL, MEMORY = "processor s", "wall s", "peak MiB"
ONE, ALL = "T MAC/s, 1 thread", "T MAC/s, all threads"
BY_HAND, BOUND = "T MAC/s, by hand in C, 1 thread", "T MAC/s, arithmetic bound, 1 thread"
LOWER = "T MAC/s, lower bound, 1 thread"
READ_ONE, READ_ALL = "T MAC/s, memory bound, 1 thread", "T MAC/s, memory bound, all threads"


@dataclass(frozen=True)
class Side:
    """A process, and what is taken from it.

    In its words, ``{dir}`` is a folder of this side's own, ``{work}`` the folder of inputs that
    are made once.
    """

    words: tuple[str, ...]
    """Behind ``python -m experiments``; or ``probe``, a name of a probe, its words."""
    quantity: str = PROCESSOR
    """Of the whole process; else the path of a number in the JSON that it prints."""
    before: bool = False
    """Whether it runs in the checkout that is compared with, not in this one."""
    fresh: bool = False
    """Whether nothing that an earlier process has kept may be found: its machine code above all."""
    after: tuple[str, ...] = ()
    """What must have been run in the same folder before, and is not measured."""


@dataclass(frozen=True)
class Row:
    """Two sides, and how they should compare."""

    name: str
    ours: Side
    against: Side | str | float
    """Or what else is taken from the same process, or a number."""
    limit: float | None = None
    """What the ratio should be at most; at least, for rates."""
    rate: bool = False
    """Whether more is better."""
    needs: tuple[str, ...] = ()
    """What must be there: ``data`` (MNIST and CIFAR-10), ``larq``, ``ngspice``."""


def _run(line: str, **more: object) -> Side:
    return replace(Side(("run", *line.split())), **more)  # type: ignore[arg-type]


def _probe(line: str, **more: object) -> Side:
    return replace(Side(("probe", *line.split())), **more)  # type: ignore[arg-type]


def _both(name: str, ours: Side, limit: float | None = None, *, needs: tuple[str, ...] = ()) -> Row:
    """The same in this checkout and in the one before."""
    return Row(name, ours, replace(ours, before=True), limit, needs=needs)


DATA, LARQ, NGSPICE = ("data",), ("larq",), ("ngspice",)
_MLP, _CNN, _CIFAR = "mnist-mlp", "mnist-cnn", "cifar10-binarynet --limit 1000"
_TREES = "--mapping output-stationary"
"""What every checkout has; ``auto`` may choose something else in another."""
_TRACED = f"digits-mlp --limit 8 {_TREES} --trace"
_SWEEP = ("sweep", "{work}/points.toml", "--out", "{dir}/sweep", "--json")
_CIRCUIT = Side(("circuit", "tra"))
_AMBIT = Side(("reproduce", "ambit"))
_WEIGHTS = f"{_CIFAR} --mapping weight-stationary --no-check --json"
_VGG_ONE, _VGG_MANY = (_run(f"vgg16 --cost-only --images {count}") for count in (1, 10_000))
_ROWS, _FOLDED, _TAPES = (
    _probe(f"kernel {name}", quantity=ONE) for name in ("rows", "folded", "tapes")
)
_TRANSIENTS = _probe("transients", quantity="transients a processor s")
_DEEP = "{work}/dense-300.h5 --data {work}/dense.npz --limit 20 --no-check"

ROWS: tuple[Row, ...] = (
    # -- checked runs -------------------------------------------------------------------------
    _both("mnist-mlp, checked", _run(_MLP), needs=DATA),
    _both("mnist-mlp, unchecked", _run(f"{_MLP} --no-check"), needs=DATA),
    _both("mnist-mlp, unchecked, nothing kept", _run(f"{_MLP} --no-check", fresh=True),
          needs=DATA),
    _both("mnist-cnn, checked", _run(_CNN), 0.2, needs=DATA),
    _both("mnist-cnn, unchecked", _run(f"{_CNN} --no-check"), needs=DATA),
    Row("mnist-cnn: checked over unchecked", _run(_CNN), _run(f"{_CNN} --no-check"), 1.5,
        needs=DATA),
    _both("cifar10-binarynet, 1,000 images, checked", _run(_CIFAR), 0.25, needs=DATA),
    _both("cifar10-binarynet, 1,000 images, unchecked", _run(f"{_CIFAR} --no-check"), needs=DATA),
    _both("cifar10-binarynet, 1,000 images, checked: memory", _run(_CIFAR, quantity=MEMORY), 0.6,
          needs=DATA),
    Row("cifar10-binarynet, all 10,000 images, checked: memory over a GiB",
        _run("cifar10-binarynet", quantity=MEMORY), 1024.0, 1.0, needs=DATA),
    Row("cifar10-binarynet, 2,000 images, checked, in process, over Keras's predict",
        _probe("checked 2000", quantity="run_s"), _probe("keras 2000", quantity="predict_s"), 2.0,
        needs=DATA + LARQ),
    Row("mnist-mlp, unchecked, over a process that imports numpy",
        _run(f"{_MLP} --no-check"), _probe("imports numpy"), 6.0, needs=DATA),
    Row("mnist-mlp, checked, over a process that imports Larq, loads and predicts",
        _run(_MLP), _probe("predicts mnist-mlp"), 0.5, needs=DATA + LARQ),
    # -- faults -------------------------------------------------------------------------------
    Row("mnist-mlp, weak columns at 10 %, over healthy",
        _run(f"{_MLP} --variation 10 {_TREES}"), _run(f"{_MLP} {_TREES}"), 1.5, needs=DATA),
    Row("mnist-mlp, noise at 10 %, over healthy",
        _run(f"{_MLP} --variation 10 --effect noise {_TREES}"), _run(f"{_MLP} {_TREES}"), 4.0,
        needs=DATA),
    _both("mnist-mlp, weak columns at 10 %", _run(f"{_MLP} --variation 10 {_TREES}"), needs=DATA),
    _both("mnist-mlp, noise at 10 %", _run(f"{_MLP} --variation 10 --effect noise {_TREES}"),
          needs=DATA),
    # -- growth -------------------------------------------------------------------------------
    Row("vgg16, cost only, 10,000 images over 1", _VGG_MANY, _VGG_ONE, 1.3),
    Row("vgg16, cost only, 10,000 images over 1, nothing kept", replace(_VGG_MANY, fresh=True),
        replace(_VGG_ONE, fresh=True), 1.3),
    _both("vgg16, cost only, 64 images", _run("vgg16 --cost-only --images 64")),
    _both("vgg16, cost only, 10,000 images", _VGG_MANY),
    Row("300 dense layers over 5, chains on", _run(f"{_DEEP} {_TREES}"),
        _run(f"{_DEEP} {_TREES}".replace("300", "5")), 8.0, needs=LARQ),
    _both("50 dense layers, chains on", _run(f"{_DEEP} {_TREES}".replace("300", "50")), needs=LARQ),
    _both("300 dense layers, chains on", _run(f"{_DEEP} {_TREES}"), needs=LARQ),
    _both("300 dense layers, chains off", _run(f"{_DEEP} {_TREES} --chain never"), needs=LARQ),
    Row("circuit tra, first over later", replace(_CIRCUIT, fresh=True), _CIRCUIT, 2.0),
    _both("circuit tra, first", replace(_CIRCUIT, fresh=True)),
    _both("sweep of 10,000 circuit points", Side(_SWEEP), 0.2),
    _both("sweep of 10,000 circuit points, nothing to do", Side(_SWEEP, after=_SWEEP), 0.1),
    _both("sweep of 10,000 circuit points: memory", Side(_SWEEP, MEMORY)),
    _both("trace of 8 digits, perfetto", _run(f"{_TRACED} perfetto:{{dir}}/t"), 0.1),
    _both("trace of 8 digits, drampower", _run(f"{_TRACED} drampower:{{dir}}/t"), 0.1),
    _both("trace of 8 digits, ramulator", _run(f"{_TRACED} ramulator:{{dir}}/t"), 0.1),
    _both("reproduce ambit", _AMBIT, 0.6),
    _both("reproduce ambit: memory", replace(_AMBIT, quantity=MEMORY)),
    # Before, arrays were four last-level caches of the machine: 2 GB on some, less on others.
    Row("reproduce ambit: memory over 200 MiB", replace(_AMBIT, quantity=MEMORY), 200.0, 1.0),
    _both("mnist-mlp, reference executor, 1 image",
          _run(f"{_MLP} --limit 1 {_TREES} --executor reference"), needs=DATA),
    # -- kernels ------------------------------------------------------------------------------
    _both("weight-stationary execution, cifar10-binarynet, 1,000 images",
          _run(_WEIGHTS, quantity="wall_s.execute"), 0.4, needs=DATA),
    Row("weight-stationary execution: all threads over one",
        _run(_WEIGHTS, quantity="wall_s.execute"),
        _run(f"{_WEIGHTS} --threads 1", quantity="wall_s.execute"), 1.0, needs=DATA),
    Row("both operands as rows: all threads over one", replace(_ROWS, quantity=ALL), ONE, 1.0,
        rate=True),
    Row("memory alone: all threads over one", replace(_ROWS, quantity=READ_ALL), READ_ONE,
        rate=True),
    Row("both operands as rows: one thread over C by hand", _ROWS, BY_HAND, rate=True),
    Row("folded weights: one thread over C by hand", _FOLDED, BY_HAND, 0.9, rate=True),
    Row("folded weights: one thread over their arithmetic bound", _FOLDED, BOUND, rate=True),
    Row("folded weights, output trees: one thread over the lower of arithmetic and cache",
        _TAPES, LOWER, 0.7, rate=True),
    # -- transients ---------------------------------------------------------------------------
    Row("transients a processor second over ngspice at steps of 0.5 ns",
        _TRANSIENTS, _probe("ngspice 0.5n", quantity="transients a processor s"), 20.0,
        rate=True, needs=NGSPICE),
    Row("transients a processor second over ngspice at the steps of the deck",
        _TRANSIENTS, _probe("ngspice 0.02n", quantity="transients a processor s"),
        rate=True, needs=NGSPICE),
)  # fmt: skip
