"""Chains of dense stages: the results of one are the operands of the next, and stay in DRAM."""
