from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn.training.card import Card, Epoch, LayerRow
from pimsim.errors import InputError

WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)
COUNTS = st.integers(1, 10**9)
SHARES = st.floats(0, 1)
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
    optimizer=st.lists(WORDS, min_size=1).map(", ".join),
    epochs=COUNTS,
    batch_size=COUNTS,
    learning_rate=st.floats(1e-9, 10),
    seed=st.integers(0, 2**32 - 1),
    wall_s=st.floats(0, 1e6),
    versions=WORDS,
    layers=st.lists(st.builds(LayerRow, WORDS, WORDS, WORDS, COUNTS), max_size=4).map(tuple),
    history=st.lists(
        st.builds(Epoch, COUNTS, st.floats(0, 100), SHARES, SHARES, st.floats(0, 1e6)), max_size=4
    ).map(tuple),
)


@given(CARDS)
def test_a_card_says_all_that_it_was_made_of(card: Card) -> None:
    assert Card.parse(card.markdown()) == card


@given(CARDS)
def test_a_card_shows_accuracy_and_command(card: Card) -> None:
    text = card.markdown()
    assert f"{100 * card.correct / card.test_images:.2f} %" in text
    assert (
        f"pimsim train {card.network} --epochs {card.epochs} --batch-size {card.batch_size} "
        in text
    )


@pytest.mark.parametrize("text", ["", "# name", "# name\n\nsummary\n\n## Facts\n\n| a | b |\n"])
def test_other_texts_are_no_cards(text: str) -> None:
    with pytest.raises(InputError, match="`text` must be a model card"):
        Card.parse(text)
