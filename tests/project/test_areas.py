"""Every folder of code and of tests belongs to one area, which `make test-quick` runs."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def quick(module_at: Callable[[Path], ModuleType]) -> ModuleType:
    """The module ``quick`` among the tests."""
    return module_at(ROOT / "tests" / "quick.py")


def test_every_module_and_every_test_is_in_one_area(quick: ModuleType) -> None:
    areas = quick.areas()
    assert {name for name, times in Counter(area.name for area in areas).items() if times > 1} == (
        set()
    ), "two folders of the same name: an area has the name of its folder"
    tests = sorted((ROOT / "tests").rglob("test_*.py"))
    code = [path for package in quick.PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert len(tests) > 100
    assert len(code) > 300
    for path in (*tests, *code):
        found = [area.name for area in areas if area.has(path)]
        where = path.relative_to(ROOT)
        assert len(found) == 1, (
            f"{where} is in {found or 'no area'}: tests of the folder PACKAGE/NAME lie in "
            "tests/PACKAGE/NAME, and a folder of code has an __init__.py"
        )


def test_every_area_has_tests_and_a_line_that_says_what_it_is(quick: ModuleType) -> None:
    for area in quick.areas():
        assert area.line.endswith("."), f"{area.name}: its __init__.py begins with no sentence"
        assert any(path.is_file() for one in area.folders for path in one.glob("*.py")), area.name


def test_the_list_names_every_area(quick: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert quick.main([]) == 0
    printed = capsys.readouterr().out
    for area in quick.areas():
        assert f"  {area.name} " in printed


@pytest.mark.parametrize("said", ["drm", "dram circuit", "", "."])
def test_what_is_no_area_is_one_line(
    quick: ModuleType, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert quick.main(said.split(" ")) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(
        "AREA must be one of advice, api, backends, baselines, bnn, circuit,"
    )
    assert printed.err.endswith(f", not {said!r}\n")
    assert printed.err.count("\n") == 1


def test_a_new_folder_is_a_new_area(quick: ModuleType, tmp_path: Path) -> None:
    new = tmp_path / "pimsim" / "network"
    new.mkdir(parents=True)
    (new / "__init__.py").write_text('"""Networks on chip."""\n')
    (found,) = [area for area in quick.areas(tmp_path) if area.name == "network"]
    assert found.line == "Networks on chip."
    assert found.has(tmp_path / "tests" / "pimsim" / "network" / "test_router.py")
    assert found.command(tmp_path)[-1] == "pimsim/network"


def test_an_area_runs_its_doctests_and_tests_and_no_others(quick: ModuleType) -> None:
    (area,) = [area for area in quick.areas() if area.name == "pimsim"]
    done = subprocess.run(
        [*area.command(), "--collect-only", "-p", "no:cacheprovider"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout
    files = {line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line}
    assert "pimsim/bits.py" in files
    assert "tests/pimsim/test_bits.py" in files
    others = {name for name in files if not area.has(ROOT / name)}
    assert others == {"tests/project/test_complete.py"}
    assert sys.executable == area.command()[0]
