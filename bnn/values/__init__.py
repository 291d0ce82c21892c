"""Numbers and how they are kept: integers behind inputs, packed bits, exact rounding."""
