"""``--trace`` and ``--trace-limit``."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from experiments.options import traces as trace_options
from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.dram.traces import DEFAULT_LIMIT, FORMATS, Event
from pimsim.errors import InputError

DDR3 = load("ddr3-1600-8-8-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    trace_options.add_trace(parser)
    return parser


def chosen(*argv: str) -> dict[Path, str]:
    return trace_options.chosen_traces(_parser().parse_args(argv))


def test_none() -> None:
    assert chosen() == {}


def test_several() -> None:
    two = chosen("--trace=perfetto:a.json.gz", "--trace=drampower:C:b")
    assert list(two.items()) == [
        (Path("a.json.gz"), "perfetto"),
        (Path("C:b"), "drampower"),  # only the first colon counts
    ]
    assert _parser().parse_args([]).trace_limit == DEFAULT_LIMIT


@pytest.mark.parametrize("text", ["perfetto", ":a", "perfetto:", ""])
def test_a_missing_half(text: str) -> None:
    with pytest.raises(InputError) as refusal:
        chosen("--trace", text)
    assert str(refusal.value) == f"`--trace` must be FORMAT:FILE, not {text!r}"


def test_an_unknown_format() -> None:
    with pytest.raises(InputError) as refusal:
        chosen("--trace", "perfeto:a")
    assert str(refusal.value) == (
        "`--trace` has the unknown format 'perfeto'; did you mean `perfetto`?"
    )
    with pytest.raises(InputError, match="known: perfetto, drampower, ramulator,"):
        chosen("--trace", "vcd:a")


def test_a_file_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    again = str(tmp_path / "a")
    with pytest.raises(InputError) as refusal:
        chosen("--trace", "perfetto:a", "--trace", f"drampower:{again}")
    assert str(refusal.value) == f"`--trace` must name each file once, not {again!r} again"


def test_help_names_every_format() -> None:
    text = " ".join(_parser().format_help().split())
    for name in FORMATS:
        assert name in text


def test_opened_tells_once_and_writes_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "a.json", tmp_path / "b.csv"]
    words = ["--trace", f"perfetto:{files[0]}", "--trace", f"drampower:{files[1]}"]
    args = _parser().parse_args([*words, "--trace-limit", "2"])
    with trace_options.opened(args, DDR3, ModelOptions()) as traces:
        for bank in range(3):
            for trace in traces:
                trace.add(Event(bank * 6_000, Kind.AP, bank, row=1))
        assert capsys.readouterr() == ("", "")
    assert all(file.stat().st_size for file in files)
    told = [f"trace {str(file)!r} stopped after 2 of 3 commands\n" for file in files]
    assert capsys.readouterr() == ("", "".join(told))


def test_opened_writes_nothing_after_an_error(tmp_path: Path) -> None:
    words = [f"--trace=perfetto:{tmp_path}/a.json", f"--trace=drampower:{tmp_path}/no/b.csv"]
    args = _parser().parse_args(words)
    with (
        pytest.raises(InputError, match="there is no folder"),
        trace_options.opened(args, DDR3, ModelOptions()),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
