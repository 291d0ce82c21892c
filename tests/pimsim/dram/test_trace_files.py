"""Files of traces: limits, compression, places that cannot be written, and their page."""

from __future__ import annotations

import gzip
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from pimsim.dram.options import ModelOptions
from pimsim.dram.traces import FORMATS, Event, Trace
from pimsim.errors import DramError, InputError

from . import trace_readers as readers
from .written_traces import AAP, AP, DDR3, EVENTS, PAPER, written

DOCS = Path(__file__).parents[3] / "docs" / "traces.md"


@pytest.mark.parametrize("name", FORMATS)
def test_limit(name: str, tmp_path: Path) -> None:
    """After the limit the file is as if there had been no more commands."""
    path = tmp_path / "trace"
    with Trace(name, path, DDR3, PAPER, limit=4) as trace:
        for event in EVENTS:
            assert trace.full == (trace.commands >= 4)
            trace.add(event)
        trace.skip(94)
    text = path.read_text()
    path.unlink()
    assert trace.remarks == [f"trace {str(path)!r} stopped after 4 of 100 commands"]
    assert (text, []) == written(name, tmp_path, EVENTS[:4])


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_to_trace(name: str, tmp_path: Path) -> None:
    text, remarks = written(name, tmp_path, [])
    assert len(remarks) == 1
    assert ": it holds no " in remarks[0]
    if name == "perfetto":
        assert readers.read_perfetto(text).slices == {}
    else:
        assert readers.READERS[name](text, DDR3) == []


@pytest.mark.parametrize("name", FORMATS)
def test_compressed(name: str, tmp_path: Path) -> None:
    plain = written(name, tmp_path, EVENTS)[0]
    path = tmp_path / "trace.gz"
    with Trace(name, path, DDR3, PAPER) as trace:
        for event in EVENTS:
            trace.add(event)
    packed = path.read_bytes()
    assert gzip.decompress(packed).decode("ascii") == plain
    assert packed[3:8] == bytes(5)  # no name and no time: equal traces are equal files


@pytest.mark.parametrize("name", FORMATS)
def test_an_interrupted_run_leaves_what_was_there(name: str, tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text("before")

    def interrupted() -> None:
        with Trace(name, path, DDR3, PAPER, limit=2) as trace:
            for event in EVENTS:
                trace.add(event)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("name", ["perfetto", "drampower", "dramsim3"])
def test_full_disk(name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"trace{suffix}"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def write() -> None:
        with Trace(name, path, DDR3, PAPER) as trace:
            for index in range(20_000 if suffix else 8_000):
                row = index * 7919 % 65_536
                trace.add(Event(49_000 * index, AAP, index % 8, row, 65_535 - row))

    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(InputError, match="cannot be written: File too large") as refusal:
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def _enter(path: Path) -> None:
    with Trace("drampower", path, DDR3, PAPER):
        pass


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    missing = tmp_path / "no" / "t.csv"
    with pytest.raises(InputError) as refusal:
        _enter(missing)
    assert str(refusal.value) == (
        f"trace {str(missing)!r} cannot be written: there is no folder {str(missing.parent)!r}"
    )
    for special in (tmp_path, Path("/dev/null")):
        with pytest.raises(InputError, match="cannot be written: it is not a regular file"):
            _enter(special)
    assert list(tmp_path.iterdir()) == []


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.write_text("before")
    link.symlink_to(target)
    _enter(link)
    assert link.is_symlink()
    assert target.read_text() == "0,END,0,0,0,0,0\n"


def test_order_and_banks_are_checked(tmp_path: Path) -> None:
    with Trace("drampower", tmp_path / "t", DDR3, PAPER) as trace:
        trace.add(Event(10, AP, 0))
        with pytest.raises(DramError, match=r"not AP at 9 ps after one at 10 ps$"):
            trace.add(Event(9, AP, 1))
        with pytest.raises(DramError, match=r"^trace: bank must be 0 to 7, not 8$"):
            trace.add(Event(10, AP, 8))


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown trace format 'x' "):
        Trace("x", tmp_path / "t", DDR3, PAPER)
    with pytest.raises(InputError, match="`limit` must be a positive integer, not 0"):
        Trace("drampower", tmp_path / "t", DDR3, PAPER, limit=0)
    no_currents = replace(DDR3, currents=None)
    with pytest.raises(InputError, match="`energy` must be ambit-paper"):
        Trace("perfetto", tmp_path / "t", no_currents, ModelOptions(energy="datasheet")).__enter__()
    assert list(tmp_path.iterdir()) == []


# The page about traces.


@pytest.mark.parametrize("name", FORMATS)
def test_the_page_shows_what_is_written(name: str, tmp_path: Path) -> None:
    section = DOCS.read_text("utf-8").split(f"\n## `{name}`\n")[1].split("\n## ")[0]
    excerpt = section.split("```text\n")[1].split("```")[0]
    text = written(name, tmp_path, EVENTS)[0]
    assert excerpt == text.replace("00" * 64, "00...00")


def test_the_page_lists_every_format() -> None:
    page = DOCS.read_text("utf-8")
    for name in FORMATS:
        assert f"| [`{name}`](#{name}) |" in page
