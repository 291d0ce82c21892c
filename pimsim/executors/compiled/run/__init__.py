"""Running compiled row programs on tiles of columns, and getting operands in and results out.

:mod:`~pimsim.executors.compiled.run.tiles` stores rows. :mod:`~pimsim.executors.compiled.run.run`
runs a program on them, with the loop of :mod:`~pimsim.executors.compiled.run.driver` on
:mod:`~pimsim.executors.compiled.run.processors`, or command by command.
:mod:`~pimsim.executors.compiled.run.in_turn` runs a program for outputs that differ only in some
rows. :mod:`~pimsim.executors.compiled.run.write_bits` writes operands, and
:mod:`~pimsim.executors.compiled.run.read_rows` reads results.

Nothing here depends on the meaning of bits, and no command goes wrong.
"""
