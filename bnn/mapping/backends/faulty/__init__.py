"""A mapped stage in which commands go wrong, through literal machine code."""
