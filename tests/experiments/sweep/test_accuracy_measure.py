"""The measure ``accuracy``, on a real network with real faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments import cli
from experiments.sweep import points
from experiments.sweep.measures import measure
from experiments.sweep.results import Value
from pimsim.errors import InputError

pytestmark = pytest.mark.usefixtures("unsaved")

BASE: dict[str, Value] = {
    "network": "digits-mlp", "variation_percent": 15.0, "images": 60, "table_samples": 20_000,
}  # fmt: skip
MEASURE = measure.load_measure("accuracy")


def _values(**given: Value) -> dict[str, Value]:
    return points.complete(MEASURE, {**BASE, **given}, Path.cwd())


def _check(**given: Value) -> None:
    MEASURE.identity(_values(**given))


@pytest.mark.slow
def test_without_variation_it_is_the_accuracy_of_the_network() -> None:
    right = {MEASURE.run(_values(variation_percent=0.0), trial, 1)["correct"] for trial in range(2)}
    from bnn import reference
    from experiments.report.inputs import encoding_of
    from experiments.sweep.measures import networks

    network, data = networks.trained(_values())
    encoding = encoding_of(network, data.x)
    logits = reference.forward(network.before_softmax(), data.x, encoding).logits
    assert right == {int((logits.argmax(axis=1) == data.y).sum())}


@pytest.mark.slow
def test_a_trial_is_a_chip_and_its_noise_whatever_the_point() -> None:
    first = [MEASURE.run(_values(), trial, 1)["correct"] for trial in range(4)]
    again = [MEASURE.run(_values(), trial, 1)["correct"] for trial in range(4)]
    assert first == again
    assert len(set(first)) > 1
    assert [MEASURE.run(_values(), trial, 2)["correct"] for trial in range(4)] != first
    assert all(count < 60 for count in first)


def test_the_same_chip_errs_alike_whatever_map_gives_the_same_commands() -> None:
    plain = MEASURE.run(_values(), 1, 1)
    for name in ("three-dcc", "five-row"):  # of which the latter has a table of majorities of five
        assert MEASURE.run(_values(address_map=name), 1, 1) == plain


def test_seeds_belong_to_trial_and_sweep_alone() -> None:
    drawn = [measure.seeds_of(seed, trial, 2) for seed in range(3) for trial in range(50)]
    assert len({one for pair in drawn for one in pair}) == 300
    assert all(0 <= one < 2**63 for pair in drawn for one in pair)


@pytest.mark.slow
def test_faults_of_one_layer_do_less_than_faults_of_all() -> None:
    def right(**given: Value) -> int:
        values = _values(variation_percent=20.0, **given)
        return sum(MEASURE.run(values, trial, 1)["correct"] for trial in range(2))

    assert right(faulty_layer="dense1") > right()
    assert right(faulty_layer="dense1,dense2, dense3") == right()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"images": 365}, "`images` must be at most 364, all there are, not 365"),
        ({"network": "none.keras"}, "`network` must be an existing file"),
        ({"network": "digit-mlp"}, "did you mean 'digits-mlp'?"),
        ({"data": "none.npz"}, "none.npz' cannot be read: No such file"),
        ({"mapping": "any"}, "`mapping` must be one of output-stationary"),
        ({"standard": "ddr9"}, "`standard` must be one of"),
        ({"banks": 99}, "`banks` must be at most 8, the banks of ddr3-1600-8-8-8, not 99"),
        ({"faulty_layer": "dens1"}, "must be layers in DRAM, not 'dens1'; did you mean `dense1`?"),
        ({"faulty_layer": "norm1"}, "must be layers in DRAM, not 'norm1'"),
        ({"celsius": 45.0}, "`celsius` must come with `wait_ms`"),
        ({"circuit.access.w_um": 1.0}, "charge sharing does not depend on it"),
        ({"failures": "none.json"}, "`variation_percent` must not be set together with `failures`"),
    ],
    ids=str,
)
def test_what_cannot_be_run_is_refused_at_once(given: dict[str, Value], message: str) -> None:
    with pytest.raises(InputError) as caught:
        _check(**given)
    assert message in str(caught.value)


def test_a_failure_table_in_place_of_the_circuit(tmp_path: Path) -> None:
    from experiments.sweep.measures.accuracy import failure_table

    path = tmp_path / "table.json"
    given = {name: value for name, value in BASE.items() if name != "variation_percent"}

    def values() -> dict[str, Value]:
        return points.complete(MEASURE, {**given, "failures": path.name}, tmp_path)

    with pytest.raises(InputError, match=r"table\.json' cannot be read"):
        MEASURE.identity(values())
    path.write_text(failure_table(_values()).to_json(), "utf-8")
    before = MEASURE.identity(values())
    assert "circuit" not in before
    assert MEASURE.run(values(), 1, 1) == MEASURE.run(_values(), 1, 1)
    path.write_text(failure_table(_values(variation_percent=20.0)).to_json(), "utf-8")
    assert MEASURE.identity(values()) != before
    assert MEASURE.run(values(), 1, 1) == MEASURE.run(_values(variation_percent=20.0), 1, 1)


@pytest.mark.slow
def test_a_sweep_of_accuracy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "accuracy.toml"
    path.write_text(
        'name = "accuracy"\nmeasure = "accuracy"\n[fixed]\nnetwork = "digits-mlp"\nimages = 60\n'
        "table_samples = 20000\n[axes]\nvariation_percent = [0, 15]\n[stop]\ntrials = 3\n"
    )
    argv = ["sweep", str(path), "--out", str(tmp_path / "out"), "--workers", "1", "--json"]
    assert cli.main(argv) == 0
    document = json.loads(capsys.readouterr().out)
    none, some = document["points"]
    assert none["counts"]["images"] == some["counts"]["images"] == 180
    assert none["low"] < none["estimate"] < none["high"]
    assert some["estimate"] < none["estimate"]
    assert document["assumptions"]["interval"].startswith("95 %, Student's t, of the chips")


@pytest.mark.slow
def test_one_chip_alone_says_that_its_interval_is_of_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], refused: Callable[..., str]
) -> None:
    path = tmp_path / "one.toml"
    path.write_text(
        'name = "one"\nmeasure = "accuracy"\n[fixed]\nnetwork = "digits-mlp"\nimages = 60\n'
        "variation_percent = 0\n[stop]\ntrials = 1\n"
    )
    argv = ["sweep", str(path), "--out", str(tmp_path / "out"), "--workers", "1", "--json"]
    assert cli.main(argv) == 0
    said = json.loads(capsys.readouterr().out)["assumptions"]["interval"]
    assert said == "95 %, Clopper-Pearson, of the images: a single chip was tried"
