"""Running compiled row programs on tiles of columns, and getting operands in and results out.

:mod:`~pimsim.executors.compiled.run.tiles` is where rows lie and
:mod:`~pimsim.executors.compiled.run.run` runs a program on them, with the loop of
:mod:`~pimsim.executors.compiled.run.driver`, on
:mod:`~pimsim.executors.compiled.run.processors`, or literally;
:mod:`~pimsim.executors.compiled.run.in_turn` runs one for outputs that differ in some rows alone.
:mod:`~pimsim.executors.compiled.run.write_bits` brings operands in, and
:mod:`~pimsim.executors.compiled.run.read_rows` takes results out.

It does not know what the bits mean, nor that anything can go wrong.
"""
