"""How often a decision is wrong: closed forms, corners, Monte Carlo, importance sampling, fits."""
