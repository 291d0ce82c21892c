"""Binarized networks: import, exact reference, thresholds, data sets, mapping onto DRAM rows."""
