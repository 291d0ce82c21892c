"""What the options of ``pimsim run`` change in its report, and what they must not change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bnn.lowering.operand_analysis import analyse
from bnn.mapping import MAPPINGS
from bnn.model.network import Conv2D, MaxPool2D, Network
from experiments.report.inputs import encoding_of

pytestmark = pytest.mark.usefixtures("undrawn")

MODELS = Path(__file__).parents[2] / "saved_models"

Report = dict[str, Any]
Pimsim = Callable[..., Report]


def small(*argv: str | Path) -> tuple[str | Path, ...]:
    """A network of 100, 37, 50 and 10 values, and 24 images without labels.

    Unless a mapping or a chain is asked for, it has the mapping that is planned soonest.
    """
    chosen = {"--mapping", "--chain", "--moves"} & set(map(str, argv))
    named = () if chosen else ("--mapping", "output-stationary")
    return (MODELS / "mlp.h5", "--data", MODELS / "mlp.npz", *named, *argv)


@pytest.fixture(scope="module")
def known() -> dict[tuple[str, ...], Report]:
    """Reports of this module, by what was asked for."""
    return {}


@pytest.fixture
def reported(pimsim: Pimsim, known: dict[tuple[str, ...], Report]) -> Pimsim:
    """As ``pimsim``, but what was asked for before is not run again."""

    def run(*argv: str | Path) -> Report:
        asked = tuple(map(str, argv))
        if asked not in known:
            known[asked] = pimsim(*argv)
        return known[asked]

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the network that is small leaves what it answers."""
    return tmp_path_factory.mktemp("answered")


@pytest.fixture
def answered(reported: Pimsim, folder: Path) -> Path:
    """The logits of the network that is small."""
    reported(*small("--out", folder))
    return folder / "logits.npy"


def answer(report: Report) -> dict[str, Any]:
    """What must not depend on how the time of commands is worked out.

    How outputs are dealt out to banks does, and so do the writes that copy operands to each.
    """
    keys = ("images", "accuracy", "bit_exact", "sums_checked")
    computing = {kind: report["commands"][kind] for kind in ("AAP", "AP")}
    return {**{key: report[key] for key in keys}, **computing}


# Mappings


@pytest.mark.parametrize(
    "model",
    [
        pytest.param("digits-mlp", marks=pytest.mark.slow),
        "mlp",
        "cnn",
        pytest.param("same-zero", marks=pytest.mark.slow),
        "functional",
    ],
)
def test_all_mappings_give_identical_logits(model: str, tmp_path: Path, pimsim: Pimsim) -> None:
    bundled = model == "digits-mlp"
    given = [model] if bundled else [MODELS / f"{model}.keras", "--data", MODELS / f"{model}.npz"]
    reports = [pimsim(*given, "--mapping", name, "--out", tmp_path / name) for name in MAPPINGS]
    logits = [np.load(tmp_path / name / "logits.npy") for name in MAPPINGS]
    assert all(np.array_equal(each, logits[0]) for each in logits)
    for name, report in zip(MAPPINGS, reports, strict=True):
        assert report["bit_exact"] is True
        assert report["assumptions"]["mapping"] == name
        added = "an addition on the host" in report["assumptions"]["popcount"]
        assert added == (name == "output-tree")  # sums of the last layer
        in_dram = [layer for layer in report["layers"] if layer["where"] == "dram"]
        assert name in {layer["mapping"] for layer in in_dram}
        for layer in in_dram:
            assert layer["mapping"] == name
            assert layer["commands"]["AAP"] > 0
            assert layer["sums_checked"] > 0
            assert 0 < layer["column_utilisation"] <= 1
    by_name = dict(zip(MAPPINGS, reports, strict=True))
    folded, resident = by_name["output-stationary"], by_name["weight-stationary"]
    for key in ("sums_checked", "accuracy"):
        assert len({report[key] for report in reports}) == 1
    for one, other in zip(folded["layers"], resident["layers"], strict=True):
        assert (one["name"], one["macs"]) == (other["name"], other["macs"])
    # Weights in the command stream need no loading; weights in rows are loaded once, stated apart.
    assert sum(folded["weights_once"]["commands"].values()) == 0
    assert resident["weights_once"]["commands"]["WR"] > 0
    assert resident["weights_once"]["latency_ps"] > 0
    if bundled:  # with enough images, copying each operand to every output's column is what binds
        assert resident["commands"]["WR"] > 20 * folded["commands"]["WR"]


def test_loading_weights_does_not_depend_on_the_number_of_images(pimsim: Pimsim) -> None:
    few, many = (
        pimsim(*small("--mapping", "weight-stationary", "--limit", n))["weights_once"]["commands"]
        for n in ("3", "6")
    )
    assert few["ACT"] == many["ACT"] > 0


# Cost


def test_energy_modes_share_everything_but_energy(reported: Pimsim) -> None:
    paper, datasheet = (
        reported(*small("--energy", mode)) for mode in ("ambit-paper", "datasheet")
    )  # fmt: skip
    assert answer(paper) == answer(datasheet)
    assert paper["commands"] == datasheet["commands"]
    assert paper["latency_ps"] == datasheet["latency_ps"]
    assert set(paper["energy_pj"]) == {"total", "activate_precharge", "read_write"}
    assert set(datasheet["energy_pj"]) == {
        "total", "activate_precharge", "read_write", "io", "refresh", "background",
    }  # fmt: skip
    assert datasheet["energy_pj"]["total"] != paper["energy_pj"]["total"]
    for report, mode in ((paper, "ambit-paper"), (datasheet, "datasheet")):
        assert report["assumptions"]["energy"] == mode


def test_a_slower_bin_takes_longer(pimsim: Pimsim) -> None:
    bare = ("--no-faw", "--no-refresh")
    reports = [
        pimsim(*small("--standard", f"ddr3-1600-{bin_}", *bare)) for bin_ in ("8-8-8", "11-11-11")
    ]
    fast, slow = reports
    assert answer(fast) == answer(slow)
    assert [r["assumptions"]["bin"] for r in reports] == ["8-8-8", "11-11-11"]
    assert [r["assumptions"]["aap_ns"] for r in reports] == [49.0, 52.75]
    ratio = slow["latency_ps"] / fast["latency_ps"]
    # AAP; and a row written in one burst, tRCD, CWL, the burst, tWR and tRP, where two are longer
    assert 52.75 / 49 * 0.998 <= ratio <= 57.5 / 50


OVER_BANKS = ("--mapping", "output-stationary")
"""In all banks, which so few images are not under the mapping that is chosen for them."""


@pytest.mark.parametrize(
    ("option", "key", "stated"),
    [
        ("--no-faw", "faw", False),
        ("--no-refresh", "refresh", False),
        ("--acts-per-aap=1", "acts_per_aap", 1),
    ],
)
def test_what_is_not_obeyed_shortens_a_run_and_is_stated(
    option: str, key: str, stated: object, reported: Pimsim
) -> None:
    honest, shorter = (reported(*small(*OVER_BANKS, *more)) for more in ((), (option,)))
    assert answer(honest) == answer(shorter)
    assert shorter["latency_ps"] < honest["latency_ps"]
    assert shorter["throughput_images_per_s"] > honest["throughput_images_per_s"]
    assert honest["assumptions"][key] not in (stated, None)
    assert shorter["assumptions"][key] == stated
    changed = {
        name
        for name, value in honest["assumptions"].items()
        if shorter["assumptions"][name] != value
    }
    assert changed == {key}


def test_the_convention_of_open_banks_is_stated_with_its_band(pimsim: Pimsim) -> None:
    """What one open bank draws of IDD3N: time and commands stay, energy lies within the band."""
    options = (*OVER_BANKS, "--cost-only", "--energy", "datasheet")
    ours, linear, half = (
        pimsim(MODELS / "mlp.h5", *options, *more)
        for more in ((), ("--open-bank-share", "0"), ("--open-bank-share", "0.5"))
    )
    for key in ("latency_ps", "commands", "energy_band_pj"):
        assert ours[key] == linear[key] == half[key]
    low, high = ours["energy_band_pj"]
    assert (low["open_bank_share"], high["open_bank_share"]) == (0, 1)
    assert linear["energy_pj"]["total"] == pytest.approx(low["total"], rel=1e-12)
    assert ours["energy_pj"]["total"] == pytest.approx(high["total"], rel=1e-12)
    between = (low["total"] + high["total"]) / 2
    assert half["energy_pj"]["total"] == pytest.approx(between, rel=1e-9)
    assert low["activate_precharge"] > high["activate_precharge"]
    assert "TN-41-01" in ours["assumptions"]["open_bank_share_is"]
    assert half["assumptions"]["open_bank_share_is"] == "chosen"
    assert ours["assumptions"]["open_bank_share_band"].startswith("an AAP takes ")


@pytest.mark.parametrize("idle", [(), ("--idle-ranks",)])
def test_energy_does_not_depend_on_banks_that_hold_nothing(
    idle: tuple[str, ...], pimsim: Pimsim
) -> None:
    """Of HBM2, one channel of eight is at work: with its standby alone, or with all and REFs."""
    options = ("--cost-only", "--standard", "hbm2", "--mapping", "weight-stationary", *idle)
    few, many = (pimsim(MODELS / "mlp.h5", *options, "--banks", n) for n in ("16", "128"))
    assert few["layers"][0]["banks_used"] <= 16
    for key in ("energy_pj", "commands", "latency_ps", "energy_band_pj"):
        assert few[key] == many[key], key


def test_idle_ranks_are_charged_with_their_refresh_if_asked(pimsim: Pimsim) -> None:
    options = (MODELS / "mlp.h5", "--cost-only", "--standard", "hbm2", "--banks", "16")
    used = pimsim(*options, "--images", "400")
    every = pimsim(*options, "--images", "400", "--idle-ranks")
    assert used["assumptions"]["idle_ranks"] is False
    assert every["assumptions"]["idle_ranks"] is True
    assert every["latency_ps"] == used["latency_ps"]
    # seven more channels stand by and are refreshed: a REF of each every 3.9 us
    more = every["commands"]["REF"] - used["commands"]["REF"]
    due = 7 * (used["latency_ps"] / 3_900_000)
    assert due - 2 * len(used["layers"]) - 7 <= more <= due
    part = {key: every["energy_pj"][key] - pj for key, pj in used["energy_pj"].items()}
    assert part["refresh"] == pytest.approx(more * 60_840)
    standby_ps = 7 * used["latency_ps"] - more * 260_000
    expected = (standby_ps * 48 + more * 260_000 * 66) * 1e-3
    assert part["background"] == pytest.approx(expected, rel=0.05)
    assert part["activate_precharge"] == part["read_write"] == part["io"] == 0


def test_a_share_at_which_an_activation_takes_less_than_nothing_is_refused(
    refusal: Callable[..., str],
) -> None:
    said = refusal(
        MODELS / "mlp.h5", "--cost-only", "--standard", "ddr5-4800", "--open-bank-share=0.5"
    )
    assert said == (
        "pimsim: error: `open_bank_share` must be from 0 to 0.1948 for ddr5-4800, not 0.5: "
        "`idd0_ma` would be less than standby with one bank open"
    )


def test_every_trefi_a_refresh_takes_trfc(reported: Pimsim) -> None:
    report = reported(*small(*OVER_BANKS))
    due = report["latency_ps"] // 7_800_000  # tREFI 7.8 us
    assert due - 1 <= report["commands"]["REF"] <= due
    without = reported(*small(*OVER_BANKS, "--no-refresh"))
    assert without["commands"]["REF"] == 0
    # tRFC 260 ns of every 7.8 us is lost, and the banks have to be closed for it.
    lost = 7800 / (7800 - 260)
    assert lost * (1 - 1e-3) <= report["latency_ps"] / without["latency_ps"] <= 1.02 * lost


def test_banks_and_decoder(pimsim: Pimsim) -> None:
    bare = (*OVER_BANKS, "--no-faw", "--no-refresh")
    eight, shared = (pimsim(*small(*bare, *more)) for more in ((), ("--no-split-decoder",)))
    one = pimsim(*small(*bare, "--banks", "1", "--cost-only"))
    assert (eight["assumptions"]["banks"], one["assumptions"]["banks"]) == (8, 1)
    assert one["latency_ps"] > 4 * eight["latency_ps"]
    assert (eight["assumptions"]["decoder"], shared["assumptions"]["decoder"]) == (
        "split",
        "shared",
    )
    assert shared["assumptions"]["aap_ns"] == 80.0
    assert shared["latency_ps"] > eight["latency_ps"]
    assert answer(shared) == answer(eight)


# Images


def test_limit_takes_the_first_images(tmp_path: Path, pimsim: Pimsim, answered: Path) -> None:
    report = pimsim(*small("--limit", "7", "--out", tmp_path))
    assert report["images"] == 7
    some, everything = np.load(tmp_path / "logits.npy"), np.load(answered)
    assert everything.shape == (24, 10)
    assert np.array_equal(some, everything[:7])
    assert pimsim(*small("--limit", "1000"))["images"] == 24


def test_accuracy_needs_labels(
    tmp_path: Path, pimsim: Pimsim, reported: Pimsim, folder: Path, answered: Path
) -> None:
    assert reported(*small("--out", folder))["accuracy"] is None
    with np.load(MODELS / "mlp.npz") as stored:
        x = stored["x"]
    found = np.load(answered).argmax(1)
    labels = np.where(np.arange(24) < 18, found, (found + 1) % 10)
    np.savez(tmp_path / "labelled.npz", x=x, y=labels.astype(np.uint8))
    report = pimsim(MODELS / "mlp.h5", "--data", tmp_path / "labelled.npz")
    assert report["accuracy"] == 18 / 24
    limited = pimsim(MODELS / "mlp.h5", "--data", tmp_path / "labelled.npz", "--limit", "18")
    assert limited["accuracy"] == 1.0
    assert report["data"] == "labelled.npz"


def test_integers_and_floats_of_the_same_value_are_the_same_images(
    tmp_path: Path, pimsim: Pimsim
) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (6, 9, 7, 2)).astype(np.uint8)

    def logits(x: NDArray[np.uint8] | NDArray[np.float32], name: str) -> NDArray[np.float32]:
        np.savez(tmp_path / f"{name}.npz", x=x)
        model, data = MODELS / "same-zero.h5", tmp_path / f"{name}.npz"
        given = (model, "--data", data, "--mapping", "output-stationary")
        report = pimsim(*given, "--out", tmp_path / name)
        assert report["bit_exact"] is True
        assert report["assumptions"]["input_encoding"] == "uint8"
        assert report["layers"][0]["operand_bits"] == 8
        found: NDArray[np.float32] = np.load(tmp_path / name / "logits.npy")
        return found

    assert np.array_equal(logits(pixels, "bytes"), logits(pixels.astype(np.float32), "floats"))


@pytest.mark.parametrize(
    ("values", "pad", "pooled", "encoding", "where"),
    [
        ([-1.0, 1.0], 1.0, False, "bipolar", "dram"),
        ([-1.0, 1.0], 0.0, False, "eighths", "dram"),  # the padding is a value between them
        ([-1.0, 1.0], 0.0, True, "eighths", "dram"),
        ([0.0, 255.0], 0.0, False, "uint8", "dram"),
        ([0.0, 255.0], -1.0, False, "uint8", "host"),
        ([-1.0, 1.0, 1 / 127.5 - 1], 0.0, False, "symmetric-with-zero", "dram"),
        ([-1.0, 1.0, 1 / 127.5 - 1], -1.0, True, "symmetric", "dram"),
    ],
)
def test_what_a_first_layer_pads_with_must_be_an_input_too(
    values: list[float], pad: float, pooled: bool, encoding: str, where: str
) -> None:
    rng = np.random.default_rng(2)
    kernel = rng.normal(size=(2, 2, 1, 3)).astype(np.float32)
    pool = (MaxPool2D("pool", (2, 2), (1, 1)),) if pooled else ()
    first = Conv2D("c", kernel, None, None, "ste_sign", padding="same", pad_values=pad)
    network = Network("n", (5, 5, 1), (*pool, first))
    x = rng.choice(np.float32(values), (4, 5, 5, 1))
    found = encoding_of(network, x)
    assert found is not None
    assert found.name == encoding
    assert bool(analyse(network, found).fed) == (where == "dram")


def test_images_are_flattened_for_a_network_of_vectors(
    tmp_path: Path, pimsim: Pimsim, answered: Path
) -> None:
    with np.load(MODELS / "mlp.npz") as stored:
        x = stored["x"]
    np.savez(tmp_path / "square.npz", x=x.reshape(24, 10, 10, 1))
    pimsim(MODELS / "mlp.h5", "--data", tmp_path / "square.npz", "--out", tmp_path)
    assert answered.read_bytes() == (tmp_path / "logits.npy").read_bytes()


@pytest.mark.slow
def test_where_rows_go_is_stated_and_chosen(pimsim: Pimsim) -> None:
    """Of so few images a row is one burst, and the channel is as quick; chained all the same."""
    apart, auto = (
        pimsim(*small("--chain", chain, "--limit", "9", "--cost-only"))
        for chain in ("never", "auto")
    )
    chained = pimsim(*small("--chain", "always", "--limit", "9"))
    assert apart["chains"] == []
    assert apart["assumptions"]["chain"] == "none"
    assert apart["latency_ps"] == auto["latency_ps"]
    (choice,) = auto["chains"]
    assert not choice["chained"]
    assert choice["chained_ps"] >= choice["apart_ps"]
    (choice,) = chained["chains"]
    assert choice["layers"] == ["quant_dense", "quant_dense_1", "quant_dense_2"]
    assert choice["chained"]
    stated = chained["assumptions"]["chain"]
    assert stated.startswith("quant_dense to quant_dense_2 chained: ")
    assert chained["bit_exact"] is True
    kept = [layer["operands_from"] for layer in chained["layers"]]
    assert kept[:3] == ["the host", *["the layer before, in the same subarray"] * 2]
    assert [layer["commands"]["WR"] > 0 for layer in chained["layers"][:3]] == [True, False, False]
    assert [layer["commands"]["RD"] > 0 for layer in chained["layers"][:3]] == [False, False, True]
    assert chained["commands"]["TRANSFER"] > 0
    stated = chained["assumptions"]["partial_counts"]
    assert stated == "moved through the host (RD and WR), in chains from bank to bank"
    moved = pimsim(*small("--moves", "psm", "--limit", "9", "--cost-only"))
    assert moved["assumptions"]["partial_counts"].endswith("(TRANSFER, RowClone PSM)")
