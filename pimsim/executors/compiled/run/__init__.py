"""Running compiled row programs on tiles of columns, and getting operands in and results out."""
