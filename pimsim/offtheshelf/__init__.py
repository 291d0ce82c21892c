"""What unmodified DDR4 chips compute when their timing is violated.

Read :mod:`~pimsim.offtheshelf.decoder` (which rows two addresses open) and
:mod:`~pimsim.offtheshelf.program` (steps) first. :mod:`~pimsim.offtheshelf.subarrays` carries steps
out, and :mod:`~pimsim.offtheshelf.primitives` is the table of operations.
:mod:`~pimsim.offtheshelf.groups` draws errors from the distributions of
:mod:`~pimsim.offtheshelf.boxes`; :mod:`~pimsim.offtheshelf.group_faults` does that for networks.
:mod:`~pimsim.offtheshelf.cost` computes time and energy. :mod:`~pimsim.offtheshelf.bender_program`
writes steps as programs for DRAM Bender, an FPGA tester, with the instruction words of
:mod:`~pimsim.offtheshelf.bender_words`.
"""
