"""Probabilities that a command is wrong, from the circuit or from measured chips, as a table."""
