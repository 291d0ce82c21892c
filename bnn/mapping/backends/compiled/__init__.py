"""A mapped stage as vector code: all columns at once, the values alone."""
