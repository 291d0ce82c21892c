"""What a subarray holds and does: rows, wordlines, the address map, and faults in it."""
