"""DRAM parts: geometry, timing and currents, read from ``pimsim/dram/standards``."""
