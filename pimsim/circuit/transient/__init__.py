"""Voltages over time: command sequences on a bitline, integrated and held against ngspice."""
