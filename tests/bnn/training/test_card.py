from __future__ import annotations

import argparse
import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn.training.architectures import ARCHITECTURES
from bnn.training.card import Card, Epoch, LayerRow, best, stops
from bnn.training.recipe.choices import LOSSES, OPTIMIZERS
from bnn.training.recipe.settings import Settings
from experiments.commands import train as train_command
from experiments.options import train as train_options
from pimsim.errors import InputError

WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)
COUNTS = st.integers(1, 10**9)
SHARES = st.floats(0, 1)
SETTINGS = st.builds(
    Settings,
    epochs=COUNTS,
    batch_size=COUNTS,
    learning_rate=st.floats(1e-9, 10),
    seed=st.integers(0, 2**32 - 1),
    optimizer=st.sampled_from([name for name, one in OPTIMIZERS.items() if one.latent]),
    loss=st.sampled_from(list(LOSSES)),
    weight_decay=SHARES,
    dropout=st.floats(0, 1, exclude_max=True),
    flip=st.booleans(),
    weight_clip=st.booleans(),
    shift_pixels=st.integers(0, 9),
)
CARDS = st.builds(
    Card,
    network=WORDS,
    summary=st.lists(WORDS, min_size=1).map(" ".join),
    data=WORDS,
    train_images=COUNTS,
    test_images=COUNTS,
    correct=COUNTS,
    data_sha256=WORDS,
    model_sha256=WORDS,
    parameters=COUNTS,
    binary_weights=COUNTS,
    settings=SETTINGS,
    wall_s=st.floats(0, 1e6),
    versions=WORDS,
    layers=st.lists(st.builds(LayerRow, WORDS, WORDS, WORDS, COUNTS), max_size=4).map(tuple),
    history=st.lists(
        st.builds(
            Epoch,
            epoch=COUNTS,
            loss=st.floats(0, 100),
            train_accuracy=SHARES,
            test_accuracy=SHARES,
            wall_s=st.floats(0, 1e6),
            learning_rate=st.none() | SHARES,
            validation_loss=st.none() | SHARES,
            validation_accuracy=st.none() | SHARES,
        ),
        max_size=4,
    ).map(tuple),
)


@given(CARDS)
def test_a_card_says_all_that_it_was_made_of(card: Card) -> None:
    assert Card.parse(card.markdown()) == card


@given(CARDS)
def test_a_card_shows_accuracy_and_command(card: Card) -> None:
    text = card.markdown()
    assert f"{100 * card.correct / card.test_images:.2f} %" in text
    command = next(line for line in text.splitlines() if line.startswith("    pimsim train "))
    parser = argparse.ArgumentParser()
    train_command.add_arguments(parser)
    args = parser.parse_args(shlex.split(command)[2:])
    assert args.network == card.network
    assert str(args.out) == f"{card.network}.keras"
    for name in ("digits-mlp", "cifar10-binarynet"):  # which differ in what they take by default
        made = replace(card, network=name).markdown().split("    pimsim train ")[1].split("\n")[0]
        settings = train_options.settings(parser.parse_args(shlex.split(made)), ARCHITECTURES[name])
        assert settings == card.settings


@pytest.mark.parametrize("text", ["", "# name", "# name\n\nsummary\n\n## Facts\n\n| a | b |\n"])
def test_other_texts_are_no_cards(text: str) -> None:
    with pytest.raises(InputError, match="`text` must be a model card"):
        Card.parse(text)


def _history(losses: list[float]) -> list[Epoch]:
    return [Epoch(i, 0, 0, 0, 0, validation_loss=loss) for i, loss in enumerate(losses, 1)]


@given(
    losses=st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=8),
    patience=st.integers(1, 5),
)
def test_a_training_stops_when_the_best_epoch_is_long_ago(
    losses: list[float], patience: int
) -> None:
    """Counted as Keras's EarlyStopping counts: epochs in a row that brought nothing smaller."""
    smallest, waited = float("inf"), 0
    for epoch, loss in enumerate(losses, 1):
        waited += 1
        if loss < smallest:
            smallest, waited, taken = loss, 0, epoch
        history = _history(losses[:epoch])
        assert best(history) == taken
        assert stops(history, patience) == (waited >= patience)
        assert not stops(history, 0)


def test_nothing_is_best_where_nothing_is_watched() -> None:
    unwatched = [replace(epoch, validation_loss=None) for epoch in _history([0.1, 0.2])]
    assert best(unwatched) is None
    assert not stops(unwatched, 1)
