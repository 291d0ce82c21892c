"""When a stream of commands ends: segments of alike commands, timed without issuing each.

:mod:`~pimsim.dram.timeline.command_stream` says what a stream is: cycles, runs of them, segments of
banks in lock-step; :mod:`~pimsim.dram.timeline.row_transfers` what reading and writing a row is in
these words. :mod:`~pimsim.dram.timeline.timeline` gives time, open time and REFs. Inside it
:mod:`~pimsim.dram.timeline.lockstep` issues each command once for each state it meets,
:mod:`~pimsim.dram.timeline.transitions` are the moves between states, and
:mod:`~pimsim.dram.timeline.cycles` chains of them.

It knows neither energy nor the addresses of rows.
"""
