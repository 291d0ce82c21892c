"""The compiled executor: schedules as vector code that leaves every row as the reference does.

A :class:`~pimsim.microprogram.row_program.RowProgram` says what is done for an output. It is
compiled in three steps. It is executed symbolically
(:mod:`~pimsim.executors.compiled.lower.symbolic`,
:mod:`~pimsim.executors.compiled.lower.function`). The result is cut into segments, many of which
are the same (:mod:`~pimsim.executors.compiled.lower.segments`). Each different segment becomes
machine code once (:mod:`~pimsim.executors.compiled.codegen.kernel`). If an output uses rows of
several subarrays, the calls are divided into phases
(:mod:`~pimsim.executors.compiled.lower.calls`).

The compiled program runs over :class:`~pimsim.executors.compiled.run.tiles.Tiles` on all processors
(:mod:`~pimsim.executors.compiled.run.run`). :mod:`~pimsim.executors.compiled.run.write_bits` writes
integers into rows, and :mod:`~pimsim.executors.compiled.run.read_rows` reads them. Programs that
differ from one group of outputs to the next are not compiled, but run as data:
:mod:`~pimsim.executors.compiled.tape`.

Nothing here depends on stages, banks or time, and no command goes wrong.

>>> import numpy as np
>>> from pimsim.microprogram.arithmetic import add
>>> from pimsim.executors.compiled.lower.compile import compile_program
>>> from pimsim.executors.compiled.run.write_bits import Gather, roomy
>>> from pimsim.executors.compiled.run.read_rows import sums
>>> from pimsim.microprogram.row_program import RowProgram
>>> from pimsim.executors.compiled.run.run import run
>>> from pimsim.executors.compiled.run.tiles import Tiles
>>> from pimsim.microprogram.schedule import Schedule
>>> program, schedule, whole = add(4), Schedule(outputs=1), RowProgram(outputs=1)
>>> rows = {symbol: 18 + row for row, symbol in enumerate(program.symbols)}   # 18 is D0
>>> schedule.append((program,), **rows)
>>> whole.run(schedule)
>>> slots = [whole.read(rows[symbol] - 18) for symbol in program.outputs]
>>> tiles = Tiles(columns=3, rows=40)
>>> pairs = roomy(3)
>>> pairs[:3] = [0x17, 0x99, 0x0F]                     # 3 columns: 7 and 1, 9 and 9, 15 and 0
>>> Gather(np.arange(3), [(0, 8)], tiles).load(pairs)
8
>>> words = run(compile_program(whole, tiles.layout), tiles, np.array([0]))
>>> sums(words, 3, np.zeros((1, 5), bool)).tolist()
[[8, 18, 15]]
"""
