"""``pimsim reproduce ambit``: throughput and energy of bulk bitwise operations in DRAM."""
