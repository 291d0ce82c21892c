"""From a row program to functions of bits: which rows it reads, and what it leaves there."""
