"""``pimsim run --check-keras``: what Keras says is added to results, and never costs them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from experiments import cli

from .one_run import small


@pytest.mark.larq
@pytest.mark.usefixtures("undrawn")
def test_a_check_that_dies_costs_no_run(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    killed_at_once: Callable[[], threading.Thread],
) -> None:
    out = tmp_path / "out"
    command = ["run", "digits-mlp", "--limit", "20", "--check-keras", "--out", str(out)]
    thread = killed_at_once()
    assert cli.main(command) == 0
    thread.join()
    report = json.loads((out / "report.json").read_text("utf-8"))
    assert report["bit_exact"] is True
    assert report["keras_equal"] is None
    assert report["keras_why"] == "the process of TensorFlow was ended by SIGKILL"
    assert len(np.load(out / "logits.npy")) == 20
    assert sorted(path.name for path in out.iterdir() if path.suffix == ".json") == ["report.json"]
    said = " ".join(capsys.readouterr().out.split())
    assert "as Keras not known: the process of TensorFlow was ended by SIGKILL" in said

    thread = killed_at_once()
    assert cli.main([*command[:-2], "--json"]) == 0
    thread.join()
    assert json.loads(capsys.readouterr().out)["keras_equal"] is None


@pytest.mark.larq
@pytest.mark.usefixtures("undrawn")
def test_what_keras_says_is_added_to_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["run", "digits-mlp", "--limit", "20", "--check-keras", "--out", str(out)]
    assert cli.main(command) == 0
    report = json.loads((out / "report.json").read_text("utf-8"))
    assert (report["keras_equal"], report["keras_why"], report["keras_ties"]) == (True, None, 0)
    assert report["wall_s"]["keras"] > 0
    assert "as Keras" in capsys.readouterr().out
    page = (out / "report.html").read_text("utf-8")
    assert "Keras, asked for every accumulator and prediction, gives the same." in page


@pytest.mark.usefixtures("undrawn")
def test_a_run_that_is_interrupted_in_the_check_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        report = json.loads((tmp_path / "report.json").read_text("utf-8"))
        assert report["keras_why"] == "the check did not finish"
        raise KeyboardInterrupt

    monkeypatch.setattr("bnn.keras.apart.check_apart", interrupted)
    monkeypatch.setattr("bnn.train.check_extra", lambda *_: None)
    command = ["run", *map(str, small("--limit", "5", "--check-keras", "--json"))]
    assert cli.main([*command, "--out", str(tmp_path)]) == 130
    assert json.loads(capsys.readouterr().out)["bit_exact"] is True
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["keras_equal"] is None
