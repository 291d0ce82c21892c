"""Published figures beside simulated ones: one module an experiment, with its figures and page."""
