"""Pages of docs that are made from results; each is ``python -m experiments.pages.NAME docs``."""
