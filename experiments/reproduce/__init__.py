"""Published figures beside simulated ones: a package an experiment, with tables, figures, page."""
