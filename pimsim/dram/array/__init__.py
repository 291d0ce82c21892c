"""What a subarray holds and does: rows, wordlines, the address map, and faults in it.

:mod:`~pimsim.dram.array.address_map` says which wordlines an address raises,
:mod:`~pimsim.dram.array.translation` finds them on another map,
:mod:`~pimsim.dram.array.many_rows` counts them where a majority opens more rows than three, and
:mod:`~pimsim.dram.array.subarray` carries ACTIVATE and PRECHARGE out, on rows that
:mod:`~pimsim.dram.array.row_storage` keeps. :mod:`~pimsim.dram.array.faults` says what goes wrong
where, and :mod:`~pimsim.dram.array.injection` puts that into a subarray's commands.

It knows of no time and no energy, and of no program beyond the next command.
"""
