"""Plans that were kept: what is made of them is what was planned at first, to the last number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bnn import zoo
from bnn.larq.model_file import read_model
from bnn.mapping import MAPPINGS
from bnn.mapping.frontier import OBJECTIVES
from bnn.model.network import Dense
from bnn.run import estimate, kept
from bnn.run import plan as planning
from bnn.run.execute import Execution, run
from bnn.system.activations import ActivationCounter
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
from pimsim.cost import Cost
from pimsim.dram.array.address_map import ambit
from pimsim.dram.options import ModelOptions
from pimsim.kept import VARIABLE, Shelf

from ...kept_commands import Kept as KeptCommands
from .kept_plans import (
    IMAGES,
    NETWORKS,
    SMALL,
    SYSTEMS,
    costed,
    dense,
    forget,
    fresh,
    held,
    images,
    only_records,
    ran,
    table,
    told,
)

WAYS = [*MAPPINGS, *OBJECTIVES]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for records, which is empty."""
    return fresh(tmp_path, monkeypatch)


def test_without_records_it_is_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for mapping in ("auto", "output-tree"):
        first = ran("dense", mapping, SYSTEMS["as it is"])
        with monkeypatch.context() as patched:
            patched.setenv(VARIABLE, "off")
            forget(patched)
            assert ran("dense", mapping, SYSTEMS["as it is"]) == first


@pytest.mark.parametrize("mapping", WAYS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_plan_that_was_kept_gives_the_same(
    name: str, mapping: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ran(name, mapping, SYSTEMS["as it is"])
    before = {path: path.read_bytes() for path in folder.iterdir()}
    only_records(monkeypatch)
    assert ran(name, mapping, SYSTEMS["as it is"]) == first
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("mapping", ["output-tree", "output-stationary", "auto"])
def test_it_does_so_on_every_system(
    system: str, mapping: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for chain in ("auto", "never"):
        first = costed("dense", mapping, SYSTEMS[system], chain)
        with monkeypatch.context() as patched:
            only_records(patched)
            assert costed("dense", mapping, SYSTEMS[system], chain) == first


def test_stages_that_must_be_chained_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for mapping in ("output-tree", "output-stationary"):
        first = ran("dense", mapping, SYSTEMS["as it is"], "always")
        assert first[3][0][0]["team"]
        with monkeypatch.context() as patched:
            only_records(patched)
            assert ran("dense", mapping, SYSTEMS["as it is"], "always") == first


def test_what_no_mapping_has_room_for_stays_with_the_host(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shallow = System(replace(SMALL, rows_per_subarray=40), ModelOptions())
    first = ran("pictures", "auto", shallow)
    assert set(first[2][0][4]) == {"c0", "c1"}  # refused
    only_records(monkeypatch)
    assert ran("pictures", "auto", shallow) == first


def test_how_values_are_computed_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ran("dense", "auto", SYSTEMS["as it is"])
    only_records(monkeypatch)
    for how in (Execution(compiled=False), Execution(threads=1)):
        assert ran("dense", "auto", SYSTEMS["as it is"], execution=how) == first
    network = NETWORKS["dense"]()
    alone = estimate.of_network(
        network, ENCODINGS["bipolar"], IMAGES, SYSTEMS["as it is"], "auto", chain="auto"
    )
    assert told(alone.layers) == first[2]


def test_a_cost_that_was_kept_serves_a_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, system = NETWORKS["dense"](), SYSTEMS["as it is"]
    estimate.of_network(network, ENCODINGS["bipolar"], IMAGES, system, "auto", chain="auto")
    with monkeypatch.context() as patched:
        only_records(patched)
        found = ran("dense", "auto", system)
    monkeypatch.setenv(VARIABLE, "off")
    assert found == ran("dense", "auto", system)


@pytest.mark.parametrize(
    ("mapping", "system"),
    [("auto", "as it is"), ("auto", "psm"), ("output-tree", "without refresh"),
     ("weight-stationary", "as it is")],
)  # fmt: skip
def test_a_table_that_was_kept_costs_the_same(
    mapping: str, system: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def costed() -> Any:
        found = estimate.of_table(table(), IMAGES, SYSTEMS[system], mapping)
        return told(found.layers), found.host

    first = costed()
    assert first[0][0][6] is not None  # it is in DRAM
    assert len(list(folder.iterdir())) == 1
    with monkeypatch.context() as patched:
        only_records(patched)
        patched.setattr(estimate, "_drafts", None)
        assert costed() == first
        patched.setenv(VARIABLE, "off")
        with pytest.raises(TypeError):
            costed()


def test_a_layer_of_a_table_that_fits_nowhere_is_the_hosts_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shallow = System(replace(SMALL, rows_per_subarray=40), ModelOptions())
    first = told(estimate.of_table(table(), IMAGES, shallow).layers)
    assert any(refused for *_, refused, _, _, _, _, _ in first)
    only_records(monkeypatch)
    assert told(estimate.of_table(table(), IMAGES, shallow).layers) == first


def test_names_say_all_that_the_cost_of_a_table_depends_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "/nowhere")
    given: list[Any] = [table(), IMAGES, SYSTEMS["as it is"], "auto"]
    others = [(0, table(outputs=6)), (1, IMAGES + 1), (2, SYSTEMS["psm"]), (3, "output-tree")]
    every = [given] + [[*given[:at], other, *given[at + 1 :]] for at, other in others]
    names = [one.name for some in every if (one := kept.record_of_table(*some)) is not None]
    assert len(set(names)) == len(every)


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "other"])
def test_a_damaged_record_is_planned_anew(
    damage: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = costed("dense", "output-tree", SYSTEMS["as it is"])
    path, _ = held(folder)["plan"]
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 16
    path.write_bytes(
        {"cut": whole[:-7], "flipped": changed, "emptied": b"", "other": b"x" * 999}[damage]
    )
    forget(monkeypatch)
    assert costed("dense", "output-tree", SYSTEMS["as it is"]) == first
    assert path.read_bytes() == whole  # and kept anew


def test_a_record_of_another_shape_is_planned_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = costed("dense", "output-tree", SYSTEMS["as it is"])
    path, whole = held(folder)["plan"]
    shelf = Shelf(folder)
    for value in ([], {}, 7, {**whole, "programs": {}}, {**whole, "divisions": []}):
        assert shelf.put(path.stem, value)
        forget(monkeypatch)
        assert costed("dense", "output-tree", SYSTEMS["as it is"]) == first


def test_names_say_all_that_a_plan_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/nowhere")
    network, system = dense(), SYSTEMS["as it is"]
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
    ran("dense", "auto", system)
    network = NETWORKS["dense"]()
    run(
        network, images(network), ENCODINGS["bipolar"], SYSTEMS["as it is"], "auto",
        traces=[KeptCommands()],
    )  # fmt: skip
    assert not folder.exists()


def test_books_that_are_known_take_nothing_more(folder: Path) -> None:
    network, encoding, system = dense(), ENCODINGS["bipolar"], SYSTEMS["as it is"]
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
