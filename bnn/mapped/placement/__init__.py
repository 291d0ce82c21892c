"""Where things lie: fan-ins in subarrays, columns in rows, rows in banks.

Read :mod:`~bnn.mapped.placement.placement` first: tiles, blocks, turns, lanes, batches.
:mod:`~bnn.mapped.placement.division` makes placements, by what each would take:
:mod:`~bnn.mapped.placement.spent`.
:mod:`~bnn.mapped.placement.fan_in` says what a subarray holds of a stage, and finds the fewest of
them.

Nothing here knows which mapping asks, or what rows hold.
"""
