"""The public names of `pimsim`: that they are found, do what the command line does, and refuse."""

from __future__ import annotations

import json
import pydoc
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pimsim
from experiments import cli
from experiments.api import options
from experiments.commands import run
from pimsim.errors import InputError

PAGE = (Path(__file__).parents[3] / "docs" / "python.md").read_text("utf-8")


def test_every_public_name_is_there_documented_and_listed() -> None:
    assert dir(pimsim) == sorted(dir(pimsim)) == sorted(pimsim.__all__)
    for name in pimsim.__all__:
        assert getattr(pimsim, name) is not None
        assert name.startswith("__") or name in pydoc.render_doc(pimsim, renderer=pydoc.plaintext)
        assert name.startswith("__") or name == "RESULT_VERSION" or f"`{name}" in PAGE or name in (
            "InputError", "PimsimError", "Records", "Run", "Sweep",
        )  # fmt: skip
    with pytest.raises(AttributeError, match="has no attribute 'rum'"):
        pimsim.rum  # noqa: B018


def test_importing_pimsim_imports_nothing_heavy() -> None:
    heavy = "('numpy', 'bnn', 'experiments')"
    code = f"import sys, pimsim; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL))
def test_examples_of_the_page_run(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, "python.md", "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr()
    assert printed.out.strip()
    assert printed.err == ""


def test_a_run_is_that_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "digits-mlp", "--limit", "9", "--no-faw", "--banks", "4", "--json"]
    assert cli.main(words) == 0
    report = json.loads(capsys.readouterr().out)
    done = pimsim.run("digits-mlp", limit=9, faw=False, banks=4)
    assert _timeless(done.report) == _timeless(report)
    assert done.accuracy == report["accuracy"]
    assert done.latency_ps == report["latency_ps"]
    assert done.energy_pj == report["energy_pj"]["total"]
    assert [row["name"] for row in done.layers] == [row["name"] for row in report["layers"]]
    assert [row["baseline"] for row in done.baselines] == list(report["baselines"])
    assert "bit exact" in repr(done)


def _timeless(report: Any) -> Any:
    if isinstance(report, dict):
        return {key: _timeless(value) for key, value in report.items() if key != "wall_s"}
    return [_timeless(one) for one in report] if isinstance(report, list) else report


def test_arrays_are_run_as_they_are() -> None:
    from bnn.data import datasets

    digits = datasets.load("digits")
    done = pimsim.run("digits-mlp", digits.x[:7], digits.y[:7])
    named = pimsim.run("digits-mlp", limit=7)
    np.testing.assert_array_equal(done.logits, named.logits)
    assert done.accuracy == named.accuracy
    assert pimsim.run("digits-mlp", digits.x[:7]).accuracy is None
    with pytest.raises(InputError, match=r"must have the shape \(64,\)"):
        pimsim.run("digits-mlp", np.zeros((2, 5), np.float32))
    with pytest.raises(InputError, match="`data` must not be given with `x`"):
        pimsim.run("digits-mlp", digits.x[:7], data="digits")
    with pytest.raises(InputError, match="`y` must be given with `x`"):
        pimsim.run("digits-mlp", y=digits.y[:7])


def test_an_estimate_is_what_a_run_takes() -> None:
    done, booked = pimsim.run("digits-mlp", limit=9), pimsim.estimate("digits-mlp", images=9)
    assert booked.latency_ps == done.latency_ps
    assert booked.energy_pj == done.energy_pj
    assert booked.logits is None


@pytest.mark.larq
def test_a_keras_model_in_memory_is_run() -> None:
    import os

    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import larq
    import tensorflow as tf

    tf.keras.utils.set_random_seed(1)
    quantized = {"kernel_quantizer": "ste_sign", "use_bias": False}
    model = tf.keras.Sequential(
        [
            larq.layers.QuantDense(20, input_shape=(12,), **quantized),
            larq.layers.QuantDense(3, input_quantizer="ste_sign", **quantized),
        ],
        name="mine",
    )
    x = np.random.default_rng(1).integers(0, 256, (5, 12), np.uint8)
    done = pimsim.run(model, x)
    assert done.bit_exact
    assert done.report["network"] == "mine"
    np.testing.assert_array_equal(done.logits, model.predict(x.astype(np.float32), verbose=0))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"limits": 3}, "unknown option `limits`; did you mean `limit`?"),
        ({"limit": 0}, "`limit` must be an integer from 1 to 10,000,000, not 0"),
        ({"faw": 3}, "`faw` must be True or False, not 3"),
        ({"mapping": "sideways"}, "must be one of output-stationary"),
        ({"json": True}, "option `json` is one of the command line alone"),
    ],
)
def test_wrong_options_are_refused_as_on_the_command_line(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as refused:
        pimsim.run("digits-mlp", **given)
    assert message in str(refused.value)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(InputError, match="`network` must be a name, a path or a Keras model"):
        pimsim.run(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "destination", "value"),
    [
        ({"limit": 3}, "limit", 3),
        ({"faw": False}, "faw", False),
        ({"check": True}, "check", "all"),
        ({"cost_only": True}, "cost_only", True),
        ({"cost_only": False}, "cost_only", False),
        ({"standard": Path("mine.toml")}, "standard", "mine.toml"),
        ({"variation": 10, "fault_layers": ("a", "b")}, "fault_layers", "a,b"),
        ({"variation": 10, "set": {"cell.row": 2}}, "settings", ["cell.row=2"]),
        ({"trace": ["perfetto:a.json"]}, "trace", ["perfetto:a.json"]),
        ({"limit": None}, "limit", None),
    ],
)  # fmt: skip
def test_options_arrive_as_the_command_line_has_them(
    given: dict[str, Any], destination: str, value: Any
) -> None:
    assert getattr(options.parsed(run, ["net"], given), destination) == value


def test_a_transient_and_failures_are_those_of_the_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["circuit", "tra", "--pattern", "100", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    found = pimsim.transient("tra", pattern="100")
    assert found.dv_at_sense_mv[0] == pytest.approx(shown["dv_at_sense_mv"])
    assert found.value[0] == shown["value"]
    words = ["circuit", "failures", "--variation", "10,20", "--samples", "2000", "--json"]
    assert cli.main(words) == 0
    assert pimsim.failures(variation=(10, 20), samples=2000) == json.loads(
        capsys.readouterr().out
    )["rows"]  # fmt: skip
    with pytest.raises(InputError, match="did you mean `tra`"):
        pimsim.transient("tri")


def test_a_sweep_with_a_folder_goes_on_from_it(tmp_path: Path) -> None:
    spec: dict[str, Any] = {
        "name": "demo", "measure": "tra-failure", "fixed": {"samples": 500},
        "axes": {"variation_percent": [0, 20]}, "stop": {"trials": 2},
    }  # fmt: skip
    first = pimsim.sweep(spec, tmp_path)
    assert (tmp_path / "results.json").exists()
    again = pimsim.sweep(spec, tmp_path, workers=2)
    assert first.points == again.points == pimsim.sweep(spec).points
    assert [row["trials"] for row in first.points] == [2, 2]
    assert "2 points" in repr(first)
    with pytest.raises(InputError, match="`workers` must be a positive integer, not 0"):
        pimsim.sweep(spec, workers=0)


def test_records_are_tables_in_a_notebook_and_frames() -> None:
    rows = pimsim.Records([{"layer": "<b>", "n": 1234, "share": 0.5}, {"layer": None, "ok": True}])
    html = rows._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert "1,234" in html
    assert rows.columns == ("layer", "n", "share", "ok")
    if not _has_pandas():
        with pytest.raises(ImportError, match="pip install pandas"):
            rows.to_pandas()
    else:
        assert list(rows.to_pandas().columns) == list(rows.columns)


def _has_pandas() -> bool:
    import importlib.util

    return importlib.util.find_spec("pandas") is not None
