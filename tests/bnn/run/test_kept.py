"""Plans that were kept: what is made of them is what was planned at first, to the last number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bnn import zoo
from bnn.backends import stream_tapes
from bnn.larq.model_file import read_model
from bnn.mapping import MAPPINGS
from bnn.mapping.dataflows.output_tree import division
from bnn.mapping.frontier import OBJECTIVES
from bnn.model.network import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, Network
from bnn.run import estimate, kept
from bnn.run import plan as planning
from bnn.run.execute import Execution, run
from bnn.run.plan import LayerRun
from bnn.system.activations import ActivationCounter
from bnn.system.ledger import PHASES
from bnn.system.mitigation import Mitigation
from bnn.system.system import System
from bnn.tables.graph import Drawing, Table
from bnn.values.encoding import ENCODINGS
from pimsim.cost import Cost
from pimsim.dram.array.address_map import ambit
from pimsim.dram.array.address_map import load as load_map
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.errors import InputError
from pimsim.kept import VARIABLE, Shelf
from pimsim.microprogram.output_tree import known
from pimsim.microprogram.output_tree.stream import Stream
from pimsim.remembered import Known

from ...kept_commands import Kept as KeptCommands

SIGN = "ste_sign"
SMALL = replace(load("ddr3-1600-8-8-8"), row_bytes=64)
IMAGES = 20
WAYS = [*MAPPINGS, *OBJECTIVES]


def _kernel(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.choice(np.float32([-1, 1]), shape)


def _norm(rng: np.random.Generator, name: str, size: int) -> Layer:
    gamma, beta, mean = rng.normal(size=(3, size)).astype(np.float32)
    return BatchNorm(name, mean, gamma**2 + 1, gamma, beta, 1e-3)


def _dense() -> Network:
    """Four dense layers, which can be chained, the first fed with bits."""
    rng = np.random.default_rng(0)
    layers: list[Layer] = []
    for number, (fan_in, outputs) in enumerate([(40, 24), (24, 24), (24, 16), (16, 5)]):
        layers.append(Dense(f"d{number}", _kernel(rng, fan_in, outputs), None, SIGN, SIGN))
        if number < 3:
            layers.append(_norm(rng, f"n{number}", outputs))
    return Network("dense", (40,), tuple(layers))


def _pictures() -> Network:
    """A convolution of pixels, one with padding and pooling, and dense layers."""
    rng = np.random.default_rng(1)
    return Network(
        "pictures",
        (6, 6, 1),
        (
            Conv2D("c0", _kernel(rng, 3, 3, 1, 8), None, None, SIGN),
            _norm(rng, "n0", 8),
            Conv2D("c1", _kernel(rng, 3, 3, 8, 8), None, SIGN, SIGN, padding="same"),
            MaxPool2D("p1", (2, 2), (2, 2)),
            _norm(rng, "n1", 8),
            Flatten("f"),
            Dense("d0", _kernel(rng, 32, 12), None, SIGN, SIGN),
            _norm(rng, "n2", 12),
            Dense("d1", _kernel(rng, 12, 4), None, SIGN, SIGN),
        ),
    )


def _large() -> Network:
    """A layer whose fan-in takes several subarrays, and one that stays on the host."""
    rng = np.random.default_rng(2)
    return Network(
        "large",
        (700,),
        (
            Dense("d0", _kernel(rng, 700, 18), None, SIGN, SIGN),
            _norm(rng, "n0", 18),
            Dense("d1", _kernel(rng, 18, 4), None, SIGN, SIGN),
            Dense("host", rng.normal(size=(4, 3)).astype(np.float32), None, None, None),
        ),
    )


def _table(outputs: int = 5) -> Table:
    """A convolution with a pooling behind it, and a dense layer."""
    drawing = Drawing("small", (8, 8, 4), "two layers")
    x = drawing.pool("p", drawing.conv("c", drawing.input, outputs=12, size=3), 2, 2)
    return (drawing.dense("d", drawing.flatten(x), outputs=outputs), drawing.table())[1]


NETWORKS = {"dense": _dense, "pictures": _pictures, "large": _large}
SYSTEMS = {
    "as it is": System(SMALL, ModelOptions()),
    "psm": System(SMALL, ModelOptions(banks=4), moves="psm"),
    "without refresh": System(SMALL, ModelOptions(refresh=False)),
    "another map": System(SMALL, ModelOptions(), load_map("three-dcc")),
    "three times": System(SMALL, ModelOptions(), mitigation=Mitigation(tmr="time")),
}


def _images(network: Network, count: int = IMAGES) -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    if len(network.input_shape) == 3:
        return (rng.integers(0, 256, (count, *network.input_shape)) / 255).astype(np.float32)
    return rng.choice(np.float32([-1, 1]), (count, *network.input_shape))


def _told(layers: tuple[LayerRun, ...]) -> list[Any]:
    """All that reports have of layers."""
    return [
        [
            one.name, one.mapping, one.where, one.candidates, one.refused, one.gives_sums,
            one.occupancy, one.ledger.system.moves,
            [(one.ledger.counts(phase), one.ledger.cost(phase)) for phase in PHASES],
            one.ledger.cost_together(PHASES, refresh=True),
        ]
        for one in layers
    ]  # fmt: skip


def _ran(name: str, mapping: str, system: System, chain: str = "auto", **how: Any) -> Any:
    network = NETWORKS[name]()
    encoding = ENCODINGS["unit" if len(network.input_shape) == 3 else "bipolar"]
    done = run(network, _images(network), encoding, system, mapping, chain=chain, **how)
    operands = [one.operands(layer.name) for one in done.chains for layer in done.layers]
    chains = [(one.found, one.text) for one in done.chains]
    return done.logits.tolist(), done.bit_exact, _told(done.layers), chains, operands


def _costed(name: str, mapping: str, system: System, chain: str = "auto") -> Any:
    network = NETWORKS[name]()
    encoding = ENCODINGS["unit" if len(network.input_shape) == 3 else "bipolar"]
    done = estimate.of_network(network, encoding, IMAGES, system, mapping, chain=chain)
    return _told(done.layers), [(one.found, one.text) for one in done.chains]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for records, which is empty."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "kept"))
    monkeypatch.setattr(division, "_EXCHANGES", 10)  # which take most of the time
    _forget(monkeypatch)
    return tmp_path / "kept"


def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be as a process that has planned nothing yet."""
    monkeypatch.setattr(known, "PLANS", Known(size_bytes=48 << 20))
    monkeypatch.setattr(division, "DIVISIONS", Known(size_bytes=16 << 20))


def _only_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be as another process, which must plan and book nothing itself."""

    def planned(*_: object) -> None:
        raise AssertionError("nothing must be planned where a plan was kept")

    _forget(monkeypatch)
    for module, what in ((planning, "select"), (known, "attempt"), (division, "_cheapest")):
        monkeypatch.setattr(module, what, planned)
    monkeypatch.setattr("bnn.system.ledger.CommandLedger._note", planned)


def _only_tapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be as another process, which must not even look at programs."""

    def seen(*_: object, **__: object) -> None:
        raise AssertionError("no stream must be made where its tape was kept")

    _only_records(monkeypatch)
    for what in ("renamed", "unpacked"):
        monkeypatch.setattr(known, what, seen)
    for what in ("deeds", "tape", "read"):
        monkeypatch.setattr(Stream, what, seen)
    monkeypatch.setattr(stream_tapes, "write", seen)


def _held(folder: Path) -> dict[str, Any]:
    """What lies in a folder: by kind of record, its name and its content."""
    kinds = {"selection": "plan", "plans": "programs"}
    shelf, found = Shelf(folder), {}
    for path in folder.iterdir():
        value = shelf.get(path.stem)
        (kind,) = {kinds.get(key, "tapes") for key in value if key in kinds} or {"tapes"}
        assert kind not in found
        found[kind] = path, value
    return found


def test_without_records_it_is_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for mapping in ("auto", "output-tree"):
        first = _ran("dense", mapping, SYSTEMS["as it is"])
        with monkeypatch.context() as patched:
            patched.setenv(VARIABLE, "off")
            _forget(patched)
            assert _ran("dense", mapping, SYSTEMS["as it is"]) == first


@pytest.mark.parametrize("mapping", WAYS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_plan_that_was_kept_gives_the_same(
    name: str, mapping: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _ran(name, mapping, SYSTEMS["as it is"])
    before = {path: path.read_bytes() for path in folder.iterdir()}
    _only_records(monkeypatch)
    assert _ran(name, mapping, SYSTEMS["as it is"]) == first
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("check", [True, False, 3])
def test_where_tapes_were_kept_no_stream_is_made(
    check: bool | int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = Execution(check=check)
    for system, name, chain in (
        ("as it is", "dense", "always"), ("psm", "dense", "always"),
        ("another map", "dense", "never"), ("as it is", "pictures", "auto"),
        ("three times", "pictures", "auto"),
    ):  # fmt: skip
        arguments = name, "output-tree", SYSTEMS[system], chain
        first = _ran(*arguments, execution=how)
        with monkeypatch.context() as patched:
            _only_tapes(patched)
            assert _ran(*arguments, execution=how) == first
            costed = _costed(*arguments)
            assert costed[0] == first[2]
            patched.setattr(Shelf, "get", lambda *_: None)
            with pytest.raises(AssertionError, match="nothing must be planned"):
                _ran(*arguments, execution=how)


def test_other_tapes_are_written_from_programs_that_were_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = "dense", "output-tree", SYSTEMS["as it is"], "always"
    checked = _ran(*arguments)
    assert len(list(folder.iterdir())) == 3
    with monkeypatch.context() as patched:
        _only_records(patched)
        found = _ran(*arguments, execution=Execution(check=False))
        assert (found[0], found[2:]) == (checked[0], checked[2:])
        assert _ran(*arguments, execution=Execution(compiled=False)) == checked
    assert len(list(folder.iterdir())) == 4  # one for each way to read digits
    with monkeypatch.context() as patched:
        _only_tapes(patched)
        assert _ran(*arguments, execution=Execution(check=False)) == found


@pytest.mark.parametrize("damage", ["gone", "cut", "flipped", "emptied", "other"])
@pytest.mark.parametrize("kinds", [["programs"], ["tapes"], ["tapes", "programs"], ["plan"]])
def test_parts_that_are_damaged_are_made_anew(
    kinds: list[str], damage: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = "dense", "output-tree", SYSTEMS["as it is"], "always"
    first = _ran(*arguments)
    wholes = {kind: (path, path.read_bytes()) for kind, (path, _) in _held(folder).items()}
    for path, whole in map(wholes.__getitem__, kinds):
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 16
        damaged = {"cut": whole[:-7], "flipped": changed, "emptied": b"", "other": b"x" * 999}
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(damaged[damage])
    with monkeypatch.context() as patched:
        _forget(patched)
        assert _ran(*arguments) == first
        for path, whole in map(wholes.__getitem__, set(kinds) - {"programs"}):
            assert path.read_bytes() == whole
    with monkeypatch.context() as patched:  # what was missed was kept again
        _only_records(patched)
        if kinds != ["programs"]:
            wholes["tapes"][0].unlink()
        assert _ran(*arguments) == first


def test_tapes_of_another_shape_are_written_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = "dense", "output-tree", SYSTEMS["as it is"], "always"
    first = _ran(*arguments)
    (path, whole), shelf = _held(folder)["tapes"], Shelf(folder)
    written = path.read_bytes()
    stage = next(iter(whole))
    own = whole[stage]
    others: list[Any] = [
        {"words": own["words"][:-1]}, {"slots": own["slots"] // 2}, {"given": own["given"] + 999},
        {"given": own["given"] - 999}, {"numbers": [[0, 1]]}, {"given": None}, {"more": 1},
    ]  # fmt: skip
    for value in ([], 7, *({**whole, stage: {**own, **other}} for other in others)):
        assert shelf.put(path.stem, value)
        with monkeypatch.context() as patched:
            _only_records(patched)
            assert _ran(*arguments) == first
        assert path.read_bytes() == written
    assert shelf.put(path.stem, {**whole, stage: {**own, "words": own["words"] + 1}})
    _only_records(monkeypatch)
    with pytest.raises(InputError, match="tape 0, record at"):  # never run unseen
        _ran(*arguments)


def test_tapes_that_would_take_too_much_are_not_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = "dense", "output-tree", SYSTEMS["as it is"], "always"
    monkeypatch.setattr(kept, "LARGEST_BYTES", 1 << 13)
    first = _ran(*arguments)
    assert "tapes" not in _held(folder) if folder.exists() else True
    with monkeypatch.context() as patched:
        _forget(patched)
        assert _ran(*arguments) == first


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("mapping", ["output-tree", "output-stationary", "auto"])
def test_it_does_so_on_every_system(
    system: str, mapping: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for chain in ("auto", "never"):
        first = _costed("dense", mapping, SYSTEMS[system], chain)
        with monkeypatch.context() as patched:
            _only_records(patched)
            assert _costed("dense", mapping, SYSTEMS[system], chain) == first


def test_stages_that_must_be_chained_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for mapping in ("output-tree", "output-stationary"):
        first = _ran("dense", mapping, SYSTEMS["as it is"], "always")
        assert first[3][0][0]["team"]
        with monkeypatch.context() as patched:
            _only_records(patched)
            assert _ran("dense", mapping, SYSTEMS["as it is"], "always") == first


def test_what_no_mapping_has_room_for_stays_with_the_host(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shallow = System(replace(SMALL, rows_per_subarray=40), ModelOptions())
    first = _ran("pictures", "auto", shallow)
    assert set(first[2][0][4]) == {"c0", "c1"}  # refused
    _only_records(monkeypatch)
    assert _ran("pictures", "auto", shallow) == first


def test_how_values_are_computed_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _ran("dense", "auto", SYSTEMS["as it is"])
    _only_records(monkeypatch)
    for how in (Execution(compiled=False), Execution(threads=1)):
        assert _ran("dense", "auto", SYSTEMS["as it is"], execution=how) == first
    network = NETWORKS["dense"]()
    alone = estimate.of_network(
        network, ENCODINGS["bipolar"], IMAGES, SYSTEMS["as it is"], "auto", chain="auto"
    )
    assert _told(alone.layers) == first[2]


def test_a_cost_that_was_kept_serves_a_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, system = NETWORKS["dense"](), SYSTEMS["as it is"]
    estimate.of_network(network, ENCODINGS["bipolar"], IMAGES, system, "auto", chain="auto")
    with monkeypatch.context() as patched:
        _only_records(patched)
        found = _ran("dense", "auto", system)
    monkeypatch.setenv(VARIABLE, "off")
    assert found == _ran("dense", "auto", system)


@pytest.mark.parametrize(
    ("mapping", "system"),
    [("auto", "as it is"), ("auto", "psm"), ("output-tree", "without refresh"),
     ("weight-stationary", "as it is")],
)  # fmt: skip
def test_a_table_that_was_kept_costs_the_same(
    mapping: str, system: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def costed() -> Any:
        found = estimate.of_table(_table(), IMAGES, SYSTEMS[system], mapping)
        return _told(found.layers), found.host

    first = costed()
    assert first[0][0][6] is not None  # it is in DRAM
    assert len(list(folder.iterdir())) == 1
    with monkeypatch.context() as patched:
        _only_records(patched)
        patched.setattr(estimate, "_drafts", None)
        assert costed() == first
        patched.setenv(VARIABLE, "off")
        with pytest.raises(TypeError):
            costed()


def test_a_layer_of_a_table_that_fits_nowhere_is_the_hosts_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shallow = System(replace(SMALL, rows_per_subarray=40), ModelOptions())
    first = _told(estimate.of_table(_table(), IMAGES, shallow).layers)
    assert any(refused for *_, refused, _, _, _, _, _ in first)
    _only_records(monkeypatch)
    assert _told(estimate.of_table(_table(), IMAGES, shallow).layers) == first


def test_names_say_all_that_the_cost_of_a_table_depends_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "/nowhere")
    given: list[Any] = [_table(), IMAGES, SYSTEMS["as it is"], "auto"]
    others = [(0, _table(outputs=6)), (1, IMAGES + 1), (2, SYSTEMS["psm"]), (3, "output-tree")]
    every = [given] + [[*given[:at], other, *given[at + 1 :]] for at, other in others]
    names = [one.name for some in every if (one := kept.record_of_table(*some)) is not None]
    assert len(set(names)) == len(every)


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "other"])
def test_a_damaged_record_is_planned_anew(
    damage: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _costed("dense", "output-tree", SYSTEMS["as it is"])
    path, _ = _held(folder)["plan"]
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 16
    path.write_bytes(
        {"cut": whole[:-7], "flipped": changed, "emptied": b"", "other": b"x" * 999}[damage]
    )
    _forget(monkeypatch)
    assert _costed("dense", "output-tree", SYSTEMS["as it is"]) == first
    assert path.read_bytes() == whole  # and kept anew


def test_a_record_of_another_shape_is_planned_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _costed("dense", "output-tree", SYSTEMS["as it is"])
    path, whole = _held(folder)["plan"]
    shelf = Shelf(folder)
    for value in ([], {}, 7, {**whole, "programs": {}}, {**whole, "divisions": []}):
        assert shelf.put(path.stem, value)
        _forget(monkeypatch)
        assert _costed("dense", "output-tree", SYSTEMS["as it is"]) == first


def test_names_say_all_that_a_plan_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/nowhere")
    network, system = _dense(), SYSTEMS["as it is"]
    layer = network.layers[0]
    assert isinstance(layer, Dense)
    kernel = layer.kernel.copy()
    kernel[0, 0] *= -1
    changed = replace(network, layers=(replace(layer, kernel=kernel), *network.layers[1:]))
    given: list[Any] = [network, ENCODINGS["bipolar"], IMAGES, system, "auto", "auto"]
    others: list[tuple[int, Any]] = [
        (0, changed), (1, ENCODINGS["unit"]), (1, None), (2, IMAGES + 1), (4, "output-tree"),
        (5, "never"), *((3, other) for other in SYSTEMS.values() if other is not system),
    ]  # fmt: skip
    every = [given] + [[*given[:at], other, *given[at + 1 :]] for at, other in others]
    names = [record.name for some in every if (record := kept.record(*some)) is not None]
    assert len(set(names)) == len(every)
    before = kept.record(*given)
    monkeypatch.setattr(kept, "code", lambda: ["other sources"])
    after = kept.record(*given)
    assert before is not None
    assert after is not None
    assert before.name != after.name


@pytest.mark.parametrize("name", zoo.names())
def test_plans_of_all_bundled_networks_can_be_kept(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "/nowhere")
    network = read_model(zoo.locate(name), lambda: (28, 28, 1))
    given = network.before_softmax(), None, 1, SYSTEMS["as it is"], "auto", "auto"
    assert kept.record(*given) is not None


def test_nothing_is_kept_where_commands_are_looked_at(folder: Path) -> None:
    system = replace(
        SYSTEMS["as it is"], counter=ActivationCounter(ambit(), SMALL.rows_per_subarray)
    )
    _ran("dense", "auto", system)
    network = NETWORKS["dense"]()
    run(
        network, _images(network), ENCODINGS["bipolar"], SYSTEMS["as it is"], "auto",
        traces=[KeptCommands()],
    )  # fmt: skip
    assert not folder.exists()


def test_books_that_are_known_take_nothing_more(folder: Path) -> None:
    network, encoding, system = _dense(), ENCODINGS["bipolar"], SYSTEMS["as it is"]
    estimate.of_network(network, encoding, IMAGES, system, "auto")
    planned = planning.plan(network, encoding, IMAGES, system, "auto")
    assert all(ledger.settled for ledger in planned.ledgers)
    with pytest.raises(ValueError, match="nothing must be booked"):
        planned.ledgers[0].stream(64)


@pytest.mark.parametrize("left", [b"nothing", {"latency_ps": 3}], ids=["damaged", "foreign"])
def test_a_cost_is_kept_and_worked_out_again_where_it_cannot_be_read(
    left: bytes | dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "own"))
    wanted, asked = Cost(10, {"io": 0.1, "refresh": 1e-300}, 2), list[int]()

    def work_out() -> Cost:
        asked.append(1)
        return wanted

    assert [kept.cost((1, SMALL), work_out) for _ in range(2)] == [wanted, wanted]
    assert len(asked) == 1
    (record,) = (tmp_path / "own").iterdir()
    if isinstance(left, bytes):
        record.write_bytes(left)
    else:
        Shelf.own().put(record.stem, left)
    assert kept.cost((1, SMALL), work_out) == wanted
    assert len(asked) == 2
    kept.cost((2, SMALL), work_out)
    assert len(asked) == 3
