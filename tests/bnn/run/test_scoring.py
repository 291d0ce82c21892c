"""What counts as right: one output, several, maps; labels of every form that people have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn.model.layers.shape import Reshape
from bnn.model.network import Activation, Dense, Flatten, Network
from bnn.model.objective import Objective, read_objective
from bnn.run.scoring import Ending, read, scoring_of
from pimsim.errors import InputError

BCE, HINGE, MSE = "binary_crossentropy", "squared_hinge", "mean_squared_error"


def scored(
    y: Any, shape: tuple[int, ...] = (1,), activation: str = "linear", **objective: Any
) -> Any:
    return read(Ending(shape, activation, Objective(**objective)), np.asarray(y))


@pytest.mark.parametrize(
    ("activation", "objective", "y", "threshold", "word"),
    [
        ("sigmoid", {"loss": BCE}, [0, 1], 0.5, BCE),
        ("linear", {"loss": BCE, "from_logits": True}, [0, 1], 0.0, "from logits"),
        ("linear", {"loss": "binary_focal_crossentropy"}, [0, 1], 0.5, "focal"),
        ("linear", {"loss": HINGE}, [-1, 1], 0.0, HINGE),
        ("tanh", {"loss": "hinge"}, [0, 1], 0.0, "hinge"),
        ("sigmoid", {"loss": HINGE}, [0, 1], 0.0, HINGE),  # the loss goes before the activation
        ("sigmoid", {"loss": MSE}, [0, 1], 0.5, MSE),
        ("tanh", {"loss": MSE}, [-1, 1], 0.0, MSE),
        ("tanh", {"loss": MSE}, [0, 1], 0.5, MSE),
        ("linear", {"loss": MSE, "metric": "accuracy"}, [0, 1], 0.5, MSE),
        ("sigmoid", {}, [0, 1], 0.5, "sigmoid"),
        ("tanh", {}, [0, 1], 0.0, "tanh"),
        ("sigmoid", {"loss": "poisson"}, [0, 1], 0.5, "sigmoid"),
        (
            "linear",
            {"loss": BCE, "metric": "binary_accuracy", "threshold": 0.25},
            [0, 1],
            0.25,
            "BinaryAccuracy",
        ),
    ],
)
def test_one_output_is_a_line_between_no_and_yes(
    activation: str, objective: dict[str, Any], y: list[int], threshold: float, word: str
) -> None:
    found = scored(y, (1,), activation, **objective)
    assert found.threshold == threshold
    assert word in found.means
    assert f"above {threshold:g}" in found.means
    outputs = np.float32([[threshold], [threshold + 0.01]])  # on the line is no
    assert found.answers(outputs).tolist() == [[0], [1]]
    assert found.accuracy(outputs) == 1
    assert found.accuracy(outputs[::-1]) == 0


@pytest.mark.parametrize(
    ("activation", "objective", "reason"),
    [
        ("linear", {}, "the file names no loss that says which values of the one output mean yes"),
        ("relu", {"metric": "accuracy"}, "names no loss"),
        ("linear", {"loss": MSE}, "mean_squared_error of a linear output measures a number"),
        ("softmax", {"loss": BCE}, "a softmax over one output is 1 whatever comes in"),
    ],
)
def test_where_the_file_does_not_tell_accuracy_is_not_known(
    activation: str, objective: dict[str, Any], reason: str
) -> None:
    found = scored([0, 1], (1,), activation, **objective)
    outputs = np.float32([[0], [1]])
    assert found.means.startswith("not known: ")
    assert reason in found.means
    assert (found.accuracy(outputs), found.correct(outputs), found.answers(outputs)) == (None,) * 3


def test_without_labels_there_are_answers_and_no_accuracy() -> None:
    found = read(Ending((3,), "linear", Objective()), None, "no labels")
    assert found.means == "not known: no labels"
    assert found.answers(np.float32([[0, 2, 1]])).tolist() == [1]
    assert found.accuracy(np.float32([[0, 2, 1]])) is None


@given(
    st.integers(2, 6).flatmap(
        lambda k: st.tuples(st.just(k), st.lists(st.integers(0, k - 1), min_size=1, max_size=9))
    ),
    st.integers(0, 2**32 - 1),
)
def test_every_form_of_the_same_labels_counts_the_same(
    labels: tuple[int, list[int]], seed: int
) -> None:
    classes, y = labels
    outputs = np.random.default_rng(seed).integers(-3, 4, (len(y), classes)).astype(np.float32)
    right = sum(row.index(max(row)) == one for row, one in zip(outputs.tolist(), y, strict=True))
    one_hot = np.eye(classes, dtype=np.int64)[y]
    for form in (np.array(y), np.array(y)[:, None], one_hot, 2 * one_hot - 1):
        found = scored(form, (classes,))
        assert found.correct(outputs) == right
        assert found.of == len(y)
        assert found.means == "largest output"


@pytest.mark.parametrize(
    ("y", "shape", "message"),
    [
        (
            [1, 10, 3],
            (10,),
            "`y` must hold labels from 0 to 9, as the network tells 10 classes apart, "
            "not 10 (image 1); `y - 1` makes them begin at 0",
        ),
        ([10**12], (10,), "not 1000000000000 (image 0); leave out the images of other labels"),
        ([3, -1], (10,), "not -1 (image 1); leave out"),
        ([1, -1], (2,), "not -1 (image 1); `(y + 1) // 2` makes them 0 and 1"),
        ([1, 2], (1,), "not 2 (image 1); `y - 1` makes them so"),
        ([-1, 0, 1], (1,), "labels 0 and 1 (or -1 and 1) of a network that says yes or no, not -1"),
        ([0, 7], (1,), "not 7 (image 1)"),
        ([0, -7], (1,), "not -7 (image 1)"),
        ([[0, 1, 2]], (10,), "must have the shape (1,), one label an image, or (1, 10)"),
        ([[0, 1]], (1,), "must have the shape (1,), one label an image, or (1, 1)"),
    ],
)
def test_labels_that_are_none_are_refused_in_one_line(
    y: Any, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(InputError) as error:
        scored(y, shape, "sigmoid", loss=HINGE)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_several_labels_an_image_are_answers_of_their_own() -> None:
    y = np.array([[1, 1, 0], [0, 0, 0]])
    found = scored(y, (3,), "sigmoid", loss=BCE)
    outputs = np.float32([[0.9, 0.4, 0.1], [0.1, 0.6, 0.5]])
    assert found.means == "each of 3 outputs above 0.5, as binary_crossentropy says"
    assert (found.correct(outputs), found.of) == (4, 6)
    assert found.answers(outputs).tolist() == [[1, 0, 0], [0, 1, 0]]
    one_hot = np.eye(3, dtype=int)
    assert scored(one_hot, (3,), "sigmoid", loss=BCE).means == "largest output"
    elementwise = scored(one_hot, (3,), "sigmoid", loss=BCE, metric="binary_accuracy")
    assert elementwise.threshold == 0.5
    assert "exclude one another" in scored(y, (3,), "softmax").means
    assert "names no loss" in scored(y, (3,), "linear").means


def test_maps_are_scored_position_by_position() -> None:
    outputs = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)
    y = outputs.argmax(-1)
    y[0, 0, 0] = (y[0, 0, 0] + 1) % 3
    for labels in (y, y[..., None], np.eye(3, dtype=int)[y]):
        found = scored(labels, (4, 5, 3))
        assert (found.correct(outputs), found.of) == (39, 40)
        assert found.means == "largest output, of 20 positions an image"
    yes = scored((outputs[..., :1] > 0).astype(int)[..., 0], (4, 5, 1), "tanh")
    assert yes.accuracy(outputs[..., :1]) == 1
    for wrong in (np.array([1, 2]), np.full((2, 4, 5), 255)):
        found = scored(wrong, (4, 5, 3))
        assert found.means.startswith("not known: `y` must")
        assert found.accuracy(outputs) is None
        assert found.answers(outputs).shape == (2, 4, 5)


def test_the_activation_is_found_behind_layers_that_only_reshape() -> None:
    dense = Dense("d", np.ones((2, 1), np.float32), None, activation="sigmoid")
    ends = (Reshape("r", (1, 1)), Flatten("f"))
    assert scoring_of(Network("n", (2,), (dense, *ends)), None).threshold == 0.5
    relu = Activation("a", "relu")
    assert scoring_of(Network("n", (2,), (dense, relu)), None).rule is None


def test_the_first_images_alone() -> None:
    found = scored([0, 1, 1], (2,))
    outputs = np.float32([[1, 0], [1, 0]])
    assert found.first(2).accuracy(outputs) == 0.5
    assert found.first(None).of == 3


@pytest.mark.parametrize(
    "compiled",
    [
        None, [], "bce", {}, {"loss": 7}, {"loss": {"class_name": 3, "config": []}},
        {"loss": ["hinge", "mse"]}, {"loss": "mine"}, {"loss": {"a": {"b": {"c": None}}}},
        {"loss": [[[]]] * 1000, "metrics": [None] * 10_000},
    ],
)  # fmt: skip
def test_what_is_not_understood_tells_nothing(compiled: object) -> None:
    assert read_objective(compiled) == Objective()


@pytest.mark.parametrize(
    "written",
    [
        "binary_crossentropy",
        "BCE",
        ["bce"],
        {"out": "bce"},
        {"module": "builtins", "class_name": "function", "config": "binary_crossentropy"},
        {"class_name": "BinaryCrossentropy", "config": {"from_logits": False}},
        {"class_name": "Keras>BinaryCrossentropy", "config": {}},
    ],
)
def test_a_loss_is_known_however_it_is_written(written: object) -> None:
    assert read_objective({"loss": written}) == Objective(BCE)


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), 10**400, "0.5", True, None])
def test_a_threshold_that_is_none_is_left_out(threshold: object) -> None:
    metric = {"class_name": "BinaryAccuracy", "config": {"threshold": threshold}}
    assert read_objective({"loss": "bce", "metrics": [[metric]]}).threshold is None
