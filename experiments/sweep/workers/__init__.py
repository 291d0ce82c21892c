"""Who carries out the trials of a sweep, and the store that keeps what they found."""
