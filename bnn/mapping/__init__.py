"""Mappings: where operands lie in DRAM and how products are counted there."""
