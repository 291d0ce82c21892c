"""Messages of the functions of Python name keywords, and public values show as one short line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pimsim
from bnn import zoo
from bnn.larq.model_file import read_model
from bnn.system.system import System
from experiments.api.wording import python_words
from pimsim.errors import PimsimError

_DDR3 = "ddr3-1600-8-8-8"

REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "option": (lambda: pimsim.run("digits-mlp", limit=0), "`limit` must be an integer from 1"),
    "option and another": (
        lambda: pimsim.run("digits-mlp", celsius=20),
        "`celsius` needs `wait_ms`, the time that cells leak for",
    ),
    "several": (
        lambda: pimsim.run("digits-mlp", check_keras=True, variation=10),
        "`check_keras` must not be given with `variation` or `failures`:",
    ),
    "images": (
        lambda: pimsim.estimate("vgg16", images=0), "`images` must be an integer from 1"
    ),
    "without a keyword": (lambda: pimsim.run("vgg16"), "it must be run with `cost_only`"),
    "data": (lambda: pimsim.run("tests/saved_models/mlp.h5"), "`data` must be given"),
    "input scale": (lambda: pimsim.run("digits-mlp", input_scale="no"), "`input_scale` must be"),
    "shape of x": (
        lambda: pimsim.run("digits-mlp", np.zeros((3, 5))), "images of `x` must have the shape"
    ),
    "texts as x": (
        lambda: pimsim.run("digits-mlp", [["a", "b"]]), "the array in `x` must hold numbers"
    ),
    "objects as x": (
        lambda: pimsim.run("digits-mlp", np.array([None, {}])),
        "`x` must be an array of numbers, not of object",
    ),
    "rows of different lengths": (
        lambda: pimsim.run("digits-mlp", [[1, 2], [3]]), "`x` must be an array of numbers: "
    ),
    "labels": (
        lambda: pimsim.run("digits-mlp", np.zeros((3, 64)), [1, 2]),
        "`y` must hold one label for each of 3 images",
    ),
    "out": (
        lambda: pimsim.run("digits-mlp", width=3), "`width` needs `out`: else nothing is drawn"
    ),
    "out of failures": (
        lambda: pimsim.failures(5, out="x"), "option `out` is one of the command line alone"
    ),
    "width of failures": (
        lambda: pimsim.failures(5, width=3), "option `width` is one of the command line alone"
    ),
    "unknown kind": (
        lambda: pimsim.transient("xyz"),
        "`kind` must be one of read, tra, not, copy, majority, and, or, not 'xyz'",
    ),
    "kind": (lambda: pimsim.transient("majo"), "did you mean `majority`?"),
    "parameter": (
        lambda: pimsim.transient("tra", set={"cell.cap": 3}), "did you mean `cell.capacitance_ff`?"
    ),
    "sweep": (lambda: pimsim.sweep("nix"), "`spec` must be one of"),
    "undeclared": (
        lambda: pimsim.Program.parse("m", "(a,B8)(b,B9)", inputs=("a",), outputs=()),
        "program 'm': 'b' must be among `inputs`, `outputs` or `scratch`, or an address of the map",
    ),
    "bits that are none": (
        lambda: pimsim.Subarray(columns=4).write_bits(0, [0.5, 1, 0, 1]),
        "bits must be integers 0 and 1, not of the type float64",
    ),
    "too few bits": (
        lambda: pimsim.Subarray(columns=4).write_bits(0, [1, 0]),
        "bits must have the shape (1, 4), not (2,)",
    ),
    "width": (
        lambda: pimsim.PRIMITIVES["add"].program("8"),  # type: ignore[arg-type]
        "width of 'add' must be an integer, not '8'",
    ),
    "rows": (
        lambda: pimsim.execute("xnor", pimsim.Subarray(4), a=0, b=1, c=2),
        "program 'xnor': missing row out; unknown row c",
    ),
    "no program": (
        lambda: pimsim.primitive_cost("xnor2", _DDR3), "unknown primitive 'xnor2'; did you mean"
    ),
    "a number": (
        lambda: pimsim.primitive_cost(3, _DDR3),  # type: ignore[arg-type]
        "`program` must be a Program, a Primitive or the name of one, not 3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_each_message_is_pythons(case: str) -> None:
    call, words = REFUSED[case]
    with pytest.raises(PimsimError) as refused:
        call()
    message = str(refused.value)
    assert words in message
    assert "--" not in message
    assert "/tmp" not in message
    if case == "unknown kind":
        assert message.endswith("'xyz'")


def test_what_a_user_wrote_is_not_rewritten() -> None:
    said = "`--network` must be one of a, not '--my-net'; see `pimsim circuit failures --out`"
    assert python_words(said) == said.replace("`--network`", "`network`")


def test_several_values_are_a_list_or_a_tuple() -> None:
    of_list = pimsim.failures(variation=[5, 10], samples=500)
    assert [row["variation_percent"] for row in of_list] == [5, 10]
    assert of_list == pimsim.failures(variation=(5, 10), samples=500)
    swings = [
        pimsim.transient("tra", set=kind(["cell.row=2", "cell.capacitance_ff=30"])).dv_at_sense_mv
        for kind in (list, tuple)
    ]
    assert swings[0] == swings[1] != pimsim.transient("tra").dv_at_sense_mv


def test_a_primitive_is_as_good_as_its_program() -> None:
    primitive = pimsim.PRIMITIVES["xnor"]
    program, standard = primitive.program(), pimsim.standard(_DDR3)
    wanted = pimsim.primitive_cost(program, standard, pimsim.ModelOptions.of(standard))
    assert pimsim.primitive_cost(primitive, standard) == wanted
    assert pimsim.primitive_cost("xnor", _DDR3) == wanted
    subarray = pimsim.Subarray(columns=4)
    subarray.write_bits(0, np.array([[0, 0, 1, 1]]))
    subarray.write_bits(1, np.array([[0, 1, 0, 1]]))
    pimsim.execute(primitive, subarray, a=0, b=1, out=2)
    assert subarray.read_bits(2).tolist() == [[1, 0, 0, 1]]


SHOWN: dict[str, Callable[[], Any]] = {
    "primitive": lambda: pimsim.PRIMITIVES["xnor"],
    "primitives": lambda: pimsim.PRIMITIVES,
    "program": pimsim.PRIMITIVES["xnor"].program,
    "long program": lambda: pimsim.PRIMITIVES["add"].program(32),
    "subarray": lambda: pimsim.Subarray(columns=4),
    "address map": lambda: pimsim.address_map("ambit"),
    "standard": lambda: pimsim.standard(_DDR3),
    "options": pimsim.ModelOptions,
    "system": lambda: System(pimsim.standard(_DDR3), pimsim.ModelOptions()),
    "cost": lambda: pimsim.primitive_cost("xnor", _DDR3),
    "transient": lambda: pimsim.transient("tra", pattern="110"),
    "waveforms": lambda: pimsim.transient("tra", pattern="110").waveforms,
    "networks": pimsim.networks,
    "layers": lambda: pimsim.estimate("lenet5").layers,
    "estimate": lambda: pimsim.estimate("lenet5"),
    "entry": lambda: zoo.entry("digits-mlp"),
    "network": lambda: read_model(zoo.locate("digits-mlp")),
}


@pytest.mark.parametrize("case", SHOWN)
def test_public_values_show_as_one_short_line(case: str) -> None:
    shown = repr(SHOWN[case]())
    assert "\n" not in shown
    assert len(shown) <= 130
    assert "object at 0x" not in shown


def test_options_show_what_was_chosen() -> None:
    chosen = pimsim.ModelOptions(faw=False, banks=4)
    assert repr(chosen) == "ModelOptions(banks=4, faw=False)"


def test_a_run_from_python_leaves_what_a_command_leaves(tmp_path: Path) -> None:
    pimsim.run("digits-mlp", limit=5, out=tmp_path / "run", format="svg")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"report.json", "report.html", "logits.npy", "layers.svg"} <= names
    assert "pimsim run digits-mlp --limit 5" in (tmp_path / "run" / "report.html").read_text()
    digits = np.zeros((2, 64), np.uint8)
    pimsim.run("digits-mlp", digits, out=tmp_path / "arrays")
    page = (tmp_path / "arrays" / "report.html").read_text()
    assert "The command that made this page" not in page  # no command has these arrays
    assert "x.npy" not in page
