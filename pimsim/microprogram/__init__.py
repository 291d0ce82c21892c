"""Microprograms: sequences of AAP and AP over symbolic rows, and what executes them."""
