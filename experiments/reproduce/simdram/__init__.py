"""``pimsim reproduce simdram``: commands, widths and banks of bit-serial computing in DRAM."""
