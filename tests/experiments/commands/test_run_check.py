"""How many images of a run are compared with the integer reference: asked for, done and said."""

from __future__ import annotations

import json

import pytest

import pimsim
from experiments import cli

IMAGES = 40


def _report(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert cli.main(["run", *words, "--limit", str(IMAGES), "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("words", "checked"),
    [
        (["digits-mlp"], IMAGES),
        (["digits-mlp", "--check"], IMAGES),
        (["--check", "digits-mlp"], IMAGES),
        (["digits-mlp", "--check", "all"], IMAGES),
        (["digits-mlp", "--check", "8"], 8),
        (["--check", "8", "digits-mlp"], 8),
        (["digits-mlp", "--check=10000000"], IMAGES),
        (["--no-check", "digits-mlp"], 0),
        (["digits-mlp", "--check", "8", "--no-check"], 0),
    ],
)
def test_as_many_images_are_checked_as_are_asked_for(
    words: list[str], checked: int, capsys: pytest.CaptureFixture[str]
) -> None:
    report = _report(capsys, *words)
    assert report["images_checked"] == checked
    assert report["bit_exact"] is (True if checked else None)
    whole = _report(capsys, "digits-mlp")["sums_checked"]
    assert isinstance(whole, int)
    assert report["sums_checked"] == whole * checked // IMAGES


@pytest.mark.parametrize(("words", "said"), [([], ""), (["--check", "8"], "checked 8 of 40")])
def test_a_sample_is_named(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "digits-mlp", "--limit", str(IMAGES), *words]) == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "bit exact" in one]
    assert said in line
    assert ("images" in line) is bool(said)


@pytest.mark.parametrize("value", ["0", "-1", "10000001", "9" * 40])
def test_a_number_of_images_is_in_range(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "digits-mlp", f"--check={value}"]) == 2
    must = f"`--check` must be all or an integer from 1 to 10,000,000, not {value}"
    assert capsys.readouterr().err == f"pimsim run: error: {must} (see pimsim run --help)\n"


@pytest.mark.parametrize(
    ("value", "checked"), [(True, IMAGES), ("all", IMAGES), (None, IMAGES), (8, 8), (False, 0)]
)
def test_python_asks_in_the_same_way(value: object, checked: int) -> None:
    done = pimsim.run("digits-mlp", limit=IMAGES, check=value)
    assert done.report["images_checked"] == checked
    assert ("checked 8 of 40 images" in repr(done)) is (checked == 8)


@pytest.mark.parametrize("value", ["some", 0, 2.5, [0]])
def test_python_refuses_the_same(value: object) -> None:
    with pytest.raises(pimsim.InputError, match=r"^`check` must be all or an integer"):
        pimsim.run("digits-mlp", limit=IMAGES, check=value)
