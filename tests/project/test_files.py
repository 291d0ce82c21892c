"""What the files around the code say of the project agrees with what it is and does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import pimsim

yaml = pytest.importorskip("yaml")  # comes with distributed

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def _read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def test_the_citation_is_of_this_project() -> None:
    cited = _read("CITATION.cff")
    assert cited["title"] == PROJECT["name"]
    assert cited["version"] == PROJECT["version"] == pimsim.__version__
    assert cited["license"] == PROJECT["license"]
    assert cited["authors"] == PROJECT["authors"]
    assert cited["keywords"] == PROJECT["keywords"]


def test_a_commit_is_held_against_what_lint_runs() -> None:
    (recipe,) = re.findall(
        r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    lint = [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()]
    (local,) = _read(".pre-commit-config.yaml")["repos"]
    hooks = [
        hook["entry"] + (" ." if hook.get("pass_filenames", True) else "")
        for hook in local["hooks"]
    ]
    assert hooks == lint


def test_the_workflow_runs_what_is_run_anywhere() -> None:
    (job,) = _read(".github/workflows/test.yml")["jobs"].values()
    steps = job["steps"]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    (version,) = (step["with"]["python-version"] for step in steps if "with" in step)
    assert f">={version}" == PROJECT["requires-python"]
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text("utf-8").rstrip().endswith("\nmake test")
    assert "secrets" not in (ROOT / ".github" / "workflows" / "test.yml").read_text("utf-8")
