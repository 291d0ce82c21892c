from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from bnn.training.architectures import ARCHITECTURES
from bnn.training.recipe.choices import OPTIMIZERS, SCHEDULES
from bnn.training.recipe.recipes import RECIPES, recipe
from bnn.training.recipe.settings import Settings, changed
from bnn.training.trainee import policy
from pimsim.errors import InputError

SETTINGS = Settings(epochs=3, batch_size=50, learning_rate=0.01)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "`epochs` must be at least 1, not 0"),
        ({"batch_size": -2}, "`batch_size` must be at least 1, not -2"),
        ({"learning_rate": 0.0}, "`learning_rate` must be positive, not 0.0"),
        ({"learning_rate": -0.1}, "`learning_rate` must be positive, not -0.1"),
        ({"learning_rate": float("inf")}, "`learning_rate` must be positive, not inf"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be positive, not nan"),
        ({"seed": -1}, "`seed` must be from 0 to 4294967295, not -1"),
        ({"seed": 2**32}, "`seed` must be from 0 to 4294967295, not 4294967296"),
        ({"patience": -1, "validation_split": 0.1}, "`patience` must be at least 0, not -1"),
        ({"patience": 3}, "`patience` must come with a `validation_split` above 0, not with 0"),
        (
            {"patience": 3, "validation_split": 0.1, "precision": "bfloat16"},
            "`precision` must be float32 with `patience`, not 'bfloat16'",
        ),
        (
            {"validation_split": 1.0},
            "`validation_split` must be at least 0 and below 1, not 1.0",
        ),
        (
            {"validation_split": -0.1},
            "`validation_split` must be at least 0 and below 1, not -0.1",
        ),
        ({"dropout": 1.0}, "`dropout` must be at least 0 and below 1, not 1.0"),
        ({"dropout": float("nan")}, "`dropout` must be at least 0 and below 1, not nan"),
        (
            {"batch_norm_momentum": 1.0},
            "`batch_norm_momentum` must be at least 0 and below 1, not 1.0",
        ),
        ({"batch_norm_epsilon": 0.0}, "`batch_norm_epsilon` must be positive, not 0.0"),
        ({"weight_decay": -1.0}, "`weight_decay` must be at least 0, not -1.0"),
        ({"bipolar_pull": float("nan")}, "`bipolar_pull` must be at least 0, not nan"),
        ({"bop_threshold": 0.0}, "`bop_threshold` must be positive, not 0.0"),
        ({"bop_gamma": 1.5}, "`bop_gamma` must be above 0 and at most 1, not 1.5"),
        ({"shift_pixels": -1}, "`shift_pixels` must be at least 0, not -1"),
        ({"warmup_epochs": 3}, "`warmup_epochs` must be from 0 to 2, one less than the epochs, "
         "not 3"),
        ({"warmup_epochs": -1}, "`warmup_epochs` must be from 0 to 2, one less than the epochs, "
         "not -1"),
        ({"warmup_epochs": 1, "schedule": "step"}, "`schedule` must be cosine with a warm-up, not "
         "'step'"),
        ({"final_learning_rate": -1e-3}, "`final_learning_rate` must be at least 0, not -0.001"),
        ({"final_learning_rate": 0.02}, "`final_learning_rate` must be at most the learning rate, "
         "0.01, not 0.02"),
        ({"schedule": "exponential"}, "`final_learning_rate` must be positive with the schedule "
         "'exponential', not 0.0"),
        ({"schedule": "step", "final_learning_rate": 1e-4}, "`final_learning_rate` must be 0 with "
         "the schedule 'step', not 0.0001"),
        ({"optimizer": "nadam"}, "`optimizer` must be one of sgd, momentum, nesterov, adagrad, "
         "rmsprop, adadelta, adam, bop, not 'nadam'; did you mean `adam`?"),
        ({"loss": "crossentropy"}, "`loss` must be one of cross-entropy, hinge, squared-hinge, "
         "mse, mae, huber, log-cosh, not 'crossentropy'; did you mean `cross-entropy`?"),
        ({"head": "zzz"}, "`head` must be one of norm, scale, not 'zzz'"),
        ({"optimizer": "bop", "weight_decay": 0.1}, "`weight_decay` must be 0.0 with the optimizer "
         "'bop', which has no latent weights, not 0.1"),
        ({"optimizer": "bop", "precision": "bfloat16"}, "`precision` must be float32 with the "
         "optimizer 'bop', which has no latent weights, not 'bfloat16'"),
    ],
)  # fmt: skip
def test_settings_are_checked(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        replace(SETTINGS, **change)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "name", [f.name for f in fields(Settings) if f.type == "str" and f.name != "head"]
)
def test_a_misspelled_name_is_answered_with_the_nearest(name: str) -> None:
    right = getattr(SETTINGS, name)
    with pytest.raises(InputError, match=f"did you mean `{right}`"):
        replace(SETTINGS, **{name: right + "x"})


def test_later_changes_take_precedence_and_an_optimizer_brings_its_rate() -> None:
    assert changed(SETTINGS, {"epochs": 4}, {"epochs": 5}).epochs == 5
    rates = {name: changed(SETTINGS, {"optimizer": name}).learning_rate for name in OPTIMIZERS}
    assert rates == {
        name: SETTINGS.learning_rate if one.learning_rate is None else one.learning_rate
        for name, one in OPTIMIZERS.items()
    }
    both = changed(SETTINGS, {"optimizer": "sgd"}, {"learning_rate": 0.3})
    assert both.learning_rate == 0.3
    assert changed(replace(SETTINGS, optimizer="sgd"), {"optimizer": "sgd"}).learning_rate == 0.01


def test_another_schedule_leaves_warm_up_and_final_rate_behind() -> None:
    base = replace(SETTINGS, warmup_epochs=1, final_learning_rate=1e-5)
    assert changed(base, {"schedule": "step"}) == replace(SETTINGS, schedule="step")
    assert changed(base, {"schedule": "cosine"}) == base
    linear = changed(base, {"schedule": "linear", "final_learning_rate": 1e-3})
    assert (linear.warmup_epochs, linear.final_learning_rate) == (0, 1e-3)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("network", ARCHITECTURES)
def test_recipes_suit_every_architecture(name: str, network: str) -> None:
    base = ARCHITECTURES[network].settings
    settings = changed(base, recipe(name))
    for field, value in recipe(name).items():
        assert getattr(settings, field) == value
    assert settings.epochs == base.epochs


def test_an_unknown_recipe_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError) as error:
        recipe("binnet")
    assert str(error.value) == (
        "`recipe` must be one of binarynet, tang2017, not 'binnet'; did you mean `binarynet`?"
    )


def test_only_the_last_epoch_of_bfloat16_is_float32() -> None:
    settings = replace(SETTINGS, precision="bfloat16")
    assert [policy(settings, epoch) for epoch in (1, 2, 3)] == [
        "mixed_bfloat16", "mixed_bfloat16", "float32",
    ]  # fmt: skip
    assert {policy(SETTINGS, epoch) for epoch in (1, 2, 3)} == {"float32"}


def test_every_schedule_says_what_final_rate_it_takes() -> None:
    for name, schedule in SCHEDULES.items():
        for rate, allowed in zip((0.0, 1e-4), schedule.final, strict=True):
            if allowed:
                replace(SETTINGS, schedule=name, final_learning_rate=rate)
            else:
                with pytest.raises(InputError, match="`final_learning_rate` must be"):
                    replace(SETTINGS, schedule=name, final_learning_rate=rate)
