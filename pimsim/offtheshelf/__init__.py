"""What DDR4 chips compute that nobody changed, when their timing is violated.

Read :mod:`~pimsim.offtheshelf.decoder` (which rows two addresses open) and
:mod:`~pimsim.offtheshelf.program` (steps) first, then :mod:`~pimsim.offtheshelf.subarrays`, which
carries steps out, and :mod:`~pimsim.offtheshelf.primitives`, the table of what there is. What goes
wrong is drawn by :mod:`~pimsim.offtheshelf.groups` from the distributions of
:mod:`~pimsim.offtheshelf.boxes`, and for networks by :mod:`~pimsim.offtheshelf.group_faults`;
:mod:`~pimsim.offtheshelf.cost` says what it takes. :mod:`~pimsim.offtheshelf.bender_program` makes
programs of an FPGA's tester of them, of the words of :mod:`~pimsim.offtheshelf.bender_words`.
"""
