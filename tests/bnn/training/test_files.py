from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bnn.training.card import Epoch
from bnn.training.files import Checkpoint
from pimsim.errors import InputError

STATE = Checkpoint(
    recipe={"network": "digits-mlp", "seed": 4, "learning_rate": 0.005},
    history=(Epoch(1, 0.5, 0.8, 0.7, 1.2), Epoch(2, 0.25, 0.9, 0.8, 1.1)),
    weights=[np.float32([[1.5, -2]]), np.zeros(0, np.float32)],
    optimizer=[np.array(46), *(np.full(2, i, np.float32) for i in range(11))],
    best=[np.float32([[3, 4]])],
)


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    STATE.save(path)
    back = Checkpoint.load(path)
    assert back.recipe == STATE.recipe
    assert back.history == STATE.history
    for mine, theirs in (
        (back.weights, STATE.weights),
        (back.optimizer, STATE.optimizer),
        (back.best, STATE.best),
    ):
        assert [a.dtype for a in mine] == [a.dtype for a in theirs]
        assert [a.tolist() for a in mine] == [a.tolist() for a in theirs]
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_save_leaves_the_state_before_it(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    STATE.save(path)
    with pytest.raises(TypeError):
        replace(STATE, recipe={"not": object()}).save(path)
    assert Checkpoint.load(path).recipe == STATE.recipe
    assert list(tmp_path.iterdir()) == [path]


def test_other_files_are_no_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    with pytest.raises(InputError, match=r"`--resume` must find .*, which does not exist"):
        Checkpoint.load(path)
    for write in (
        lambda: path.write_bytes(b""),
        lambda: path.write_text("text"),
        lambda: np.savez(path, weight0=np.zeros(2)),
        lambda: np.savez(path, about=np.array("[]")),
        lambda: np.savez(path, about=np.array("{}")),
        lambda: np.savez(path, about=np.array([{}], dtype=object)),
    ):
        write()
        with pytest.raises(InputError, match="`--resume` must find a checkpoint in"):
            Checkpoint.load(path)
    STATE.save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="`--resume` must find a checkpoint in"):
        Checkpoint.load(path)
