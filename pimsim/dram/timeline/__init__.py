"""When a stream of commands ends: segments of alike commands, timed without issuing each.

:mod:`~pimsim.dram.timeline.command_stream` says what a stream is: cycles, runs of them, segments of
banks in lock-step, and what reading and writing a row is in these words.
:mod:`~pimsim.dram.timeline.timeline` gives time, open time and REFs, and repeats what is repeated.
Inside it :mod:`~pimsim.dram.timeline.channel` is where one channel stands, and
:mod:`~pimsim.dram.timeline.leaps` walks from one REF to the next in compiled code;
:mod:`~pimsim.dram.timeline.lockstep` has the states of a channel and the moves between them, and
:mod:`~pimsim.dram.timeline.cycles` what banks do: each command once for each state it meets, and
chains of these.

It knows neither energy nor the addresses of rows.
"""
