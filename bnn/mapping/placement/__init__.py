"""Where things lie: fan-ins in subarrays, columns in rows, rows in banks.

Read :mod:`~bnn.mapping.placement.placement` first: blocks, turns, lanes, batches.
:mod:`~bnn.mapping.placement.tiles` cuts images into rows, :mod:`~bnn.mapping.placement.in_turn` and
:mod:`~bnn.mapping.placement.side_by_side` make placements, by :mod:`~bnn.mapping.placement.pricing`
what each would take. :mod:`~bnn.mapping.placement.chunk` is what a subarray holds of a fan-in,
:mod:`~bnn.mapping.placement.fan_in` finds the fewest of them, and
:mod:`~bnn.mapping.placement.channel_groups` cuts by groups of channels.
:mod:`~bnn.mapping.placement.row_moves` says in which banks parts lie, and how rows get from one to
another.

Nothing here knows which mapping asks, or what rows hold.
"""
