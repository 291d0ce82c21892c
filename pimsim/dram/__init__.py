"""DRAM: row groups, subarrays and their commands, standards, timing and energy."""
