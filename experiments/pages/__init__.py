"""Pages of docs that are made from results: ``python -m experiments.pages NAME ...``.

:mod:`~experiments.pages.page` is what one is: rows that are simulated and kept, and all that is
made of them. ``__main__`` lists the pages; their prose lies in ``texts``.

A page has no number of its own: each comes from rows that were simulated.
"""
