"""What a subarray holds and does: rows, wordlines, the address map, and faults in it.

:mod:`~pimsim.dram.array.address_map` says which wordlines an address raises,
:mod:`~pimsim.dram.array.translation` finds the addresses of another map that raise the same,
:mod:`~pimsim.dram.array.many_rows` counts them where a majority opens more rows than three, and
:mod:`~pimsim.dram.array.subarray` carries ACTIVATE and PRECHARGE out, on rows that
:mod:`~pimsim.dram.array.row_storage` keeps. :mod:`~pimsim.dram.array.faults` says what goes wrong
where, and :mod:`~pimsim.dram.array.injection` applies that to a subarray's commands.

Nothing here knows of time, energy, or any program: a subarray sees one command after the other.
"""
