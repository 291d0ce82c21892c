"""Parts of one's own: a network comes to an end on every one that is accepted, or is refused."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnn import zoo
from bnn.larq import model_file
from bnn.run import estimate
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
from experiments.report.inputs import encoding_of
from pimsim import ranges
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard import standard
from pimsim.dram.standard.timing import Timing
from pimsim.errors import InputError, OutOfRowsError

NETWORK = model_file.read_model(zoo.locate("digits-mlp"))
ENCODING = encoding_of(NETWORK, ENCODINGS["uint8"].levels())
TIMES = tuple(Timing.__dataclass_fields__)
SIZES = standard._KEYS["geometry"]


def _end(name: str, which: int) -> int:
    found = ranges._BY_NAME.get(name) or ranges._BY_UNIT[ranges.end(name, ranges._BY_UNIT)]
    return int(found[which])


@st.composite
def changes(draw: st.DrawFn, base: standard.Standard) -> str:
    """A file that changes a few values of a base: a little, to anything, or to an end of its range.

    Times are odd and even numbers of ps, so that they share no grid.
    """
    lines = [f'base = "{base.name}"']
    for section, keys, owner in (("timing", TIMES, base.timing), ("geometry", SIZES, base)):
        lines.append(f"[{section}]")
        for key in draw(st.lists(st.sampled_from(keys), max_size=3, unique=True)):
            least, most = _end(key, 0), _end(key, 1)
            now = getattr(owner, key) or base.timing.t_ccd_l_clocks  # what is not stated
            near = st.integers(max(least, now // 2), min(most, 3 * now + 1))
            value = draw(near | st.integers(least, most) | st.sampled_from([least, most]))
            lines.append(f"{key} = {value}")
    return "\n".join(lines) + "\n"


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_every_part_that_is_accepted_comes_to_an_end(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = standard.load(data.draw(st.sampled_from(standard.names())))
    path = tmp_path_factory.mktemp("part") / "mine.toml"
    path.write_text(data.draw(changes(base)), "utf-8")
    try:
        part = standard.load(path)
    except InputError:
        return
    options = ModelOptions.of(
        part,
        banks=min(part.all_banks, data.draw(st.sampled_from([1, 8, 32]))),
        clocked=data.draw(st.booleans()),
        split_decoder=data.draw(st.booleans()),
    )
    with contextlib.suppress(InputError, OutOfRowsError):  # too few rows for the network
        done = estimate.of_network(NETWORK, ENCODING, 1, System(part, options), "weight-stationary")
        assert done.layers


@pytest.mark.parametrize(
    "change",
    [
        "[timing]\nt_ccd_l_clocks = 1_000_000_007",
        "[timing]\nt_ck_ps = 1_000_000_007",
        "[timing]\ncwl_clocks = 100_000_000_000_000_000_000_000",
        "[timing]\nt_wtr_l_ps = 100_000_000_000_000_000_000_000",
        "[geometry]\nrows_per_subarray = 1_000_000_007",
        "[geometry]\nbanks = 1_000_000_007",
        "[timing]\nt_refi_ps = 7_800",
        "[timing]\nt_rfc_ps = 7_799_999",
        "[timing]\nt_refi_ps = 7_800\nt_rfc_ps = 260",
        "[geometry]\nchannels = 256\nranks = 64\nbanks = 1_024",
        "[interface]\nread_mw = 1e308",
    ],
)
def test_what_would_not_end_is_refused_at_once(change: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'base = "ddr3-1600-8-8-8"\n{change}\n', "utf-8")
    with pytest.raises(InputError, match=r"^mine\.toml(:| has) .*not "):
        standard.load(path)
