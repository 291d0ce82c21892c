"""When a stream of commands ends, found without issuing every command.

:mod:`~pimsim.dram.timeline.command_stream` defines a stream: row cycles, runs that repeat them, and
segments of banks in lock-step; also how a row is read or written in these terms.
:mod:`~pimsim.dram.timeline.timeline` gives the time, open time and REFs of a stream, and skips over
what repeats. It uses four modules. :mod:`~pimsim.dram.timeline.channel` keeps the position of the
stream in one channel. :mod:`~pimsim.dram.timeline.leaps` goes from one REF to the next in compiled
code. :mod:`~pimsim.dram.timeline.lockstep` has the states of a channel and the moves between them.
:mod:`~pimsim.dram.timeline.cycles` works out each command once for each state that it meets, and
chains of such moves. In a rank without bank groups all banks are alike: what is worked out for some
of them is reused for others.

Nothing here knows of energy or row addresses.
"""
