"""Running compiled row programs on tiles of columns, and getting operands in and results out.

:mod:`~pimsim.executors.compiled.run.tiles` is where rows lie and
:mod:`~pimsim.executors.compiled.run.run` runs a program on them, with
:mod:`~pimsim.executors.compiled.run.call_tables` and :mod:`~pimsim.executors.compiled.run.threads`;
:mod:`~pimsim.executors.compiled.run.tile_size` says how large a tile is best.
:mod:`~pimsim.executors.compiled.run.write_bits` and
:mod:`~pimsim.executors.compiled.run.write_integers` bring operands in,
:mod:`~pimsim.executors.compiled.run.write_rows` being what they share, and
:mod:`~pimsim.executors.compiled.run.read_rows` takes results out.
:mod:`~pimsim.executors.compiled.run.fallback` is the reference executor on tiles.

It does not know what the bits mean, nor that anything can go wrong.
"""
