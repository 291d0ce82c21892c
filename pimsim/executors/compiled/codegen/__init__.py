"""From functions of bits to machine code, and to a place where it is kept."""
