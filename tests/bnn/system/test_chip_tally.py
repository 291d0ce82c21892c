"""What a run would do on unmodified chips: majorities and copies, as its commands say."""

from __future__ import annotations

import numpy as np

from bnn.system.chip_tally import ChipTally
from pimsim.dram.array.address_map import ambit, load
from pimsim.microprogram import logic
from pimsim.microprogram.arithmetic import FULL_ADDER
from pimsim.microprogram.schedule import Schedule


def test_majorities_are_triple_activations_and_copies_end_in_data_rows() -> None:
    for rows in (ambit(), load("three-dcc")):
        d = rows.first_data
        schedule = Schedule(outputs=3, address_map=rows)
        schedule.append((logic.COPY,), a=d, out=d + 1)
        schedule.append((logic.NOT,), a=d, out=d + 2)
        schedule.append((logic.XOR,), a=d, b=d + 1, out=d + 3)
        schedule.append((FULL_ADDER,), a=d, b=d + 1, c=d + 2, sum=d + 4, carry=d + 5)
        tally = ChipTally(rows, 1024)
        tally.layer("x")
        tally.schedule(schedule, np.array([0, 2, 2, 1]), (3, 1))
        tally.schedule(schedule, np.array([0]), (3, 2))
        tally.schedule(schedule, np.array([0, 1]), (7, 0))
        # Three majorities an XOR and three an adder; a copy and a NOT into data rows.
        assert tally.steps["x"][3, 1].tolist() == [4 * 6, 4 * 2]
        assert tally.total("x").tolist() == [7 * 6, 7 * 2]
        assert tally.busiest("x").tolist() == [5 * 6, 5 * 2]
        assert tally.banks("x") == 2
        assert tally.total("y").tolist() == [0, 0]
        assert tally.banks("y") == 0
