"""From inputs to answers: running a network, estimating one, and scoring what came out."""
