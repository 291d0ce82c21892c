"""Pages of docs that are made from results: ``python -m experiments.pages NAME ...``."""
