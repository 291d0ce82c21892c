"""What ``pimsim run`` refuses: one line that says what is wrong, code 2, and nothing executed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from bnn.mapping import MAPPINGS
from experiments.output import outdir
from pimsim.dram.standard import standard

MODELS = Path(__file__).parents[2] / "saved_models"
X = np.zeros((5, 64), np.float32)

Refusal = Callable[..., str]


@pytest.fixture(autouse=True)
def _in_an_empty_folder_and_nothing_executed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Everything bad must be found before the long part of a run begins."""

    def executed(*_: object, **__: object) -> None:
        raise AssertionError("bad input reached the rows")

    monkeypatch.chdir(tmp_path)
    for place in (
        "bnn.reference.forward",
        "bnn.backends.compiled.CompiledStage.run",
    ):
        monkeypatch.setattr(place, executed)


def npz(**arrays: NDArray[Any]) -> str:
    np.savez("images.npz", **arrays)
    return "images.npz"


def altered(change: Callable[[dict[str, Any]], None]) -> str:
    """A model file that Larq saved, whose list of layers was changed."""
    shutil.copy(MODELS / "mlp.h5", "model.h5")
    with h5py.File("model.h5", "a") as file:
        config = json.loads(file.attrs["model_config"])
        change(config["config"]["layers"])
        file.attrs["model_config"] = json.dumps(config)
    return "model.h5"


# The network


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("gone.h5", "`network` must be an existing file, not 'gone.h5'"),
        ("gone.keras", "`network` must be an existing file, not 'gone.keras'"),
        (
            ".",
            "'.': a folder, not a model file; save the whole model with model.save('name.keras')",
        ),
        (
            "lenet",
            "`network` must be one of cifar10-binarynet, digits-mlp, mnist-cnn, mnist-lenet5, "
            "mnist-mlp or the "
            "path of a .keras or .h5 file, not 'lenet'; did you mean 'lenet5'?",
        ),
        (
            "nothing-like-it",
            "`network` must be one of cifar10-binarynet, digits-mlp, mnist-cnn, mnist-lenet5, "
            "mnist-mlp or the "
            "path of a .keras or .h5 file, not 'nothing-like-it' (pimsim networks has those that "
            "can be costed only)",
        ),
    ],
)
def test_no_such_network(network: str, message: str, refusal: Refusal) -> None:
    assert refusal(network, "--data", npz(x=X)) == f"pimsim: error: {message}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"some words", "must be a .keras or .h5 model, not a file that begins with b'some wor'"),
        (b"", "must be a .keras or .h5 model, not a file that begins with b''"),
        (b"PK\x03\x04 and no more", "the archive is truncated or damaged: "),
        (b"\x89HDF\r\n\x1a\n", "the file is truncated or damaged: "),
    ],
)
def test_a_file_that_is_no_model(content: bytes, message: str, refusal: Refusal) -> None:
    Path("words.h5").write_bytes(content)
    line = refusal("words.h5", "--data", npz(x=X))
    assert line.startswith(f"pimsim: error: 'words.h5': {message}")


@pytest.mark.parametrize("suffix", ["h5", "keras"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_truncated_model(suffix: str, share: float, refusal: Refusal) -> None:
    whole = (MODELS / f"mlp.{suffix}").read_bytes()
    cut = Path(f"cut.{suffix}")
    cut.write_bytes(whole[: int(len(whole) * share)])
    line = refusal(cut, "--data", npz(x=X))
    assert line.startswith(f"pimsim: error: 'cut.{suffix}': the ")
    assert " is truncated or damaged: " in line
    assert line.endswith("; copy or save it again")


def test_a_model_that_holds_code(refusal: Refusal) -> None:
    def change(layers: list[dict[str, Any]]) -> None:
        code = "import os; os.mkdir('proof')"
        config = {"name": "trick", "function": [code, None, None], "function_type": "lambda"}
        layers.insert(3, {"class_name": "Lambda", "config": config})

    assert refusal(altered(change), "--data", npz(x=X)) == (
        "pimsim: error: 'model.h5': layer 4 of 10, 'trick', must not be a Lambda: it holds code, "
        "and code from a file is never run: build the model with a layer of Keras or the "
        "TensorFlow function itself in its place (x + y, tf.split(x, 2, -1)), take over the "
        "weights (new.set_weights(old.get_weights())) and save that"
    )
    assert not Path("proof").exists()


def test_an_unsupported_layer_is_named_with_its_position(refusal: Refusal) -> None:
    def change(layers: list[dict[str, Any]]) -> None:
        layers[4] = {"class_name": "LSTM", "config": {"name": "memory", "units": 50}}

    assert refusal(altered(change), "--data", npz(x=X)) == (
        "pimsim: error: 'model.h5': layer 5 of 9, 'memory', must be a layer that pimsim carries "
        "out (docs/layers.md lists them), not one of class 'LSTM'"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers(value: float, refusal: Refusal) -> None:
    shutil.copy(MODELS / "mlp.h5", "model.h5")
    with h5py.File("model.h5", "a") as file:
        file["model_weights/quant_dense_1/quant_dense_1/kernel:0"][3, 4] = value
    assert refusal("model.h5", "--data", npz(x=X)) == (
        "pimsim: error: 'model.h5': kernel of layer 5 of 9, 'quant_dense_1' (QuantDense) must be "
        "finite, not NaN or infinite"
    )


def _open(layers: list[dict[str, Any]]) -> None:
    layers[0]["config"]["batch_input_shape"] = [None, None, 3, 100]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--cost-only"],
            "'model.h5': takes images of shape (?, 3, 100), which leaves sizes open: say them with "
            "--input-shape, such as --input-shape 64,3,100, or give images with --data",
        ),
        (
            ["--cost-only", "--input-shape", "2,3"],
            "'model.h5': takes images of shape (?, 3, 100), not (2, 3)",
        ),
        (
            ["--cost-only", "--input-shape", "2,0,100"],
            "`--input-shape` must be positive sizes such as 64,64,3, not '2,0,100'",
        ),
        (["--data", "DATA"], "'model.h5': takes images of shape (?, 3, 100), not (64,)"),
    ],
)
def test_sizes_that_a_file_leaves_open(options: list[str], message: str, refusal: Refusal) -> None:
    images = npz(x=X)
    given = [images if option == "DATA" else option for option in options]
    assert refusal(altered(_open), *given) == f"pimsim: error: {message}"


def test_an_input_shape_that_is_not_the_files(refusal: Refusal) -> None:
    assert refusal(altered(lambda _: None), "--cost-only", "--input-shape", "8,8,1") == (
        "pimsim: error: 'model.h5': takes images of shape (100,), not (8, 8, 1)"
    )
    assert refusal("lenet5", "--cost-only", "--input-shape", "8,8,1") == (
        "pimsim: error: `--input-shape` must not be given for 'lenet5', a table of layers"
    )


# The images


def _with(value: float) -> NDArray[np.float32]:
    x = X.copy()
    x[3, 7] = value
    return x


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"x": X[:, :63]},
            "images of images.npz must have the shape (64,) that the network takes, not (63,)",
        ),
        (
            {"x": X.reshape(5, 8, 4, 2)[:, :7]},
            "images of images.npz must have the shape (64,) that the network takes, not (7, 4, 2)",
        ),
        (
            {"x": X[0]},
            "`x` in 'images.npz' must have the shape (n, ...), one array an image, not (64,)",
        ),
        (
            {"x": X.astype("U3")},
            "`x` in 'images.npz' must hold numbers, not texts "
            "(np.unique(texts, return_inverse=True)[1] numbers them)",
        ),
        (
            {"x": _with(np.nan)},
            "`x` in 'images.npz' must be finite, not NaN or infinite (image 3)",
        ),
        (
            {"x": _with(-np.inf)},
            "`x` in 'images.npz' must be finite, not NaN or infinite (image 3)",
        ),
        (
            {"x": X, "y": np.arange(4)},
            "`y` in 'images.npz' must hold one label for each of 5 images, not the shape (4,)",
        ),
        (
            {"x": X, "y": np.arange(6, 11)},
            "`y` must hold labels from 0 to 9, as the network tells 10 classes apart, not 10 "
            "(image 4); leave out the images of other labels (`0 <= y < 10`)",
        ),
        (
            {"x": X, "y": np.zeros((5, 3), int)},
            "`y` must have the shape (5,), one label an image, or (5, 10), one 0 or 1 an output, "
            "not (5, 3)",
        ),
        (
            {"z": X},
            "'images.npz' must hold an array `x` (or `x_test`), not 'z'; "
            "np.savez(path, x=images, y=labels) makes such a file",
        ),
        (
            {},
            "'images.npz' must hold an array `x` (or `x_test`), not nothing; "
            "np.savez(path, x=images, y=labels) makes such a file",
        ),
        ({"x": X[:0]}, "`x` in 'images.npz' must hold at least one image, not shape (0, 64)"),
    ],
)
def test_images_that_cannot_be_fed(
    arrays: dict[str, NDArray[Any]], message: str, refusal: Refusal
) -> None:
    assert refusal("digits-mlp", "--data", npz(**arrays)) == f"pimsim: error: {message}"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("gone.npz", "`--data` must be an existing file, not 'gone.npz'"),
        (
            "fashion",
            "`--data` must be one of digits, mnist, cifar10 or the path of a .npz or .npy file, "
            "not 'fashion'",
        ),
        (
            "words.txt",
            "`--data` must be a .npz or .npy file of plain arrays (no pickled objects), "
            "not 'words.txt'",
        ),
        (
            "cut.npz",
            "`--data` must be a whole file: 'cut.npz' is truncated or damaged; copy or save it "
            "again",
        ),
        ("void.npz", "`--data` must hold arrays: 'void.npz' is empty"),
    ],
)
def test_data_that_are_none(data: str, message: str, refusal: Refusal) -> None:
    Path("words.txt").write_text("no numbers")
    Path("void.npz").touch()
    np.savez("cut.npz", x=np.zeros((9, 64)))
    Path("cut.npz").write_bytes(Path("cut.npz").read_bytes()[:300])
    assert refusal("digits-mlp", "--data", data) == f"pimsim: error: {message}"


def test_a_network_of_ones_own_needs_data(refusal: Refusal) -> None:
    assert refusal(MODELS / "mlp.h5") == (
        "pimsim: error: `--data` must be given for a network of your own: digits, mnist, cifar10 "
        "or the path of a .npz or .npy file"
    )


def test_what_is_no_network_is_told_before_its_data_are_asked_for(refusal: Refusal) -> None:
    Path("void.h5").touch()
    assert refusal("void.h5").startswith("pimsim: error: 'void.h5': must be a .keras or .h5 model")


# The options


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["--limit", "0"],
            "pimsim run: error: `--limit` must be an integer from 1 to 10,000,000, not 0 (see "
            "pimsim run --help)",
        ),
        (
            ["--trace", "perfeto:run.json"],
            "pimsim: error: `--trace` has the unknown format 'perfeto'; did you mean `perfetto`?",
        ),
        (
            ["--limit", "abc"],
            "pimsim run: error: `--limit` must be an integer, not 'abc' (see pimsim run --help)",
        ),
        (
            ["--standard", "ddr9"],
            f"pimsim: error: `standard` must be one of {', '.join(standard.names())} or the path "
            "of a .toml file, not 'ddr9'",
        ),
        (
            ["--mapping", "aut", "--data", "gone.npz"],
            f"pimsim: error: `mapping` must be one of {', '.join(MAPPINGS)}, "
            "auto, auto-latency, auto-energy, not 'aut'; did you mean 'auto'?",
        ),
        (
            ["--variation", "5", "--fault-layers", "dense2,dens3", "--data", "gone.npz"],
            "pimsim: error: unknown layer in DRAM `dens3`; did you mean `dense3`?",
        ),
        (
            ["--mapping", "row-stationary"],
            f"pimsim: error: `mapping` must be one of {', '.join(MAPPINGS)}, "
            "auto, auto-latency, auto-energy, not 'row-stationary'; did you mean "
            "'weight-stationary'?",
        ),
        (
            ["--banks", "9"],
            "pimsim: error: `banks` must be at most 8, the banks of ddr3-1600-8-8-8, not 9",
        ),
        (
            ["--energy", "free"],
            "pimsim run: error: `--energy` must be one of ambit-paper, datasheet, none, not 'free' "
            "(see pimsim run --help)",
        ),
        (["extra"], "pimsim run: error: unexpected argument 'extra' (see pimsim run --help)"),
    ],
)
def test_options_out_of_range(argv: list[str], message: str, refusal: Refusal) -> None:
    assert refusal("digits-mlp", *argv) == message


def test_no_network_at_all(refusal: Refusal) -> None:
    assert refusal() == (
        "pimsim run: error: the following arguments are required: NETWORK (see pimsim run --help)"
    )


# The folder for results


@pytest.mark.parametrize(
    ("out", "there"),
    [("file", "file"), ("file/sub", "file"), ("/dev/null/x", "/dev/null")],
)
def test_results_cannot_go_where_a_file_is(out: str, there: str, refusal: Refusal) -> None:
    Path("file").write_text("mine")
    assert refusal("digits-mlp", "--out", out) == (
        f"pimsim: error: `--out` must be a folder that can be written, not {out!r}: {there!r} is "
        "not a folder"
    )
    assert Path("file").read_text() == "mine"


@pytest.fixture
def _nobody() -> Iterator[None]:
    """Permissions mean nothing to root: be somebody else for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield
    if root:
        os.seteuid(0)


@pytest.fixture
def _locked() -> None:
    Path("locked").mkdir(mode=0o500)


@pytest.mark.usefixtures("_locked", "_nobody")
def test_a_folder_without_permission(refusal: Refusal) -> None:
    for out in ("locked", "locked/new"):
        assert refusal("digits-mlp", "--out", out) == (
            "pimsim: error: `--out` must be a folder that can be written, "
            f"not {out!r}: Permission denied"
        )


def test_a_folder_that_takes_no_files(refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outdir.tempfile, "mkdtemp", full)
    assert refusal("digits-mlp", "--out", "new") == (
        "pimsim: error: `--out` must be a folder that can be written, not 'new': "
        "No space left on device"
    )


def test_a_refused_run_leaves_no_trace(refusal: Refusal) -> None:
    refusal("digits-mlp", "--out", "some/new/folder", "--standard", "ddr9")
    assert list(Path().iterdir()) == []
    Path("mine").mkdir()
    refusal("digits-mlp", "--out", "mine", "--standard", "ddr9")
    assert [path.name for path in Path().rglob("*")] == ["mine"]
